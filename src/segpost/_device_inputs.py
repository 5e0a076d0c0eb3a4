"""Device arrays of the libraries that have any: in as views, out as the caller's kind."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost import _dispatch
from segpost._device import Array, DeviceArray, Place, device_view, owner_of

CUDA, CUDA_MANAGED = 2, 13  # DLPack's numbers
LEGACY_STREAM = 1  # what 0 means, in words that every library takes


def from_torch(torch: Any, tensor: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """A view of a torch tensor, its element type, and how results become tensors."""
    place = torch_place(torch, tensor, name)
    kind = str(tensor.dtype).removeprefix("torch.")
    stored = "uint16" if kind == "bfloat16" else kind
    try:
        dtype = np.dtype(stored)
    except TypeError:
        raise TypeError(f"{name} has dtype {tensor.dtype}, which segpost cannot read") from None
    strides = tuple(step * dtype.itemsize for step in tensor.stride())
    view = device_view(tensor.data_ptr(), tuple(tensor.shape), strides, dtype, place, tensor)

    def wrap(array: Array) -> Any:
        memory = owner_of(array)
        typed = memory.view(getattr(torch, array.dtype.name))
        size = array.dtype.itemsize
        steps = tuple(step // size for step in array.strides)
        first = (array.ctypes.data - memory.data_ptr()) // size
        return typed.as_strided(array.shape, steps, first)

    return view, kind, wrap


def torch_place(torch: Any, tensor: Any, name: str) -> Place:
    """The tensor's device, torch's current stream there, and torch's allocator."""
    index = tensor.device.index
    stream = torch.cuda.current_stream(tensor.device).cuda_stream

    def memory(size: int) -> tuple[int, Any]:
        made = torch.empty(size, dtype=torch.uint8, device=tensor.device)
        return made.data_ptr(), made

    return _place(index, stream, memory, name, tensor.device)


def from_protocol(value: Any, name: str) -> tuple[Array, str, Callable[[Array], Any]]:
    """CuPy, Numba, JAX, and whatever else has `__cuda_array_interface__`."""
    cupy = sys.modules.get("cupy")
    given = value.__cuda_array_interface__
    if given.get("mask") is not None:
        raise TypeError(f"{name} has a mask, which would be lost")
    runtime = _runtime(name, "a CUDA device")
    index = runtime.device_of(given["data"][0]) if math.prod(given["shape"]) else 0
    if cupy is not None and isinstance(value, cupy.ndarray):
        stream = cupy.cuda.get_current_stream().ptr

        def memory(size: int) -> tuple[int, Any]:
            with cupy.cuda.Device(index):
                made = cupy.empty(size, cupy.uint8)
            return made.data.ptr, made

        def cupy_array(array: Array) -> Any:
            owner = owner_of(array)
            start = owner.data + (array.ctypes.data - owner.data.ptr)
            return cupy.ndarray(array.shape, array.dtype, start, array.strides)

        wrap: Callable[[Array], Any] = cupy_array
    else:
        stream = given.get("stream") or LEGACY_STREAM

        def memory(size: int) -> tuple[int, Any]:
            made = Memory(runtime, size, index)
            return made.address, made

        wrap = _wrapper(value)
    place = _place(index, stream, memory, name, f"cuda:{index}")
    dtype = np.dtype(given["typestr"])
    kind = "bfloat16" if str(getattr(value, "dtype", "")) == "bfloat16" else dtype.name
    if kind == "bfloat16":
        dtype = np.dtype(np.uint16)
    view = device_view(given["data"][0], given["shape"], given.get("strides"), dtype, place, value)
    return view, kind, wrap


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
            "stream": array.place.stream or LEGACY_STREAM,
        }


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


def _wrapper(value: Any) -> Callable[[Array], Any]:
    cuda = sys.modules.get("numba.cuda")
    if cuda is not None and cuda.is_cuda_array(value) and hasattr(value, "copy_to_host"):
        return lambda array: cuda.as_cuda_array(Result(array))
    if hasattr(value, "__array_namespace__"):
        return lambda array: value.__array_namespace__().asarray(Result(array))
    return Result


def _place(
    index: int, stream: int, memory: Callable[[int], tuple[int, Any]], name: str, device: object
) -> Place:
    runtime = _runtime(name, device)

    def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        address, owner = memory(max(size, 16))
        return device_view(address, shape, None, dtype, place, owner)

    place = Place(index, stream, empty, runtime)
    return place


def _runtime(name: str, device: object) -> Any:
    problem = _dispatch.cuda_problem()
    if problem is not None:
        raise TypeError(
            f"{name} is on {device}, and segpost has no CUDA backend here ({problem}); copy it to "
            f"the CPU if that is meant: {name}.cpu() of a torch tensor"
        )
    return _dispatch.cuda_runtime()
