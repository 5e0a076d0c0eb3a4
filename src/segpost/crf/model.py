"""Refinement of probabilities by a fully connected CRF: `dense_crf` and `DenseCRF`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from segpost._core import arguments
from segpost._core.arguments import as_integer
from segpost.crf import inputs, terms
from segpost.crf.solve import solve
from segpost.crf.terms import Term

GAUSSIAN = Term({"sigma": 3.0, "weight": 3.0})
BILATERAL = Term({"sigma_xy": 80.0, "sigma_rgb": 13.0, "weight": 10.0})
PRESETS: dict[str, dict[str, Any]] = {
    "pydensecrf": {"iterations": 10, "gaussian": GAUSSIAN, "bilateral": BILATERAL},
    "deeplab": {
        "iterations": 10,
        "gaussian": Term({"sigma": 1.0, "weight": 3.0}),
        "bilateral": Term({"sigma_xy": 67.0, "sigma_rgb": 3.0, "weight": 4.0}),
    },
}
METHODS = ("lattice", "exact")
QUALITIES = ("fast", "default", "high")

Terms = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def dense_crf(
    probabilities: Any,
    image: Any = None,
    *,
    iterations: int = 10,
    gaussian: Terms = GAUSSIAN,
    bilateral: Terms = BILATERAL,
    compatibility: Any = "potts",
    normalization: str = "symmetric",
    own_term: bool = True,
    unary: str = "probabilities",
    axis: int | None = None,
    volume: bool = False,
    clamp: float = 1e-5,
    num_classes: int | None = None,
    certainty: float = 0.7,
    unsure: int | None = None,
    tolerance: float | None = None,
    method: str = "lattice",
    quality: str = "default",
) -> Any:
    """Probabilities that follow the edges of the image: mean field of a fully connected CRF.

    Parameters
    ----------
    probabilities : float array of shape (L, H, W) or (N, L, H, W)
        Labels last with ``axis=-1``; what else it can be says `unary`. float64, float32, float16
        or bfloat16, any strides; NumPy, torch, and what `argmax` takes.
    image : array of shape (H, W, G) or (H, W), with N in front where `probabilities` have it
        The photograph, channels last, of `probabilities`' height and width. Any number of
        channels; uint8, or anything that float32 holds: near-infrared, depth, features. None where
        no bilateral term reads it.
    iterations, gaussian, bilateral, compatibility, normalization, own_term, unary, axis, volume, \
clamp, num_classes, certainty, unsure, tolerance, method, quality
        Settings: see `DenseCRF`, whose defaults are the same. ``DenseCRF.preset("deeplab")`` has
        other ones, and is called like this function.

    Returns
    -------
    probabilities : float32 array of the shape and the kind of `probabilities`

    Raises
    ------
    ValueError, TypeError
        For anything that does not fit together, and for values that are no probabilities: the
        message names the argument, what came, how many and where the first is. NaN never comes out.

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
    return crf(probabilities, image)


