"""Arrays in a device's memory, as views that nobody can read by accident.

NumPy's shapes, strides and slices need no element, so a device array is a NumPy array whose address
is the device's. What would touch its memory raises, but for `to_host`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


LAST = (1 << 64) - 1  # kernels store the first index as its difference to this


class DeviceContext(NamedTuple):
    """Where work is done: on which device, in which order, with whose memory."""

    kind: str  # "cpu", or a kind of device, which is also the name of its backend
    device: int  # among those of its kind; -1: the CPU
    stream: int  # the caller's current one; 0: the default stream
    empty: Callable[[tuple[int, ...], npt.DTypeLike], Array]  # of the caller's allocator
    runtime: Any = None  # the extension module that knows the device

    def __str__(self) -> str:
        return "the CPU" if self.on_cpu else f"{self.kind}:{self.device}"

    @property
    def on_cpu(self) -> bool:
        """Whether it is the CPU, where errors are never deferred."""
        return self.kind == "cpu"

    def is_same_device(self, other: DeviceContext) -> bool:
        """Whether both are one device, whatever their streams are."""
        return (self.kind, self.device) == (other.kind, other.device)


HOST = DeviceContext("cpu", -1, 0, np.empty)
ELSEWHERE = frozenset({np.shares_memory, np.may_share_memory, np.broadcast_to, np.moveaxis})


class DeviceArray(np.ndarray[Any, np.dtype[Any]]):
    """A view of device memory; slices are views of it too."""

    context: DeviceContext
    __array_ufunc__ = None  # type: ignore[assignment]
    __array_priority__ = 100.0

    def __array_finalize__(self, source: Any) -> None:
        self.context = getattr(source, "context", HOST)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in ELSEWHERE:
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
                at = tuple(slice(int(k), int(k) + 1 or None) for k in keys)
                return to_host(super().__getitem__(at)).reshape(-1)[0]
        return super().__getitem__(index)

    def reshape(self, *shape: Any, **kwargs: Any) -> DeviceArray:
        """The same memory in another shape; where that would need a copy, an error."""
        made = self.view()
        made.shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return made

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


def _refusing(name: str) -> Any:
    def refuse(self: DeviceArray, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse(name)

    return refuse


READING = (
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
    "__dlpack__",  # it would say that the memory is the CPU's
)
for _name in READING:
    setattr(DeviceArray, _name, _refusing(_name))


class _Address:
    """What NumPy makes a view of; it keeps the owner of the memory alive."""

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
    """Memory of a device as an array; `strides` in bytes, None: C order."""
    kind = np.dtype(dtype)
    if strides is None:
        steps = np.cumprod([kind.itemsize, *shape[:0:-1]])[::-1] if shape else ()
        strides = tuple(int(step) for step in steps)
    if 0 in shape:
        address = address or 64  # of nothing
    memory = _Address(address, shape, strides, kind, owner, read_only)
    view = np.asarray(memory).view(DeviceArray)
    view.context = context
    return view


def context_of(*arrays: Array | None) -> DeviceContext:
    """The place of the first array that is on a device."""
    for array in arrays:
        if isinstance(array, DeviceArray):
            return array.context
    return HOST


def to_host(array: Array) -> Array:
    """A copy on the CPU, where the array is on a device. It waits for the device."""
    if not isinstance(array, DeviceArray):
        return array
    context = array.context
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
    """Make the device of a context this thread's."""
    before = context.runtime.use_device(context.device)
    try:
        yield
    finally:
        context.runtime.use_device(before)


@contextmanager
def with_float_confidence(confidence: Array, context: DeviceContext) -> Iterator[Array]:
    """Where kernels write confidence, which is float32; bytes are made of it at the end."""
    if confidence.dtype != np.uint8:
        yield confidence
        return
    exact = context.empty(confidence.shape, np.float32)
    yield exact
    context.runtime.confidence_bytes(exact, confidence, context.stream)


def read_error_counts(counts: Array) -> list[tuple[int, int]]:
    """Pairs of how many bad values a kernel counted, and where the first is; -1 for none."""
    numbers = [int(number) for number in counts]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [(count, LAST - first if count else -1) for count, first in pairs]


def wait_on_stream(context: DeviceContext, array: Array) -> Array:
    """The same array for work on another stream of its device, which waits for the array's own."""
    if not isinstance(array, DeviceArray) or array.context.stream == context.stream:
        return array
    with device_guard(context):
        context.runtime.wait_stream(context.stream, array.context.stream)
    moved: DeviceArray = array.view()
    moved.context = context
    return moved


def is_capturing(context: DeviceContext) -> bool:
    """Whether a graph is made of what is launched there; of the default streams none can be."""
    return context.stream > 1 and bool(context.runtime.is_captured(context.stream))


def refuse_error_counts_in_graph(context: DeviceContext) -> None:
    """Say that nobody could read what a graph meets."""
    if is_capturing(context):
        raise RuntimeError(
            "a CUDA graph is being captured, and no report can be read in it: pass check='off'"
        )


def zeros_on(context: DeviceContext, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """New memory of a device, zero in the order of its stream."""
    made = context.empty(shape, dtype)
    with device_guard(context):
        context.runtime.clear(made.ctypes.data, made.nbytes, context.stream)
    return made


def copy_rows(target: Array, source: Array) -> None:
    """Copy a table to another on its device, in the order of its stream: nothing waits."""
    context = context_of(target)
    with device_guard(context):
        context.runtime.copy_rows(target, source, context.stream)


def base_owner(array: Array) -> Any:
    """Whose memory a device array is a view of."""
    base: Any = array
    while not isinstance(base, _Address):
        base = base.base
    return base.owner
