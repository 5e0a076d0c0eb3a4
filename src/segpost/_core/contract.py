"""The only place that chooses a backend, and the contract that every backend keeps.

A backend is a module with the functions of :class:`Backend`. They get checked arguments, write into
arrays that exist, and report bad values by count and first place; the API turns that into errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy.typing as npt

from segpost._core.sampling import Axes, FilterTaps, VolumeAxes

Array = npt.NDArray[Any]


class Logits(NamedTuple):
    """What a network gave, as a view: class axis first, no copy."""

    values: Array  # [N, C, h, w], any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    scale: float = 1.0  # a real logit is scale * (value - zero_point)
    zero_point: float = 0.0
    threshold: float | None = None  # one-channel head: class 1 where value > threshold
    origin: tuple[int, int] = (0, 0)  # y, x of the first value in what the caller gave


class OverlayTarget(NamedTuple):
    """An overlay to make: the colors of labels over an image."""

    image: Array  # [N, H, W, 3] uint8
    alpha: Array  # [C + 1] uint16, 0..256
    out: Array  # [N, H, W, 3] uint8


class ColorOutputs(NamedTuple):
    """Pictures to make of labels on the way."""

    lut: Array  # [C + 1] uint32, 0x00bbggrr; the last is void's, which no label is
    color: Array | None = None  # [N, H, W, 3] uint8
    overlay: OverlayTarget | None = None


class LogitErrors(NamedTuple):
    """What a kernel met on its way; places are flat indices, -1 where there is none.

    softmax leaves the NaN fields alone: a NaN that matters makes an output undefined. Where argmax
    makes a confidence, a pixel without one is undefined, whether it has a label or not.
    """

    nan_count: int = 0  # NaN values in the logits
    nan_first: int = -1  # into (N, h, w)
    undefined_count: int = 0  # output pixels without an answer
    undefined_first: int = -1  # into (N, H, W)

    def undefined_as(self, other: LogitErrors) -> LogitErrors:
        """The same with the undefined pixels of another."""
        return self._replace(
            undefined_count=other.undefined_count, undefined_first=other.undefined_first
        )


class LabelErrors(NamedTuple):
    """Values outside the allowed set, found while reading ``(N, H, W)``."""

    count: int = 0  # type: ignore[assignment]  # not tuple.count
    first: int = -1


MAX_FEATURES = 32  # of a pairwise term, three for places


class Unary(NamedTuple):
    """What is known of every pixel of one image on its own."""

    values: Array  # [L, D, H, W] of a float type, any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    unary_kind: str  # "probabilities", "logits" or "energies" (-log of a probability)
    clamp: float = 0.0  # probabilities below it are taken for it


class Pairwise(NamedTuple):
    """A Gaussian of the difference of two pixels' features: their places, their guide, or both."""

    sigma: tuple[float, float, float] | None  # pixels along D, H, W; None: places play no part
    guide: Array | None  # [D, H, W, G] uint8 or float32, any strides; on devices any real type
    guide_sigma: Array | None  # [G] float64, in the guide's units
    compatibility: (
        Array  # float64, weight included: (), [L] or [L, L]; a label's row gathers messages
    )
    normalization: str  # "symmetric", "row", "column" or "none"
    guide_range: Array | None = None  # [2 * G] float64: least, then largest values; None: 0 and 255


class LatticeConfig(NamedTuple):
    """How finely a Gaussian of features is sampled."""

    passes: int  # blurs along every axis, the second in the opposite order
    blur_weight: float  # weight of each neighbour in a blur, the middle's being 1
    scale: float  # how much closer vertices are than the variances of the steps say
    bridge_min: int  # vertices that one without pixels has to join; 0: there are none
    prune_bound: float  # bound on the probability that labels without a chance lose together


# Found by search, against the exact mean field of photographs and noise.
LATTICES = {
    "fast": LatticeConfig(1, 0.5, 1.0, 0, 1e-4),
    "default": LatticeConfig(1, 0.42, 1.02, 2, 1e-5),
    "high": LatticeConfig(2, 0.4, 1.02, 1, 1e-6),
}


class CrfStep(NamedTuple):
    """Where mean field stands: parts of its free energy, and the largest change of a value."""

    entropy: float  # sum of Q log Q
    unary: float  # sum of Q U, where U = -log of the unary, as it is given (clamped)
    pairwise: float  # minus the sum of Q times its messages
    change: float  # max |Q - Q before|; NaN for the first


class UnaryErrors(NamedTuple):
    """Unary values that are none, counted while they are read; places are flat (L, D, H, W).

    `count` is of NaN and infinite values; -inf is a fine logit, +inf a fine energy.
    """

    count: int = 0  # type: ignore[assignment]  # not tuple.count
    first: int = -1
    out_of_range: int = 0  # probabilities below -1e-3 or above 1 + 1e-3
    out_of_range_first: int = -1
    infeasible: int = 0  # pixels at which no label is possible
    infeasible_first: int = -1  # into (D, H, W)


class CrfSolver(Protocol):
    """A dense CRF of one image, ready to be inferred; `bad` says whether it can be."""

    bad: UnaryErrors

    def infer(
        self,
        out: Array,  # [L, D, H, W] float32, any strides; the final Q
        iterations: int,
        start: Array | None,  # [L, D, H, W] float32, any strides: Q to start from, not softmax(-U)
        tolerance: float | None,  # stop after an iteration that changes no value by more
        trace: bool,  # whether steps have energies
    ) -> list[CrfStep]:
        """The steps from the start to what is in `out`: one more than there were iterations.

        Without `trace` energies are NaN, and changes too where there is no tolerance.
        """
        ...


