"""Device arrays of the libraries that have any: in as views, out as the caller's kind."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core import dlpack, extensions
from segpost._core.device import (
    Array,
    DeviceArray,
    DeviceContext,
    base_owner,
    context_of,
    device_guard,
    device_view,
)


class DeviceKind(NamedTuple):
    """A kind of device under the names of those who have arrays there."""

    name: str  # of the backend
    torch: str  # torch's device type
    dlpack: tuple[int, ...]  # DLPack's device types; results have the first


CUDA = DeviceKind("cuda", "cuda", (2, 13))
KINDS = (CUDA,)
BY_TORCH = {kind.torch: kind for kind in KINDS}
BY_DLPACK = {number: kind for kind in KINDS for number in kind.dlpack}
LEGACY_STREAM = 1  # what 0 means, in words that every library takes


def from_torch(torch: Any, tensor: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """A view of a torch tensor, its element type, and how results become tensors."""
    context = torch_context(torch, tensor, name)
    kind = str(tensor.dtype).removeprefix("torch.")
    stored = "uint16" if kind == "bfloat16" else kind
    try:
        dtype = np.dtype(stored)
    except TypeError:
        raise TypeError(f"{name} has dtype {tensor.dtype}, which segpost cannot read") from None
    strides = tuple(step * dtype.itemsize for step in tensor.stride())
    view = device_view(tensor.data_ptr(), tuple(tensor.shape), strides, dtype, context, tensor)

    def wrap(array: Array) -> Any:
        memory = base_owner(array)
        typed = memory.view(getattr(torch, array.dtype.name))
        size = array.dtype.itemsize
        steps = tuple(step // size for step in array.strides)
        first = (array.ctypes.data - memory.data_ptr()) // size
        return typed.as_strided(array.shape, steps, first)

    return view, kind, wrap


def torch_context(torch: Any, tensor: Any, name: str) -> DeviceContext:
    """The tensor's device, torch's current stream there, and torch's allocator."""
    index = tensor.device.index
    stream = torch.cuda.current_stream(tensor.device).cuda_stream

    def memory(size: int) -> tuple[int, Any]:
        made = torch.empty(size, dtype=torch.uint8, device=tensor.device)
        return made.data_ptr(), made

    return _context(index, stream, memory, name, tensor.device)


def found(value: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]] | None:
    """As `from_torch`, of any other array on a CUDA device; None if it is not on one."""
    if hasattr(value, "__dlpack_device__") and not (_is_cupy(value) or _is_numba(value)):
        try:
            device, index = value.__dlpack_device__()
        except BufferError as error:  # of several devices
            raise TypeError(f"{name} cannot be read through DLPack: {error}") from error
        if int(device) in BY_DLPACK:
            return from_dlpack(value, name, int(index))
    if hasattr(value, "__cuda_array_interface__"):
        return from_protocol(value, name)
    return None


def from_dlpack(value: Any, name: str, device: int) -> tuple[Array, str, Callable[[Array], Any]]:
    """JAX, and whatever else lends memory of a device by DLPack.

    Its library has the legacy default stream wait for its own; the work here is done on that one.
    """
    context = _plain_context(LEGACY_STREAM, name, device)
    try:
        with device_guard(context):
            lent = dlpack.ask(value, stream=LEGACY_STREAM)
    except (BufferError, RuntimeError, TypeError) as error:
        raise TypeError(f"{name} cannot be read through DLPack: {error}") from error
    owner = Read(lent.capsule, context)
    layout = lent.address, lent.shape, lent.strides, lent.dtype
    view = device_view(*layout, context, owner, lent.read_only)
    return view, lent.kind, _wrapper(value)


