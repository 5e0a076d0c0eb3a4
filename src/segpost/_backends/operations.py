"""The operations of a backend, collected from its modules."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from segpost._core.contract import Backend

OPERATIONS = tuple(name for name in vars(Backend) if not name.startswith("_"))


def collect_operations(*modules: ModuleType) -> Mapping[str, Any]:
    """Return the operations of the contract that the modules define, by name.

    Raises
    ------
    ValueError
        If two modules have different objects of one name: a helper would replace an operation.
    """
    operations: dict[str, Any] = {}
    for module in modules:
        for name in OPERATIONS:
            operation = vars(module).get(name)
            if operation is not None and operations.setdefault(name, operation) is not operation:
                raise ValueError(f"{module.__name__} has a {name} beside that of another module")
    return operations
