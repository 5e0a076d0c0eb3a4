"""The only place that chooses a backend."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

from segpost._backends import threads
from segpost._core import extensions
from segpost._core.contract import Array, Backend, DeferredErrors
from segpost._core.device import HOST, DeviceArray, DeviceContext, context_of, wait_on_stream

BACKENDS = ("native", "numba", "reference", "cuda")
_MODULES = {
    "native": "segpost._backends.native",
    "numba": "segpost._backends.numba",
    "reference": "segpost._backends.reference",
}
_forced: ContextVar[str | None] = ContextVar("segpost_backend", default=None)
_loaded: dict[str, Backend] = {}


def _load(name: str) -> Backend:
    if name not in _loaded:
        if name == "cuda":
            problem = extensions.cuda_problem()
            if problem is not None:
                raise RuntimeError(f"the cuda backend cannot be used: {problem}")
            from segpost._backends.cuda.backend import Gpu

            _loaded[name] = Gpu(extensions.cuda_runtime())
            return _loaded[name]
        if name == "native":
            problem = extensions.native_problem()
            if problem is not None:
                raise RuntimeError(
                    "the native backend is not in this installation "
                    f"({problem}); reinstall segpost where a C++ compiler works, "
                    "with SEGPOST_REQUIRE_NATIVE=1 to see why it does not build"
                )
            threads.apply_environment()
        _loaded[name] = cast(Backend, importlib.import_module(_MODULES[name]))
    return _loaded[name]


def _check_name(name: object, where: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{where} must be one of {', '.join(BACKENDS)}, got {name!r}")
    return str(name)


_default: str | None = None


def backend_name() -> str:
    """The backend that the next call will use."""
    global _default
    forced = _forced.get()
    if forced is not None:
        return forced
    if _default is None:
        wanted = os.environ.get("SEGPOST_BACKEND")
        if wanted:
            _default = _check_name(wanted, "SEGPOST_BACKEND")
        else:
            _default = "native" if extensions.native_problem() is None else "numba"
    return _default


def backend(*arrays: Array | None, check: str = "sync") -> Backend:
    """The backend of the arrays' device; on the CPU the one asked for, or the fastest there is.

    Raises
    ------
    TypeError
        If the arrays are on different devices, or not where the backend that was asked for is.
    """
    name = backend_name()
    context = context_of(*arrays)
    if context.device < 0:
        if name == "cuda":
            raise TypeError("the cuda backend reads arrays on a CUDA device, got one on the CPU")
        return _loaded.get(name) or _load(name)  # where error counts never wait
    forced = _forced.get()
    if forced not in (None, "cuda"):
        raise TypeError(f"the {forced} backend reads arrays on the CPU, got one on {context}")
    _check_same_device(context, arrays)
    return cast(DeferredErrors, _load("cuda")).checking(check)


def raise_deferred() -> None:
    """Read the reports that wait on devices."""
    for loaded in _loaded.values():
        if isinstance(loaded, DeferredErrors):
            loaded.raise_deferred()


def _check_same_device(context: DeviceContext, arrays: Sequence[Array | None]) -> None:
    """Refuse other devices, and have the place's stream wait for those of the arrays."""
    for array in arrays:
        if array is None:
            continue
        other = array.context if isinstance(array, DeviceArray) else HOST
        if other.device != context.device:
            raise TypeError(
                f"arrays are on different devices: one on {context}, another on {other}; "
                "move them together yourself"
            )
        wait_on_stream(context, array)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Use one backend for every call inside the ``with`` block (this thread and context only).

    Parameters
    ----------
    name : {"native", "numba", "reference", "cuda"}
        Every backend gives the same integers; "reference" is the float64 NumPy definition.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    RuntimeError
        If the native or the cuda backend cannot be used, saying why.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> with segpost.use_backend("reference"):
    ...     segpost.argmax(np.float32([[[1, 5]], [[2, 3]]]))
    array([[1, 0]], dtype=uint8)
    """
    _load(_check_name(name, "name"))
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)
