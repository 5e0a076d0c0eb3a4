"""The operations of a backend, collected from its modules."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from segpost._core.contract import Backend

OPERATIONS = tuple(name for name in vars(Backend) if not name.startswith("_"))


def collect_operations(*modules: ModuleType) -> Mapping[str, Any]:
    """Return the operations of the contract that the modules define, by name."""
    operations: dict[str, Any] = {}
    for module in modules:
        own = vars(module)
        operations |= {name: own[name] for name in OPERATIONS if name in own}
    return operations
