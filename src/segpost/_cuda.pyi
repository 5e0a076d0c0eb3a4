"""The compiled CUDA kernels.

Arrays are views of device memory. Where `errors` is given, bad values are counted there.
"""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import numpy.typing as npt

from segpost._core.contract import (
    ColorOutputs,
    CrfStep,
    LatticeConfig,
    Logits,
    Pairwise,
    Unary,
    UnaryErrors,
)
from segpost._core.query_contract import QueryGrids, QueryMasks

Array = npt.NDArray[np.generic]

def argmax_workspace(logits: Logits, axes: object | None) -> int: ...
def argmax(
    logits: Logits,
    axes: object | None,
    labels: Array,
    paint: ColorOutputs | None,
    confidence: Array | None,
    stream: int,
    errors: Array | None,
    workspace: Array | None,
) -> None: ...
def argmax_volume_workspace(logits: Logits, axes: object, labels: Array) -> int: ...
def argmax_volume(
    logits: Logits,
    axes: object,
    labels: Array,
    stream: int,
    errors: Array | None,
    workspace: Array | None,
) -> None: ...
def binarize(
    logits: Logits,
    axes: object | None,
    levels: Array,
    masks: Array,
    packed: bool,
    swapped: bool,
    stream: int,
    errors: Array | None,
) -> None: ...
def binarize_labels(
    logits: Logits,
    axes: object | None,
    levels: Array,
    values: Array,
    labels: Array,
    stream: int,
    errors: Array | None,
) -> None: ...
def blend_slices(logits: Logits, axis: object, first: int, out: Array, stream: int) -> None: ...
def binarize_volume(
    logits: Logits,
    axes: object,
    cutoffs: Array,
    values: Array | None,
    out: Array,
    stream: int,
    errors: Array | None,
) -> None: ...
def softmax(
    logits: Logits,
    axes: object | None,
    probabilities: Array,
    confidence: Array | None,
    stream: int,
    errors: Array | None,
) -> None: ...
def rank_classes(
    logits: Logits,
    axes: object,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
    stream: int,
    errors: Array | None,
) -> None: ...
def class_scores(
    masks: Logits,
    axes: object,
    origin: tuple[int, int],
    weights: Array,
    scores: Array,
    stream: int,
) -> None: ...
def count_not_finite(values: Logits, stream: int, errors: Array) -> None: ...
def assign_queries(
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    scores: Array,
    thresholds: Array,
    is_logit: bool,
    is_late: bool,
    cuts: bool,
    labels: Array,
    counts: Array,
    stream: int,
) -> None: ...
def measure_masks_workspace(
    masks: QueryMasks, grids: QueryGrids, count: int, is_late: bool, bits: Array
) -> int: ...
def measure_masks(
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    level: float,
    is_late: bool,
    bits: Array,
    areas: Array,
    sums: Array,
    stream: int,
    workspace: Array,
) -> None: ...
def paint_masks(
    bits: Array,
    masks: Array,
    values: Array,
    row: Array,
    column: Array,
    labels: Array,
    counts: Array,
    stream: int,
) -> None: ...
def replace_labels(labels: Array, values: Array, out: Array, stream: int) -> None: ...
def count_runs_plan(labels: Array) -> tuple[int, int]: ...
def count_runs(labels: Array, ends: Array, stream: int, workspace: Array) -> None: ...
def count_bit_changes_plan(bits: Array, height: int) -> tuple[int, int]: ...
def count_bit_changes(
    bits: Array, height: int, ends: Array, stream: int, workspace: Array
) -> None: ...
def write_bit_changes(
    bits: Array, height: int, ends: Array, places: Array, stream: int
) -> None: ...
def write_runs(
    labels: Array,
    values: Array | None,
    ends: Array,
    tops: Array,
    run_labels: Array,
    totals: Array | None,
    stream: int,
) -> None: ...
def confidence_bytes(from_: Array, to: Array, stream: int) -> None: ...
def colorize(
    labels: Array,
    lut: Array,
    ignore_index: int | None,
    out: Array,
    stream: int,
    errors: Array | None,
) -> None: ...
def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
    stream: int,
    errors: Array | None,
) -> None: ...
def labels_from_colors(
    image: Array, keys: Array, values: Array, out: Array, stream: int, errors: Array | None
) -> None: ...
def confusion_labels(
    preds: Array, target: Array, ignored: Array, counts: Array, stream: int
) -> None: ...
def confusion_logits(
    logits: Logits,
    axes: object | None,
    target: Array,
    ignored: Array,
    counts: Array,
    labels: Array,
    stream: int,
    errors: Array | None,
    workspace: Array | None,
) -> None: ...
def bind_records(contract: ModuleType) -> None: ...

class CrfSolver:
    def __init__(
        self,
        unary: Unary,
        terms: tuple[Pairwise, ...],
        include_self: bool,
        config: LatticeConfig | None,
        stream: int,
        allocate: Callable[[int], Array],
    ) -> None: ...
    @property
    def bad(self) -> UnaryErrors: ...
    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]: ...

def label_energies(
    labels: Array,
    out: Array,
    unsure: int | None,
    label_energy: float,
    other_energy: float,
    unsure_energy: float,
    stream: int,
    errors: Array,
) -> None: ...
def reduce_max(values: Array, out: Array, stream: int) -> None: ...
def feature_range(features: Array, stream: int, keys: Array) -> None: ...
def architectures() -> str: ...
def capability(device: int) -> int: ...
def device_count() -> tuple[int, str | None]: ...
def device_of(place: int) -> int: ...
def use_device(device: int) -> int: ...
def allocate(bytes: int) -> int: ...
def release(place: int) -> None: ...
def copy_in(place: int, host: Array, stream: int) -> None: ...
def copy_out(host: Array, place: int, stream: int) -> None: ...
def clear(place: int, bytes: int, stream: int) -> None: ...
def copy_rows(target: Array, source: Array, stream: int) -> None: ...
def is_captured(stream: int) -> bool: ...
def wait_stream(stream: int, other: int) -> None: ...
def record_event(stream: int) -> int: ...
def event_done(event: int) -> bool: ...
