"""Where in a prediction the pixels of the target lie: offsets, flips, paddings and crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.window_fit import Pads, Window, window_of
from segpost.spatial.letterbox import Letterbox

MULTIPLES = (8, 16, 32, 64)  # of which networks want the sides of their input
MAX_HONEST_SCALE = 0.25  # logarithm of the factor by which networks take objects for larger
INPUT_SIDES = (256, 320, 384, 512, 513, 640, 768, 769, 1024)  # of square network inputs
SQUARE_CROPS = (1.0, 0.875)  # share of the shorter side that a center crop keeps: 224 of 256
CROPS = (0.5, 0.6, 0.625, 0.7, 0.75, 0.8, 0.85, 0.875, 0.9)  # share of each side

EXCHANGED = "transposed, and resized with other strides"

Indices = npt.NDArray[np.intp]


class Placement(NamedTuple):
    """For every row and column of the target those of the prediction; -1 is outside of it."""

    name: str
    rows: Indices
    columns: Indices
    is_transposed: bool = False  # whether rows are columns of the prediction
    detail: dict[str, Any] = {}  # noqa: RUF012, never written to

    def apply(self, predicted: Array, no_code: int, step: int = 1) -> Array:
        """Return the prediction, (N, h, w), where the target has it, at every `step`-th pixel.

        Pixels outside of the prediction are `no_code`.
        """
        source = predicted.transpose(0, 2, 1) if self.is_transposed else predicted
        rows, columns = self.rows[::step], self.columns[::step]
        moved: Array = source[:, rows[:, None], columns]
        if (rows < 0).any():
            moved[:, rows < 0] = no_code
        if (columns < 0).any():
            moved[:, :, columns < 0] = no_code
        return moved


FLIPS_AND_ROTATIONS: dict[str, tuple[bool, bool, bool, str]] = {
    # reversed rows, reversed columns, transposed; the function of labels that undoes it
    "mirrored left to right": (False, True, False, "{}[..., ::-1]"),
    "mirrored top to bottom": (True, False, False, "{}[..., ::-1, :]"),
    "turned by 180 degrees": (True, True, False, "{}[..., ::-1, ::-1]"),
    "transposed": (False, False, True, "{}.swapaxes(-1, -2)"),
    "turned by 90 degrees to the left": (True, False, True, "np.rot90({}, 1, (-2, -1))"),
    "turned by 90 degrees to the right": (False, True, True, "np.rot90({}, -1, (-2, -1))"),
}  # fmt: skip


def iter_flips(shape: tuple[int, int], size: tuple[int, int]) -> Iterator[Placement]:
    """Yield the flips and rotations of a prediction that have the target's size."""
    for how, (from_below, from_right, is_transposed, _) in FLIPS_AND_ROTATIONS.items():
        if (shape[::-1] if is_transposed else shape) != size:
            continue
        rows, columns = np.arange(size[0]), np.arange(size[1])
        yield Placement(
            "turn",
            rows[::-1] if from_below else rows,
            columns[::-1] if from_right else columns,
            is_transposed,
            {"how": how},
        )


def place_shift(size: tuple[int, int], down: int, right: int) -> Placement:
    """Return the placement of a prediction of the target's size that lies too low and right."""
    indices = []
    for length, offset in zip(size, (down, right), strict=True):
        index = np.arange(length) + offset
        indices.append(np.where((index >= 0) & (index < length), index, -1))
    return Placement("shift", indices[0], indices[1], detail={"down": down, "right": right})


def place_window(
    shape: tuple[int, int], size: tuple[int, int], window: Window, detail: dict[str, Any]
) -> Placement:
    """Return the placement of a window of the prediction that is the whole target."""
    indices = []
    for start, stop, n_in, n_out in (
        (window[0], window[1], shape[0], size[0]),
        (window[2], window[3], shape[1], size[1]),
    ):
        fractions = start + (np.arange(n_out) + 0.5) / n_out * (stop - start)
        index = np.floor(fractions * n_in).astype(np.intp)
        indices.append(np.where((index >= 0) & (index < n_in), index, -1))
    return Placement("window", indices[0], indices[1], detail=detail)


def place_pads(shape: tuple[int, int], size: tuple[int, int], pads: Pads) -> Placement:
    """Return the placement of a prediction of an image with pixels padded or cropped at each side.

    Parameters
    ----------
    shape, size : (h, w)
        Of the prediction and of the target.
    pads : four integers
        Above, below, left and right, in pixels of the target; negative where they were cropped.
    """
    window = window_of(pads, size)
    sides = f"{abs(pads[0])} above, {abs(pads[1])} below, {abs(pads[2])} left, {abs(pads[3])} right"
    detail: dict[str, Any] = {
        "how": f"{'cropped' if min(pads) < 0 else 'padded'} by these pixels: {sides}",
        "top_bottom_left_right": ", ".join(f"{edge:.4f}" for edge in window),
    }
    if min(pads) >= 0:
        padded = (size[0] + pads[0] + pads[1], size[1] + pads[2] + pads[3])
        detail["letterbox"] = repr(Letterbox(size, padded, size, (pads[0], pads[2])))
    return place_window(shape, size, window, detail)


