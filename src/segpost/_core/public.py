"""Public classes are named by their public path, whatever module defines them."""

from __future__ import annotations

from typing import TypeVar

ClassT = TypeVar("ClassT")


def public(cls: ClassT) -> ClassT:
    """Name a class `segpost.NAME` in pickles and reprs, which must not depend on a module."""
    cls.__module__ = "segpost"
    return cls
