"""Results as data that JSON can hold."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np


def as_jsonable(
    value: object, *, nan: Literal["raise", "null", "text"] = "raise", digits: int | None = None
) -> Any:
    """Return the value as dicts, lists, strings, Python numbers, booleans and None.

    Parameters
    ----------
    value : object
        Dicts, lists, tuples, NumPy arrays and NumPy scalars, nested in any way, and what JSON
        has. The keys of a dict stay as they are.
    nan : {"raise", "null", "text"}
        What becomes of NaN, which JSON cannot hold: an error, None, or "nan". With "text" an
        infinity becomes "inf" or "-inf"; otherwise it is an error.
    digits : int, optional
        The significant digits that floats are rounded to.

    Raises
    ------
    TypeError
        If a value has no counterpart in JSON.
    ValueError
        If a float is not finite and `nan` does not replace it, or if a container holds itself.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.render.jsonable import as_jsonable
    >>> as_jsonable({"iou": np.array([0.5, np.nan]), "pixels": np.int64(7)}, nan="null")
    {'iou': [0.5, None], 'pixels': 7}
    """
    try:
        return _convert(value, nan, digits)
    except RecursionError:
        raise ValueError("the value is nested too deeply, or holds itself") from None


def _convert(value: object, nan: str, digits: int | None) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _convert(inner, nan, digits) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_convert(inner, nan, digits) for inner in value]
    if isinstance(value, float):
        return _convert_float(value, nan, digits)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


def _convert_float(value: float, nan: str, digits: int | None) -> float | str | None:
    if math.isfinite(value):
        return value if digits is None else float(f"{value:.{digits}g}")
    if nan == "text":
        return str(value)
    if nan == "null" and math.isnan(value):
        return None
    raise ValueError(f"JSON cannot hold {value}")
