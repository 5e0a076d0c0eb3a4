"""Device arrays of other libraries: conversion to views, and of results to the caller's type."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core import dlpack
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
    """A kind of device, under the names of the libraries and protocols."""

    name: str  # the name of the backend
    torch: str  # torch's device type
    dlpack: tuple[int, ...]  # DLPack's device types; results have the first


CUDA = DeviceKind("cuda", "cuda", (2, 13))
KINDS = (CUDA,)
BY_TORCH = {kind.torch: kind for kind in KINDS}
BY_DLPACK = {number: kind for kind in KINDS for number in kind.dlpack}
LEGACY_STREAM = 1  # the legacy default stream, in the numbering of the protocols


def from_torch(torch: Any, tensor: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """Return a view of a torch tensor, its element type, and the conversion of results."""
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
    """Return the context of a tensor: its device, torch's current stream and torch's allocator."""
    index = tensor.device.index
    stream = torch.cuda.current_stream(tensor.device).cuda_stream

    def memory(size: int) -> tuple[int, Any]:
        block = torch.empty(size, dtype=torch.uint8, device=tensor.device)
        return block.data_ptr(), block

    return _context(index, stream, memory, name, tensor.device)


def from_device_protocol(value: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]] | None:
    """Return the result of `from_torch` for any other CUDA array; None if it is not on a device."""
    if hasattr(value, "__dlpack_device__") and not (_is_cupy(value) or _is_numba(value)):
        device, index = dlpack.read_device(value, name)
        if device in BY_DLPACK:
            return from_dlpack(value, name, index)
    if hasattr(value, "__cuda_array_interface__"):
        return from_protocol(value, name)
    return None


def from_dlpack(value: Any, name: str, device: int) -> tuple[Array, str, Callable[[Array], Any]]:
    """Return the result of `from_torch` for an array of JAX or another library with DLPack.

    The library makes the legacy default stream wait for its own; kernels run on the legacy stream.
    """
    context = _plain_context(LEGACY_STREAM, name, device)
    try:
        with device_guard(context):
            tensor = dlpack.request_tensor(value, stream=LEGACY_STREAM)
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(
            f"{name} cannot be read through DLPack: {dlpack.describe(error)}"
        ) from error
    owner = InputOwner(tensor.capsule, context)
    layout = tensor.address, tensor.shape, tensor.strides, tensor.dtype
    view = device_view(*layout, context, owner, tensor.read_only)
    return view, tensor.kind, _wrapper(value)


def from_protocol(value: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """Return the result of `from_torch` for an array with `__cuda_array_interface__`."""
    interface = value.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{name} has a mask, which would be lost")
    runtime = _runtime(name, "a CUDA device")
    address, read_only = interface["data"]
    index = runtime.device_of(address) if math.prod(interface["shape"]) else 0
    if index < 0:
        raise TypeError(
            f"{name} claims to be on a CUDA device, but its address is no memory of CUDA"
        )
    if _is_cupy(value):
        context, wrap = _cupy(sys.modules["cupy"], name, index)
        owner = value
    else:
        context, wrap = (
            _plain_context(interface.get("stream") or LEGACY_STREAM, name, index),
            _wrapper(value),
        )
        owner = InputOwner(value, context)
    dtype = np.dtype(interface["typestr"])
    kind = "bfloat16" if str(getattr(value, "dtype", "")) == "bfloat16" else dtype.name
    if kind == "bfloat16":
        dtype = np.dtype(np.uint16)
    layout = address, interface["shape"], interface.get("strides"), dtype
    return device_view(*layout, context, owner, bool(read_only)), kind, wrap


def _cupy(cupy: Any, name: str, index: int) -> tuple[DeviceContext, Callable[[Array], Any]]:
    with cupy.cuda.Device(index):
        stream = cupy.cuda.get_current_stream()

    def memory(size: int) -> tuple[int, Any]:
        with cupy.cuda.Device(index), stream:  # which also keeps the stream alive
            block = cupy.empty(size, cupy.uint8)
        return block.data.ptr, block

    def wrap(array: Array) -> Any:
        owner = base_owner(array)
        start = owner.data + (array.ctypes.data - owner.data.ptr)
        return cupy.ndarray(array.shape, array.dtype, start, array.strides)

    return _context(index, stream.ptr, memory, name, f"{CUDA.name}:{index}"), wrap


def _plain_context(stream: int, name: str, index: int) -> DeviceContext:
    """Return a context whose memory is allocated by the CUDA runtime."""

    def memory(size: int) -> tuple[int, Any]:
        block = Memory(context.runtime, size, index)
        return block.address, block

    context = _context(index, stream, memory, name, f"{CUDA.name}:{index}")
    return context


_owners_in_use: deque[tuple[DeviceContext, int, object]] = deque()


class InputOwner:
    """The owner of an input, kept alive until the kernels that read it have finished.

    The library may reuse the memory as soon as the input is freed, and does not know the stream
    on which it is read.
    """

    def __init__(self, owner: object, context: DeviceContext) -> None:
        self.owner, self.context = owner, context
        for _ in range(len(_owners_in_use)):
            with suppress(IndexError):  # another thread emptied the queue
                oldest = _owners_in_use.popleft()
                if not oldest[0].runtime.event_done(oldest[1]):
                    _owners_in_use.append(oldest)

    def __del__(self) -> None:
        runtime = self.context.runtime
        with suppress(RuntimeError), device_guard(self.context):  # raised where the device is lost
            event = runtime.record_event(self.context.stream)
            if not runtime.event_done(event):
                _owners_in_use.append((self.context, event, self.owner))


class Result:
    """A result in the form of the protocols, for libraries without a constructor."""

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
        """Return a capsule; `stream` waits for the result, unless it is -1."""
        device, context = self.__dlpack_device__(), context_of(self.array)
        if copy or (dl_device is not None and tuple(map(int, dl_device)) != device):
            raise BufferError(f"a result on {context} is exported without a copy")
        if stream == 0:
            raise ValueError("stream=0 is ambiguous on CUDA: 1 is the legacy default stream")
        if stream != -1:
            with device_guard(context):
                context.runtime.wait_stream(
                    LEGACY_STREAM if stream is None else stream, context.stream or LEGACY_STREAM
                )
        return dlpack.lend(self.array, device, max_version)


class Memory:
    """Device memory, released when the object is deleted."""

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
        convert = check_result_dtype(getattr(namespace, "from_dlpack", None) or namespace.asarray)
        return lambda array: convert(Result(array))
    return Result


def check_result_dtype(converter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a conversion that raises an error if the library changes the dtype of a result."""

    def convert(array: Any) -> Any:
        result = converter(array)
        try:
            is_same = np.dtype(result.dtype) == array.dtype
        except (AttributeError, TypeError):  # the library has its own types
            return result
        if not is_same:
            library = type(result).__module__.partition(".")[0]
            raise TypeError(
                f"the result has dtype {array.dtype}, which {library} converts to {result.dtype}; "
                "in JAX call jax.config.update('jax_enable_x64', True)"
            )
        return result

    return convert


def _context(
    index: int, stream: int, memory: Callable[[int], tuple[int, Any]], name: str, device: object
) -> DeviceContext:
    runtime = _runtime(name, device, index)

    def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        address, owner = memory(max(size, 16))
        return device_view(address, shape, None, dtype, context, owner)

    context = DeviceContext(CUDA.name, index, stream, empty, runtime)
    return context


def _runtime(name: str, device: object, index: int | None = None) -> Any:
    from segpost._core import cuda_module  # few processes need it

    problem = cuda_module.cuda_problem(index)
    if problem is not None:
        raise TypeError(
            f"{name} is on {device}, and segpost has no CUDA backend here ({problem}); copy it to "
            f"the CPU if that is meant: {name}.cpu() of a torch tensor"
        )
    return cuda_module.cuda_runtime()
