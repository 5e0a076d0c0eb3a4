"""The native backend: compiled kernels that return the records of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from segpost import _cpu
from segpost._backends import decoding, features
from segpost._backends.operations import collect_operations
from segpost._backends.volumes import sum_volumes
from segpost._core import contract
from segpost._core.contract import (
    LATTICES,
    Array,
    CalibrationSums,
    CrfSolver,
    LogitErrors,
    Logits,
    Pairwise,
    Unary,
)
from segpost._core.detection_contract import ImageDetections, RunArrays
from segpost._core.distance_contract import Steps, SurfaceDistances
from segpost._core.logits import with_both_classes
from segpost._core.object_contract import Rings, Runs
from segpost._core.panoptic_contract import Overlaps
from segpost._core.run_lengths import RunLengths
from segpost._core.sampling import Axes, VolumeAxes, same_size_axes

_cpu.bind_records(contract)  # raises if the compiled code expects other fields
globals().update(collect_operations(_cpu, features))


def binarize_runs(
    logits: Logits, axes: Axes | None, cutoffs: Array
) -> tuple[RunLengths, LogitErrors]:
    """Return the counts of all masks."""
    counts, ends, errors = _cpu.binarize_runs(logits, axes, cutoffs)
    return RunLengths(counts, ends), errors


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Return whether argmax computes confidence in the same pass."""
    return not sigmoid and not (probabilities and resized)


def rank_classes(
    logits: Logits,
    axes: Axes | None,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
) -> LogitErrors:
    """Write confidence, entropy, margin and the largest probabilities, from cells of the grid."""
    logits = with_both_classes(logits)
    axes = axes or same_size_axes(logits.values.shape[2:])
    return _cpu.rank_classes(
        logits, axes, labels, confidence, entropy, margin, top_labels, top_probabilities
    )


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> LogitErrors:
    return _cpu.softmax(logits, axes, probabilities, confidence)


def softmax_volume(
    logits: Logits,
    axes: VolumeAxes,
    probabilities: Array | None,
    confidence: Array | None,
) -> LogitErrors:
    """Write probabilities and confidence; confidence alone from cells of the grid."""
    if probabilities is None and logits.threshold is None:
        return rank_volume(logits, axes, None, confidence, None, None, None, None)
    return sum_volumes(
        logits,
        (probabilities, confidence),
        lambda slices, outputs: _cpu.softmax(slices, axes, *outputs, slices=axes.z),
    )


def rank_volume(
    logits: Logits,
    axes: VolumeAxes,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
) -> LogitErrors:
    """Write confidence, entropy, margin and the largest probabilities, from cells of the grid."""
    return sum_volumes(
        with_both_classes(logits),
        (labels, confidence, entropy, margin, top_labels, top_probabilities),
        lambda slices, outputs: _cpu.rank_classes(slices, axes, *outputs, slices=axes.z),
    )


def calibration_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, sums: CalibrationSums
) -> LogitErrors:
    """Add what every pixel with a target says of the probabilities, from cells of the grid."""
    axes = axes or same_size_axes(logits.values.shape[2:])
    return _cpu.calibration_logits(logits, axes, target, ignored, sums)


def decode_labels(logits: Logits, axes: Axes | None, score: str, labels: Array) -> LogitErrors:
    """Write the labels that maximise the expected score of every image."""
    return decoding.decode_labels(_cpu, logits, axes, score, labels)


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> CrfSolver:
    """Return the solver of a dense CRF of one image."""
    config = None if method == "exact" else LATTICES[quality]
    return _cpu.CrfSolver(unary, tuple(terms), include_self, config)


def argmax_runs(logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]:
    """Return the runs of the labels of resized logits, without the labels."""
    runs, errors = _cpu.argmax_runs(logits, axes)
    return Runs(*runs), errors


def find_runs(labels: Array, values: Array | None = None) -> Runs:
    """Return the runs of every column, and the sums of their values in float64."""
    return Runs(*_cpu.find_runs(labels, values))


def surface_distances(
    preds: Array,
    target: Array,
    classes: int,
    ignored: Array,
    spacing: Steps,
    volume: bool,
    elements: str,
) -> tuple[SurfaceDistances, SurfaceDistances]:
    """Return the distances of both maps."""
    of_preds, of_target = _cpu.surface_distances(
        preds, target, classes, ignored, spacing, volume, elements
    )
    return SurfaceDistances(*of_preds), SurfaceDistances(*of_target)


def count_overlaps(preds: Array, target: Array) -> Overlaps:
    """Return the pixels of every pair of a predicted and a true segment."""
    return Overlaps(*_cpu.count_overlaps(preds, target))


def match_masks(
    runs: RunArrays,
    classes: Array,
    scores: Array,
    true_runs: RunArrays,
    true_classes: Array,
    true_areas: Array,
    is_crowd: Array,
    limits: Array,
    ranges: Array,
    most: int,
) -> ImageDetections:
    """Return the matches of an image."""
    true = true_runs, true_classes, true_areas, is_crowd
    return ImageDetections(*_cpu.match_masks(runs, classes, scores, *true, limits, ranges, most))


def trace_rings(
    columns: int,
    height: int,
    column: Array,
    top: Array,
    bottom: Array,
    owner: Array,
    keeps_corners: bool,
    tolerance: float,
) -> Rings:
    """Return the rings around regions."""
    return Rings(
        *_cpu.trace_rings(columns, height, column, top, bottom, owner, keeps_corners, tolerance)
    )
