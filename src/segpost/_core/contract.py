"""The contract of the backends: their operations, and the records that these exchange.

A backend is a module with the functions of :class:`Backend`. They get checked arguments, write into
allocated arrays, and return the number and the first position of bad values; the API raises errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy.typing as npt

from segpost._core.boundary_contract import BoundaryOperations
from segpost._core.calibration_contract import CalibrationOperations
from segpost._core.calibration_contract import CalibrationSums as CalibrationSums
from segpost._core.decoding_contract import DecodingOperations
from segpost._core.detection_contract import DetectionOperations
from segpost._core.distance_contract import DistanceOperations
from segpost._core.logit_contract import LogitErrors as LogitErrors
from segpost._core.logit_contract import Logits as Logits
from segpost._core.logit_contract import VolumeOperations
from segpost._core.object_contract import ObjectOperations, Runs
from segpost._core.panoptic_contract import PanopticOperations
from segpost._core.query_contract import QueryGrids as QueryGrids
from segpost._core.query_contract import QueryMasks as QueryMasks
from segpost._core.query_contract import QueryOperations
from segpost._core.run_lengths import RunLengths
from segpost._core.sampling import Axes, FilterTaps

Array = npt.NDArray[Any]


class OverlayTarget(NamedTuple):
    """The inputs and the output of an overlay: the colors of labels over an image."""

    image: Array  # [N, H, W, 3] uint8
    alpha: Array  # [C + 1] uint16, 0..256
    out: Array  # [N, H, W, 3] uint8


class ColorOutputs(NamedTuple):
    """Color images that argmax writes in the same pass as the labels."""

    lut: Array  # [C + 1] uint32, 0x00bbggrr; the last is of ignored pixels
    color: Array | None = None  # [N, H, W, 3] uint8
    overlay: OverlayTarget | None = None


class LabelErrors(NamedTuple):
    """The number of values of ``(N, H, W)`` outside the allowed set, and the first flat index."""

    count: int = 0  # type: ignore[assignment]  # not tuple.count
    first: int = -1


VOID_STRATA = (255, -1)  # values of pixels that belong to no stratum
MAX_FEATURES = 32  # of a pairwise term, three of them for positions


class Unary(NamedTuple):
    """The unary term of a dense CRF: the values of every pixel of one image."""

    values: Array  # [L, D, H, W] of a float type, any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    unary_kind: str  # "probabilities", "logits" or "energies" (-log of a probability)
    clamp: float = 0.0  # smaller probabilities are raised to it


class Pairwise(NamedTuple):
    """A Gaussian of the difference of two pixels' features: positions, guide values, or both."""

    sigma: tuple[float, float, float] | None  # pixels along D, H, W; None: no positions
    guide: Array | None  # [D, H, W, G] uint8 or float32, any strides; on devices any real type
    guide_sigma: Array | None  # [G] float64, in the guide's units
    compatibility: (
        Array  # float64, weight included: (), [L] or [L, L]; a label's row gathers messages
    )
    normalization: str  # "symmetric", "row", "column" or "none"
    guide_range: Array | None = None  # [2 * G] float64: minima, then maxima; None: 0 and 255


class LatticeConfig(NamedTuple):
    """The settings by which the lattice approximates a Gaussian of features."""

    passes: int  # blurs along every axis; the second in reverse order
    blur_weight: float  # weight of each neighbour in a blur; the center has 1
    scale: float  # spacing of vertices relative to that by the variances of the steps
    wide_blur_weight: float  # the same two of images whose pixels are unlike those beside them,
    wide_scale: float  # so that few share a vertex; other images are in between
    small_passes: int  # the same of small images whose pixels are like those beside them
    small_blur_weight: float
    small_scale: float
    bridge_min: int  # neighbours that a vertex without pixels needs; 0: no such vertices. Above 1
    # it is 1 in small lattices and more in large ones
    prune_bound: float  # bound on the total probability of the labels that are pruned


LATTICES = {  # that minimize the error against the exact mean field of photographs and noise
    "fast": LatticeConfig(
        passes=1, blur_weight=0.5, scale=1.0, wide_blur_weight=0.5, wide_scale=1.0,
        small_passes=1, small_blur_weight=0.5, small_scale=1.0, bridge_min=0, prune_bound=1e-4,
    ),
    "default": LatticeConfig(
        passes=1, blur_weight=0.44, scale=1.04, wide_blur_weight=0.36, wide_scale=0.94,
        small_passes=2, small_blur_weight=0.4, small_scale=1.02, bridge_min=2, prune_bound=1e-5,
    ),
    "high": LatticeConfig(
        passes=2, blur_weight=0.4, scale=1.02, wide_blur_weight=0.4, wide_scale=1.02,
        small_passes=2, small_blur_weight=0.4, small_scale=1.02, bridge_min=1, prune_bound=1e-6,
    ),
}  # fmt: skip


