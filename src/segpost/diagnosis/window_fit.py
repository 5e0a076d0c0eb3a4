"""The padding or crop of an image, in pixels at each side, that explains a prediction best."""

from __future__ import annotations

from collections.abc import Callable, Iterator

SHARES = (0.03, 0.06, 0.09, 0.125, 0.16, 0.2, 0.25, 0.33, 0.45)  # of a side, from which to search
MAX_CROP = 0.3  # of a side, at each end
FIRST_STEP = 0.04  # of the longer side
MIN_FREE_GAIN = 0.03  # of the score, by which unequal paddings at all sides must fit better
MIN_PADDING = 0.04  # of a side, at both ends: less is an offset, or a grid

Pads = tuple[int, int, int, int]  # pixels of padding above, below, left and right; cropped if < 0
Edges = tuple[int, ...]  # places in pads
Window = tuple[float, float, float, float]  # top, bottom, left and right, as fractions


def window_of(pads: Pads, size: tuple[int, int]) -> Window:
    """Return where an image lies in its padded or cropped version, as fractions of that.

    Examples
    --------
    >>> from segpost.diagnosis.window_fit import window_of
    >>> window_of((10, 10, 0, 0), (80, 100))
    (0.1, 0.9, 0.0, 1.0)
    """
    edges: list[float] = []
    for first, last, side in ((pads[0], pads[1], size[0]), (pads[2], pads[3], size[1])):
        padded = side + first + last
        edges += [first / padded, (first + side) / padded]
    return (edges[0], edges[1], edges[2], edges[3])


def fit_pads(size: tuple[int, int], score: Callable[[Pads], float]) -> Pads | None:
    """Return the padding, or the crop, with the highest score, or None where it is hardly one.

    Equal paddings at opposite sides, or those at two sides alone, are taken unless others fit much
    better.

    Parameters
    ----------
    size : (H, W)
        Of the image, in whose pixels the padding is counted.
    score : function of pads
        How well the prediction fits the target if the network's input was padded so, at most 1.
    """
    scores: dict[Pads, float] = {}

    def rate(pads: Pads) -> float:
        if pads not in scores:
            scores[pads] = score(pads) if _is_possible(pads, size) else float("-inf")
        return scores[pads]

    def climb(pads: Pads, moves: tuple[Edges, ...]) -> Pads:
        step = max(1, round(FIRST_STEP * max(size)))
        while step:
            near = [_move(pads, edges, pixels) for edges in moves for pixels in (step, -step)]
            best = max(near, key=rate)
            if rate(best) > rate(pads):
                pads = best
            else:
                step //= 2
        return pads

    whole = rate((0, 0, 0, 0))
    families = (
        (_iter_centered(size), ((0, 1, 2, 3), (0, 1), (2, 3))),
        (_iter_cornered(size), ((1, 3), (1,), (3,))),
    )
    starts = [(max(pads, key=rate), moves) for pads, moves in families]
    climbed = [climb(start, moves) for start, moves in starts if rate(start) > whole]
    if not climbed:
        return None
    best = max(climbed, key=rate)
    free = climb(best, ((0,), (1,), (2,), (3,)))
    if rate(free) > rate(best) + MIN_FREE_GAIN:
        best = free
    best = _as_one_kind(best)
    totals = (best[0] + best[1]) / size[0], (best[2] + best[3]) / size[1]
    return best if max(map(abs, totals)) >= MIN_PADDING else None


def _move(pads: Pads, edges: Edges, pixels: int) -> Pads:
    moved = [pad + pixels * (edge in edges) for edge, pad in enumerate(pads)]
    return (moved[0], moved[1], moved[2], moved[3])


def _iter_centered(size: tuple[int, int]) -> Iterator[Pads]:
    """Yield paddings and crops at all sides, by a share of each side or by equal pixels."""
    for share in SHARES:
        down, right = (max(1, round(share * side)) for side in size)
        equal = max(1, round(share * min(size)))
        yield (down, down, right, right)
        yield (equal, equal, equal, equal)
        if share <= MAX_CROP:
            yield (-down, -down, -right, -right)
            yield (-equal, -equal, -equal, -equal)


def _iter_cornered(size: tuple[int, int]) -> Iterator[Pads]:
    """Yield paddings below and at the right."""
    for share in SHARES:
        down, right = (max(1, round(2 * share * side)) for side in size)
        yield (0, down, 0, right)
        yield (0, down, 0, 0)
        yield (0, 0, 0, right)


def _is_possible(pads: Pads, size: tuple[int, int]) -> bool:
    """Return whether no side is padded and cropped, and neither is too much."""
    for first, last, side in ((pads[0], pads[1], size[0]), (pads[2], pads[3], size[1])):
        if min(first, last) < -MAX_CROP * side or max(first, last) > side:
            return False
    return not (min(pads) < -1 and max(pads) > 1)


def _as_one_kind(pads: Pads) -> Pads:
    """Return pads of one sign: a pixel of the other is rounding."""
    is_crop = sum(pads) < 0
    top, bottom, left, right = (min(pad, 0) if is_crop else max(pad, 0) for pad in pads)
    return (top, bottom, left, right)
