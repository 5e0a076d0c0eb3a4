"""How a measure reads predictions: the arguments of `update` that say what they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from segpost._core.arrays import InputArray
from segpost._core.logits import resolve_quantization
from segpost._core.sampling import Grid
from segpost.labels.decoded import as_label_ids, decode_mask, squeeze_label_maps
from segpost.labels.volumes import are_volumes
from segpost.runtimes.convention import Convention, as_convention, merge_arguments


class Reading(NamedTuple):
    """How predictions are read."""

    axis: int = -3  # of logits
    grid: Grid | None = "half_pixel"
    threshold: float | None = None
    quantization: tuple[float, float] | None = None  # (scale, zero_point)
    convention: Convention | None = None
    volume: bool = False  # preds and target are volumes
    nan: str = "raise"  # of the logits of volumes

    def pick(self, preds: Any) -> tuple[Any, str | None]:
        """Return the array in a network's output, and what it holds where a convention says so."""
        convention = self.convention
        if convention is None:
            return preds, None
        array, kind = convention.pick(preds)
        return (self._as_labels(array, convention) if kind == "labels" else array), kind

    def _as_labels(self, array: Any, convention: Convention) -> InputArray:
        """Return labels of a convention as integers, without a channel axis."""
        source = as_label_ids(array, self.quantization)
        labels = source.array if source.array.ndim == 2 else squeeze_label_maps(source.array)
        if convention.foreground is not None:
            labels = decode_mask(
                labels, convention.foreground, convention.background, convention.name
            )
        return source._replace(array=labels, kind=labels.dtype.name)


LABELS_OR_LOGITS = Reading()


def as_reading(
    convention: Any,
    axis: int | None,
    grid: Any,
    threshold: float | None,
    quantization: object,
    volume: bool | None = None,
    nan: str = "raise",
) -> Reading:
    """Return how predictions are read, by a convention and the arguments that it leaves open.

    The arguments are those of `update`, not checked yet.

    Raises
    ------
    ValueError, TypeError
        For a quantization that is none, and an argument that contradicts the convention.
    """
    is_volume = are_volumes(volume, axis, None)
    if convention is None:
        if axis is grid is threshold is quantization is None and not is_volume:
            return LABELS_OR_LOGITS
        axis = -3 if axis is None else axis
        grid = "half_pixel" if grid is None else grid
    else:
        convention = as_convention(convention)
        axis, grid, quantization = merge_arguments(convention, axis, grid, quantization)
    scaling = resolve_quantization(quantization)
    return Reading(axis, grid, threshold, scaling, convention, is_volume, nan)