def honest_scales(placement: Placement) -> tuple[float, float] | None:
    """Return by how much a window makes objects higher and wider, where a network might, too."""
    if placement.name != "window":
        return None
    edges = [float(edge) for edge in placement.detail["top_bottom_left_right"].split(", ")]
    scales = (1 / (edges[1] - edges[0]), 1 / (edges[3] - edges[2]))
    return None if max(abs(np.log(scales))) > MAX_HONEST_SCALE else scales


def iter_windows(
    shape: tuple[int, int], size: tuple[int, int], has_same_size: bool
) -> Iterator[Placement]:
    """Yield the windows of a prediction of a padded or cropped image that the target shows."""
    seen = {(0.0, 1.0, 0.0, 1.0)}
    for how, window, box in _iter_paddings_and_crops(size, shape, has_same_size):
        key: Window = tuple(round(edge, 9) for edge in window)  # type: ignore[assignment]
        if key in seen:
            continue
        seen.add(key)
        detail: dict[str, Any] = {
            "how": how,
            "top_bottom_left_right": ", ".join(f"{edge:.4f}" for edge in window),
        }
        if box is not None:
            detail["letterbox"] = repr(box)
        yield place_window(shape, size, window, detail)


def _iter_paddings_and_crops(
    size: tuple[int, int], predicted_size: tuple[int, int], has_same_size: bool
) -> Iterator[tuple[str, Window, Letterbox | None]]:
    """Yield where the target's edges would lie in the prediction; for a padding its letterbox."""
    height, width = size
    paddings = {(max(size), max(size)): "to a square"}
    for side in MULTIPLES:
        rounded = (-(-height // side) * side, -(-width // side) * side)
        paddings.setdefault(rounded, f"to multiples of {side}")
    for side in INPUT_SIDES:
        if side >= max(size):
            paddings.setdefault((side, side), f"to {side} x {side}")
    if not has_same_size and predicted_size[0] >= height and predicted_size[1] >= width:
        paddings.setdefault(predicted_size, "to the size it has")
    for (rows, columns), how in paddings.items():
        for where, share in (("bottom and right", 0.0), ("all sides", 0.5)):
            top = (rows - height) * share / rows
            left = (columns - width) * share / columns
            window = (top, top + height / rows, left, left + width / columns)
            offset = (int((rows - height) * share), int((columns - width) * share))
            box = Letterbox((height, width), (rows, columns), (height, width), offset)
            yield f"padded {how} at {where}", window, box
    yield from _iter_exchanged_paddings(size)
    for crop in SQUARE_CROPS:
        side_in = crop * min(size)
        vertical, horizontal = (
            (-(side - side_in) / 2 / side_in, (side + side_in) / 2 / side_in) for side in size
        )
        how = f"cropped to {side_in:.0f} x {side_in:.0f} pixels in the middle"
        yield how, (*vertical, *horizontal), None
    for crop in CROPS:
        first = -(1 - crop) / 2 / crop
        how = f"cropped in the middle to {crop:.1%} of each side"
        yield how, (first, 1 - first, first, 1 - first), None


def _iter_exchanged_paddings(size: tuple[int, int]) -> Iterator[tuple[str, Window, None]]:
    """Yield paddings to a square that were cut off as if width were height."""
    height, width = size
    if height == width:
        return
    side = max(size)
    for where, share in (("bottom and right", 0.0), ("all sides", 0.5)):
        edges: list[float] = []
        for length, cut in ((height, width), (width, height)):
            first, start = (side - length) * share, (side - cut) * share
            edges += [(first - start) / cut, (first + length - start) / cut]
        window = (edges[0], edges[1], edges[2], edges[3])
        yield f"padded to a square at {where} and cut with width and height exchanged", window, None


def cut_tiles(codes: Array, down: int, across: int) -> list[Array]:
    """Return equal tiles of (N, H, W) codes, row by row; a rest belongs to none."""
    height, width = codes.shape[1] // down, codes.shape[2] // across
    return [
        codes[:, y * height : (y + 1) * height, x * width : (x + 1) * width]
        for y in range(down)
        for x in range(across)
    ]


def iter_tile_orders(
    size: tuple[int, int], agree: Callable[[int, int], Array]
) -> Iterator[tuple[int, int, Indices]]:
    """Yield grids of equal tiles and which tile of the prediction lies at each of the target.

    Parameters
    ----------
    agree : function of rows and columns of tiles
        Returns the (T, T) counts of pixels of target tiles (rows) that agree with tiles of the
        prediction.
    """
    for down in (1, 2, 3, 4):
        for across in (1, 2, 3, 4):
            if down * across < 2 or size[0] < 16 * down or size[1] < 16 * across:
                continue
            order = best_assignment(agree(down, across))
            if (order != np.arange(down * across)).sum() >= 2:
                yield down, across, order
