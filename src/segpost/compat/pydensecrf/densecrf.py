"""`pydensecrf.densecrf`: the fully connected CRF of Kraehenbuehl and Koltun, with its methods.

Energies are negative logarithms of probabilities. Q is a float32 array (L, N); in pydensecrf it
was an object of Eigen, which ``np.array`` converted.
"""

from __future__ import annotations

from typing import Any, SupportsInt

import numpy as np

from segpost._backends import registry
from segpost._core import contract
from segpost._core.arrays import Array
from segpost._core.contract import Backend, CrfSolver, Pairwise
from segpost._core.unknown_names import suggest_attributes
from segpost.compat.pydensecrf import _inputs
from segpost.compat.pydensecrf._constants import (
    CONST_KERNEL,
    DIAG_KERNEL,
    FULL_KERNEL,
    NO_NORMALIZATION,
    NORMALIZE_AFTER,
    NORMALIZE_BEFORE,
    NORMALIZE_SYMMETRIC,
    KernelType,
    NormalizationType,
)
from segpost.compat.pydensecrf._unary import ConstUnary, LogisticUnary, Unary, multiply

__all__ = [
    "CONST_KERNEL",
    "DIAG_KERNEL",
    "FULL_KERNEL",
    "NORMALIZE_AFTER",
    "NORMALIZE_BEFORE",
    "NORMALIZE_SYMMETRIC",
    "NO_NORMALIZATION",
    "ConstUnary",
    "DenseCRF",
    "DenseCRF2D",
    "KernelType",
    "LogisticUnary",
    "NormalizationType",
    "Unary",
]


_NORMALIZATIONS = ("none", "column", "row", "symmetric")  # in the order of NormalizationType


