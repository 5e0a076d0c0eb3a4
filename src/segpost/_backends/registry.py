"""Selection of the backend of a call."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Literal, TypeVar, cast, get_args

from segpost._backends import threads
from segpost._core import extensions
from segpost._core.arguments import check_choice
from segpost._core.contract import Array, Backend, DeferredErrors
from segpost._core.device import HOST, DeviceArray, DeviceContext, context_of, wait_on_stream
from segpost._core.errors import warn_of_input

BackendName = Literal["native", "numba", "reference", "cuda"]
DEVICE_BACKENDS = ("cuda",)  # one for each kind of device, under its name
BACKENDS: tuple[str, ...] = get_args(BackendName)
CPU_BACKENDS = tuple(name for name in BACKENDS if name not in DEVICE_BACKENDS)
_MODULES = {
    "native": "segpost._backends.native",
    "numba": "segpost._backends.numba",
    "reference": "segpost._backends.reference",
    "cuda": "segpost._backends.cuda.backend",
}
_SUBJECTS = {  # names, for errors, of operations that some backends do not have
    "letterbox": "letterboxes",
    "boundary_bands": "boundaries",
    "boundary_matches": "boundaries",
    "instance_counts": "instances",
    "surface_distances": "distances of surfaces",
    "calibration_logits": "calibration",
    "count_overlaps": "panoptic maps",
    "confusion_strata": "strata",
    "decode_labels": "decoding for Dice or IoU",
    "binarize": "masks",
    "binarize_labels": "labels of masks",
    "binarize_runs": "runs of masks",
}
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_forced: ContextVar[str | None] = ContextVar("segpost_backend", default=None)
# What was forced around the blocks that are entered and not left: of each thread its own.
_outer: ContextVar[tuple[str | None, ...]] = ContextVar("segpost_outer_backends", default=())
_loaded: dict[str, Backend] = {}


def _load(name: str) -> Backend:
    """Return a backend by its name, and import it at the first call."""
    if name not in _loaded:
        problem = extensions.problem(name)
        if problem is not None:
            raise extensions.BackendError(problem)
        if name == "native":
            threads.apply_environment()
        module = importlib.import_module(_MODULES[name])
        implementation = module.make_backend() if name in DEVICE_BACKENDS else module
        return _loaded.setdefault(name, cast(Backend, implementation))  # one for all threads
    return _loaded[name]


def _check_name(name: object, source: str) -> str:
    """Return the name of a backend; raise an error for any other value."""
    check_choice(name, source, BACKENDS)
    return str(name)


_default: str | None = None


def backend_reason() -> str:
    """Return why the next call on the CPU uses the backend that it does."""
    if _forced.get() is not None:
        return "use_backend"
    if os.environ.get("SEGPOST_BACKEND"):
        return "SEGPOST_BACKEND"
    if backend_name() == "native":
        return "the fastest"
    return "the native code cannot be loaded"


def backend_name() -> str:
    """Return the name of the backend that the next call uses on the CPU."""
    global _default
    forced = _forced.get()
    if forced is not None:
        return forced
    if _default is None:
        variable = os.environ.get("SEGPOST_BACKEND")
        if variable:
            _default = _check_name(variable, "SEGPOST_BACKEND")
        else:
            _default = "native" if extensions.native_problem() is None else "numba"
            if _default == "numba":
                extensions.warn_of_broken_native()
    return _default


def backend(*arrays: Array | None, check: str = "sync", operation: str = "") -> Backend:
    """Return the backend of the arrays' device; on the CPU the selected one, or the fastest.

    Raises
    ------
    TypeError
        If the arrays are on different devices, or not on the device of the selected backend.
    NotImplementedError
        If the backend does not have `operation`.
    """
    name = _forced.get() or _default or backend_name()
    context = context_of(*arrays)
    if context is HOST:
        if name in DEVICE_BACKENDS:
            raise TypeError(_explain_host_array(name))
        selected = _loaded.get(name) or _load(name)  # errors are never deferred on the CPU
    else:
        forced = _forced.get()
        if forced not in (None, context.kind):
            raise TypeError(f"the {forced} backend reads arrays on the CPU, got one on {context}")
        _check_same_device(context, arrays)
        name = context.kind
        selected = cast(DeferredErrors, _load(name)).with_check(check)
    if operation and not selected.supports(operation):
        raise NotImplementedError(
            f"{_SUBJECTS.get(operation, operation)}: there is no {name.upper()} kernel; copy the "
            "arrays to the CPU: x.cpu() of a torch tensor"
        )
    return selected


def _explain_host_array(name: str) -> str:
    """Return why the backend of a device cannot take an array on the CPU."""
    from segpost._core import cuda_module  # an error needs it, and no call

    text = f"the {name} backend reads arrays on a {name.upper()} device, got one on the CPU"
    problem = cuda_module.cuda_problem() if name == "cuda" else None
    return text if problem is None else f"{text}; and there is none to use: {problem}"


def host_backend() -> Backend:
    """Return a backend of the CPU, for results that are read there, whatever is selected."""
    name = backend_name()
    if name in DEVICE_BACKENDS:
        name = "native" if extensions.native_problem() is None else "numba"
    return _loaded.get(name) or _load(name)


def result_backend(array: Array) -> Backend:
    """Return the backend of the device of a result, on the CPU whatever is selected."""
    return host_backend() if context_of(array).on_cpu else backend(array)


def raise_deferred() -> None:
    """Read the error counts that are still on devices, and raise an error if there are any."""
    for loaded in _loaded.values():
        if isinstance(loaded, DeferredErrors):
            loaded.raise_deferred()


def _check_same_device(context: DeviceContext, arrays: Sequence[Array | None]) -> None:
    """Raise an error for other devices; make the stream of `context` wait for the arrays."""
    for array in arrays:
        if array is None:
            continue
        other = array.context if isinstance(array, DeviceArray) else HOST
        if not other.is_same_device(context):
            raise TypeError(
                f"arrays are on different devices: one on {context}, another on {other}; "
                "move them together yourself"
            )
        wait_on_stream(context, array)


class BackendBlock:
    """The block of a ``with`` statement, or a function, that uses one backend.

    Threads may share one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_used = False

    def __enter__(self) -> None:
        self._is_used = True
        _load(self._name)
        _outer.set((*_outer.get(), _forced.get()))
        _forced.set(self._name)

    def __exit__(self, *exception: object) -> None:
        *rest, outer = _outer.get()
        _outer.set(tuple(rest))
        _forced.set(outer)

    def __call__(self, function: FunctionT) -> FunctionT:
        """Return a function that uses the backend in every call."""
        self._is_used = True

        @functools.wraps(function)
        def call(*arguments: Any, **settings: Any) -> Any:
            with BackendBlock(self._name):
                return function(*arguments, **settings)

        return cast(FunctionT, call)

    def __del__(self) -> None:
        if not self._is_used:
            warn_of_input(
                f"use_backend({self._name!r}) has no effect without a block: write "
                f"with segpost.use_backend({self._name!r}): above the calls; the environment "
                "variable SEGPOST_BACKEND is for the whole process"
            )


def use_backend(name: BackendName) -> BackendBlock:
    """Use one backend for every call inside the ``with`` block (this thread and context only).

    Parameters
    ----------
    name : {"native", "numba", "reference", "cuda"}
        Every backend gives the same integers; "reference" is the float64 NumPy definition.

    Returns
    -------
    block : context manager
        It decorates a function, too. A call without either has no effect, and is an `InputWarning`.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    RuntimeError
        If the native or the cuda backend cannot be used, saying why; at the start of the block.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> with segpost.use_backend("reference"):
    ...     segpost.argmax(np.float32([[[1, 5]], [[2, 3]]]))
    array([[1, 0]], dtype=uint8)
    """
    return BackendBlock(_check_name(name, "name"))
