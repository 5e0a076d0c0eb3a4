"""`Scores`: every score of a confusion matrix, and its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

import numpy as np

from segpost._core import arguments
from segpost._core.equality import has_same_values
from segpost._core.public import public
from segpost.metrics.conventions import MetricConvention
from segpost.metrics.report import display, documents, formats, plots
from segpost.metrics.values import PER_CLASS, ScoreValues

JsonLayout = Literal["segpost", "cityscapes"]
PlotKind = Literal["matrix", "classes"]
MAX_ABSENT = 5  # classes that `repr` names


@public
class Scores(ScoreValues):
    """Scores of one confusion matrix. Counts are int64, ratios float64.

    Per class, NaN where a class has no such score: `iou`, `dice`, `precision`, `recall`,
    `specificity`, `fbeta`. Over all classes: `miou`, `pixel_accuracy`, `mean_accuracy`, `fwiou`,
    `kappa`, `mcc`, `category_iou`, `mean`. Reports: `to_text` (also ``print(scores)``),
    `to_markdown`, `to_latex`, `to_csv`, `to_json`, `to_pandas`, `plot`. A notebook shows them as
    HTML, and ``segpost evaluate --html`` writes a page.

    Pixels that are later counted by the confusion matrix are not in these scores.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> cm = segpost.ConfusionMatrix(2, class_names=["road", "car"])
    >>> cm.update(preds=np.uint8([[0, 0, 1, 1]]), target=np.uint8([[0, 1, 1, 1]]))
    >>> scores = cm.compute()
    >>> scores.iou.round(3), scores.pixel_accuracy
    (array([0.5  , 0.667]), 0.75)
    >>> scores.top_confusions(1)[0].predicted
    'road'
    """

    def __eq__(self, other: object) -> bool:
        """Whether counts, settings and convention are the same."""
        if not isinstance(other, Scores):
            return NotImplemented
        own, others = (self.snapshot, self.convention), (other.snapshot, other.convention)
        return has_same_values(own, others)

    if not TYPE_CHECKING:

        def __add__(self, other: object) -> NoReturn:
            """Refuse a sum: scores of sums are no sums of scores."""
            raise TypeError("scores have no sum: add their measures, (one + other).compute()")

        __radd__ = __add__

    def __hash__(self) -> int:
        return hash((self.snapshot.state.tobytes(), self.convention.name))

    def to_text(self, *, percent: bool = False) -> str:
        """Return the report for a terminal; with `percent` its scores are percentages."""
        return formats.text(self, percent=percent)

    def to_markdown(self, *, percent: bool = False) -> str:
        """Return summary and classes as Markdown tables; `percent` as in `to_text`."""
        return formats.markdown(self, percent=percent)

    def to_latex(self, *, percent: bool = False) -> str:
        """Return summary and classes as LaTeX tables; `percent` as in `to_text`.

        They need the package booktabs.
        """
        return formats.latex(self, percent=percent)

    def to_csv(self) -> str:
        """Return one line of CSV for each class."""
        return formats.csv(self)

    def to_json(self, *, layout: JsonLayout = "segpost") -> str:
        """Return everything as JSON.

        Parameters
        ----------
        layout : {"segpost", "cityscapes"}
            "cityscapes" is that of the benchmark's csEvalPixelLevelSemanticLabeling.
        """
        arguments.check_choice(layout, "layout", get_args(JsonLayout))
        return documents.json(self) if layout == "segpost" else documents.cityscapes_json(self)

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each class; this needs pandas.

        Raises
        ------
        ImportError
            If pandas is not installed (``pip install pandas``).
        """
        return formats.pandas(self)

    def plot(self, kind: PlotKind = "matrix", **options: Any) -> Any:
        """Draw a figure; this needs matplotlib.

        Parameters
        ----------
        kind : {"matrix", "classes"}
            The normalized matrix, or a bar for each class.
        **options
            `over` for "matrix" (see `normalized`), `score` for "classes" (a per-class score).

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        arguments.check_choice(kind, "kind", get_args(PlotKind))
        return plots.matrix(self, **options) if kind == "matrix" else plots.classes(self, **options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_cm" in state:  # pickled before scores had a snapshot
            super().__init__(state["_cm"].snapshot(), MetricConvention.own(state["policy"]))
        else:
            self.__dict__.update({k: v for k, v in state.items() if k not in PER_CLASS})

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """Return summary and classes for a notebook."""
        return display.format_scores(self)

    def __repr__(self) -> str:
        averaged = f"{int(self.in_mean.sum())} of {self.num_classes} classes"
        dialect = f", as {self.dialect}" if self.dialect else ""
        absent = [self.class_names[label] for label in np.flatnonzero(self.absent)]
        if absent:
            shown = ", ".join(absent[:MAX_ABSENT]) + (", ..." if len(absent) > MAX_ABSENT else "")
            averaged += f" ({shown} in neither map)"
        return f"<Scores: miou {self.miou:.4f} over {averaged}, {self.pixels} pixels{dialect}>"