class CrfStep(NamedTuple):
    """One step of mean field: the parts of its free energy, and the largest change of a value."""

    entropy: float  # sum of Q log Q
    unary: float  # sum of Q U, where U = -log of the clamped unary
    pairwise: float  # minus the sum of Q times its messages
    change: float  # max |Q - Q before|; NaN for the first


class UnaryErrors(NamedTuple):
    """The numbers and the first flat indices, into (L, D, H, W), of invalid unary values.

    `count` is of NaN and infinite values; -inf is a valid logit, +inf a valid energy.
    """

    count: int = 0  # type: ignore[assignment]  # not tuple.count
    first: int = -1
    out_of_range: int = 0  # probabilities below -1e-3 or above 1 + 1e-3
    out_of_range_first: int = -1
    infeasible: int = 0  # pixels at which no label is possible
    infeasible_first: int = -1  # into (D, H, W)


class CrfSolver(Protocol):
    """A dense CRF of one image; inference requires that `bad` counts no errors."""

    bad: UnaryErrors

    def infer(
        self,
        out: Array,  # [L, D, H, W] float32, any strides; the final Q
        iterations: int,
        start: Array | None,  # [L, D, H, W] float32, any strides: Q to start from, not softmax(-U)
        tolerance: float | None,  # stop after an iteration that changes no value by more
        trace: bool,  # whether steps contain energies
    ) -> list[CrfStep]:
        """Write the final Q to `out`, and return the steps: one more than the iterations.

        Without `trace` energies are NaN; without a tolerance too, changes are NaN.
        """


