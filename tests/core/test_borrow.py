"""Arguments read by compiled code: the same views as through Python."""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost._core import arrays
from segpost._core.arrays import InputArray, as_input_array
from segpost._core.dlpack import _Tensor

torch = pytest.importorskip("torch")
read_array = pytest.importorskip("segpost._cpu", reason="the reader is native code").read_array

KINDS = [
    *("float32", "float64", "float16", "bfloat16", "bool", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
]


def through_python(tensor: Any) -> InputArray:
    """The same without the native reader."""
    return as_input_array(tensor, "x", outlives_call=True)


def alike(tensor: Any, borrowed: InputArray | None = None) -> None:
    """Both readers say the same of the same memory."""
    got, wanted = borrowed or as_input_array(tensor, "x"), through_python(tensor)
    a, b = got.array, wanted.array
    assert (a.shape, a.dtype, got.kind, got.copied) == (
        b.shape,
        b.dtype,
        wanted.kind,
        wanted.copied,
    )
    assert a.flags.writeable == b.flags.writeable
    assert a.flags.aligned
    if a.size:
        assert a.ctypes.data == b.ctypes.data
        steps = [(x, y) for n, x, y in zip(a.shape, a.strides, b.strides, strict=True) if n > 1]
        assert all(x == y for x, y in steps)
    np.testing.assert_array_equal(a, b)
    assert type(got.wrap(np.zeros(3, np.uint8))) is torch.Tensor


@given(
    kind=st.sampled_from(KINDS),
    shape=st.lists(st.integers(0, 5), max_size=5),
    data=st.data(),
)
def test_views_are_the_same(kind: str, shape: list[int], data: st.DataObject) -> None:
    """For every type, any strides, offsets, single and empty axes, and broadcast ones."""
    whole = torch.arange(int(np.prod([n + 2 for n in shape], dtype=int)))
    tensor = whole.to(getattr(torch, kind)).reshape([n + 2 for n in shape])
    steps = [data.draw(st.integers(1, 3)) for _ in shape]
    tensor = tensor[tuple(slice(1, 1 + n, step) for n, step in zip(shape, steps, strict=True))]
    tensor = tensor.permute(data.draw(st.permutations(range(len(shape)))))
    if data.draw(st.booleans()):
        tensor = tensor[None].expand(3, *tensor.shape)
    if tensor.numel():
        assert read_array(tensor) is not None
    alike(tensor)


def test_gradients_and_modes_make_no_difference() -> None:
    """Tensors that require a gradient, and those of inference mode."""
    alike(torch.zeros(2, 3, requires_grad=True))
    alike(torch.zeros(2, 3, requires_grad=True) * 2)
    with torch.inference_mode():
        alike(torch.ones(2, 3))


def test_no_copy_and_no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain tensor is read without `numpy`, `detach` or `__dlpack__`."""

    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("through Python")

    tensor = torch.from_numpy(scene(5, 6, 7))
    wanted = tensor.argmax(0)
    for name in ("numpy", "detach", "__dlpack__"):
        monkeypatch.setattr(torch.Tensor, name, never)
    for values in (tensor, tensor.bfloat16()):
        assert segpost.argmax(values).shape == wanted.shape
    assert torch.equal(segpost.argmax(tensor).int(), wanted.int())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, 3).to_sparse(),
        torch.zeros(2, 3, dtype=torch.complex64),
        torch.zeros(2, 3, device="meta"),
        torch.zeros(2, 3, dtype=torch.float8_e5m2),
        torch.nn.Parameter(torch.zeros(2, 3)),  # of another type
        torch.zeros(2, 0),
        None,
    ],
    ids=str,
)
def test_what_is_left_to_python(tensor: Any) -> None:
    """Other layouts, devices, types of elements and of tensors; no error is left behind."""
    assert read_array(tensor) is None


def test_lazy_negatives_are_not_read_as_they_lie() -> None:
    """The sign of a lazy view is not in its memory."""
    imaginary = torch.view_as_complex(torch.ones(2, 3, 2)).conj().imag
    assert imaginary.is_neg()
    np.testing.assert_array_equal(as_input_array(imaginary, "x").array, -np.ones((2, 3)))


def test_misaligned_tensors_are_copied() -> None:
    """As through Python."""
    shifted = torch.frombuffer(bytearray(25), dtype=torch.float32, offset=1)
    assert as_input_array(shifted, "x").copied
    assert through_python(shifted).copied


def test_the_photograph_of_a_segmentation_is_kept() -> None:
    """Its memory stays, whatever becomes of the tensor."""
    photograph: Any = torch.full((400, 500, 3), 7, dtype=torch.uint8)
    seg = segpost.postprocess(torch.rand(2, 400, 500) - 1, image=photograph)
    lent: Any = as_input_array(photograph, "x").array
    assert lent.base is photograph
    photograph.set_(torch.zeros(1, dtype=torch.uint8))
    assert (seg.image == 7).all()  # type: ignore[union-attr]


def test_without_native_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the reader is not there, everything is read through Python."""
    monkeypatch.setattr(arrays, "read_array", lambda value: None)
    for kind in KINDS:
        alike(torch.arange(6).to(getattr(torch, kind)).reshape(2, 3).t())


Show = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(_Tensor))


