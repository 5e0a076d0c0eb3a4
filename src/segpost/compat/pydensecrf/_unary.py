"""Unary energies as objects, as in pydensecrf."""

from __future__ import annotations

from typing import Any

from segpost._core.arrays import Array
from segpost.compat.pydensecrf import _inputs


class Unary:
    """Unary energies that `DenseCRF.setUnary` takes away: each CRF needs an object of its own."""

    _energies: Array | None = None

    def move(self) -> Array:
        """Return the energies and forget them; a second call is a RuntimeError."""
        if self._energies is None:
            raise RuntimeError(
                f"this {type(self).__name__} has no energies: a setUnary has taken them, and each "
                "CRF needs one of its own"
            )
        energies, self._energies = self._energies, None
        return energies


class ConstUnary(Unary):
    """Unary energies given as an array.

    Parameters
    ----------
    u : float32 array of shape (L, N)

    Raises
    ------
    ValueError
        If `u` has another dtype or number of dimensions.
    """

    def __init__(self, u: Any) -> None:
        self._energies = _inputs.copy_floats(u, "u", 2)


class LogisticUnary(Unary):
    """Unary energies of a logistic regression: ``L @ f``.

    Parameters
    ----------
    L : float32 array of shape (labels, F)
    f : float32 array of shape (F, N)

    Raises
    ------
    ValueError
        If an array has another dtype, or if the shapes do not fit.
    """

    def __init__(self, L: Any, f: Any) -> None:
        self._energies = multiply(
            _inputs.copy_floats(L, "L", 2), _inputs.copy_floats(f, "f", 2), "L"
        )


def multiply(weights: Array, features: Array, name: str) -> Array:
    """Return the energies of weights (L, F) and features (F, N): their matrix product."""
    if weights.shape[1] != features.shape[0]:
        raise ValueError(
            f"{name} of shape {weights.shape} and f of shape {features.shape} do not fit: "
            f"f must have {weights.shape[1]} rows"
        )
    result: Array = weights @ features
    return result
