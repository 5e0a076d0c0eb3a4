from segpost._dispatch import Array, Logits
from segpost.geometry import Axes

compiler: str

def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    color: Array | None,
    lut: Array | None,
    dense: bool = False,
) -> tuple[int, int, int, int]: ...
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
def levels() -> list[str]: ...
def level() -> str: ...
def use_level(name: str) -> bool: ...
def set_num_threads(n: int) -> None: ...
def num_threads() -> int: ...
