"""`compare` and `RunComparison`: what a run gained and lost against another on the same images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from segpost._core.arguments import as_names
from segpost._core.public import public
from segpost._core.unknown_names import explain_arguments
from segpost.metrics.dialects import DialectName
from segpost.metrics.image_sums import MEANS, ImageColumns
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.ratios import Float64
from segpost.metrics.report import runs as report
from segpost.metrics.resampling import Draws, as_draws, sum_drawn, sum_exchanged
from segpost.metrics.run_pairs import pair_runs
from segpost.metrics.run_values import RunValues, ScoreDelta
from segpost.metrics.scores import Scores

SAMPLES = 10_000
LEVEL = 0.95
MIN_IMAGES = 2  # of which data sets that are drawn differ
ROUNDING = 1e-12  # differences that are the same but for rounding


@public
class RunComparison(RunValues):
    """What run b gained and lost against run a, on the images that both have counted.

    Made by `compare`. It prints as a report; `to_markdown`, `to_latex`, `to_csv` and `to_json`
    write it. Deltas are b minus a.

    Attributes
    ----------
    names : (str, str)
        Of the runs.
    a, b : Scores
        Over the shared images.
    means, classes : tuple of ScoreDelta
        Scores over all classes, and the IoU of each class.
    only_a, only_b : tuple of str or int
        Ids of images that one run has; nothing here counts them.
    samples : int
        Data sets that were drawn for intervals, and for p-values.
    level : float
        Of the intervals.
    seed : int

    Examples
    --------
    >>> import numpy as np, segpost
    >>> a, b = (segpost.ConfusionMatrix(2, per_image=True) for _ in range(2))
    >>> for k in range(4):
    ...     target = np.uint8([[0, 0, 1, 1]])
    ...     a.update(preds=np.uint8([[0, 1, 1, 1]]), target=target, ids=k)
    ...     b.update(preds=np.uint8([[0, 0, 1, k % 2]]), target=target, ids=k)
    >>> comparison = segpost.compare(a, b)
    >>> round(comparison["miou"].delta, 3), comparison.fallen()
    (0.192, [])
    """

    def to_text(self, *, percent: bool = False) -> str:
        """Return the report for a terminal; with `percent` its scores are percentages."""
        return report.text(self, percent=percent)

    def to_markdown(self, *, percent: bool = False) -> str:
        """Return the report in Markdown; `percent` as in `to_text`."""
        return report.markdown(self, percent=percent)

    def to_latex(self, *, percent: bool = False) -> str:
        """Return the report in LaTeX, for the package booktabs; `percent` as in `to_text`."""
        return report.latex(self, percent=percent)

    def to_csv(self) -> str:
        """Return one line of CSV for each score and class."""
        return report.csv([self])

    def to_json(self) -> str:
        """Return everything as JSON; NaN is null."""
        return report.json(self)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        miou = self.means[0]
        return (
            f"<RunComparison: {self.names[1]} against {self.names[0]}, {len(self.ids):,} images, "
            f"miou {miou.delta:+.4f} ({miou.low:+.4f} to {miou.high:+.4f}), p {miou.p_value:.2g}>"
        )

    def _repr_html_(self) -> str:
        """Return means, classes and images for a notebook."""
        return report.notebook(self)


@explain_arguments
def compare(
    a: ConfusionMatrix,
    b: ConfusionMatrix,
    *,
    names: tuple[str, str] = ("a", "b"),
    dialect: DialectName | None = None,
    exclude: Iterable[int | str] | int | str = (),
    samples: int = SAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> RunComparison:
    """Compare two runs on the images that both have counted; a is the baseline.

    Images are paired by their ids. The intervals are those of a paired bootstrap: both runs are
    scored on the same images, drawn with replacement (Efron 1979). The p-values are those of a
    paired permutation test, which exchanges the runs at random image by image (Noreen 1989). They
    are not corrected for the number of classes.

    Parameters
    ----------
    a, b : ConfusionMatrix
        Counted with ``per_image=True`` and `ids`, or loaded by `ConfusionMatrix.from_json`.
    names : (str, str)
        Of the runs, for reports.
    dialect, exclude
        As in `ConfusionMatrix.compute`.
    samples : int
        Data sets that are drawn, for the intervals and for the p-values; 1 to 1,000,000.
    level : float
        Of the intervals.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    comparison : RunComparison

    Raises
    ------
    ValueError
        If a run has no ids, they share no image, they count other classes or otherwise, or the
        target of a shared image is not the same; if there are not two different names; and for
        numbers out of range.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> a, b = (segpost.ConfusionMatrix(2, per_image=True) for _ in range(2))
    >>> for k in range(8):
    ...     target = np.uint8([[0, 0, 1, 1]])
    ...     a.update(preds=np.uint8([[0, 1, 1, 0]]), target=target, ids=k)
    ...     b.update(preds=np.uint8([[0, 0, 1, 0]]), target=target, ids=k)
    >>> segpost.compare(a, b, names=("main", "branch"))
    <RunComparison: branch against main, 8 images, miou +0.2500 (+0.2500 to +0.2500), p 0.009>
    """
    for cm, argument in ((a, "a"), (b, "b")):
        if not isinstance(cm, ConfusionMatrix):
            cure = ""
            if isinstance(cm, Scores):
                cure = ": pass the matrix that computed them, which has the counts of images"
            elif isinstance(cm, (str, PathLike)):
                path = str(cm)
                cure = f": segpost.ConfusionMatrix.from_json(pathlib.Path({path!r}).read_text())"
            raise TypeError(f"{argument} must be a ConfusionMatrix, got {type(cm).__name__}{cure}")
    run_names = _as_run_names(names)
    draws = as_draws(samples, level, seed)
    pair = pair_runs(a, b, run_names)
    scores = [cm.compute(dialect, exclude=exclude) for cm in (pair.a, pair.b)]
    columns = [one.images.columns() for one in scores]
    deltas = _deltas(columns, draws)
    class_names = scores[0].class_names
    rows = [
        ScoreDelta(name, *map(float, row))
        for name, row in zip((*MEANS, *class_names), deltas.T, strict=True)
    ]
    means, classes = rows[: len(MEANS)], rows[len(MEANS) :]
    return RunComparison(
        run_names, scores[0], scores[1], tuple(means), tuple(classes), pair.only_a, pair.only_b,
        *draws,
    )  # fmt: skip


def _as_run_names(names: object) -> tuple[str, str]:
    """Return the names of two runs, which must differ."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"names must be two strings, got {names!r}")
    run_names = as_names(names, "names")
    if len(run_names) != 2 or run_names[0] == run_names[1]:
        raise ValueError(f"names must be two different strings, got {names!r}")
    return run_names[0], run_names[1]


