"""Checks of the arguments of pydensecrf's functions.

Where pydensecrf crashed on an argument, these raise an error that says what is wrong.
"""

from __future__ import annotations

import math
import operator
from enum import IntEnum
from numbers import Number, Real
from typing import Any, NoReturn

import numpy as np

from segpost._core.arrays import Array, InputArray, as_input_array
from segpost._core.contract import MAX_FEATURES, UnaryErrors

MAX_SIGMAS = 32767  # from one end of a feature to the other; pydensecrf's lattice holds no more


def as_array_of(value: Any, name: str, kind: str, ndim: int) -> InputArray:
    """Return an array of one element type; another one is a ValueError, as in pydensecrf."""
    if isinstance(value, np.ndarray) and value.dtype != np.dtype(kind):
        cure = f"{name}.astype(np.{kind})"
        if kind == "uint8" and value.dtype.kind == "f" and value.size and value.max() <= 1:
            cure = f"({name} * 255).round().astype(np.uint8)"
        raise ValueError(f"{name} must be {kind}, got {value.dtype}: {cure}")
    input_array = as_input_array(value, name)
    if input_array.kind != kind:
        raise ValueError(f"{name} must be {kind}, got {input_array.kind}")
    shape = input_array.array.shape
    if len(shape) != ndim:
        cure = f"; pass {name}.reshape(len({name}), -1)" if len(shape) > ndim == 2 else ""
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {shape}{cure}")
    return input_array


def copy_floats(value: Any, name: str, ndim: int) -> Array:
    """Return a copy of a float32 array, which later changes of the caller's array do not reach."""
    return np.array(as_array_of(value, name, "float32", ndim).array, order="C", copy=True)


def as_count(value: Any, name: str, least: int) -> int:
    """Return an integer, or a float without a fraction, of at least `least` as int."""
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


def as_constant(value: Any, name: str, kinds: type[IntEnum]) -> Any:
    """Return a constant, given it or its number."""
    number = as_count(value, name, 0)
    if number >= len(kinds):
        allowed = ", ".join(f"{kind.name} ({kind.value})" for kind in kinds)
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
    return kinds(number)


def as_sigmas(value: Any, name: str, count: int) -> tuple[float, ...]:
    """Return `count` standard deviations, given one number for all or a sequence of them."""
    try:
        values: list[Any] = (
            [value] * count if isinstance(value, Number) else [value[i] for i in range(count)]
        )
    except IndexError:
        raise ValueError(f"{name} must be a number or {count} of them, got {value!r}") from None
    except TypeError:
        raise TypeError(f"{name} must be a number or {count} of them, got {value!r}") from None
    sigmas = []
    for each in values:
        try:
            sigmas.append(abs(float(each)))
        except (TypeError, ValueError):
            raise TypeError(f"{name} must hold numbers, got {value!r}") from None
    if not all(0 < sigma < math.inf for sigma in sigmas):
        raise ValueError(f"{name} must be finite and not 0, got {value!r}")
    return tuple(sigmas)


def check_sigmas(sigmas: tuple[float, ...], largest: tuple[float, ...], name: str) -> None:
    """Refuse standard deviations that are too small for the largest value of their feature."""
    for sigma, value in zip(sigmas, largest, strict=True):
        if value > MAX_SIGMAS * sigma:
            raise ValueError(
                f"{name} is too small: {value:g} / {sigma:g} is beyond {MAX_SIGMAS} standard "
                "deviations"
            )


def as_features(value: Any, variables: int) -> Array:
    """Return a copy of features (d, N), finite and within `MAX_SIGMAS`."""
    array = copy_floats(value, "features", 2)
    if array.shape[0] == 0 or array.shape[1] != variables:
        raise ValueError(f"features must have shape (d, {variables}), got {array.shape}")
    if len(array) > MAX_FEATURES:
        raise ValueError(f"features must be at most {MAX_FEATURES} a variable, got {len(array)}")
    if not max(-float(array.min()), float(array.max())) <= MAX_SIGMAS:  # NaN too
        bad = ~(np.abs(array) <= MAX_SIGMAS)
        feature, variable = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(
            f"features have {int(bad.sum())} of {array.size} values that are not within "
            f"-{MAX_SIGMAS}..{MAX_SIGMAS}, first {array[feature, variable]} at feature {feature}, "
            f"variable {variable}; was something divided by a sigma near 0?"
        )
    return array


def as_compatibility(compat: Any, labels: int) -> Array:
    """Return the weights, float64 of shape (), [L] or [L, L], with which labels gather messages.

    A number is a Potts weight, which attracts. Vectors and matrices are costs in pydensecrf: they
    are added to the energy, a matrix after it was made symmetric.
    """
    if isinstance(compat, Number):
        if isinstance(compat, (complex, np.complexfloating)):
            raise TypeError(f"compat must be real, got {compat!r}")
        result = np.asarray(float(compat), np.float64)  # type: ignore[arg-type]
    else:
        shape = as_input_array(compat, "compat").array.shape
        if len(shape) not in (1, 2):
            raise ValueError(f"compat must be a number, a vector or a matrix, got shape {shape}")
        array = as_array_of(compat, "compat", "float32", len(shape)).array
        if array.shape != (labels,) * array.ndim:
            raise ValueError(
                f"compat must have shape ({labels},) or ({labels}, {labels}), got {array.shape}"
            )
        costs = array.astype(np.float64)
        result = -costs if array.ndim == 1 else -(costs + costs.T) / 2
    if not np.isfinite(result).all():
        raise ValueError(f"compat must be finite, got {compat!r}")
    return result


def as_distribution(value: Any, shape: tuple[int, int], writable: bool) -> Array:
    """Return a view of Q (L, N), finite, and writable if that is asked for."""
    if isinstance(value, np.ndarray) and value.dtype != np.float32:
        raise TypeError(f"Q must be float32, as inference gives it, got {value.dtype}")
    input_array = as_array_of(value, "Q", "float32", 2)
    array = input_array.array
    if array.shape != shape:
        raise ValueError(f"Q must have shape {shape}, got {array.shape}")
    if writable and (input_array.copied or not array.flags.writeable):
        raise ValueError("Q cannot be written in place")
    if not math.isfinite(float(np.add.reduce(array, axis=None))):
        bad = ~np.isfinite(array)
        label, variable = np.unravel_index(int(bad.argmax()), shape)
        raise ValueError(
            f"Q has {int(bad.sum())} of {bad.size} values that are not finite, "
            f"first at label {label}, variable {variable}"
        )
    return array


def raise_bad_energies(errors: UnaryErrors, energies: Array, width: int | None) -> NoReturn:
    """Raise an error for unary energies that are NaN or -inf, or that allow no label."""
    labels, variables = energies.shape
    if errors.count:
        label, variable = divmod(errors.first, variables)
        raise ValueError(
            f"the unary energies have {errors.count} of {energies.size} values that are NaN or "
            f"-inf, first {energies[label, variable]} at label {label}, "
            f"{_format_variable(variable, width)}"
        )
    raise ValueError(
        f"the unary energies leave {errors.infeasible} of {variables} variables no label: all "
        f"{labels} are +inf, first at {_format_variable(errors.infeasible_first, width)}"
    )


def _format_variable(variable: int, width: int | None) -> str:
    if width is None:
        return f"variable {variable}"
    return f"y {variable // width}, x {variable % width}"
