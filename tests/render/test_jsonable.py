"""Plain data: NumPy's values become Python's, and what JSON cannot hold is replaced or refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from segpost.render.jsonable import as_jsonable


def test_values_of_numpy_become_those_of_python() -> None:
    """Arrays, scalars and tuples at any depth; JSON gives the same back."""
    value = {
        "array": np.array([[1, 2]], np.uint8),
        "scalar": [np.float32(0.5), np.int64(7), np.bool_(True)],
        "inner": {"tuple": (1, "a", None)},
    }
    plain = as_jsonable(value)
    assert plain == {
        "array": [[1, 2]],
        "scalar": [0.5, 7, True],
        "inner": {"tuple": [1, "a", None]},
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize(
    ("value", "nan", "expected"),
    [
        (np.nan, "null", None),
        (np.nan, "text", "nan"),
        (-np.inf, "text", "-inf"),
        (np.float32(np.nan), "null", None),
    ],
)
def test_nan_is_replaced_where_it_may_be(value: Any, nan: Any, expected: object) -> None:
    """None or a word, at any depth."""
    assert as_jsonable({"a": [value]}, nan=nan) == {"a": [expected]}


@pytest.mark.parametrize(("value", "nan"), [(np.nan, "raise"), (np.inf, "raise"), (np.inf, "null")])
def test_other_values_that_are_not_finite_are_refused(value: float, nan: Any) -> None:
    """An infinity is not a missing value."""
    with pytest.raises(ValueError, match=r"JSON cannot hold (nan|inf)"):
        as_jsonable([value], nan=nan)


def test_floats_are_rounded_to_significant_digits() -> None:
    """Floats alone are rounded, lists of them too."""
    assert as_jsonable([1234.5678, 1e-9 / 3, 1234567], digits=6) == [1234.57, 3.33333e-10, 1234567]


def test_what_json_has_not_is_refused() -> None:
    """An object, bytes, a set, and a list that holds itself."""
    for value in (object(), b"a", {1}):
        with pytest.raises(TypeError, match=f"JSON cannot hold a {type(value).__name__}"):
            as_jsonable({"a": value})
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="holds itself"):
        as_jsonable(endless)