def _deltas(columns: list[ImageColumns], draws: Draws) -> Float64:
    """Return a, b, their delta, its interval and p-value for every score: (6, M + C)."""
    samples, level, seed = draws
    ours, others = (part.values for part in columns)
    classes = len(columns[0].ignored)
    scorer, shared = columns[0], slice(None, classes)  # target pixels are those of both
    a, b = (scorer.scores(values.sum(axis=0)[None])[0] for values in (ours, others))
    delta = b - a
    both = np.concatenate([ours, others[:, classes:]], axis=1)
    sums = sum_drawn(both, samples, seed)
    of_ours, of_others = sums[:, : ours.shape[1]], sums[:, ours.shape[1] :]
    of_others = np.concatenate([sums[:, shared], of_others], axis=1)
    drawn = scorer.scores(of_others) - scorer.scores(of_ours)
    low, high = _quantiles(drawn, [(1 - level) / 2, (1 + level) / 2])
    if len(ours) < MIN_IMAGES:
        low[:] = high[:] = math.nan
    changed = np.flatnonzero((ours != others).any(axis=1))
    larger = np.full(len(delta), float(samples))
    if len(changed):
        gain = (others - ours)[changed]
        varies = np.flatnonzero(gain.any(axis=0))  # the pixels of the target do not
        moved = np.zeros((samples, gain.shape[1]))
        moved[:, varies] = sum_exchanged(np.ascontiguousarray(gain[:, varies]), samples, seed)
        swapped = scorer.scores(others.sum(axis=0) - moved)
        swapped -= scorer.scores(ours.sum(axis=0) + moved)
        larger = np.count_nonzero(np.abs(swapped) >= np.abs(delta) - ROUNDING, axis=0)
    p_value = np.where(np.isnan(delta), math.nan, (larger + 1) / (samples + 1))
    return np.stack([a, b, delta, low, high, p_value])


def _quantiles(values: Float64, shares: list[float]) -> Any:
    """Return quantiles of each column over the rows in which it is known; NaN where in none."""
    result = np.full((len(shares), values.shape[1]), math.nan)
    is_defined = ~np.isnan(values).all(axis=0)
    if is_defined.any():
        result[:, is_defined] = np.nanquantile(values[:, is_defined], shares, axis=0)
    return result
