"""`pydensecrf.densecrf`: the fully connected CRF of Kraehenbuehl and Koltun, by its old methods.

Energies are negative logarithms of probabilities. Q is a float32 array (L, N), where pydensecrf
gave an object that NumPy had to read first.
"""

from __future__ import annotations

from typing import Any, SupportsInt

import numpy as np

from segpost._backends import registry
from segpost._core import contract
from segpost._core.arrays import Array
from segpost._core.contract import Backend, CrfSolver, Pairwise
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
from segpost.compat.pydensecrf._unary import ConstUnary, LogisticUnary, Unary, product

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


class DenseCRF:
    """A fully connected CRF over variables that are known by their features alone.

    Parameters
    ----------
    nvar : int
        Number of variables N.
    nlabels : int
        Number of labels L.

    Raises
    ------
    ValueError
        For numbers below 1.

    Notes
    -----
    Mean field of Kraehenbuehl and Koltun (NIPS 2011, arXiv:1210.5644) with the messages that a
    variable sends to itself, as in their second version. Energies, features and images are copied
    when they are given.

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
        self._prepare((1, _inputs.whole(nvar, "nvar", 1)), nlabels)

    def _prepare(self, size: tuple[int, int], nlabels: SupportsInt) -> None:
        self._size = size  # rows and columns; variables that are no pixels are one row
        self._labels = _inputs.whole(nlabels, "nlabels", 1)
        self._unary: Array | None = None
        self._terms: list[Pairwise] = []
        self._solver: tuple[Backend, CrfSolver] | None = None

    @property
    def _shape(self) -> tuple[int, int]:
        """(L, N)."""
        return self._labels, self._size[0] * self._size[1]

    def _image(self, array: Array) -> Array:
        """The variables' axis as (1, H, W), which never needs a copy."""
        return array.reshape(len(array), 1, *self._size)

    def setUnary(self, u: Unary) -> None:
        """Take over energies; `u` is empty afterwards.

        Raises
        ------
        TypeError
            If `u` is no `ConstUnary` or `LogisticUnary`.
        RuntimeError
            If it was taken over before.
        ValueError
            If it is not of this CRF's shape.
        """
        if not isinstance(u, Unary):
            raise TypeError(
                f"u must be a ConstUnary or LogisticUnary, got {type(u).__name__}; "
                "arrays go to setUnaryEnergy"
            )
        self._set(u.move(), "u")

    def setUnaryEnergy(self, u: Any, f: Any = None) -> None:
        """Set the energies of every variable's labels.

        Parameters
        ----------
        u : float32 array of shape (L, N)
            Negative logarithms of probabilities. +inf rules a label out.
        f : float32 array of shape (F, N), optional
            Features; `u` is then (L, F) and the energies are ``u @ f``.

        Raises
        ------
        ValueError
            For another dtype or shape. NaN is found by the inference.
        """
        energies = _inputs.floats(u, "u", 2)
        if f is not None:
            energies = product(energies, _inputs.floats(f, "f", 2), "u")
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
        """Add a Gaussian kernel of any features.

        Parameters
        ----------
        features : float32 array of shape (d, N)
            Divided by their standard deviations, as `utils.create_pairwise_bilateral` gives them.
        compat : float, or float32 array of shape (L,) or (L, L)
            A number w is a Potts weight: labels attract their like. A vector or matrix is added
            to the energy instead, so that its sign is the opposite: w is the vector of -w and the
            matrix ``w * (1 - np.eye(L))``. A matrix is made symmetric.
        kernel : KernelType
            Of no effect.
        normalization : NormalizationType
            What the kernel is divided by.

        Raises
        ------
        ValueError
            For another dtype or shape, and for features that are not finite or far beyond what a
            sensible standard deviation gives.
        """
        array = _inputs.features(features, self._shape[1])
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
        _inputs.member(kernel, "kernel", KernelType)
        rule = _NORMALIZATIONS[_inputs.member(normalization, "normalization", NormalizationType)]
        weights = _inputs.attraction(compat, self._labels)
        known = None
        if guide is not None and guide.dtype != np.uint8:
            known = registry.backend().feature_range(guide, guide.dtype.name)[0].ravel()
        self._terms.append(Pairwise(sigma, guide, guide_sigma, weights, rule, known))
        self._solver = None

    def inference(self, niter: SupportsInt) -> Array:
        """Marginals after some iterations of mean field.

        Parameters
        ----------
        niter : int
            Iterations; 0 gives the softmax of the energies.

        Returns
        -------
        Q : float32 array of shape (L, N)

        Raises
        ------
        RuntimeError
            If no unary energies were set.
        ValueError
            For a negative number, for energies that are NaN or -inf, and for variables at which
            all are +inf.
        """
        iterations = _inputs.whole(niter, "niter", 0)
        solver = self._ready()
        q = np.empty(self._shape, np.float32)
        solver.infer(self._image(q), iterations, None, None, False)
        return q

    def startInference(self) -> tuple[Array, Array, Array]:
        """Q before the first iteration, and two arrays to be given to `stepInference`."""
        return self.inference(0), np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)

    def stepInference(self, Q: Any, tmp1: Any = None, tmp2: Any = None) -> None:
        """One iteration in place.

        Parameters
        ----------
        Q : float32 array of shape (L, N)
            Written to.
        tmp1, tmp2
            Of no use here.

        Raises
        ------
        ValueError
            If `Q` has another shape, holds NaN, or cannot be written.
        TypeError
            If it is no float32 array.
        """
        view = _inputs.distribution(Q, self._shape, change=True)
        solver = self._ready()
        following = np.empty(self._shape, np.float32)
        solver.infer(self._image(following), 1, self._image(view), None, False)
        view[...] = following

    def klDivergence(self, Q: Any) -> float:
        """The divergence of Q from the model, up to a constant, as pydensecrf counts it.

        ``sum(Q * log Q) + sum(U * Q) + sum(Q * messages)``: every pair counts twice, so this is not
        the free energy that mean field minimizes.

        Raises
        ------
        ValueError, TypeError
            If `Q` is no finite float32 array of shape (L, N).
        """
        view = _inputs.distribution(Q, self._shape, change=False)
        solver = self._ready()
        unused = np.empty(self._shape, np.float32)
        (step,) = solver.infer(self._image(unused), 0, self._image(view), None, True)
        return float(step.entropy + step.unary + step.pairwise)

    def _ready(self) -> CrfSolver:
        """The solver of these energies and kernels, made once."""
        if self._unary is None:
            raise RuntimeError("no unary energies are set: call setUnaryEnergy or setUnary first")
        backend = registry.backend()
        if self._solver is None or self._solver[0] is not backend:
            unary = contract.Unary(self._image(self._unary), "float32", "energies")
            solver = backend.dense_crf(unary, self._terms, True, "lattice", "default")
            if solver.bad.total or solver.bad.hopeless:
                width = self._size[1] if isinstance(self, DenseCRF2D) else None
                _inputs.raise_bad_energies(solver.bad, self._unary, width)
            self._solver = backend, solver
        return self._solver[1]