class Exchange(ctypes.Structure):
    """The table of functions of DLPack."""


Exchange._fields_ = [
    ("major", ctypes.c_uint32),
    ("minor", ctypes.c_uint32),
    ("older", ctypes.POINTER(Exchange)),
    ("unused", ctypes.c_void_p * 3),
    ("show", Show),
    ("stream", ctypes.c_void_p),
]
capsule = ctypes.pythonapi.PyCapsule_New
capsule.restype = ctypes.py_object
capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
MEMORY = np.arange(8, dtype=np.float32)
ALIVE: list[Any] = []


def library(
    change: Callable[[Any], int] = lambda tensor: 0,
    *,
    major: int = 1,
    older: Any = None,
    name: bytes = b"dlpack_exchange_api",
    callback: bool = True,
    room: Any = MEMORY.nbytes,
    negated: object = False,
) -> Any:
    """A tensor of another library: 2 x 3 of `MEMORY`, from 4 bytes on, unless it is changed."""
    shape, strides = (ctypes.c_int64 * 2)(2, 3), (ctypes.c_int64 * 2)(4, 1)

    def show(value: Any, tensor: Any) -> int:
        into = tensor.contents
        into.data, into.byte_offset, into.ndim = MEMORY.ctypes.data, 4, 2
        into.device.type, into.dtype.code, into.dtype.bits, into.dtype.lanes = 1, 2, 32, 1
        into.shape, into.strides = shape, strides
        return change(into)

    table = Exchange(major, 0, ctypes.pointer(older) if older else None)
    if callback:
        table.show = Show(show)
    ALIVE.extend([table, shape, strides, name])
    made = capsule(ctypes.addressof(table), name, None)
    storage = types.SimpleNamespace(data_ptr=lambda: MEMORY.ctypes.data, nbytes=lambda: room)
    methods = {"is_neg": lambda self: negated, "untyped_storage": lambda self: storage}
    return type("Foreign", (), {"__dlpack_c_exchange_api__": made, "table": table, **methods})


@pytest.fixture
def read_foreign(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], InputArray | None]:
    """A function that reads a tensor of a type that takes the place of torch's."""

    def read(tensor: Any, kind: type | None = None) -> InputArray | None:
        fake = types.SimpleNamespace(Tensor=kind or type(tensor), from_numpy=torch.from_numpy)
        monkeypatch.setitem(sys.modules, "torch", fake)
        answer: InputArray | None = read_array(tensor)
        monkeypatch.undo()
        return answer

    return read


def test_any_type_with_the_functions(read_foreign: Any) -> None:
    """What the functions of a type say is what is read: strides, offset, kind."""
    array, kind, wrap, copied = read_foreign(library()())
    assert (kind, wrap, copied) == ("float32", torch.from_numpy, False)
    np.testing.assert_array_equal(array, [[1, 2, 3], [5, 6, 7]])
    newer = library(major=2, callback=False, older=library().table)
    assert read_foreign(newer()) is not None


def test_other_types_than_tensors_are_left_to_python(read_foreign: Any) -> None:
    """They have no place for results; nor is anything read without torch."""
    assert read_foreign(library()(), torch.Tensor) is None
    assert read_array(library()()) is None


def axes(**fields: tuple[int, int]) -> Callable[[Any], int]:
    """Say something else of a tensor's shape or strides."""

    def change(tensor: Any) -> int:
        for name, numbers in fields.items():
            array = (ctypes.c_int64 * 2)(*numbers)
            ALIVE.append(array)
            setattr(tensor, name, array)
        return 0

    return change


def changed(**fields: int | None) -> Callable[[Any], int]:
    """Say something else of a tensor."""

    def change(tensor: Any) -> int:
        for path, value in fields.items():
            *parents, last = path.split("__")
            place = tensor
            for parent in parents:
                place = getattr(place, parent)
            setattr(place, last, value)
        return 0

    return change


@pytest.mark.parametrize(
    "foreign",
    [
        library(changed(device__type=2)),
        library(changed(dtype__code=5)),
        library(changed(dtype__bits=4)),
        library(changed(dtype__lanes=4)),
        library(changed(data=0)),
        library(changed(ndim=9)),
        library(changed(ndim=-1)),
        library(changed(byte_offset=2**63)),
        library(changed(shape=None)),
        library(axes(shape=(-2, 3))),
        library(axes(shape=(2**60, 3))),
        library(axes(strides=(2**62, 1))),
        library(axes(strides=(-(2**46), 2**46))),
        library(lambda tensor: -1),
        library(callback=False),
        library(major=2),
        library(name=b"something_else"),
        library(room=MEMORY.nbytes - 1),
        library(room="unknown"),
        library(negated=True),
        type("Child", (library(),), {}),
        type("Wrong", (), {"__dlpack_c_exchange_api__": 3}),
    ],
)
def test_what_is_not_borrowed(foreign: Any, read_foreign: Any) -> None:
    """Devices, unknown types, errors, missing functions, newer layouts, types that inherit.

    And storage that ends early or does not say where, and values with another sign.
    """
    assert read_foreign(foreign()) is None
