"""Arrays that say what is not so: an error that names the argument, and never a crash."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_devices import Lending
from numpy.lib.stride_tricks import as_strided

import segpost
from segpost._core import dlpack
from segpost._core.arrays import is_self_overlapping

INT64 = 2**63 - 1
MEMORY = np.zeros((3, 4, 6), np.float32)[..., :5]  # older NumPys lend no strides of a whole one


def change_axes(tensor: Any, *, shape: tuple[int, ...] = (), strides: tuple[int, ...] = ()) -> None:
    for axis, n in enumerate(shape):
        tensor.shape[axis] = n
    for axis, step in enumerate(strides):
        tensor.strides[axis] = step


class Untruthful(Lending):
    """A producer whose capsule is changed before it goes out."""

    def __init__(self, change: Callable[[Any], None], array: Any = MEMORY) -> None:
        super().__init__(array, (1, 0))
        self.change = change

    def __dlpack__(self, **given: Any) -> Any:
        capsule = super().__dlpack__(**given)
        self.change(dlpack._tensor(capsule))
        return capsule


CHANGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "most dimensions": (lambda t: setattr(t, "ndim", 2**31 - 1), "2147483647 dimensions"),
    "negative dimensions": (lambda t: setattr(t, "ndim", -1), "-1 dimensions"),
    "offset": (lambda t: setattr(t, "byte_offset", 2**63), "byte offset"),
    "no data": (lambda t: setattr(t, "data", None), "no memory"),
    "no shape": (lambda t: setattr(t, "shape", None), "without a shape"),
    "negative shape": (lambda t: change_axes(t, shape=(-3,)), r"shape \(-3, 4, 5\)"),
    "huge shape": (lambda t: change_axes(t, shape=(2**45, 2**20)), "beyond memory"),
    "huge strides": (lambda t: change_axes(t, strides=(INT64, -INT64)), "beyond memory"),
    "code": (lambda t: setattr(t.dtype, "code", 77), "type code 77"),
    "bits": (lambda t: setattr(t.dtype, "bits", 7), "of 7 bits"),
    "lanes": (lambda t: setattr(t.dtype, "lanes", 4), "x 4 is unknown"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_untruthful_capsules(name: str) -> None:
    """Shapes, strides, offsets and types that no memory can have."""
    change, text = CHANGES[name]
    for function in (segpost.argmax, segpost.softmax):
        with pytest.raises(TypeError, match=rf"^logits cannot be read through DLPack: .*{text}"):
            function(Untruthful(change))
    with pytest.raises(TypeError, match=rf"^out cannot be read through DLPack: .*{text}"):
        segpost.softmax(np.zeros((3, 4, 5), np.float32), out=Untruthful(change))


def test_strides_of_single_axes_have_no_meaning() -> None:
    """A producer may say anything of them."""
    single = np.arange(6, dtype=np.float32).reshape(3, 1, 2)
    strides = (ctypes.c_int64 * 3)(2, INT64, 1)
    producer = Untruthful(lambda t: setattr(t, "strides", strides), single)
    np.testing.assert_array_equal(segpost.argmax(producer), single.argmax(0))


def raising(error: Exception) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise error

    return method


def consumed() -> Any:
    """A capsule that another library has taken already."""
    capsule = np.zeros((3, 4, 5), np.float32).__dlpack__()

    class Producer:
        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

        def __dlpack__(self, **given: Any) -> Any:
            return capsule

    np.from_dlpack(Producer())
    return capsule


def returning(value: Any) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: value


ON_CPU = returning((1, 0))
METHODS: dict[str, tuple[dict[str, Any], str]] = {
    "no capsule": ({"__dlpack__": returning(3), "__dlpack_device__": ON_CPU}, "int that is no"),
    "none": ({"__dlpack__": returning(None), "__dlpack_device__": ON_CPU}, "NoneType that is no"),
    "consumed": (
        {"__dlpack__": lambda self, **given: consumed(), "__dlpack_device__": ON_CPU},
        "used already",
    ),
    "dlpack raises": (
        {"__dlpack__": raising(AttributeError("gone")), "__dlpack_device__": ON_CPU},
        "gone",
    ),
    "one number": ({"__dlpack_device__": returning((1,))}, "not enough values"),
    "no device": ({"__dlpack_device__": returning(None)}, "NoneType"),
    "text": ({"__dlpack_device__": returning("cpu")}, ""),
    "words": ({"__dlpack_device__": returning(("cpu", 0))}, "invalid literal"),
    "device raises": ({"__dlpack_device__": raising(KeyError("device"))}, "device"),
    "array raises": ({"__array__": raising(RuntimeError("lost"))}, "NumPy array: lost"),
    "array of another kind": ({"__array__": returning(3)}, "NumPy array"),
    "silent error": ({"__array__": raising(ValueError())}, "NumPy array: ValueError"),
}


@pytest.mark.parametrize("name", METHODS)
def test_protocols_that_fail(name: str) -> None:
    """The error of the other library is the cause of one that names the argument."""
    methods, text = METHODS[name]
    value = type("Foreign", (), methods)()
    with pytest.raises(TypeError, match=f"^logits cannot be read .*{text}") as raised:
        segpost.argmax(value)
    assert raised.value.__cause__ is not None
    with pytest.raises(TypeError, match=r"^target cannot be read"):
        segpost.confusion_matrix(np.zeros((4, 5), np.uint8), value, num_classes=2)


def test_released_buffers() -> None:
    """A buffer that is gone is named, too."""
    buffer = memoryview(bytearray(60))
    buffer.release()
    with pytest.raises(TypeError, match=r"^logits cannot be read"):
        segpost.argmax(buffer)


@pytest.mark.parametrize("strides", [(1, 1), (0, 1), (2, 3), (-1, 1), (7, 0), (6, 1)], ids=str)
def test_out_that_overlaps_itself(backend: str, strides: tuple[int, int]) -> None:
    """Elements that share memory would hold the last label that is written."""
    memory = np.zeros(200, np.uint8)
    out = as_strided(memory[60:], (6, 7), strides)
    assert out.flags.writeable
    with pytest.raises(ValueError, match=r"^out overlaps itself"):
        segpost.argmax(np.zeros((3, 6, 7), np.float32), out=out)


def test_overlap_is_exact() -> None:
    """Axes that interleave without sharing memory pass; the brute-force definition agrees."""
    rng = np.random.default_rng(0)
    memory = np.zeros(4096, np.uint8)
    for _ in range(300):
        shape = tuple(rng.integers(1, 5, rng.integers(1, 4)).tolist())
        size = int(rng.choice([1, 2, 4]))
        strides = tuple(rng.integers(-9, 10, len(shape)).tolist())
        view = as_strided(memory[2048 : 2048 + size].view(f"u{size}"), shape, strides)
        starts = [int(np.dot(index, strides)) for index in np.ndindex(*shape)]
        taken = [start + k for start in starts for k in range(size)]
        assert is_self_overlapping(view) == (len(set(taken)) < len(taken))


def test_interleaved_out_is_written(backend: str) -> None:
    """Two pictures side by side in one buffer are a fine output."""
    logits = np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype(np.float32)
    wide = np.full((5, 8), 9, np.uint8)
    out = wide.reshape(5, 2, 4).transpose(1, 0, 2)
    assert segpost.argmax(logits, out=out) is out
    np.testing.assert_array_equal(out, logits.argmax(1))