def from_protocol(value: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """CuPy, Numba, and whatever else has `__cuda_array_interface__`."""
    given = value.__cuda_array_interface__
    if given.get("mask") is not None:
        raise TypeError(f"{name} has a mask, which would be lost")
    runtime = _runtime(name, "a CUDA device")
    address, read_only = given["data"]
    index = runtime.device_of(address) if math.prod(given["shape"]) else 0
    if index < 0:
        raise TypeError(f"{name} says that it is on a CUDA device, but CUDA knows no such memory")
    if _is_cupy(value):
        context, wrap = _cupy(sys.modules["cupy"], name, index)
        owner = value
    else:
        context, wrap = (
            _plain_context(given.get("stream") or LEGACY_STREAM, name, index),
            _wrapper(value),
        )
        owner = Read(value, context)
    dtype = np.dtype(given["typestr"])
    kind = "bfloat16" if str(getattr(value, "dtype", "")) == "bfloat16" else dtype.name
    if kind == "bfloat16":
        dtype = np.dtype(np.uint16)
    layout = address, given["shape"], given.get("strides"), dtype
    return device_view(*layout, context, owner, bool(read_only)), kind, wrap


def _cupy(cupy: Any, name: str, index: int) -> tuple[DeviceContext, Callable[[Array], Any]]:
    with cupy.cuda.Device(index):
        stream = cupy.cuda.get_current_stream()

    def memory(size: int) -> tuple[int, Any]:
        with cupy.cuda.Device(index), stream:  # which also keeps the stream alive
            made = cupy.empty(size, cupy.uint8)
        return made.data.ptr, made

    def wrap(array: Array) -> Any:
        owner = base_owner(array)
        start = owner.data + (array.ctypes.data - owner.data.ptr)
        return cupy.ndarray(array.shape, array.dtype, start, array.strides)

    return _context(index, stream.ptr, memory, name, f"{CUDA.name}:{index}"), wrap


def _plain_context(stream: int, name: str, index: int) -> DeviceContext:
    """With memory of our own."""

    def memory(size: int) -> tuple[int, Any]:
        made = Memory(extensions.cuda_runtime(), size, index)
        return made.address, made

    return _context(index, stream, memory, name, f"{CUDA.name}:{index}")


_being_read: deque[tuple[DeviceContext, int, object]] = deque()


class Read:
    """Keeps an input until the work that reads it is done.

    Its library may use the memory again as soon as nobody has the input, and knows nothing of the
    stream that it is read on.
    """

    def __init__(self, owner: object, context: DeviceContext) -> None:
        self.owner, self.context = owner, context
        for _ in range(len(_being_read)):
            with suppress(IndexError):  # another thread was here
                waiting = _being_read.popleft()
                if not waiting[0].runtime.event_done(waiting[1]):
                    _being_read.append(waiting)

    def __del__(self) -> None:
        runtime = self.context.runtime
        with suppress(RuntimeError), device_guard(self.context):  # or the device is lost
            event = runtime.record_event(self.context.stream)
            if not runtime.event_done(event):
                _being_read.append((self.context, event, self.owner))


class Result:
    """A result for libraries without a constructor of their own."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        array = self.array
        assert isinstance(array, DeviceArray)
        return {
            "version": 3,
            "shape": array.shape,
            "strides": array.strides,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "stream": array.context.stream or LEGACY_STREAM,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return CUDA.dlpack[0], context_of(self.array).device

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """A capsule; the work on `stream` waits for the result, unless it is -1."""
        here, context = self.__dlpack_device__(), context_of(self.array)
        if copy or (dl_device is not None and tuple(map(int, dl_device)) != here):
            raise BufferError(f"a result on {context} is lent as it is, not copied")
        if stream == 0:
            raise ValueError("stream=0 says nothing on CUDA: 1 is the legacy default stream")
        if stream != -1:
            with device_guard(context):
                context.runtime.wait_stream(
                    LEGACY_STREAM if stream is None else stream, context.stream or LEGACY_STREAM
                )
        return dlpack.lend(self.array, here, max_version)


class Memory:
    """Memory of a device, for as long as somebody needs it."""

    def __init__(self, runtime: Any, size: int, device: int) -> None:
        self.release = runtime.release
        before = runtime.use_device(device)
        try:
            self.address: int = runtime.allocate(max(size, 16))
        finally:
            runtime.use_device(before)

    def __del__(self) -> None:
        if hasattr(self, "address"):
            self.release(self.address)


def _is_cupy(value: object) -> bool:
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, cupy.ndarray)


def _is_numba(value: Any) -> bool:
    cuda = sys.modules.get("numba.cuda")
    return cuda is not None and hasattr(value, "copy_to_host") and bool(cuda.is_cuda_array(value))


def _wrapper(value: Any) -> Callable[[Array], Any]:
    if _is_numba(value):
        return lambda array: sys.modules["numba.cuda"].as_cuda_array(Result(array))
    if hasattr(value, "__array_namespace__"):
        namespace = value.__array_namespace__()
        make = of_its_type(getattr(namespace, "from_dlpack", None) or namespace.asarray)
        return lambda array: make(Result(array))
    return Result


def of_its_type(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, but for an error where a library makes other numbers of an array."""

    def checked(array: Any) -> Any:
        made = make(array)
        try:
            kept = np.dtype(made.dtype) == array.dtype
        except (AttributeError, TypeError):  # it has types of its own
            return made
        if not kept:
            raise TypeError(
                f"the result is {array.dtype}, of which {type(made).__module__.partition('.')[0]} "
                f"makes {made.dtype}; in JAX jax.config.update('jax_enable_x64', True) mends that"
            )
        return made

    return checked


def _context(
    index: int, stream: int, memory: Callable[[int], tuple[int, Any]], name: str, device: object
) -> DeviceContext:
    runtime = _runtime(name, device)

    def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        address, owner = memory(max(size, 16))
        return device_view(address, shape, None, dtype, context, owner)

    context = DeviceContext(CUDA.name, index, stream, empty, runtime)
    return context


def _runtime(name: str, device: object) -> Any:
    problem = extensions.cuda_problem()
    if problem is not None:
        raise TypeError(
            f"{name} is on {device}, and segpost has no CUDA backend here ({problem}); copy it to "
            f"the CPU if that is meant: {name}.cpu() of a torch tensor"
        )
    return extensions.cuda_runtime()
