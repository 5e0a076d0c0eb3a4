"""Array interoperability: arguments become NumPy views, results become the caller's array type.

Nothing is cast, clipped or moved between devices. Only arrays that no kernel can address are
copied: misaligned ones and those in a foreign byte order.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core import device_arrays, dlpack
from segpost._core.device import DeviceArray, context_of, to_host
from segpost._core.extensions import load_native
from segpost._core.torch_tensors import UNINITIALIZED, describe_missing_memory

Array = npt.NDArray[Any]

FLOAT_KINDS = ("float32", "float64", "float16", "bfloat16")  # the most frequent first
LOGIT_KINDS = (
    *FLOAT_KINDS,
    "int8",
    "uint8",
    "int16",
    "uint16",
    "uint32",
    "int32",
    "uint64",
    "int64",
)
WIDE_KINDS = ("float64", "uint32", "int32", "uint64", "int64")  # wider than the mantissa of float32
LABEL_KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


_KINDS = {np.dtype(name): name for name in {*LOGIT_KINDS, *LABEL_KINDS} - {"bfloat16"}}


class InputArray(NamedTuple):
    """An array argument, converted for the kernels."""

    array: Array  # bfloat16 as uint16
    kind: str  # the element type's name, "bfloat16" included
    wrap: Callable[[Array], Any]  # converts a result to the caller's array type
    copied: bool = False  # writing to `array` would not reach the caller


def _identity(array: Array) -> Array:
    return array


try:
    _native = load_native()
    _native.bind_array(InputArray(np.empty(0), "", _identity))
    read_array, may_overlap = _native.read_array, _native.may_overlap
except ImportError:  # it is not there, or cannot be loaded

    def read_array(value: object) -> InputArray | None:
        """Return None, as the compiled reader does for what is no plain array or tensor."""
        return None

    def may_overlap(array: Array, others: Iterable[Array | None]) -> bool:
        """Return True, as the compiled function does where the bounds of two arrays overlap."""
        return True


def as_input_array(value: object, name: str, *, outlives_call: bool = False) -> InputArray:
    """Return a view of any array that is valid for the duration of a call.

    With `outlives_call` the view keeps the memory alive, whatever its owner does to the tensor.

    Raises
    ------
    TypeError
        If `value` is not an array, or if segpost cannot read its elements or its device.
    """
    plain = None if outlives_call else read_array(value)
    if plain is not None:
        return plain  # type: ignore[no-any-return]
    if isinstance(value, DeviceArray):
        return InputArray(value, value.dtype.name, _identity)
    if type(value) is np.ndarray:
        return _from_numpy(value, name, _identity)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, getattr(torch, "Tensor", ())):
        return _from_torch(torch, value, name)
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array and its mask would be lost; "
            "pass .filled(value) or .data to say what the masked elements are"
        )
    if isinstance(value, np.ndarray):
        return _from_numpy(np.asarray(value), name, _identity)
    if isinstance(value, InputArray):
        return value
    if isinstance(value, (list, tuple, str, bytes, int, float, complex)) or value is None:
        raise TypeError(
            f"{name} must be an array, got {type(value).__name__}{_cure_of(value, name)}"
        )
    return _from_protocol(value, name)


def _cure_of(value: object, name: str) -> str:
    """Return what to pass in place of a value that is no array."""
    from segpost._core.array_cures import cure_of  # for errors alone

    return cure_of(value, name)


def _from_numpy(array: Array, name: str, wrap: Callable[[Array], Any]) -> InputArray:
    dtype = array.dtype
    kind = _KINDS.get(dtype)
    if kind is not None and array.flags.aligned:
        return InputArray(array, kind, wrap)
    if dtype.kind in "fiub":
        if not dtype.isnative:  # kernels read the native byte order only
            return InputArray(array.astype(dtype.newbyteorder("=")), dtype.name, wrap, True)
        if not array.flags.aligned:
            return InputArray(array.copy(), dtype.name, wrap, True)
        return InputArray(array, dtype.name, wrap)
    if dtype.name == "bfloat16":  # the type of ml_dtypes, which JAX uses
        return _as_supported(array.view(np.uint16), "bfloat16", wrap)
    hint = "; pass real numbers: .real, .imag or abs()" if dtype.kind == "c" else ""
    if dtype.kind == "O":
        hint = f"; numbers become {name}.astype('float32'); pass arrays of other shapes one by one"
    raise TypeError(f"{name} must hold numbers, got dtype {dtype}{hint}")


def _as_supported(array: Array, kind: str, wrap: Callable[[Array], Any]) -> InputArray:
    """Return an array of a supported type in native byte order; copy it if it is misaligned."""
    if array.flags.aligned:
        return InputArray(array, kind, wrap)
    return InputArray(array.copy(), kind, wrap, True)


def _from_torch(torch: Any, tensor: Any, name: str) -> InputArray:
    try:
        negated = tensor.is_neg()
    except ValueError:
        raise TypeError(f"{name} {UNINITIALIZED}") from None
    on_device = tensor.device.type in device_arrays.BY_TORCH
    if tensor.device.type not in ("cpu", "meta") and not on_device:
        raise TypeError(
            f"{name} is on device {tensor.device}, and segpost has no backend "
            f"for it; move it yourself if that is meant: {name}.cpu()"
        )
    problem = describe_missing_memory(torch, tensor)
    if problem is not None:
        raise TypeError(f"{name} {problem}")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise TypeError(
            f"{name} must be a dense tensor, got {tensor.layout} of {tensor.dtype}; "
            "use .to_dense() or .int_repr() with quantization="
        )
    tensor = tensor.detach().resolve_neg()
    if on_device:
        return InputArray(*device_arrays.from_torch(torch, tensor, name), negated)
    if tensor.dtype is torch.bfloat16:
        array = tensor.view(torch.int16).numpy().view(np.uint16)
        return _as_supported(array, "bfloat16", torch.from_numpy)
    try:
        array = tensor.numpy()
    except (TypeError, RuntimeError):  # RuntimeError: a lazy conjugate
        hint = "; pass real numbers: .real, .imag or .abs()" if tensor.is_complex() else ""
        raise TypeError(
            f"{name} has dtype {tensor.dtype}, which segpost cannot read{hint}"
        ) from None
    input_array = _from_numpy(array, name, torch.from_numpy)
    return input_array._replace(copied=True) if negated else input_array


def _from_protocol(value: Any, name: str) -> InputArray:
    if getattr(value, "chunks", None):
        from segpost._core.lazy_arrays import refuse_large_lazy

        refuse_large_lazy(value, name)
    device_array = device_arrays.from_device_protocol(value, name)
    if device_array is not None:
        return InputArray(*device_array)
    wrap = _wrapper(value)
    if hasattr(value, "__dlpack_device__"):
        device, index = dlpack.read_device(value, name)
        if device != dlpack.CPU:
            raise TypeError(
                f"{name} is on DLPack device ({device}, {index}), and segpost has no backend "
                "for it; copy it to the CPU yourself if that is meant"
            )
        if hasattr(value, "__dlpack__"):
            try:
                array, kind = dlpack.borrow(value)
            except MemoryError:
                raise
            except Exception as error:
                if not hasattr(value, "__array__"):
                    raise TypeError(
                        f"{name} cannot be read through DLPack: {dlpack.describe(error)}"
                    ) from error
            else:
                return _as_supported(array, kind, wrap)
    has_interface = hasattr(value, "__array_interface__")  # __array__ alone may give a copy
    if not has_interface and not hasattr(value, "__array__"):
        value = _as_memoryview(value, name)
    try:
        array = np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(
            f"{name} cannot be read as a NumPy array: {dlpack.describe(error)}"
        ) from error
    is_shared = has_interface or isinstance(value, memoryview)
    return _from_numpy(array, name, wrap)._replace(copied=not is_shared)


def _as_memoryview(value: object, name: str) -> memoryview:
    try:
        return memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{name} must be an array (NumPy, torch, DLPack, buffer or __array__), "
            f"got {type(value).__name__}{_cure_of(value, name)}"
        ) from None
    except (BufferError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as a buffer: {dlpack.describe(error)}") from error


def _wrapper(value: Any) -> Callable[[Array], Any]:
    """Return the conversion of results to the type of `value`; NumPy where there is none."""
    tensorflow = sys.modules.get("tensorflow")
    for name in ("Tensor", "Variable"):
        if isinstance(value, getattr(tensorflow, name, ())):
            return tensorflow.convert_to_tensor  # type: ignore[union-attr, no-any-return]
    if hasattr(value, "__array_namespace__"):
        return device_arrays.check_result_dtype(value.__array_namespace__().asarray)
    return _identity


class OutputArray(NamedTuple):
    """The memory of a result, and its conversion to the type of the caller."""

    array: Array  # the kernel writes to it
    wrap: Callable[[Array], Any]
    out: object | None = None  # the caller's `out`
    target: Array | None = None  # the view of `out`, where `array` is a temporary

    def result(self) -> Any:
        """Return the caller's own `out`, or the new array in the caller's type."""
        if self.target is not None:
            self.target[...] = self.array
        return self.wrap(self.array) if self.out is None else self.out


def allocate_output(
    out: object | None,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    wrap: Callable[[Array], Any],
    *inputs: Array,
    packed: int = 0,
) -> OutputArray:
    """Return memory for a result: a new array, or `out` if it fits exactly.

    Kernels write rows whose last `packed` axes are contiguous; an `out` with other strides is
    filled from a temporary array.

    Raises
    ------
    TypeError, ValueError
        If `out` has another dtype or shape, cannot be written, or overlaps an input.
    """
    if out is None:
        return OutputArray(context_of(*inputs).empty(shape, dtype), wrap)
    context, output_dtype = context_of(*inputs), np.dtype(dtype)
    array, kind, _, copied = as_input_array(out, "out")
    if kind != output_dtype.name:
        raise TypeError(f"out must have dtype {output_dtype.name}, got {kind}")
    if array.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {array.shape}")
    if copied:
        raise ValueError(
            "out cannot be written in place: "
            "it must be aligned, in native byte order and no lazy view"
        )
    if context_of(array).device != context.device:
        raise TypeError(f"out is on {context_of(array)}, the input on {context}")
    if not array.flags.writeable:
        raise ValueError("out is read-only")
    if getattr(out, "requires_grad", False):
        raise ValueError("out requires grad; results here have no gradient: pass out.detach()")
    if not array.flags.c_contiguous and is_self_overlapping(array):
        raise ValueError(
            "out overlaps itself: several of its elements share memory, as those of a broadcast or "
            "strided view do; give it memory of its own"
        )
    if any(is_overlapping(array, source) for source in inputs):
        raise ValueError("out overlaps an input; give it memory of its own")
    expected = output_dtype.itemsize
    for axis in range(-1, -packed - 1, -1):
        if array.shape[axis] > 1 and array.strides[axis] != expected:
            if not context.on_cpu:
                raise ValueError(f"out on {context} must have contiguous rows of pixels")
            return OutputArray(np.empty(shape, dtype), wrap, out, array)
        expected *= array.shape[axis]
    return OutputArray(array, wrap, out)


def label_dtype(classes: int) -> type[np.uint8 | np.int32]:
    """Return the type of labels: uint8 if it represents every class, else int32."""
    return np.uint8 if classes <= 256 else np.int32


def is_overlapping(a: Array, b: Array) -> bool:
    """Return whether two arrays share memory; by their bounds where the exact test is slow."""
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def is_self_overlapping(array: Array) -> bool:
    """Return whether two elements of an array share memory, whatever its strides."""
    axes = [(abs(step), n) for step, n in zip(array.strides, array.shape, strict=True) if n > 1]
    extent, is_nested = array.itemsize, True
    for step, n in sorted(axes):
        is_nested &= step >= extent
        extent += (n - 1) * step
    if is_nested:
        return False
    if array.size * array.itemsize > extent:
        return True
    offsets = np.zeros(1, np.int64)  # elements of one axis may lie between those of another
    for step, n in axes:
        offsets = (offsets[:, None] + step * np.arange(n)).ravel()
    offsets.sort()
    return bool((np.diff(offsets) < array.itemsize).any())


def widen(array: Array, kind: str) -> Array:
    """Return values as float32, or as float64 where float32 cannot represent all of them."""
    array = to_host(array)
    if kind == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    if kind in WIDE_KINDS:
        return array.astype(np.float64, copy=False)
    return array.astype(np.float32, copy=False)


def iter_stacks(*arrays: Array) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """Iterate over arrays (..., H, W) and (..., H, W, 3) as stacks of three and four dimensions.

    Each item is the flat pixel index at which a stack starts, and the stack of each array.
    Nothing is copied.
    """
    ndim = min([a.ndim for a in arrays])  # of pixels
    if 0 in arrays[0].shape[:ndim]:
        return
    if ndim == 3:
        yield 0, arrays
    elif ndim == 2:
        yield 0, tuple([a[None] for a in arrays])
    else:
        merged = [_merge_leading(a, ndim - 2) for a in arrays]
        if all(a is not None for a in merged):
            yield 0, tuple(a for a in merged if a is not None)
            return
        shape = arrays[0].shape[:ndim]
        size = math.prod(shape[-3:])
        for flat, index in enumerate(np.ndindex(shape[:-3])):
            yield flat * size, tuple(a[index] for a in arrays)


def _merge_leading(array: Array, leading: int) -> Array | None:
    """Return a view with the leading axes merged, or None if that needs a copy."""
    shape = (-1, *array.shape[leading:])
    try:
        return np.reshape(array, shape, copy=False)
    except ValueError:
        return None
    except TypeError:  # NumPy before 2.1 has no such argument
        view = array.view()
    try:
        view.shape = shape
    except AttributeError:
        return None
    return view
