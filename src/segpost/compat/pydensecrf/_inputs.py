"""What pydensecrf's functions take, checked; where that crashed, an error says what was wrong."""

from __future__ import annotations

import math
import operator
from enum import IntEnum
from numbers import Number, Real
from typing import Any, NoReturn

import numpy as np

from segpost._core.arrays import Array, InputArray, as_input_array
from segpost._core.contract import MAX_FEATURES, UnaryErrors

FARTHEST = 32767  # in standard deviations; beyond it pydensecrf's lattice overflows


def view(value: Any, name: str, kind: str, ndim: int) -> InputArray:
    """An array of one element type; another one is a ValueError, as it was there."""
    if isinstance(value, np.ndarray) and value.dtype != np.dtype(kind):
        raise ValueError(f"{name} must be {kind}, got {value.dtype}: {name}.astype(np.{kind})")
    given = as_input_array(value, name)
    if given.kind != kind:
        raise ValueError(f"{name} must be {kind}, got {given.kind}")
    if given.array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {given.array.shape}")
    return given


def floats(value: Any, name: str, ndim: int) -> Array:
    """A float32 array of our own: what the caller does to theirs afterwards is of no effect."""
    return np.array(view(value, name, "float32", ndim).array, order="C", copy=True)


def whole(value: Any, name: str, least: int) -> int:
    """An integer, or a float that is one."""
    try:
        number = operator.index(value)
    except TypeError:
        if not isinstance(value, Real):
            raise TypeError(f"{name} must be an integer, got {value!r}") from None
        if not float(value).is_integer():
            raise ValueError(f"{name} must be a whole number, got {value!r}") from None
        number = int(float(value))
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def member(value: Any, name: str, kinds: type[IntEnum]) -> Any:
    """A constant, or its number."""
    number = whole(value, name, 0)
    if number >= len(kinds):
        allowed = ", ".join(f"{kind.name} ({kind.value})" for kind in kinds)
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
    return kinds(number)


def sigmas(value: Any, name: str, count: int) -> tuple[float, ...]:
    """Standard deviations: one number for all of them, or the first `count` of a sequence."""
    try:
        given: list[Any] = (
            [value] * count if isinstance(value, Number) else [value[i] for i in range(count)]
        )
    except IndexError:
        raise ValueError(f"{name} must be a number or {count} of them, got {value!r}") from None
    except TypeError:
        raise TypeError(f"{name} must be a number or {count} of them, got {value!r}") from None
    numbers = []
    for one in given:
        try:
            numbers.append(abs(float(one)))
        except (TypeError, ValueError):
            raise TypeError(f"{name} must hold numbers, got {value!r}") from None
    if not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"{name} must be finite and not 0, got {value!r}")
    return tuple(numbers)


def within_reach(sigma: tuple[float, ...], largest: tuple[float, ...], name: str) -> None:
    """Refuse standard deviations so small that no two pixels could ever be neighbors."""
    for one, far in zip(sigma, largest, strict=True):
        if far > FARTHEST * one:
            raise ValueError(
                f"{name} is too small: {far:g} / {one:g} is beyond {FARTHEST} standard deviations"
            )


def features(value: Any, variables: int) -> Array:
    """Features (d, N), finite and not absurdly far apart."""
    array = floats(value, "features", 2)
    if array.shape[0] == 0 or array.shape[1] != variables:
        raise ValueError(f"features must have shape (d, {variables}), got {array.shape}")
    if len(array) > MAX_FEATURES:
        raise ValueError(f"features must be at most {MAX_FEATURES} a variable, got {len(array)}")
    if not max(-float(array.min()), float(array.max())) <= FARTHEST:  # NaN too
        wrong = ~(np.abs(array) <= FARTHEST)
        feature, variable = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise ValueError(
            f"features have {int(wrong.sum())} of {array.size} values that are not within "
            f"-{FARTHEST}..{FARTHEST}, first {array[feature, variable]} at feature {feature}, "
            f"variable {variable}; was something divided by a sigma near 0?"
        )
    return array


def attraction(compat: Any, labels: int) -> Array:
    """What `compat` means, as the weights with which a label's messages are gathered.

    A number is a Potts weight, which attracts. Vectors and matrices are costs there: they are
    added to the energy, the matrix after it was made symmetric.
    """
    if isinstance(compat, Number):
        if isinstance(compat, (complex, np.complexfloating)):
            raise TypeError(f"compat must be real, got {compat!r}")
        result = np.asarray(float(compat), np.float64)  # type: ignore[arg-type]
    else:
        given = as_input_array(compat, "compat")
        if given.array.ndim not in (1, 2):
            raise ValueError(
                f"compat must be a number, a vector or a matrix, got shape {given.array.shape}"
            )
        array = view(compat, "compat", "float32", given.array.ndim).array
        if array.shape != (labels,) * array.ndim:
            raise ValueError(
                f"compat must have shape ({labels},) or ({labels}, {labels}), got {array.shape}"
            )
        costs = array.astype(np.float64)
        result = -costs if array.ndim == 1 else -(costs + costs.T) / 2
    if not np.isfinite(result).all():
        raise ValueError(f"compat must be finite, got {compat!r}")
    return result


def distribution(value: Any, shape: tuple[int, int], change: bool) -> Array:
    """Q (L, N) as a view, which is to be written to where `change` says so."""
    if isinstance(value, np.ndarray) and value.dtype != np.float32:
        raise TypeError(f"Q must be float32, as inference gives it, got {value.dtype}")
    given = view(value, "Q", "float32", 2)
    if given.array.shape != shape:
        raise ValueError(f"Q must have shape {shape}, got {given.array.shape}")
    if change and (given.copied or not given.array.flags.writeable):
        raise ValueError("Q cannot be written in place")
    if not math.isfinite(float(np.add.reduce(given.array, axis=None))):
        wrong = ~np.isfinite(given.array)
        label, variable = np.unravel_index(int(wrong.argmax()), shape)
        raise ValueError(
            f"Q has {int(wrong.sum())} of {wrong.size} values that are not finite, "
            f"first at label {label}, variable {variable}"
        )
    return given.array


def raise_bad_energies(bad: UnaryErrors, energies: Array, width: int | None) -> NoReturn:
    """Say which unary energies are none."""
    labels, variables = energies.shape
    if bad.count:
        label, variable = divmod(bad.first, variables)
        raise ValueError(
            f"the unary energies have {bad.count} of {energies.size} values that are NaN or -inf, "
            f"first {energies[label, variable]} at label {label}, {_place(variable, width)}"
        )
    raise ValueError(
        f"the unary energies leave {bad.infeasible} of {variables} variables no label: all "
        f"{labels} are +inf, first at {_place(bad.infeasible_first, width)}"
    )


def _place(variable: int, width: int | None) -> str:
    if width is None:
        return f"variable {variable}"
    return f"y {variable // width}, x {variable % width}"