class DenseCRF2D(DenseCRF):
    """A fully connected CRF over the pixels of an image.

    Parameters
    ----------
    w, h : int
        The image's width and height, in this order.
    nlabels : int
        Number of labels L.

    Raises
    ------
    ValueError
        For numbers below 1.

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
        self._prepare((_inputs.whole(h, "h", 1), _inputs.whole(w, "w", 1)), nlabels)

    def addPairwiseGaussian(
        self,
        sxy: Any,
        compat: Any,
        kernel: int = DIAG_KERNEL,
        normalization: int = NORMALIZE_SYMMETRIC,
    ) -> None:
        """Add a Gaussian kernel of places: smoothness.

        Parameters
        ----------
        sxy : float or (float, float)
            Standard deviations in pixels, along x and along y.
        compat, kernel, normalization
            As in `addPairwiseEnergy`.

        Raises
        ------
        ValueError
            For a standard deviation that is 0, not finite, or next to nothing.
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
        """Add a Gaussian kernel of places and colors.

        Parameters
        ----------
        sxy : float or (float, float)
            Standard deviations in pixels, along x and along y.
        srgb : float or (float, float, float)
            Standard deviations of the channels.
        rgbim : uint8 array of shape (H, W, 3)
            For other images see `utils.create_pairwise_bilateral`.
        compat, kernel, normalization
            As in `addPairwiseEnergy`.

        Raises
        ------
        ValueError
            For another dtype or shape of the image, and for a standard deviation that is 0, not
            finite, or next to nothing.
        """
        image = _inputs.view(rgbim, "rgbim", "uint8", 3).array
        if image.shape != (*self._size, 3):
            hint = ""
            if image.shape == (*self._size[::-1], 3):
                hint = "; DenseCRF2D takes the width first, then the height"
            elif image.shape[:2] == self._size:
                hint = "; other channels go through utils.create_pairwise_bilateral"
            raise ValueError(f"rgbim must have shape {(*self._size, 3)}, got {image.shape}{hint}")
        colors = _inputs.sigmas(srgb, "srgb", 3)
        _inputs.within_reach(colors, tuple(float(c) for c in image.max(axis=(0, 1))), "srgb")
        guide = np.array(image, order="C", copy=True)[None]
        self._add(self._sigma(sxy), guide, np.array(colors), compat, kernel, normalization)

    def _sigma(self, sxy: Any) -> tuple[float, float, float]:
        """Along depth, height and width."""
        height, width = self._size
        x, y = _inputs.sigmas(sxy, "sxy", 2)
        _inputs.within_reach((x, y), (width - 1.0, height - 1.0), "sxy")
        return 1.0, y, x
