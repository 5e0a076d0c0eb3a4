"""Comparison by value of records that hold arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

Record = TypeVar("Record", bound=type)


def has_same_values(one: Any, other: Any) -> bool:
    """Return whether two values are of one type and equal; NaN equals NaN.

    Arrays are equal if shape, element type and elements are, containers if all their values are.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost._core.equality import has_same_values
    >>> has_same_values([np.array([1, np.nan])], [np.array([1, np.nan])])
    True
    """
    if one is other:
        return True
    if type(one) is not type(other) and not (
        isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    ):
        return False
    if isinstance(one, np.ndarray):
        is_float = one.dtype.kind == "f"
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=is_float)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(has_same_values(one[k], other[k]) for k in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(has_same_values, one, other))
    if is_dataclass(one):
        return all(
            has_same_values(getattr(one, field.name), getattr(other, field.name))
            for field in fields(one)
        )
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def compare_by_value(record: Record) -> Record:
    """Give a record of arrays, a NamedTuple or a dataclass, the operators == and !=."""

    def is_equal(self: Any, other: object) -> Any:
        return has_same_values(self, other) if type(self) is type(other) else NotImplemented

    def is_unequal(self: Any, other: object) -> Any:
        return not has_same_values(self, other) if type(self) is type(other) else NotImplemented

    for name, operator in (("__eq__", is_equal), ("__ne__", is_unequal)):
        operator.__name__ = name
        setattr(record, name, operator)
    return record
