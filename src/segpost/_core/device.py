"""Arrays in device memory, as views that cannot be read on the CPU by accident.

Shapes, strides and slices of NumPy need no elements, so a device array is a NumPy array with a
device address. Every operation that would access the memory raises, except `to_host`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


MAX_INDEX = (1 << 64) - 1  # kernels store the first index as MAX_INDEX - index


class DeviceContext(NamedTuple):
    """The device, the stream and the memory allocator of a call."""

    kind: str  # "cpu", or a kind of device, which is the name of its backend too
    device: int  # the index among the devices of its kind; -1: the CPU
    stream: int  # the caller's current stream; 0: the default stream
    empty: Callable[[tuple[int, ...], npt.DTypeLike], Array]  # uses the caller's allocator
    runtime: Any = None  # the extension module of the device

    def __str__(self) -> str:
        return "the CPU" if self.on_cpu else f"{self.kind}:{self.device}"

    @property
    def on_cpu(self) -> bool:
        """Whether the context is the CPU, where errors are never deferred."""
        return self.kind == "cpu"

    def is_same_device(self, other: DeviceContext) -> bool:
        """Return whether both contexts are of one device, on any stream."""
        return (self.kind, self.device) == (other.kind, other.device)


HOST = DeviceContext("cpu", -1, 0, np.empty)
LAYOUT_FUNCTIONS = frozenset({np.shares_memory, np.may_share_memory, np.broadcast_to, np.moveaxis})


class DeviceArray(np.ndarray[Any, np.dtype[Any]]):
    """A view of device memory; slices are views of it too."""

    context: DeviceContext
    __array_ufunc__ = None  # type: ignore[assignment]
    __array_priority__ = 100.0

    def __array_finalize__(self, source: Any) -> None:
        self.context = getattr(source, "context", HOST)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in LAYOUT_FUNCTIONS:
            self._refuse(function.__name__)
        return super().__array_function__(function, types, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        keys = index if isinstance(index, tuple) else (index,)
        if not all(key is None or key is Ellipsis or isinstance(key, slice) for key in keys):
            integers = sum(isinstance(key, (int, np.integer)) for key in keys)
            if not all(
                key is None or key is Ellipsis or isinstance(key, (slice, int, np.integer))
                for key in keys
            ):
                self._refuse("indexing with an array")
            if integers == self.ndim and Ellipsis not in keys and None not in keys:
                element = tuple(slice(int(k), int(k) + 1 or None) for k in keys)
                return to_host(super().__getitem__(element)).reshape(-1)[0]
        return super().__getitem__(index)

    def reshape(self, *shape: Any, **kwargs: Any) -> DeviceArray:
        """Return a view with another shape; raise an error if that needs a copy."""
        view = self.view()
        view.shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return view

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        self._refuse("assignment")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("conversion")

    def __repr__(self) -> str:
        return f"DeviceArray({self.shape}, {self.dtype}, {self.context})"

    __str__ = __repr__

    def __iter__(self) -> NoReturn:
        self._refuse("iteration")

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(f"an array on {self.context} is not read on the CPU: {what}")


def _refusing_method(name: str) -> Any:
    """Return a method that raises an error with this name."""

    def refuse(self: DeviceArray, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse(name)

    return refuse


READING_METHODS = (
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "byteswap",
    "choose",
    "clip",
    "compress",
    "copy",
    "cumprod",
    "cumsum",
    "dot",
    "dump",
    "dumps",
    "fill",
    "flatten",
    "item",
    "max",
    "mean",
    "min",
    "nonzero",
    "partition",
    "prod",
    "put",
    "ravel",
    "repeat",
    "resize",
    "round",
    "searchsorted",
    "sort",
    "std",
    "sum",
    "take",
    "tobytes",
    "tofile",
    "tolist",
    "trace",
    "var",
    "__dlpack__",  # the capsule would be of the CPU
)
for _name in READING_METHODS:
    setattr(DeviceArray, _name, _refusing_method(_name))


class _Address:
    """An array interface from which NumPy creates a view; it keeps the memory alive."""

    def __init__(
        self,
        address: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        dtype: Any,
        owner: Any,
        read_only: bool,
    ) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "strides": strides,
            "typestr": np.dtype(dtype).str,
            "data": (address, read_only),
        }


def device_view(
    address: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None,
    dtype: npt.DTypeLike,
    context: DeviceContext,
    owner: object,
    read_only: bool = False,
) -> DeviceArray:
    """Return device memory as an array; `strides` are in bytes, None is C order."""
    kind = np.dtype(dtype)
    if strides is None:
        steps = np.cumprod([kind.itemsize, *shape[:0:-1]])[::-1] if shape else ()
        strides = tuple(int(step) for step in steps)
    if 0 in shape:
        address = address or 64  # never read; NumPy refuses a null pointer
    memory = _Address(address, shape, strides, kind, owner, read_only)
    view = np.asarray(memory).view(DeviceArray)
    view.context = context
    return view


def context_of(*arrays: Array | None) -> DeviceContext:
    """Return the context of the first array that is on a device, else that of the CPU."""
    for array in arrays:
        if isinstance(array, DeviceArray):
            return array.context
    return HOST


def to_host(array: Array) -> Array:
    """Return a device array as a copy on the CPU, and wait for it; return a CPU array itself."""
    if not isinstance(array, DeviceArray):
        return array
    context = array.context
    refuse_copy_in_graph(context)
    view = np.ndarray.view(array, DeviceArray)
    if not view.size:
        return np.empty(view.shape, view.dtype)
    low = sum(min(0, (n - 1) * s) for n, s in zip(view.shape, view.strides, strict=True))
    high = sum(max(0, (n - 1) * s) for n, s in zip(view.shape, view.strides, strict=True))
    span = np.empty(high - low + view.itemsize, np.uint8)
    with device_guard(context):
        context.runtime.copy_out(span, view.ctypes.data + low, context.stream)
    return np.ndarray(view.shape, view.dtype, span, -low, view.strides)


@contextmanager
def device_guard(context: DeviceContext) -> Iterator[None]:
    """Set the current device of this thread to that of a context."""
    before = context.runtime.use_device(context.device)
    try:
        yield
    finally:
        context.runtime.use_device(before)


@contextmanager
def with_float_confidence(confidence: Array, context: DeviceContext) -> Iterator[Array]:
    """Yield float32 memory for confidence, and convert it to bytes at the end if needed."""
    if confidence.dtype != np.uint8:
        yield confidence
        return
    floats = context.empty(confidence.shape, np.float32)
    yield floats
    context.runtime.confidence_bytes(floats, confidence, context.stream)


def read_error_counts(counts: Array) -> list[tuple[int, int]]:
    """Return pairs of the number of bad values and the index of the first, -1 if there is none."""
    numbers = [int(number) for number in counts]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [(count, MAX_INDEX - first if count else -1) for count, first in pairs]


def wait_on_stream(context: DeviceContext, array: Array) -> Array:
    """Return the array in another context of its device, whose stream waits for the array's own."""
    if not isinstance(array, DeviceArray) or array.context.stream == context.stream:
        return array
    with device_guard(context):
        context.runtime.wait_stream(context.stream, array.context.stream)
    moved: DeviceArray = array.view()
    moved.context = context
    return moved


