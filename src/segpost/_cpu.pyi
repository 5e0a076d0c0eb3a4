from collections.abc import Sequence
from types import ModuleType

from segpost._core.arrays import InputArray
from segpost._core.contract import (
    Array,
    CalibrationSums,
    ColorOutputs,
    CrfStep,
    LabelErrors,
    LatticeConfig,
    LogitErrors,
    Logits,
    Pairwise,
    QueryGrids,
    QueryMasks,
    Unary,
    UnaryErrors,
)
from segpost._core.detection_contract import RunArrays
from segpost._core.logits import InputLogits
from segpost._core.sampling import Axes, Axis, FilterTaps, VolumeAxes

compiler: str
version: str

def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors: ...
def argmax_dense(logits: Logits, axes: Axes | None, labels: Array) -> LogitErrors: ...
def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors: ...
def softmax(
    logits: Logits,
    axes: Axes | VolumeAxes | None,
    probabilities: Array | None,
    confidence: Array | None,
    *,
    slices: Axis | None = None,
) -> LogitErrors: ...
def binarize(
    logits: Logits, axes: Axes | None, cutoffs: Array, masks: Array, packed: bool
) -> LogitErrors: ...
def binarize_labels(
    logits: Logits, axes: Axes | None, cutoffs: Array, values: Array, labels: Array
) -> LogitErrors: ...
def binarize_volume(
    logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
) -> LogitErrors: ...
def binarize_runs(
    logits: Logits, axes: Axes | None, cutoffs: Array
) -> tuple[Array, Array, LogitErrors]: ...
def rank_classes(
    logits: Logits,
    axes: Axes | VolumeAxes,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
    *,
    slices: Axis | None = None,
) -> LogitErrors: ...
def bound_masks(masks: QueryMasks) -> tuple[int, int]: ...
def label_classes(masks: QueryMasks, grids: QueryGrids, weights: Array, labels: Array) -> None: ...
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
) -> None: ...
def measure_masks(
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    level: float,
    is_late: bool,
    bits: Array,
    areas: Array,
    sums: Array,
) -> None: ...
def paint_masks(
    bits: Array,
    masks: Array,
    values: Array,
    row: Array,
    column: Array,
    labels: Array,
    counts: Array,
) -> None: ...
def replace_labels(labels: Array, values: Array, out: Array) -> None: ...
def add_resized(logits: Logits, axes: Axes | None, weights: Array, sums: Array) -> None: ...
def resize_majority(labels: Array, count: int, out: Array) -> None: ...
def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors: ...
def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors: ...
def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors: ...
def letterbox(
    image: Array,
    y: FilterTaps,
    x: FilterTaps,
    offset: tuple[int, int],
    colors: Array,
    out: Array,
) -> None: ...
def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None: ...
def count_image(
    preds: Array, target: Array, ignored: Array, classes: int
) -> tuple[Array, bytes, bytes] | None: ...
def confusion_strata(
    preds: Array, target: Array, strata: Array, ignored: Array, counts: Array
) -> None: ...
def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> LogitErrors: ...
def calibration_logits(
    logits: Logits, axes: Axes, target: Array, ignored: Array, sums: CalibrationSums
) -> LogitErrors: ...
def count_levels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    first: Array,
    shift: int,
    counts: Array,
    sums: Array,
    mass: Array,
) -> LogitErrors: ...
def settle_labels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    lower: Array,
    upper: Array,
    counts: Array,
    sums: Array,
    labels: Array,
) -> None: ...
def resolve_labels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    lower: Array,
    candidates: Array,
    gains: Array,
    is_iou: bool,
    labels: Array,
) -> None: ...
def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None: ...
def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None: ...
def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None: ...
def surface_distances(
    preds: Array,
    target: Array,
    classes: int,
    ignored: Array,
    spacing: tuple[float, float, float],
    volume: bool,
    elements: str,
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]: ...

class CrfSolver:
    def __init__(
        self,
        unary: Unary,
        terms: tuple[Pairwise, ...],
        include_self: bool,
        config: LatticeConfig | None,  # None: exact
    ) -> None: ...
    bad: UnaryErrors

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]: ...

def count_overlaps(preds: Array, target: Array) -> tuple[Array, Array]: ...
def count_runs(
    offsets: Array, column: Array, top: Array, bottom: Array, height: int, width: int
) -> tuple[Array, Array]: ...
def label_components(
    offsets: Array, column: Array, top: Array, bottom: Array, width: int, connectivity: int
) -> Array: ...
def sort_groups(numbers: Array, groups: int) -> tuple[Array, Array]: ...
def count_contacts(offsets: Array, column: Array, top: Array, bottom: Array) -> Array: ...
def complement_runs(
    offsets: Array, column: Array, top: Array, bottom: Array, box: Array
) -> tuple[Array, Array, Array, Array]: ...
def trace_rings(
    columns: int,
    height: int,
    column: Array,
    top: Array,
    bottom: Array,
    owner: Array,
    keeps_corners: bool,
    tolerance: float,
) -> tuple[Array, Array, Array, Array]: ...
def compress_counts(counts: Array, ends: Array) -> tuple[Array, Array]: ...
def decompress_runs(
    characters: Array, ends: Array, height: int, width: int
) -> tuple[Array, Array, Array, Array, int]: ...
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
) -> tuple[Array, Array, Array, Array, Array, Array]: ...
def compute_precision(
    bounds: Array,
    rank: Array,
    matched: Array,
    ignored: Array,
    targets: Array,
    recalls: Array,
    most: Array,
    precision: Array,
    recall: Array,
) -> None: ...
def argmax_runs(
    logits: Logits, axes: Axes
) -> tuple[tuple[Array, Array, Array, Array, None], LogitErrors]: ...
def find_runs(
    labels: Array, values: Array | None = None
) -> tuple[Array, Array, Array, Array, Array | None]: ...
def bind_records(contract: ModuleType) -> None: ...
def are_ordinary(logits: Logits) -> bool: ...
def bind_array(example: InputArray) -> None: ...
def bind_logits(example: InputLogits) -> None: ...
def may_overlap(array: Array, others: Sequence[Array | None]) -> bool: ...
def read_array(value: object) -> InputArray | None: ...
def read_logits(
    value: object, axis: object, spatial: int, min_classes: int
) -> InputLogits | None: ...
def levels() -> list[str]: ...
def level() -> str: ...
def use_level(name: str) -> bool: ...
def set_num_threads(n: int) -> None: ...
def num_threads() -> int: ...
