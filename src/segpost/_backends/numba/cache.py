"""The cache of compiled kernels on disk."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any


class KernelCache:
    """Numba's cache of one function, whose damaged files are made again.

    A disk that was full or a power cut leaves files that are empty or cut, which Numba unpickles:
    every call would fail.

    Parameters
    ----------
    cache : numba.core.caching.FunctionCache
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return compiled code, None where it is to be compiled."""
        try:
            return self._cache.load_overload(signature, target_context)
        except Exception:  # unpickling raises anything
            self._empty()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Save compiled code; a cache that cannot be written to is named in a warning."""
        try:
            self._cache.save_overload(signature, compiled)
        except Exception as error:
            self._empty()
            warnings.warn(
                f"the cache of compiled kernels in {self._cache.cache_path} is damaged or cannot "
                f"be written to ({type(error).__name__}: {error}): they are compiled again in "
                "every process until the folder is deleted, or writable",
                RuntimeWarning,
                stacklevel=2,
            )

    def _empty(self) -> None:
        """Forget what is in the cache, if its folder is writable."""
        with contextlib.suppress(OSError):
            self._cache.flush()
