"""Refinement of probabilities by a fully connected CRF: `dense_crf` and `DenseCRF`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, overload

from segpost._core.arguments import check_choice
from segpost._core.array_types import (
    ArrayT,
    Float32Array,
    HostArray,
    LabelArray,
    SupportsArray,
)
from segpost._core.public import public
from segpost._core.unknown_names import explain_arguments
from segpost.crf.refinement import Refinement
from segpost.crf.settings import CrfSettings, Method, Quality, Settings, Terms, Unary
from segpost.crf.solve import solve
from segpost.crf.terms import BILATERAL, GAUSSIAN, PRESETS, Normalization, PresetName

if TYPE_CHECKING:
    from typing_extensions import Unpack


@overload
def dense_crf(
    probabilities: HostArray, image: Any = ..., **settings: Unpack[CrfSettings]
) -> Float32Array: ...
@overload
def dense_crf(
    probabilities: ArrayT, image: Any = ..., **settings: Unpack[CrfSettings]
) -> ArrayT: ...
@overload
def dense_crf(
    probabilities: SupportsArray, image: Any = ..., **settings: Unpack[CrfSettings]
) -> Float32Array: ...
@explain_arguments
def dense_crf(
    probabilities: Any,
    image: Any = None,
    *,
    iterations: int = 10,
    gaussian: Terms = GAUSSIAN,
    bilateral: Terms = BILATERAL,
    compatibility: Any = "potts",
    normalization: Normalization = "symmetric",
    own_term: bool = True,
    unary: Unary = "probabilities",
    axis: int | None = None,
    volume: bool = False,
    clamp: float = 1e-5,
    num_classes: int | None = None,
    certainty: float = 0.7,
    unsure: int | None = None,
    tolerance: float | None = None,
    method: Method = "lattice",
    quality: Quality = "default",
) -> Any:
    """Refine probabilities along the edges of an image, by a fully connected CRF (mean field).

    Parameters
    ----------
    probabilities : float array of shape (L, H, W) or (N, L, H, W)
        float64, float32, float16 or bfloat16, any strides, of any library that `argmax` takes.
        Labels come last with ``axis=-1``. `unary` lets it hold logits, energies or labels.
    image : array of shape (H, W, G) or (H, W), with N in front where `probabilities` have it
        The image, channels last, with the height and width of `probabilities`. Any number of
        channels: uint8, or other values that float32 holds, such as near-infrared, depth or
        features. A uint8 image may be (3, H, W) too, with its channels first. None if no bilateral
        term reads it.
    iterations, gaussian, bilateral, compatibility, normalization, own_term, unary, axis, volume, \
