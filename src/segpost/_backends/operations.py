"""The operations of a backend, collected from its modules."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from segpost._core.boundary_contract import BoundaryOperations
from segpost._core.calibration_contract import CalibrationOperations
from segpost._core.contract import Backend
from segpost._core.decoding_contract import DecodingOperations
from segpost._core.detection_contract import DetectionOperations
from segpost._core.distance_contract import DistanceOperations
from segpost._core.logit_contract import VolumeOperations
from segpost._core.object_contract import ObjectOperations
from segpost._core.panoptic_contract import PanopticOperations
from segpost._core.query_contract import QueryOperations

OPERATIONS = tuple(
    name
    for protocol in (
        BoundaryOperations,
        DetectionOperations,
        DistanceOperations,
        CalibrationOperations,
        DecodingOperations,
        ObjectOperations,
        PanopticOperations,
        QueryOperations,
        VolumeOperations,
        Backend,
    )
    for name in vars(protocol)
    if not name.startswith("_")
)


def collect_operations(*modules: ModuleType) -> Mapping[str, Any]:
    """Return the operations of the contract that the modules define, by name.

    Imported names are skipped: an imported helper may have the name of an operation.
    """
    operations: dict[str, Any] = {}
    for module in modules:
        namespace = vars(module)
        for name in OPERATIONS:
            if getattr(namespace.get(name), "__module__", None) == module.__name__:
                if name in operations:
                    raise ImportError(f"{module.__name__} defines {name}, as another module does")
                operations[name] = namespace[name]
    return operations
