"""What `DenseCRF.refine` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segpost._core.array_types import ArrayT_co, Generic
from segpost._core.public import public

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    LabelsT_co = TypeVar("LabelsT_co", covariant=True, default=Any)
else:
    LabelsT_co = Any


@public
@dataclass(frozen=True, eq=False)
class Refinement(Generic[ArrayT_co, LabelsT_co]):
    """The result of `DenseCRF.refine`.

    For a batch, `iterations`, `converged`, `change` and `kl` are lists with one entry an image.

    Attributes
    ----------
    probabilities : float32 array of the shape and the array type of the input
    labels : array of shape (H, W) or (N, H, W), uint8 or int32
        The first index of the largest probability.
    iterations : int
        The number of iterations that were computed.
    converged : bool or None
        Whether the last iteration changed no probability by more than the tolerance; None without
        a tolerance.
    change : list of floats, or None
        The largest change of a probability in every iteration; None without tolerance and trace.
    kl : list of floats, or None
        The mean-field free energy before the first iteration and after each: the Kullback-Leibler
        divergence from the CRF's distribution, up to a constant. None without trace. An iteration
        updates all pixels at once, so it need not lower the energy.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> p = np.full((2, 4, 4), 0.5)
    >>> segpost.DenseCRF(bilateral=None, tolerance=1e-3).refine(p)
    Refinement(iterations=1, converged=True)
    """

    probabilities: ArrayT_co = field(repr=False)
    labels: LabelsT_co = field(repr=False)
    iterations: Any  # these are lists for a batch
    converged: Any
    change: Any = field(repr=False)
    kl: Any = field(repr=False)
