"""The way of mask logits to the score grid and to the result."""

from __future__ import annotations

from typing import NamedTuple

from segpost._core import sampling
from segpost._core.arguments import as_output_size
from segpost._core.query_contract import QueryGrids
from segpost._core.sampling import Axes
from segpost.pipeline.queries.rules import INPUT_STRIDE, Rules
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import Resampling, plan_resampling

HALF_PIXEL = "half_pixel"


class Geometry(NamedTuple):
    """The grids of a call: of the mask logits, of the scores, and of the result."""

    shape: tuple[int, int]  # of the mask logits
    grid: tuple[int, int]  # of the scores
    size: tuple[int, int]  # of the result
    to_grid: Axes
    region: tuple[slice, slice]  # of the score grid that the result shows
    to_result: Axes  # from the region
    letterbox: Letterbox | None

    @property
    def keeps_scores(self) -> bool:
        """Whether the result is the score grid, or a part of it."""
        sides = (part.stop - part.start for part in self.region)
        return self.size == tuple(sides) and self.letterbox is None

    @property
    def grids(self) -> QueryGrids:
        """The resampling as backends take it."""
        rows, columns = self.region
        return QueryGrids(self.to_grid, (rows.start, columns.start), self.to_result)


def plan_geometry(
    shape: tuple[int, int],
    rules: Rules,
    size: object,
    input_size: object,
    letterbox: Letterbox | None,
) -> Geometry:
    """Return the grids of mask logits of a shape (h, w).

    Raises
    ------
    ValueError, TypeError
        For sizes that are invalid or do not fit each other.
    """
    grid = score_grid(shape, rules, input_size, letterbox)
    if size is None and letterbox is None:
        size = shape
    plan: Resampling = plan_resampling(grid, size, HALF_PIXEL, letterbox)
    result = (plan.size[0], plan.size[1])
    rows, columns = (slice(0, grid[0]), slice(0, grid[1]))
    if plan.region is not None:
        _, _, rows, columns = plan.region
    axes = plan.axes
    if axes is None:
        axes = Axes(*(sampling.axis(side, side, "asymmetric") for side in result))
    return Geometry(
        shape=shape,
        grid=grid,
        size=result,
        to_grid=sampling.axes(shape, grid, HALF_PIXEL),
        region=(rows, columns),
        to_result=axes,
        letterbox=letterbox,
    )


def score_grid(
    shape: tuple[int, int], rules: Rules, input_size: object, letterbox: Letterbox | None
) -> tuple[int, int]:
    """Return the size of the score grid of mask logits of a shape (h, w)."""
    if input_size is not None and not rules.is_input_grid:
        raise ValueError(
            "input_size is for the dialects 'eomt' and 'detectron2': the others do not use the "
            "size of the network's input"
        )
    if letterbox is not None and input_size is not None:
        raise ValueError("letterbox has the input's size: leave input_size out")
    if not rules.is_input_grid:
        return rules.score_grid or shape
    if letterbox is not None:
        return letterbox.input_size
    if input_size is None:
        return (shape[0] * INPUT_STRIDE, shape[1] * INPUT_STRIDE)
    height, width = as_output_size(input_size, name="input_size")
    return height, width