@dataclass(frozen=True, eq=False)
class Refinement:
    """What `DenseCRF.refine` gives back; the last four are lists, one entry an image, of a batch.

    Attributes
    ----------
    probabilities : float32 array of the shape and the kind that came in
    labels : array of shape (H, W) or (N, H, W), uint8 or int32
        The first index of the largest probability.
    iterations : int
        How many were done.
    converged : bool or None
        Whether the last iteration changed no probability by more than the tolerance; None where
        there is no tolerance.
    change : list of floats, or None
        The largest change of a probability in every iteration; None without tolerance and trace.
    kl : list of floats, or None
        Mean-field free energy from the start to the end, so one more than there are iterations: the
        Kullback-Leibler divergence from the CRF's distribution, up to a constant. None without
        trace. Iterations that update all pixels at once need not lower it each time.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> p = np.full((2, 4, 4), 0.5)
    >>> segpost.DenseCRF(bilateral=None, tolerance=1e-3).refine(p)
    Refinement(iterations=1, converged=True)
    """

    probabilities: Any = field(repr=False)
    labels: Any = field(repr=False)
    iterations: Any
    converged: Any
    change: Any = field(repr=False)
    kl: Any = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DenseCRF:
    """A fully connected CRF as a reusable, unchangeable description; `dense_crf` is one call of it.

    ``crf(probabilities, image)`` gives refined probabilities, ``crf.refine(probabilities, image)``
    tells how it went too. Both take what `dense_crf` takes.

    Parameters
    ----------
    iterations : int
        Of mean field, at least 0.
    gaussian : mapping, sequence of mappings, or None
        Terms that make near pixels alike. Keys: "sigma" in pixels, a number or one for each axis of
        the array, (y, x), for volumes (z, y, x); "weight"; and, for this term alone,
        "compatibility" and "normalization".
    bilateral : mapping, sequence of mappings, or None
        Terms that make near pixels of like color alike. Keys: "sigma_xy" as "sigma" above, the
        order being (y, x) too, or None where places play no part; "sigma_rgb" in the image's
        units, a number or one for each channel; "weight", "compatibility", "normalization";
        "guide", an array like `image` that this term reads instead of it. A weight of 0 leaves a
        term out, a negative one drives pixels apart.
    compatibility : "potts", array of shape (L,), or array of shape (L, L)
        "potts" is one cost, the weight, for any two labels that differ. A vector is an attraction
        of each label to itself, to be multiplied by the weight: ones are Potts. A matrix holds the
        costs mu[l, m] of label l beside label m, as in the paper: 1 - I is Potts. It need not be
        symmetric.
    normalization : {"symmetric", "row", "column", "none"}
        K(i, j) is divided by sqrt(s_i s_j), s_i, s_j or 1, where s_i = sum_j K(i, j).
    own_term : bool
        Whether a pixel sends itself a message (j = i), as in pydensecrf; the paper leaves it out.
        Without it, a pixel that all others together reach with less than 1e-6 gets no message.
    unary : {"probabilities", "logits", "labels", "energies"}
        What `probabilities` are. Energies are -log of probabilities, +inf where a label is
        impossible; they, and logits, are not told apart beyond 1e30. Labels are integers of shape
        (H, W) or (N, H, W). Probabilities need not add up to 1; those of independent sigmoids are
        taken as they are, which is rarely meant.
    axis : int, optional
        The label axis: -3 (-4 for volumes) where left out, or -1.
    volume : bool
        Whether there are three axes of pixels: (L, D, H, W) or (N, L, D, H, W), and images
        (D, H, W, G) or (D, H, W).
    clamp : float
        Probabilities below it are taken for it. With 0, a probability of 0 is final.
    num_classes : int, optional
        The number of labels L, for ``unary="labels"`` only.
    certainty : float
        With ``unary="labels"``: the probability of the label. The others share the rest.
    unsure : int, optional
        With ``unary="labels"``: the value of pixels that may be anything.
    tolerance : float, optional
        Stop after an iteration that changes no probability by more.
    method : {"lattice", "exact"}
        "lattice" approximates the sums over all pixels; "exact" takes time that grows with the
        square of the number of pixels.
    quality : {"fast", "default", "high"}
        Of the approximation.

    Raises
    ------
    ValueError, TypeError
        For settings that are none: the message names them.

    Notes
    -----
    U_l(i) = -log max(p_l(i), clamp), Q starts as softmax(-U), and an iteration is
    Q_l(i) <- softmax_l(-U_l(i) - sum_k w_k sum_m mu_k[l, m] sum_j K_k(i, j) Q_m(j)),
    where K_k(i, j) = exp(-|f_i - f_j|^2 / 2), normalized, f being places and colors over their
    sigmas.

    The result is the same, byte for byte, for any number of threads.

    Measured error, mean |dQ| and labels that differ from ``method="exact"``, after 10 iterations on
    128 x 128 pixels of two photographs with 21 uncertain labels (``python -m benches crf --match
    accuracy``; it depends on image and probabilities, and single pixels can flip):

    ========================  ===================  ===================  ====================
    photograph, preset        china, pydensecrf    china, deeplab       flower, pydensecrf
    ========================  ===================  ===================  ====================
    ``quality="fast"``        5.2e-4, 0.54 %       8.8e-4, 0.81 %       4.4e-4, 0.49 %
    ``quality="default"``     3.2e-4, 0.35 %       3.3e-4, 0.30 %       2.4e-4, 0.26 %
    ``quality="high"``        1.5e-4, 0.16 %       3.4e-4, 0.38 %       1.6e-4, 0.17 %
    ``method="exact"``        below 1e-7           below 1e-7           below 1e-7
    pydensecrf                5.3e-4, 0.64 %       9.2e-4, 0.87 %       4.0e-4, 0.44 %
    ========================  ===================  ===================  ====================

    The error of "exact" is that from the float64 reference, on a small image. "fast" is a lattice
    as pydensecrf has it; "high" has several times as many vertices, which costs most where colors
    are many and sigmas small.
    Without the own term the lattice is less exact where few pixels hear one another.

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

    iterations: int = 10
    gaussian: Terms = GAUSSIAN
    bilateral: Terms = BILATERAL
    compatibility: Any = "potts"
    normalization: str = "symmetric"
    own_term: bool = True
    unary: str = "probabilities"
    axis: int | None = None
    volume: bool = False
    clamp: float = 1e-5
    num_classes: int | None = None
    certainty: float = 0.7
    unsure: int | None = None
    tolerance: float | None = None
    method: str = "lattice"
    quality: str = "default"

    def __post_init__(self) -> None:
        for name in ("own_term", "volume"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        arguments.check_choice(self.unary, "unary", inputs.UNARIES)
        arguments.check_choice(self.normalization, "normalization", terms.NORMALIZATIONS)
        arguments.check_choice(self.method, "method", METHODS)
        arguments.check_choice(self.quality, "quality", QUALITIES)
        checked: dict[str, Any] = {
            "iterations": _count(self.iterations, "iterations", 0),
            "gaussian": terms.checked_terms(self.gaussian, "gaussian", self.volume),
            "bilateral": terms.checked_terms(self.bilateral, "bilateral", self.volume),
            "compatibility": terms.checked_compatibility(self.compatibility, "compatibility"),
            "axis": None if self.axis is None else as_integer(self.axis, "axis"),
            "clamp": terms.number(self.clamp, "clamp", 0, 1),
            "certainty": terms.number(self.certainty, "certainty", 0, 1),
            "unsure": None if self.unsure is None else as_integer(self.unsure, "unsure"),
        }
        if checked["certainty"] == 0:
            raise ValueError("certainty must be above 0: labels that are never right say nothing")
        if self.tolerance is not None:
            checked["tolerance"] = terms.number(self.tolerance, "tolerance", 0)
        if self.unary == "labels":
            if self.num_classes is None:
                raise ValueError("unary='labels' needs num_classes=")
            checked["num_classes"] = _count(self.num_classes, "num_classes", 2)
        elif self.num_classes is not None or self.unsure is not None:
            name = "unsure" if self.num_classes is None else "num_classes"
            raise ValueError(f"{name} is for unary='labels', but unary is {self.unary!r}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> DenseCRF:
        """Settings by name.

        Parameters
        ----------
        name : {"pydensecrf", "deeplab"}
            "pydensecrf": those of pydensecrf's README, a Gaussian of 3 pixels, weight 3, and a
            bilateral of 80 pixels and 13 of 255, weight 10. "deeplab": those that DeepLab released
            for VOC (arXiv:1606.00915), 1 pixel, weight 3, and 67 pixels and 3 of 255, weight 4.
            Both 10 iterations.
        **overrides
            Other parameters of `DenseCRF`, in place of the preset's.

        Raises
        ------
        ValueError
            If there is none of that name.

        Examples
        --------
        >>> import segpost
        >>> segpost.DenseCRF.preset("deeplab", iterations=5).gaussian
        ({'sigma': 1.0, 'weight': 3.0},)
        """
        arguments.check_choice(name, "name", tuple(PRESETS))
        return cls(**{**PRESETS[name], **overrides})

    def __repr__(self) -> str:
        told = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return f"DenseCRF({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in told)})"

    def __call__(self, probabilities: Any, image: Any = None) -> Any:
        """The refined probabilities, as `dense_crf` gives them."""
        return solve(self, probabilities, image, trace=False).result.result()

    def refine(self, probabilities: Any, image: Any = None, trace: bool = False) -> Refinement:
        """The refined probabilities, their labels, and how it went.

        Parameters
        ----------
        probabilities, image : arrays
            As in `dense_crf`.
        trace : bool
            Whether to follow the free energy and the changes, which takes time.

        Returns
        -------
        refinement : Refinement

        Raises
        ------
        ValueError, TypeError
            As `dense_crf`.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> p = np.full((2, 4, 4), 0.5)
        >>> p[:, 1, 1] = 0.9, 0.1
        >>> done = segpost.DenseCRF(bilateral=None).refine(p, trace=True)
        >>> done.iterations, len(done.kl), bool(done.labels.any()), done.kl[0] > done.kl[-1]
        (10, 11, False, True)
        """
        done = solve(self, probabilities, image, trace=trace)
        changes = [[step.change for step in steps[1:]] for steps in done.steps]
        limit = self.tolerance
        converged = [
            None if limit is None else bool(change) and change[-1] <= limit for change in changes
        ]
        energies = [
            [step.entropy + step.unary + step.pairwise / 2 for step in steps]
            for steps in done.steps
        ]

        def told(values: list[Any]) -> Any:
            return values if done.field.batched else values[0]

        return Refinement(
            probabilities=done.result.result(),
            labels=done.labels(),
            iterations=told([len(change) for change in changes]),
            converged=told(converged),
            change=told(changes) if trace or limit is not None else None,
            kl=told(energies) if trace else None,
        )


def _count(value: object, name: str, least: int) -> int:
    number = as_integer(value, name)
    if not least <= number < 2**31:
        raise ValueError(f"{name} must be at least {least} and below 2**31, got {value!r}")
    return number