clamp, num_classes, certainty, unsure, tolerance, method, quality
        Settings, as `DenseCRF` documents them. ``DenseCRF.preset("deeplab")`` has other values.

    Returns
    -------
    probabilities : float32 array of the shape and the array type of `probabilities`
        Never NaN.

    Raises
    ------
    ValueError, TypeError
        If arguments do not fit together, or values are not what `unary` says: the message names
        the argument, the value, how many are bad, and where the first is.

    References
    ----------
    P. Krähenbühl and V. Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
    Potentials", NIPS 2011, arXiv:1210.5644.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> image = np.zeros((8, 8, 3), np.uint8)
    >>> image[:, 4:] = 255
    >>> probabilities = np.full((2, 8, 8), 0.5)
    >>> probabilities[0, 3, 1], probabilities[1, 3, 1] = 0.9, 0.1  # one pixel knows its label
    >>> probabilities[0, 3, 6], probabilities[1, 3, 6] = 0.1, 0.9
    >>> segpost.argmax(segpost.dense_crf(probabilities, image, gaussian=None))[0]
    array([0, 0, 0, 0, 1, 1, 1, 1], dtype=uint8)
    """
    crf = DenseCRF(
        iterations=iterations,
        gaussian=gaussian,
        bilateral=bilateral,
        compatibility=compatibility,
        normalization=normalization,
        own_term=own_term,
        unary=unary,
        axis=axis,
        volume=volume,
        clamp=clamp,
        num_classes=num_classes,
        certainty=certainty,
        unsure=unsure,
        tolerance=tolerance,
        method=method,
        quality=quality,
    )
    return solve(crf, probabilities, image, trace=False).output.result()


@public
class DenseCRF(Settings):
    """A fully connected CRF with fixed settings, to be used for many images.

    ``crf(probabilities, image)`` returns refined probabilities, as `dense_crf` does.
    ``crf.refine(probabilities, image)`` returns labels and the course of the iterations too.

    Parameters
    ----------
    iterations : int
        The number of mean-field iterations, at least 0.
    gaussian : mapping, sequence of mappings, or None
        Terms that make near pixels alike. Keys: "sigma" in pixels, a number or one for each axis of
        the array, (y, x), for volumes (z, y, x); "weight"; and optionally "compatibility" and
        "normalization", in place of those of all terms.
    bilateral : mapping, sequence of mappings, or None
        Terms that make near pixels of like color alike. Keys: "sigma_xy" as "sigma" above, the
        order being (y, x) too, or None to ignore the distance in the image; "sigma_rgb" in the
        image's units, a number or one for each channel; "weight", "compatibility",
        "normalization"; "guide", an array like `image` that this term reads instead of it. A
        weight of 0 leaves a term out; a negative weight makes near pixels differ.
    compatibility : "potts", array of shape (L,), or array of shape (L, L)
        "potts" is one cost, the weight, for any two labels that differ. A vector is an attraction
        of each label to itself, to be multiplied by the weight: ones are Potts. A matrix holds the
        costs mu[l, m] of label l near label m, as in the paper: 1 - I is Potts. It need not be
        symmetric.
    normalization : {"symmetric", "row", "column", "none"}
        K(i, j) is divided by sqrt(s_i s_j), s_i, s_j or 1, where s_i = sum_j K(i, j).
    own_term : bool
        Whether the sums over j include the pixel itself (j = i), as in pydensecrf; the paper leaves
        it out. Without it, a pixel whose kernel values K(i, j) sum to less than 1e-6 gets no
        message.
    unary : {"probabilities", "logits", "labels", "energies"}
        What the argument `probabilities` holds. Energies are -log of probabilities, +inf where a
        label is impossible; energies and logits beyond 1e30 count as equal. Labels are integers of
        shape (H, W) or (N, H, W). Probabilities need not add up to 1: those of independent sigmoids
        are used as they are, which is rarely intended.
    axis : int, optional
        The label axis: -3 (-4 for volumes), which is the default, or -1.
    volume : bool
        Whether there are three axes of pixels: (L, D, H, W) or (N, L, D, H, W), and images
        (D, H, W, G) or (D, H, W).
    clamp : float
        Probabilities below it are raised to it. With 0, a label of probability 0 is impossible.
    num_classes : int, optional
        The number of labels L, for ``unary="labels"`` only.
    certainty : float
        With ``unary="labels"``: the probability of the label (pydensecrf's ``gt_prob``). The other
        labels share the rest.
    unsure : int, optional
        With ``unary="labels"``: the value of pixels with an unknown label, at which all labels are
        equally likely.
    tolerance : float, optional
        Stop after an iteration that changes no probability by more.
    method : {"lattice", "exact"}
        "lattice" approximates the sums over all pixels; "exact" needs time that grows with the
        square of the number of pixels.
    quality : {"fast", "default", "high"}
        The quality of the approximation.

    Raises
    ------
    ValueError, TypeError
        If a setting is of a wrong type or out of its range: the message names it.

    Notes
    -----
    U_l(i) = -log max(p_l(i), clamp), Q starts as softmax(-U), and an iteration is
    Q_l(i) <- softmax_l(-U_l(i) - sum_k w_k sum_m mu_k[l, m] sum_j K_k(i, j) Q_m(j)),
    where K_k(i, j) = exp(-|f_i - f_j|^2 / 2), normalized, f being positions and colors over
    their sigmas.

    The result is the same, byte for byte, for any number of threads.

    Measured error, mean |dQ| and labels that differ from ``method="exact"``, after 10 iterations on
    128 x 128 pixels of two photographs with 21 uncertain labels (``python -m benches crf --match
    accuracy``; it depends on image and probabilities, and single pixels can flip):

    ========================  ===================  ===================  ====================
    photograph, preset        china, pydensecrf    china, deeplab       flower, pydensecrf
    ========================  ===================  ===================  ====================
    ``quality="fast"``        5.2e-4, 0.54 %       8.8e-4, 0.81 %       4.4e-4, 0.49 %
    ``quality="default"``     1.5e-4, 0.16 %       4.2e-4, 0.39 %       1.6e-4, 0.17 %
    ``quality="high"``        1.5e-4, 0.16 %       3.4e-4, 0.38 %       1.6e-4, 0.17 %
    ``method="exact"``        below 1e-7           below 1e-7           below 1e-7
    pydensecrf                5.3e-4, 0.64 %       9.2e-4, 0.87 %       4.0e-4, 0.44 %
    ========================  ===================  ===================  ====================

    The error of "exact" is that from the float64 reference, on a small image. "fast" is the lattice
    of pydensecrf; "high" has several times as many vertices, which costs most where an image has
    many colors and sigmas are small. "default" adapts to the share of pixels that are unlike those
    beside them, and is "high" for images of up to 32,768 pixels with a small share. In larger ones,
    where several pixels share a vertex, the native backend lets one pixel of every 2 x 2, each in
    its turn, stand for all four in up to nine iterations before the last; but not where
    probabilities differ from pixel to pixel, nor with a tolerance, negative weights, a matrix,
    ``own_term=False``, a volume, or a Gaussian of less than 3 pixels.

    With ``own_term=False`` the lattice is inexact where few pixels have a like color, and needs
    ``quality="high"`` with a bilateral term. Labels that differ from "exact", on 96 x 96 pixels of
    three images with noise of 25 gray levels and 4 uncertain labels: preset "pydensecrf" 3 % with
    and without the own term, preset "deeplab" 2 % with it and 36 % without.

    Peak memory above the input, the result included: 70 bytes a pixel with two labels and 340 with
    21, preset "pydensecrf"; 940 with 21 and "deeplab", whose lattice has about as many vertices as
    a photograph has pixels. "exact" needs the same order, but time that grows with the square.

    A float guide whose values are huge for their sigma (beyond 100,000 sigmas) is shifted to 0
    first, in float64. int16 and uint16 guides are converted to float32, which holds them exactly.

    References
    ----------
    P. Krähenbühl and V. Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
    Potentials", NIPS 2011, arXiv:1210.5644.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> crf = segpost.DenseCRF(iterations=5, gaussian=None)
    >>> p = segpost.softmax(np.zeros((3, 6, 6), np.float32))
    >>> crf(p, np.zeros((6, 6, 3), np.uint8)).shape
    (3, 6, 6)
    >>> crf.bilateral[0]["sigma_rgb"]
    13.0
    """

    @classmethod
    def preset(cls, name: PresetName, **overrides: Unpack[CrfSettings]) -> DenseCRF:
        """Return a CRF with published settings.

        Parameters
        ----------
        name : {"pydensecrf", "deeplab"}
            "pydensecrf" is that of pydensecrf's README: a Gaussian of 3 pixels, weight 3, and a
            bilateral term of 80 pixels and 13 of 255, weight 10. "deeplab" is that of DeepLab for
            VOC (arXiv:1606.00915): 1 pixel, weight 3, and 67 pixels and 3 of 255, weight 4. Both
            have 10 iterations.
        **overrides
            Parameters of `DenseCRF` that replace those of the preset.

        Raises
        ------
        ValueError
            If there is no preset of that name.

        Examples
        --------
        >>> import segpost
        >>> segpost.DenseCRF.preset("deeplab", iterations=5).gaussian
        ({'sigma': 1.0, 'weight': 3.0},)
        """
        check_choice(name, "name", tuple(PRESETS))
        return cls(**{**PRESETS[name], **overrides})

    def __repr__(self) -> str:
        changed = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        return f"DenseCRF({', '.join(f'{name}={getattr(self, name)!r}' for name in changed)})"

    @overload
    def __call__(self, probabilities: HostArray, image: Any = ...) -> Float32Array: ...
    @overload
    def __call__(self, probabilities: ArrayT, image: Any = ...) -> ArrayT: ...
    @overload
    def __call__(self, probabilities: SupportsArray, image: Any = ...) -> Float32Array: ...
    def __call__(self, probabilities: Any, image: Any = None) -> Any:
        """Return refined probabilities, as `dense_crf` does."""
        return solve(self, probabilities, image, trace=False).output.result()

    @overload
    def refine(
        self, probabilities: HostArray, image: Any = ..., trace: bool = ..., previous: Any = ...
    ) -> Refinement[Float32Array, LabelArray]: ...
    @overload
    def refine(
        self, probabilities: ArrayT, image: Any = ..., trace: bool = ..., previous: Any = ...
    ) -> Refinement[ArrayT, ArrayT]: ...
    @overload
    def refine(
        self, probabilities: SupportsArray, image: Any = ..., trace: bool = ..., previous: Any = ...
    ) -> Refinement[Float32Array, LabelArray]: ...
    def refine(
        self, probabilities: Any, image: Any = None, trace: bool = False, previous: Any = None
    ) -> Any:
        """Return refined probabilities, their labels, and the course of the iterations.

        Parameters
        ----------
        probabilities, image : arrays
            As in `dense_crf`.
        trace : bool
            Whether to compute the free energy and the largest change of every iteration, which
            takes time. It changes no byte of the probabilities. Where a quarter of the pixels
            stands for all in an iteration, so it does in the energy before it.
        previous : float32 array of the shape of the refined probabilities, optional
            Where Q starts, in place of softmax(-U): the result for the frame before, say. The
            model is the same, so that fewer iterations are enough where little has changed; it
            may end at another fixed point. It is on the device of `probabilities`, and is only
            read.

        Returns
        -------
        refinement : Refinement

        Raises
        ------
        ValueError, TypeError
            As `dense_crf`, or if `previous` has another shape or dtype, or values that are no
            probabilities.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> p = np.full((2, 4, 4), 0.5)
        >>> p[:, 1, 1] = 0.9, 0.1
        >>> crf = segpost.DenseCRF(bilateral=None, tolerance=1e-3)
        >>> result = crf.refine(p, trace=True)
        >>> result.iterations, len(result.kl), result.kl[0] > result.kl[-1]
        (10, 11, True)
        >>> crf.refine(p, previous=result.probabilities).iterations
        1
        """
        if not isinstance(trace, bool):
            got = repr(trace)
            if hasattr(trace, "shape"):
                got = f"{type(trace).__name__}: probabilities to start from are previous="
            raise TypeError(f"trace must be True or False, got {got}")
        solution = solve(self, probabilities, image, trace=trace, previous=previous)
        changes = [[step.change for step in steps[1:]] for steps in solution.steps]
        tolerance = self.tolerance
        converged = [
            None if tolerance is None else bool(change) and change[-1] <= tolerance
            for change in changes
        ]
        energies = [
            [step.entropy + step.unary + step.pairwise / 2 for step in steps]
            for steps in solution.steps
        ]

        def unbatch(values: list[Any]) -> Any:
            return values if solution.batch.is_batched else values[0]

        return Refinement(
            probabilities=solution.output.result(),
            labels=solution.labels(),
            iterations=unbatch([len(change) for change in changes]),
            converged=unbatch(converged),
            change=unbatch(changes) if trace or tolerance is not None else None,
            kl=unbatch(energies) if trace else None,
        )