def is_capturing(context: DeviceContext) -> bool:
    """Return whether a graph is captured from the stream; default streams cannot be captured."""
    return context.stream > 1 and bool(context.runtime.is_captured(context.stream))


def refuse_error_counts_in_graph(context: DeviceContext) -> None:
    """Raise an error if a graph is being captured, in which error counts cannot be read."""
    if is_capturing(context):
        raise RuntimeError(
            "a CUDA graph is being captured, and no error counts can be read in it: "
            "pass check='off'"
        )


def refuse_copy_in_graph(context: DeviceContext) -> None:
    """Raise an error if a graph is being captured, in which the CPU has no numbers of a device."""
    if is_capturing(context):
        raise RuntimeError(
            "a CUDA graph is being captured, and this call reads numbers on the CPU: call it "
            "outside of the capture"
        )


def zeros_on(context: DeviceContext, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return new memory that is set to zero, on a device in the order of the stream."""
    if context.on_cpu:
        return np.zeros(shape, dtype)
    array = context.empty(shape, dtype)
    with device_guard(context):
        context.runtime.clear(array.ctypes.data, array.nbytes, context.stream)
    return array


def copy_to_device(context: DeviceContext, *arrays: Array) -> tuple[Array, ...]:
    """Return copies of arrays of the CPU, which share one block of device memory; wait for it."""
    refuse_copy_in_graph(context)
    places = np.cumsum([0, *(-(-array.nbytes // 8) * 8 for array in arrays)]).tolist()
    staged = np.zeros(places[-1], np.uint8)
    for place, array in zip(places, arrays, strict=False):
        staged[place : place + array.nbytes] = (
            np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        )
    block = context.empty(staged.shape, np.uint8)
    with device_guard(context):
        context.runtime.copy_in(block.ctypes.data, staged, context.stream)
    return tuple(
        block[place : place + array.nbytes].view(array.dtype).reshape(array.shape)
        for place, array in zip(places, arrays, strict=False)
    )


def copy_rows(target: Array, source: Array) -> None:
    """Copy rows to an array on the same device in the order of its stream, without waiting."""
    context = context_of(target)
    with device_guard(context):
        context.runtime.copy_rows(target, source, context.stream)


def base_owner(array: Array) -> Any:
    """Return the owner of the memory of a device array."""
    base: Any = array
    while not isinstance(base, _Address):
        base = base.base
    return base.owner