class Backend(Protocol):
    """The operations every backend has, under the names they have everywhere."""

    def argmax(
        self,
        logits: Logits,
        axes: Axes | None,
        labels: Array,  # [N, H, W] uint8 or int32
        paint: ColorOutputs | None = None,
        confidence: Array | None = None,  # [N, H, W] float32, or uint8: rint(255 c), 0 for NaN
        fast: bool = False,  # confidence within 1e-5 of the definition, not 1e-6
        probabilities: Array | None = None,  # [N, C, H, W] float32
    ) -> LogitErrors: ...

    # Confidence is the largest probability. argmax gets `confidence` and `probabilities` only where
    # `fuses` says so. Its counts are then of the pixels without probabilities, of which those
    # without a label are some.

    def fuses(self, *, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
        """Whether argmax computes confidence in one pass: of resized logits, of a one-channel
        head (`sigmoid`), together with all probabilities.
        """
        ...

    def argmax_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]; no threshold
        axes: VolumeAxes,
        labels: Array,  # [N, D, H, W] uint8 or int32, pixels adjacent
    ) -> LogitErrors:  # places are into (N, d, h, w) and (N, D, H, W)
        ...

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array | None,  # [N, C, H, W] float32
        confidence: Array | None,  # [N, H, W] float32
    ) -> LogitErrors: ...

    def add_resized(
        self,
        logits: Logits,  # of one image: values [1, C, h, w]; quantization is ignored
        axes: Axes | None,
        weights: Array,  # [H, W] float32, any strides, at least 0
        sums: Array,  # [C, H, W] float32, any strides: weights * value is added where weights > 0
    ) -> None: ...

    def colorize(
        self,
        labels: Array,  # [N, H, W] integers
        lut: Array,  # [K + 1] uint32; the last is void
        ignore_index: int | None,
        out: Array,  # [N, H, W, 3] uint8
    ) -> LabelErrors: ...

    def overlay(
        self,
        image: Array,  # [N, H, W, 3] uint8
        labels: Array,  # [N, H, W] integers
        lut: Array,  # [K + 1] uint32; the last is void
        alpha: Array,  # [K + 1] uint16, 0..256
        ignore_index: int | None,
        contour: int,
        out: Array,  # [N, H, W, 3] uint8
    ) -> LabelErrors: ...

    def labels_from_colors(
        self,
        image: Array,  # [N, H, W, 3] uint8
        keys: Array,  # [K] uint32 colors, sorted
        values: Array,  # [K] int32 labels
        out: Array,  # [N, H, W] uint8 or int32
    ) -> LabelErrors: ...

    def letterbox(
        self,
        image: Array,  # [N, H, W, 3] uint8
        y: FilterTaps,  # from the image's height to that of the resized one
        x: FilterTaps,
        offset: tuple[int, int],  # top and left of the resized one in `out`
        colors: Array,  # [3, 3] float64: gain, shift and padding of the channels of `image`
        out: Array,  # [N, 3, H', W'] float32 or float16, any strides: gain * value + shift
    ) -> None: ...

    # Counts are added to. Their rows are the classes of the target, void, and targets that are
    # neither; their columns the predicted classes, and predictions that are none. `ignored` are
    # the targets that are void, whether they are classes or not: sorted, each once.

    def confusion_labels(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> None: ...

    def confusion_logits(
        self,
        logits: Logits,
        axes: Axes | None,
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> LogitErrors: ...

    def boundary_bands(
        self,
        labels: Array,  # [N, H, W] integers
        width: int,  # pixels
        frame: bool,  # whether the end of the image is a boundary
        classes: int,
        ignored: Array,  # [I] int64
        out: Array,  # [N, H, W] uint8 or int32, C order
    ) -> None: ...

    def boundary_matches(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        offsets: Array,  # [K, 2] int32 (dy, dx), nearest first
        counts: Array,  # [C, 4] int64: predicted, of them matched, target, of them matched
    ) -> None: ...

    def instance_counts(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        instances: Array,  # [N, H, W] integers in [0, K)
        groups: Array,  # [C] int64, the group of every class
        ignored: Array,  # [I] int64
        counts: Array,  # [K, 4] int64, zeros: pixels, of them right, of them in the right group,
        # and the class plus one, or -1 where an instance has pixels of several
    ) -> None: ...

    def dense_crf(
        self,
        unary: Unary,
        terms: Sequence[Pairwise],
        include_self: bool,  # whether a pixel sends a message to itself; if not, a pixel that the
        # others together reach with no more than 1e-6 gets none
        method: str,  # "lattice" or "exact"
        quality: str,  # "fast", "default" or "high": of the lattice
    ) -> CrfSolver: ...


class PendingCounts(Protocol):
    """Counts that are on devices until somebody reads them."""

    def settle(self) -> None:
        """Wait for them, and raise what is wrong with them."""
        ...


@runtime_checkable
class DeferredErrors(Protocol):
    """A backend whose reports wait on a device."""

    def checking(self, check: str) -> Backend:
        """The same, reading reports at once ("sync"), later ("deferred") or never ("off")."""
        ...

    def reporting_to(self, found: Array) -> Backend:
        """The same, adding what it meets to `found`, on the device: [4] uint64, as Report."""
        ...

    def defer(self, read: Callable[[], None]) -> None:
        """Have `raise_deferred` call this."""
        ...

    def watch(self, counts: PendingCounts) -> None:
        """Have `raise_deferred` settle these, while they exist."""
        ...

    def raise_deferred(self) -> None:
        """Wait for reports that have not been read, and raise what they say."""
        ...
