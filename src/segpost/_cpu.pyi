from segpost._core.contract import Array, LatticeRecipe, Logits, Paint, Pairwise, Unary
from segpost._core.sampling import Axes

compiler: str

def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: Paint | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
    dense: bool = False,
) -> tuple[int, int, int, int]: ...
def argmax_volume(logits: Logits, axes: object, labels: Array) -> tuple[int, int, int, int]: ...
def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> tuple[int, int, int, int]: ...
def colorize(
    labels: Array, lut: Array, ignore_index: int | None, out: Array
) -> tuple[int, int]: ...
def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> tuple[int, int]: ...
def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> tuple[int, int]: ...
def letterbox(
    image: Array,
    y: tuple[Array, Array],  # the first inputs, the weights
    x: tuple[Array, Array],
    offset: tuple[int, int],
    colors: Array,
    out: Array,
) -> None: ...
def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None: ...
def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> tuple[int, int, int, int]: ...
def bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None: ...
def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None: ...
def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None: ...

class CrfSolver:
    def __init__(
        self,
        unary: Unary,
        terms: tuple[Pairwise, ...],
        own: bool,
        recipe: LatticeRecipe | None,  # None: exact
    ) -> None: ...
    @property
    def bad(self) -> tuple[int, int, int, int, int, int]: ...
    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[tuple[float, float, float, float]]: ...

def borrow(value: object) -> tuple[Array, str] | None: ...
def levels() -> list[str]: ...
def level() -> str: ...
def use_level(name: str) -> bool: ...
def set_num_threads(n: int) -> None: ...
def num_threads() -> int: ...
