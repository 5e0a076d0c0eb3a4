"""Compiled readers of arguments: the same records as by Python, for all that they read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from segpost._core import arrays, degenerate_logits, logits
from segpost._core.contract import Logits
from segpost._core.degenerate_logits import may_be_degenerate
from segpost._core.logits import InputLogits, as_logits

native = pytest.importorskip("segpost._cpu", reason="the readers are native code")
KINDS = ("float32", "float64", "float16", *arrays.LABEL_KINDS, "bool", "complex64", ">f4", "U3")


class Child(np.ndarray[Any, Any]):
    """A type of arrays that is not NumPy's own."""


def alike(ours: Any, theirs: Any) -> None:
    """Records have the same fields; arrays are views of the same memory."""
    assert type(ours) is type(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            alike(a, b)
        elif isinstance(a, np.ndarray):
            assert a.__array_interface__ == b.__array_interface__
            assert a.flags.writeable == b.flags.writeable
        else:
            assert a == b or a is b


def through_python(value: Any, axis: Any, spatial: int, classes: int = 1) -> Any:
    """What Python reads, or the error's type and text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logits, "read_logits", lambda *arguments: None)
        patch.setattr(arrays, "read_array", lambda value: None)
        return outcome(value, axis, spatial, classes)


def outcome(value: Any, axis: Any, spatial: int, classes: int = 1) -> Any:
    """The record, or the error's type and text."""
    try:
        return as_logits(value, axis, spatial, min_classes=classes)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@given(
    kind=st.sampled_from(KINDS),
    shape=st.lists(st.integers(0, 4), max_size=6),
    axis=st.sampled_from([-1, -2, -3, -4, 0, 1, None, True, np.int64(-1), 2**70]),
    spatial=st.sampled_from([2, 3]),
    classes=st.sampled_from([0, 1]),
    data=st.data(),
)
def test_logits_are_those_of_python(
    kind: str, shape: list[int], axis: Any, spatial: int, classes: int, data: st.DataObject
) -> None:
    """Of every type and any strides, read-only or not; refusals have the same text."""
    steps = [data.draw(st.sampled_from([1, 2, -1])) for _ in shape]
    whole = np.zeros([2 * n for n in shape], kind)
    index: Any = (*(slice(None, None, step) for step in steps), ...)
    value = whole[index]
    value.flags.writeable = data.draw(st.booleans())
    ours = outcome(value, axis, spatial, classes)
    theirs = through_python(value, axis, spatial, classes)
    if not isinstance(theirs, InputLogits):
        assert ours == theirs
    elif not theirs.array.copied:
        alike(ours, theirs)


def test_what_is_read() -> None:
    """Plain arrays; other types of arrays, foreign byte orders and what kernels cannot address."""
    plain = np.zeros((3, 4, 5), np.float32)
    assert native.read_array(plain) is not None
    assert native.read_logits(plain, -3, 2, 1) is not None
    shifted = np.zeros(4 * 60 + 1, np.uint8)[1:].view(np.float32).reshape(3, 4, 5)
    others = [plain.view(Child), plain.astype(">f4"), shifted, plain.tolist(), None, np.float32(1)]
    for other in others:
        assert native.read_array(other) is None
        assert native.read_logits(other, -3, 2, 1) is None
    for axis in (-3.0, True, None, "x", 2**70):
        assert native.read_logits(plain, axis, 2, 1) is None
    assert native.read_logits(np.zeros((3, 4, 5), np.int64), -3, 2, 1) is None  # some are too large


@given(
    values=arrays_of.arrays(
        st.sampled_from([np.float32, np.float64, np.float16, np.int8]),
        st.tuples(*[st.integers(0, 3)] * 4),
        elements={"allow_subnormal": False},
    ),
    step=st.sampled_from([1, -1, 2]),
)
def test_ordinary_logits_are_not_degenerate(values: np.ndarray[Any, Any], step: int) -> None:
    """The compiled answer is Python's wherever it says that they are ordinary."""
    record = Logits(values[:, ::step, ::step], values.dtype.name)
    quick = may_be_degenerate(record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(degenerate_logits, "are_ordinary", lambda record: False)
        assert quick == may_be_degenerate(record)


def test_ordinary_logits_are_seen() -> None:
    """Fractions that differ, of several classes."""
    fractions = np.array([[[[0.5]], [[1.5]]]], np.float32)
    assert native.are_ordinary(Logits(fractions, "float32"))
    assert native.are_ordinary(Logits(fractions.astype(np.float64), "float64"))
    for values in (fractions[:, :1], fractions + 0.5, 0 * fractions + 0.5, fractions * np.nan):
        assert not native.are_ordinary(Logits(values, "float32"))


@given(
    first=st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([1, 2, -1])),
    second=st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([1, 2, -1])),
)
def test_bounds_of_memory(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """As NumPy has them, also of views from behind and of nothing."""
    memory = np.zeros(10, np.int32)
    a, b = memory[slice(*first)], memory[slice(*second)]
    assert native.may_overlap(a, (None, np.zeros(3), b)) == np.may_share_memory(a, b)
