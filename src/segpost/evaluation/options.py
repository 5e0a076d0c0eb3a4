"""Options of an evaluation: how files become labels, and how labels are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from segpost._core.arguments import check_choice
from segpost._core.sampling import Grid
from segpost.color.palette import Palette
from segpost.files.images import MAX_PIXELS
from segpost.metrics.matrix import INVALID_PREDS, InvalidPreds

MapTo = Literal["target", "preds", "both"]
MAP_TO: tuple[str, ...] = get_args(MapTo)


@dataclass(frozen=True)
class EvaluationOptions:
    """How files become labels, and how labels are compared.

    Parameters
    ----------
    map_to : {"target", "preds", "both"}
        The files whose labels a label map replaces.
    colors : Palette, optional
        The palette that images in colors were drawn with. Without it they are refused.
    resize : "nearest", optional
        Brings predicted labels to the size of their target. Without it another size is refused.
        Logits are always resized.
    axis : {-3, -1}
        The class axis of logits.
    grid : {"half_pixel", "align_corners", "asymmetric"}
        How the grid of logits lies on the target, as in `postprocess`.
    threshold : float, optional
        For logits of a one-channel sigmoid head, as in `postprocess`.
    key : str, optional
        The name of the tensor of logits in a file of several, as in `read_logits`.
    invalid_preds : {"miss", "raise", "drop"}
        What predictions of no class are, as in `ConfusionMatrix`.
    max_pixels : int
        Images of more pixels are refused before they are decoded.

    Raises
    ------
    ValueError
        If `map_to`, `resize` or `invalid_preds` is none of these.
    """

    map_to: MapTo = "target"
    colors: Palette | None = None
    resize: Literal["nearest"] | None = None
    axis: int = -3
    grid: Grid = "half_pixel"
    threshold: float | None = None
    key: str | None = None
    invalid_preds: InvalidPreds = "miss"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        check_choice(self.map_to, "map_to", MAP_TO)
        check_choice(self.invalid_preds, "invalid_preds", INVALID_PREDS)
        if self.resize is not None:
            check_choice(self.resize, "resize", ("nearest",))

    @property
    def maps_targets(self) -> bool:
        """Whether a label map replaces the labels of targets."""
        return self.map_to != "preds"

    @property
    def maps_predictions(self) -> bool:
        """Whether a label map replaces the labels of predictions."""
        return self.map_to != "target"