class Backend(
    BoundaryOperations,
    DetectionOperations,
    DistanceOperations,
    CalibrationOperations,
    DecodingOperations,
    ObjectOperations,
    PanopticOperations,
    QueryOperations,
    VolumeOperations,
    Protocol,
):
    """The operations of a backend."""

    def supports(self, operation: str, kind: str = "") -> bool:
        """Return whether the backend has an operation, for elements of `kind` if that is given."""

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

    def argmax_runs(self, logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]: ...

    # Confidence is the largest probability. argmax gets `confidence` and `probabilities` only if
    # `fuses` returns True. It then counts the pixels without probabilities, which include the
    # pixels without a label.

    def fuses(self, *, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
        """Return whether argmax computes confidence in the same pass.

        The arguments say whether the logits are resized, whether they are of a one-channel head,
        and whether all probabilities are written as well.
        """

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array | None,  # [N, C, H, W] float32
        confidence: Array | None,  # [N, H, W] float32
    ) -> LogitErrors: ...

    # A pixel of a mask is set where its interpolated logit, as the sum of integer weights times
    # logits, exceeds the cutoff of the channel; NaN does not. Undefined pixels are those of NaN:
    # their indices are into (N, C, H, W).

    def binarize(
        self,
        logits: Logits,  # no threshold
        axes: Axes | None,
        cutoffs: Array,  # [C] float64
        masks: Array,  # [N, C, H, W] uint8 of 0 and 1, or [N, C, H, ceil(W / 8)] bits, the first
        packed: bool,  # pixel of a byte in its highest bit; rows contiguous
    ) -> LogitErrors: ...

    def binarize_labels(
        self,
        logits: Logits,
        axes: Axes | None,
        cutoffs: Array,
        values: Array,  # [C] int32: the label of every channel
        labels: Array,  # [N, H, W] uint8 or int32: of the last channel that is set, 0 without one
    ) -> LogitErrors: ...

    def binarize_runs(
        self, logits: Logits, axes: Axes | None, cutoffs: Array
    ) -> tuple[RunLengths, LogitErrors]:  # of N * C masks
        ...

    def rank_classes(
        self,
        logits: Logits,  # of a one-channel head: class 0 has the logit 0
        axes: Axes | None,
        labels: Array | None,  # [N, H, W] of argmax: the first of the top labels where these tie
        confidence: Array | None,  # [N, H, W] float32, or uint8 as in argmax
        entropy: Array | None,  # [N, H, W] float32, in nats
        margin: Array | None,  # [N, H, W] float32: the largest probability minus the second
        top_labels: Array | None,  # [N, k, H, W] uint8 or int32, largest probability first
        top_probabilities: Array | None,  # [N, k, H, W] as confidence
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
        lut: Array,  # [K + 1] uint32; the last is of ignored pixels
        ignore_index: int | None,
        out: Array,  # [N, H, W, 3] uint8
    ) -> LabelErrors: ...

    def overlay(
        self,
        image: Array,  # [N, H, W, 3] uint8
        labels: Array,  # [N, H, W] integers
        lut: Array,  # [K + 1] uint32; the last is of ignored pixels
        alpha: Array,  # [K + 1] uint16, 0..256
        ignore_index: int | None,
        contour: int,
        out: Array,  # [N, H, W, 3] uint8
    ) -> LabelErrors: ...

    def resize_majority(
        self,
        labels: Array,  # [N, H, W] uint8 or int32, in 0..count - 1
        count: int,
        out: Array,  # [N, H', W'] of that type
    ) -> None: ...

    def labels_from_colors(
        self,
        image: Array,  # [N, H, W, 3] uint8
        keys: Array,  # [K] uint32 colors, sorted
        values: Array,  # [K] int32 labels
        out: Array,  # [N, H, W] uint8 or int32
    ) -> LabelErrors: ...

    def letterbox(
        self,
        image: Array,  # [N, H, W, B] of a real type, any strides
        y: FilterTaps,  # from the image's height to that of the resized one
        x: FilterTaps,
        offset: tuple[int, int],  # top and left of the resized one in `out`
        colors: Array,  # [3, B] float64: gain, shift and padding of the bands
        out: Array,  # [N, B, H', W'] float32 or float16, any strides: gain * value + shift
    ) -> None: ...

    # Backends add to `counts`. Its rows are the classes of the target, ignored pixels (VOC: void),
    # and invalid targets; its columns are the predicted classes, and invalid predictions. `ignored`
    # holds the target values that are ignored, classes or not: sorted, each once.

    def confusion_labels(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> None: ...

    def confusion_strata(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        strata: Array,  # [N, H, W] integers: 0 to S - 1; 255 and -1 are void
        ignored: Array,  # [I] int64
        counts: Array,  # [S + 2, C + 2, C + 1] int64: of each stratum, void, and invalid strata
    ) -> None: ...

    def confusion_logits(
        self,
        logits: Logits,
        axes: Axes | None,
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> LogitErrors: ...

    def dense_crf(
        self,
        unary: Unary,
        terms: Sequence[Pairwise],
        include_self: bool,  # whether a pixel sends a message to itself; if not, a pixel to which
        # the others have a total weight of at most 1e-6 gets no message
        method: str,  # "lattice" or "exact"
        quality: str,  # "fast", "default" or "high": of the lattice
    ) -> CrfSolver: ...

    def label_energies(
        self,
        labels: Array,  # [D, H, W] integers
        certainty: float,  # the probability of a pixel's label
        unsure: int | None,  # a label that means "could be any class"
        out: Array,  # [L, D, H, W] float32, C order: -log of the probabilities of the labels
    ) -> LabelErrors:  # labels that are neither classes nor `unsure`; `out` is then undefined
        ...

    def feature_range(
        self,
        features: Array,  # [D, H, W, G], any strides; bfloat16 as uint16
        kind: str,  # the element type, "bfloat16" included
    ) -> tuple[Array, LabelErrors]:  # [2, G] float64 on the CPU: the minimum and the maximum
        ...  # of every channel; the errors count values that are not finite, in (D, H, W, G)

    def prepare_guide(
        self,
        features: Array,  # [D, H, W, G] of finite values
        kind: str,
        bounds: Array,  # [2, G] float64, of `feature_range`
        limits: Array,  # [G] float64: a value beyond is too large for float32 arithmetic
    ) -> tuple[Array, Array]:  # the guide and the bounds of a `Pairwise` for `dense_crf`
        ...

    def reduce_max(
        self,
        values: Array,  # [N, L, H, W] float32, any strides
        out: Array,  # [N, H, W] float32, or uint8: rint(255 * maximum)
    ) -> None: ...


class PendingCounts(Protocol):
    """Counts in the memory of devices that have not been read."""

    def synchronize(self) -> None:
        """Wait for the counts, and raise an error if there are bad values."""


@runtime_checkable
class DeferredErrors(Protocol):
    """A backend whose error counts stay on a device until they are read."""

    def with_check(self, check: str) -> Backend:
        """Return this backend, reading error counts now ("sync"), later ("deferred") or never."""

    def with_error_buffer(self, buffer: Array) -> Backend:
        """Return this backend, which adds error counts to `buffer`, [6] uint64 on the device."""

    def defer(self, read: Callable[[], None]) -> None:
        """Register a function that `raise_deferred` calls."""

    def register(self, counts: PendingCounts) -> None:
        """Register counts that `raise_deferred` synchronizes, as long as they exist."""

    def raise_deferred(self) -> None:
        """Wait for error counts that have not been read, and raise an error if there are any."""