@suggest_attributes
class DenseCRF:
    """A fully connected CRF over variables that have features, but no position.

    Parameters
    ----------
    nvar : int
        The number of variables N.
    nlabels : int
        The number of labels L.

    Raises
    ------
    ValueError
        If a number is below 1.

    Notes
    -----
    Mean field of Kraehenbuehl and Koltun (NIPS 2011, arXiv:1210.5644), including the message of
    each variable to itself, as in their second version. Methods copy energies, features and images.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.compat.pydensecrf import utils
    >>> crf = DenseCRF(4, 2)
    >>> crf.setUnaryEnergy(utils.unary_from_labels(np.array([1, 1, 0, 2]), 2, gt_prob=0.7))
    >>> crf.addPairwiseEnergy(np.float32([[0, 0, 0, 9]]), compat=3)
    >>> np.argmax(crf.inference(5), axis=0)
    array([0, 0, 0, 1])
    """

    def __init__(self, nvar: SupportsInt, nlabels: SupportsInt) -> None:
        self._set_size((1, _inputs.as_count(nvar, "nvar", 1)), nlabels)

    def _set_size(self, size: tuple[int, int], nlabels: SupportsInt) -> None:
        self._size = size  # rows and columns; variables without a position are one row
        self._labels = _inputs.as_count(nlabels, "nlabels", 1)
        self._unary: Array | None = None
        self._terms: list[Pairwise] = []
        self._solver: tuple[Backend, CrfSolver] | None = None

    @property
    def _shape(self) -> tuple[int, int]:
        """The shape (L, N) of the energies and of Q."""
        return self._labels, self._size[0] * self._size[1]

    def _image(self, array: Array) -> Array:
        """Return an array (K, N) as (K, 1, H, W), without a copy."""
        return array.reshape(len(array), 1, *self._size)

    def setUnary(self, u: Unary) -> None:
        """Set the energies from an object, which is empty afterwards.

        Raises
        ------
        TypeError
            If `u` is not a `ConstUnary` or `LogisticUnary`.
        RuntimeError
            If the object is empty already.
        ValueError
            If the energies are not of shape (L, N).
        """
        if not isinstance(u, Unary):
            raise TypeError(
                f"u must be a ConstUnary or LogisticUnary, got {type(u).__name__}; "
                "arrays go to setUnaryEnergy"
            )
        self._set(u.move(), "u")

    def setUnaryEnergy(self, u: Any, f: Any = None) -> None:
        """Set the energy of every label at every variable.

        Parameters
        ----------
        u : float32 array of shape (L, N)
            Negative logarithms of probabilities. +inf makes a label impossible.
        f : float32 array of shape (F, N), optional
            Features; `u` is then (L, F) and the energies are ``u @ f``.

        Raises
        ------
        ValueError
            If an array has another dtype or shape. NaN is an error of the inference.
        """
        energies = _inputs.copy_floats(u, "u", 2)
        if f is not None:
            energies = multiply(energies, _inputs.copy_floats(f, "f", 2), "u")
        self._set(energies, "u" if f is None else "u @ f")

    def _set(self, energies: Array, name: str) -> None:
        if energies.shape != self._shape:
            raise ValueError(f"{name} must have shape {self._shape}, got {energies.shape}")
        self._unary, self._solver = energies, None

    def addPairwiseEnergy(
        self,
        features: Any,
        compat: Any,
        kernel: int = DIAG_KERNEL,
        normalization: int = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a Gaussian kernel of arbitrary features.

        Parameters
        ----------
        features : float32 array of shape (d, N)
            Features over their standard deviations, as `utils.create_pairwise_bilateral` returns
            them.
        compat : float, or float32 array of shape (L,) or (L, L)
            A number w is a Potts weight: equal labels attract each other. A vector or matrix holds
            costs, which are added to the energy, so its sign is the opposite: w equals the vector
            of -w and the matrix ``w * (1 - np.eye(L))``. A matrix is made symmetric.
        kernel : KernelType
            Ignored.
        normalization : NormalizationType
            The sums that divide the kernel.

        Raises
        ------
        ValueError
            If an array has another dtype or shape, or features are not finite or beyond 32767.
        """
        array = _inputs.as_features(features, self._shape[1])
        guide = self._image(array).transpose(1, 2, 3, 0)
        self._add(None, guide, np.ones(len(array)), compat, kernel, normalization)

    def _add(
        self,
        sigma: tuple[float, float, float] | None,
        guide: Array | None,
        guide_sigma: Array | None,
        compat: Any,
        kernel: int,
        normalization: int,
    ) -> None:
        _inputs.as_constant(kernel, "kernel", KernelType)
        rule = _inputs.as_constant(normalization, "normalization", NormalizationType)
        compatibility = _inputs.as_compatibility(compat, self._labels)
        limits = None
        if guide is not None and guide.dtype != np.uint8:
            limits = registry.backend().feature_range(guide, guide.dtype.name)[0].ravel()
        self._terms.append(
            Pairwise(sigma, guide, guide_sigma, compatibility, _NORMALIZATIONS[rule], limits)
        )
        self._solver = None

    def inference(self, niter: SupportsInt) -> Array:
        """Return the marginals after some iterations of mean field.

        Parameters
        ----------
        niter : int
            The number of iterations; 0 gives the softmax of the negative energies.

        Returns
        -------
        Q : float32 array of shape (L, N)

        Raises
        ------
        RuntimeError
            If no unary energies are set.
        ValueError
            If `niter` is negative, energies are NaN or -inf, or all energies of a variable are
            +inf.
        """
        iterations = _inputs.as_count(niter, "niter", 0)
        solver = self._get_solver()
        q = np.empty(self._shape, np.float32)
        solver.infer(self._image(q), iterations, None, None, False)
        return q

    def startInference(self) -> tuple[Array, Array, Array]:
        """Return Q before the first iteration, and two arrays for `stepInference`."""
        return self.inference(0), np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)

    def stepInference(self, Q: Any, tmp1: Any = None, tmp2: Any = None) -> None:
        """Compute one iteration in place.

        Parameters
        ----------
        Q : float32 array of shape (L, N)
            The marginals, which are replaced by those of the next iteration.
        tmp1, tmp2
            Ignored.

        Raises
        ------
        ValueError
            If `Q` has another shape, is not finite, or cannot be written.
        TypeError
            If `Q` is not a float32 array.
        """
        q = _inputs.as_distribution(Q, self._shape, writable=True)
        solver = self._get_solver()
        next_q = np.empty(self._shape, np.float32)
        solver.infer(self._image(next_q), 1, self._image(q), None, False)
        q[...] = next_q

    def klDivergence(self, Q: Any) -> float:
        """Return the divergence of Q from the model, up to a constant, as pydensecrf computes it.

        ``sum(Q * log Q) + sum(U * Q) + sum(Q * messages)``: every pair counts twice, so this is not
        the free energy that mean field minimizes.

        Raises
        ------
        ValueError, TypeError
            If `Q` is not a finite float32 array of shape (L, N).
        """
        q = _inputs.as_distribution(Q, self._shape, writable=False)
        solver = self._get_solver()
        unused = np.empty(self._shape, np.float32)
        (step,) = solver.infer(self._image(unused), 0, self._image(q), None, True)
        return float(step.entropy + step.unary + step.pairwise)

    def _get_solver(self) -> CrfSolver:
        """Return the solver of these energies and kernels, which is built once."""
        if self._unary is None:
            raise RuntimeError("no unary energies are set: call setUnaryEnergy or setUnary first")
        backend = registry.backend()
        if self._solver is None or self._solver[0] is not backend:
            unary = contract.Unary(self._image(self._unary), "float32", "energies")
            solver = backend.dense_crf(unary, self._terms, True, "lattice", "default")
            if solver.bad.count or solver.bad.infeasible:
                width = self._size[1] if isinstance(self, DenseCRF2D) else None
                _inputs.raise_bad_energies(solver.bad, self._unary, width)
            self._solver = backend, solver
        return self._solver[1]


class DenseCRF2D(DenseCRF):
    """A fully connected CRF over the pixels of an image.

    Parameters
    ----------
    w, h : int
        The width and the height of the image, in this order.
    nlabels : int
        The number of labels L.

    Raises
    ------
    ValueError
        If a number is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.compat.pydensecrf import utils
    >>> image = np.zeros((2, 4, 3), np.uint8)
    >>> image[:, 2:] = 255
    >>> labels = np.array([[1, 0, 2, 2], [1, 1, 0, 1]])
    >>> crf = DenseCRF2D(4, 2, 2)
    >>> crf.setUnaryEnergy(utils.unary_from_labels(labels, 2, gt_prob=0.7))
    >>> crf.addPairwiseBilateral(sxy=4, srgb=13, rgbim=image, compat=5)
    >>> np.argmax(crf.inference(5), axis=0).reshape(2, 4)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1]])
    """

    def __init__(self, w: SupportsInt, h: SupportsInt, nlabels: SupportsInt) -> None:
        self._set_size((_inputs.as_count(h, "h", 1), _inputs.as_count(w, "w", 1)), nlabels)

    def addPairwiseGaussian(
        self,
        sxy: Any,
        compat: Any,
        kernel: int = DIAG_KERNEL,
        normalization: int = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a Gaussian kernel of positions, which makes labels smooth.

        Parameters
        ----------
        sxy : float or (float, float)
            Standard deviations in pixels, along x and along y.
        compat, kernel, normalization
            As in `addPairwiseEnergy`.

        Raises
        ------
        ValueError
            If a standard deviation is 0, not finite, or too small for the image.
        """
        self._add(self._sigma(sxy), None, None, compat, kernel, normalization)

    def addPairwiseBilateral(
        self,
        sxy: Any,
        srgb: Any,
        rgbim: Any,
        compat: Any,
        kernel: int = DIAG_KERNEL,
        normalization: int = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a Gaussian kernel of positions and colors.

        Parameters
        ----------
        sxy : float or (float, float)
            Standard deviations in pixels, along x and along y.
        srgb : float or (float, float, float)
            Standard deviations of the channels.
        rgbim : uint8 array of shape (H, W, 3)
            The image. For other types and channels see `utils.create_pairwise_bilateral`.
        compat, kernel, normalization
            As in `addPairwiseEnergy`.

        Raises
        ------
        ValueError
            If the image has another dtype or shape, or a standard deviation is 0, not finite, or
            too small for the image.
        """
        image = _inputs.as_array_of(rgbim, "rgbim", "uint8", 3).array
        if image.shape != (*self._size, 3):
            hint = ""
            if image.shape == (*self._size[::-1], 3):
                hint = "; DenseCRF2D takes the width first, then the height"
            elif image.shape[:2] == self._size:
                hint = "; other channels go through utils.create_pairwise_bilateral"
            raise ValueError(f"rgbim must have shape {(*self._size, 3)}, got {image.shape}{hint}")
        colors = _inputs.as_sigmas(srgb, "srgb", 3)
        _inputs.check_sigmas(colors, tuple(float(c) for c in image.max(axis=(0, 1))), "srgb")
        guide = np.array(image, order="C", copy=True)[None]
        self._add(self._sigma(sxy), guide, np.array(colors), compat, kernel, normalization)

    def _sigma(self, sxy: Any) -> tuple[float, float, float]:
        """Return standard deviations along depth, height and width."""
        height, width = self._size
        x, y = _inputs.as_sigmas(sxy, "sxy", 2)
        _inputs.check_sigmas((x, y), (width - 1.0, height - 1.0), "sxy")
        return 1.0, y, x
