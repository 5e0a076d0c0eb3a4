"""`Calibration`: whether a network is as sure as it is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from segpost._backends import registry
from segpost._core.arguments import ClassNames, as_integer, checked_names
from segpost._core.arrays import Array
from segpost._core.calibration_contract import CalibrationSums
from segpost._core.contract import LogitErrors, Logits
from segpost._core.intervals import add_to_intervals
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost.metrics.arguments import (
    Duplicates,
    as_bool,
    as_class_count,
    as_duplicates,
    as_ignored_values,
    as_image_ids,
)
from segpost.metrics.calibration_pairs import (
    OPERATION,
    as_confidences,
    as_logit_pair,
    raise_without_probabilities,
)
from segpost.metrics.calibration_scores import CalibrationScores, compute_scores
from segpost.metrics.calibration_sums import dump_sums, empty_sums, load_sums, merge_sums
from segpost.metrics.counting import count_pair
from segpost.metrics.counts import LabelRules
from segpost.metrics.measure import Measure, class_rows, class_table, names_of_images
from segpost.metrics.pairs import PredictionPair
from segpost.render.tables import Table, format_number, format_score

MAX_BINS = 1024
WORDS = {
    "ece": "expected calibration error (ECE)",
    "ace": "adaptive calibration error (ACE)",
    "mce": "maximum calibration error (MCE)",
    "classwise_ece": "class-wise ECE",
    "brier": "Brier score",
    "nll": "negative log-likelihood (NLL)",
    "temperature": "temperature of the smallest NLL",
    "scaled_nll": "NLL at that temperature",
}
NO_SHARES = ("brier", "nll", "temperature", "scaled_nll")


@public
class Calibration(Measure):
    """Calibration of the probabilities of a network, in one pass over its logits.

    The confidence of a pixel is its largest probability. Of all pixels whose confidence is 0.8,
    eight in ten should be right: the expected calibration error (ECE) is the mean distance from
    that, over bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017).

    Logits are resized to the target and become probabilities a few rows at a time: there are no
    probabilities of the full size. Counts are exact (int64), and sums are integers in units of
    2**-40, so that neither the number of pixels nor the order of the parts changes the scores.

    Parameters
    ----------
    num_classes, ignore_index, class_names, duplicates
        As in `ConfusionMatrix`. A class of which a target is ignored has no class-wise error.
    bins : int
        Bins of the confidence in 0..1, of equal width, 1 to 1024. A bin has its lower edge, and the
        last one 1.0, too.
    classwise : bool
        Sum the probabilities of every class, for the class-wise error.
    temperature : bool
        Sum the NLL at five temperatures, for the temperature that minimizes it. Without it and
        `classwise` an update takes about a third of the time.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.float32([[[2, 2, 2, 2]], [[0, 0, 0, 0]]])  # sure to 88 %
    >>> target = np.uint8([[0, 0, 0, 1]])  # right in 75 %
    >>> cal = segpost.Calibration(2)
    >>> cal.update(logits, target)
    >>> scores = cal.compute()
    >>> round(scores.ece, 4), round(scores.temperature, 3)
    (0.1308, 1.82)
    """

    _kind: ClassVar[str] = "Calibration"
    report_key: ClassVar[str] = "calibration"

    def __init__(
        self,
        num_classes: int,
        *,
        bins: int = 15,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        classwise: bool = True,
        temperature: bool = True,
        duplicates: Duplicates = "raise",
    ) -> None:
        self.num_classes = as_class_count(num_classes)
        if self.num_classes < 2:
            raise ValueError(
                f"num_classes must be at least 2, got {num_classes}: a sigmoid head has two classes"
            )
        self.bins = as_integer(bins, "bins")
        if not 1 <= self.bins <= MAX_BINS:
            raise ValueError(f"bins must be in 1..{MAX_BINS}, got {self.bins}")
        self._ignored = as_ignored_values(ignore_index)
        self.class_names = checked_names(class_names, self.num_classes)
        self.classwise = as_bool(classwise, "classwise")
        self.temperature = as_bool(temperature, "temperature")
        self.duplicates = as_duplicates(duplicates)
        self.reset()

    def update(
        self,
        logits: Any = None,
        target: Any = None,
        *,
        confidence: Any = None,
        correct: Any = None,
        ids: Sequence[str | int] | str | int | None = None,
        size: tuple[int, int] | None = None,
        axis: int = -3,
        grid: Grid = "half_pixel",
        quantization: tuple[float, int] | None = None,
    ) -> None:
        """Count logits against their target, or confidences. On an error nothing is counted.

        Parameters
        ----------
        logits : array of shape (C, h, w) or (N, C, h, w)
            Channels last with ``axis=-1``, of any element type that `argmax` takes. Where h and w
            are not the target's, they are resized to it. For two classes also of one channel, of a
            sigmoid head: class 0 has then the logit 0. The logits of probabilities are their
            logarithms.
        target : integer array of shape (H, W) or (N, H, W)
            Classes, and values of `ignore_index`, whose pixels are left out.
        confidence : float array of any shape, in 0..1
            The largest probability of every pixel, instead of logits: there is then no class-wise
            error, Brier score, NLL and temperature.
        correct : array of the shape of `confidence`, of bool, or of integers 0 and 1
            Whether the label of the pixel is that of the target.
        ids : as in `ConfusionMatrix.update`
        size : (height, width), optional
            That of the target, to which logits are resized in any case: another one is an error.
        axis, grid
            The class axis of logits and the sampling grid of their resizing, as in `argmax`.
        quantization : (scale, zero_point), optional
            Of integer logits, as in `postprocess`; they have no probabilities without it.

        Raises
        ------
        ValueError
            For NaN, pixels without probabilities, targets that are neither a class nor ignored,
            shapes that do not fit, a confidence outside 0..1, both forms in one call or in one
            measure, and ids as in `ConfusionMatrix.update`.
        TypeError
            For element types that are none of these, and half of a form.
        """
        self._check_not_reduced()
        has_logits = _is_complete("logits", logits, "target", target)
        has_confidence = _is_complete("confidence", confidence, "correct", correct)
        if has_logits == has_confidence:
            both = "got both" if has_logits else "got neither"
            raise ValueError(f"update takes logits and target, or confidence and correct: {both}")
        batch = self._empty()
        if has_logits:
            pair = as_logit_pair(logits, target, self.num_classes, size, axis, grid, quantization)
            if ids is None:
                batch._sums = self._sums_of_logits(pair, pair)
            else:
                names = names_of_images(ids, [pair])
                for image, name in zip(pair.images(), names, strict=True):
                    batch._add_image(self._sums_of_logits(image, pair), name)
        else:
            stack, hits = as_confidences(confidence, correct)
            if ids is None:
                batch._sums = self._sums_of_confidences(stack.ravel(), hits.ravel())
            else:
                names = as_image_ids(ids, len(stack))
                for one, right, name in zip(stack, hits, names, strict=True):
                    batch._add_image(self._sums_of_confidences(one, right), name)
        self._add_batch(batch)

    def compute(self) -> CalibrationScores:
        """Compute the scores of everything counted so far."""
        sums = self._sums  # replaced by every update, not changed
        ignored = self._ignored.tolist()
        return compute_scores(sums, self.num_classes, self.bins, ignored, self.class_names)

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._sums = self._empty_sums()
            self._reset_base()

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {
            "num_classes": self.num_classes,
            "bins": self.bins,
            "ignore_index": self._ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "classwise": self.classwise,
            "temperature": self.temperature,
            "duplicates": self.duplicates,
        }

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the scores, the bins, and the error of every class."""
        names = self._class_names(names)
        scores = self.compute()
        rows: list[tuple[str, ...]] = [
            (WORDS[name], format_number(value) if name in NO_SHARES else format_score(value))
            for name, value in scores.summary().items()
        ]
        tables = [Table("Calibration", ("score", "value"), rows), scores.table()]
        if self.classwise:
            tables.append(class_table("Class-wise ECE", {"ECE": scores.class_ece}, names))
        return tables

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, scores, bins and classes as plain data; NaN where there is none."""
        scores = self.compute()
        bins = {name: getattr(scores.bins, name).tolist() for name in scores.bins._fields}
        classes = class_rows({"ece": scores.class_ece}, names) if self.classwise else []
        bound = {"ace_bound": scores.ace_bound}
        return {**scores.summary(), **bound, "bins": bins, "classes": classes}

    def _empty_sums(self) -> CalibrationSums:
        return empty_sums(self.num_classes, self.bins, self.classwise, self.temperature)

    def _sums_of_logits(self, image: PredictionPair, batch: PredictionPair) -> CalibrationSums:
        """Return the sums of logits, whose errors name positions in the batch."""
        sums = self._empty_sums()
        if not image.target.size:
            return sums
        errors = self._add_logits(image, sums)
        rules = LabelRules(self.num_classes, self._ignored)
        if errors.nan_count or errors.undefined_count or sums.pixels[2]:
            count_pair(batch, rules, nan="propagate")  # raises if a target is no class
            raise_without_probabilities(self._add_logits(batch, self._empty_sums()), batch)
        return sums

    def _add_logits(self, pair: PredictionPair, sums: CalibrationSums) -> LogitErrors:
        assert isinstance(pair.preds, Logits)
        target = pair.target.reshape(-1, *pair.target.shape[-2:])
        backend = registry.backend(pair.preds.values, pair.target, operation=OPERATION)
        return backend.calibration_logits(pair.preds, pair.axes, target, self._ignored, sums)

    def _sums_of_confidences(self, confidence: Array, correct: Array) -> CalibrationSums:
        sums = self._empty_sums()
        add_to_intervals(confidence, correct, sums.counts, sums.confidence)
        return sums

    def _add_image(self, sums: CalibrationSums, name: str | int | None) -> None:
        """Add the sums of an image with an id."""
        image = self._empty()
        image._sums = sums
        if name is not None:
            image._name_image(name)
        self._merge(image)

    def _dump_counts(self) -> dict[str, Any]:
        return dump_sums(self._sums)

    def _load_counts(self, totals: dict[str, Any]) -> None:
        self._sums = load_sums(totals, self._empty_sums())

    def _merge_counts(self, other: Calibration) -> None:
        self._sums = merge_sums(self._sums, other._sums)


def _is_complete(first: str, one: object, second: str, other: object) -> bool:
    """Return whether both arguments of a form are there; refuse one alone."""
    if (one is None) != (other is None):
        name, missing = (second, first) if one is None else (first, second)
        raise TypeError(f"update got {name} without {missing}")
    return one is not None
