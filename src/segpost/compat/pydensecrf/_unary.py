"""Unary energies as objects, which a CRF takes over."""

from __future__ import annotations

from typing import Any

from segpost._core.arrays import Array
from segpost.compat.pydensecrf import _inputs


class Unary:
    """Unary energies that `DenseCRF.setUnary` takes over; they serve one CRF, once."""

    _energies: Array | None = None

    def move(self) -> Array:
        """The energies, which are gone from here afterwards."""
        if self._energies is None:
            raise RuntimeError(
                f"this {type(self).__name__} has no energies: a setUnary has taken them, and each "
                "CRF needs one of its own"
            )
        energies, self._energies = self._energies, None
        return energies


class ConstUnary(Unary):
    """Energies as they are.

    Parameters
    ----------
    u : float32 array of shape (L, N)

    Raises
    ------
    ValueError
        For another dtype or number of dimensions.
    """

    def __init__(self, u: Any) -> None:
        self._energies = _inputs.floats(u, "u", 2)


class LogisticUnary(Unary):
    """Energies of a logistic regression: ``L @ f``.

    Parameters
    ----------
    L : float32 array of shape (labels, F)
    f : float32 array of shape (F, N)

    Raises
    ------
    ValueError
        For another dtype, or shapes that do not go together.
    """

    def __init__(self, L: Any, f: Any) -> None:
        self._energies = product(_inputs.floats(L, "L", 2), _inputs.floats(f, "f", 2), "L")


def product(weights: Array, features: Array, name: str) -> Array:
    """Energies of weights (L, F) and features (F, N)."""
    if weights.shape[1] != features.shape[0]:
        raise ValueError(
            f"{name} of shape {weights.shape} and f of shape {features.shape} do not go together: "
            f"f must have {weights.shape[1]} rows"
        )
    result: Array = weights @ features
    return result
