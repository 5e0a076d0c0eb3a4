"""`Locked`: base of objects whose state several threads may change."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

L = TypeVar("L", bound="Locked")


class Locked:
    """An object with a lock, `_lock`, which is in no copy and no pickle of it.

    The thread that has the lock may take it again. The lock is no part of `__dict__`: replacing
    all attributes at once leaves it as it is.
    """

    __slots__ = ("_lock",)

    _lock: RLock

    if not TYPE_CHECKING:  # checkers would take its arguments for those of every subclass

        def __new__(cls: type[L], *args: object, **kwargs: object) -> L:
            result = super().__new__(cls)
            result._lock = RLock()
            return result

    def __getstate__(self) -> dict[str, Any]:
        """Return all attributes but the lock."""
        with self._lock:
            return self.__dict__.copy()
