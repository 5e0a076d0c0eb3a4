"""`PanopticQuality`: how well segments are found and outlined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from segpost._core.arguments import ClassNames, as_integer, as_real, check_choice
from segpost._core.public import public
from segpost.metrics.arguments import Duplicates, as_duplicates
from segpost.metrics.counts import checked_add
from segpost.metrics.measure import Measure, class_rows, class_table, names_by_category
from segpost.metrics.panoptic.classes import as_panoptic_classes
from segpost.metrics.panoptic.maps import PanopticMap, as_panoptic_maps
from segpost.metrics.panoptic.matching import (
    IOU_BITS,
    PANOPTIC_DIALECTS,
    MatchCounts,
    MatchRules,
    PanopticDialect,
    match_segments,
)
from segpost.metrics.panoptic.scores import PanopticScores, scores_of
from segpost.metrics.panoptic.segments import pair_segments
from segpost.metrics.saved import read_counts, read_integer
from segpost.render.tables import Table, format_score

MAX_DIVISOR = 2**62


@public
class PanopticQuality(Measure):
    """Panoptic quality (PQ) of predicted segments.

    A predicted and a true segment of one class match if their IoU is above `iou_threshold`.
    PQ of a class is the sum of the IoU of its matches, divided by TP + FP / 2 + FN / 2; it is SQ,
    the mean IoU of matches, times RQ, the F1 score: Kirillov et al., Panoptic Segmentation, CVPR
    2019. Counts are exact integers, and sums of IoU are integers in units of 2**-64, so that the
    result does not depend on the order in which parts are added.

    Parameters
    ----------
    things : iterable of int
        The categories of countable objects, each of which is a segment.
    stuff : iterable of int
        The categories of which all pixels of an image are one segment.
    ignore_index : int or iterable of int, optional
        Categories that are void, in predictions and targets.
    class_names : sequence of str or dict of int to str, optional
        The names of the classes, in ascending order of their categories; a dict is by category.
    dialect : {"panopticapi", "torchmetrics"}
        Whose rules; see Notes.
    iou_threshold : float
        In 0..1. From 0.5 on a segment has at most one match. Below it, pairs match in descending
        order of IoU, and each segment matches once.
    duplicates : {"raise", "drop"}
        As in `ConfusionMatrix`.

    Raises
    ------
    ValueError, TypeError
        If a category is thing and stuff, or ignored, too; for values out of range.

    Notes
    -----
    What differs between the dialects:

    - Void pixels of the target are left out of predicted segments in both. Void pixels of the
      prediction are left out of true segments in "torchmetrics" alone: there, a true segment that
      is mostly void in the prediction is no false negative, either.
    - Crowd segments of the target (``iscrowd``) neither match nor are missed, and a predicted
      segment that lies mostly in void and a crowd of its class is no false positive. Only
      "panopticapi" knows them.
    - Listed segments of one stuff class are segments of their own in "panopticapi", and one segment
      in "torchmetrics". In pairs and divided ids they are one segment in both.
    - "torchmetrics" divides in float32, which can decide whether an IoU is above the threshold.

    Where segpost differs from both on purpose: a category that is not known is an error. The areas
    of true segments are counted; panopticapi takes them from the JSON file. A class that does not
    occur has NaN instead of 0; the means are the same.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.array([[[7, 0], [7, 0], [1, 1], [1, 1], [1, 2], [1, 2]]])  # category, instance
    >>> preds = np.array([[[7, 0], [7, 0], [1, 5], [1, 5], [1, 5], [1, 6]]])
    >>> measure = segpost.PanopticQuality(things=[1], stuff=[7])
    >>> measure.update(preds=preds, target=target)
    >>> scores = measure.compute()
    >>> scores.pq.round(3), scores.true_positives, scores.false_positives
    (array([0.333, 1.   ]), array([1, 1]), array([1, 0]))
    >>> round(scores.mean_pq, 3)
    0.667
    """

    _kind: ClassVar[str] = "PanopticQuality"
    report_key: ClassVar[str] = "panoptic"

    def __init__(
        self,
        things: Iterable[int],
        stuff: Iterable[int],
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        dialect: PanopticDialect = "panopticapi",
        iou_threshold: float = 0.5,
        duplicates: Duplicates = "raise",
    ) -> None:
        self._classes = as_panoptic_classes(things, stuff, ignore_index)
        self.num_classes = len(self._classes.categories)
        self.class_names = names_by_category(class_names, self._classes.categories.tolist())
        check_choice(dialect, "dialect", PANOPTIC_DIALECTS)
        self._rules = MatchRules(dialect, as_real(iou_threshold, "iou_threshold", 0.0, 1.0))
        self.duplicates = as_duplicates(duplicates)
        self.reset()

    @property
    def things(self) -> tuple[int, ...]:
        """The categories of things, in ascending order."""
        return tuple(self._classes.categories[self._classes.is_thing].tolist())

    @property
    def stuff(self) -> tuple[int, ...]:
        """The categories of stuff, in ascending order."""
        return tuple(self._classes.categories[~self._classes.is_thing].tolist())

    @property
    def dialect(self) -> PanopticDialect:
        """Whose rules."""
        return self._rules.dialect

    @property
    def iou_threshold(self) -> float:
        """The IoU that a match must exceed."""
        return self._rules.iou_threshold

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        label_divisor: int | None = None,
    ) -> None:
        """Count predicted segments against true ones. On an error nothing is counted.

        Predictions and target may have different forms.

        Parameters
        ----------
        preds, target : panoptic maps of one image or of several
            One of these, or a list of them:

            - integer array of shape (H, W, 2) or (N, H, W, 2): pairs of category and instance, as
              in torchmetrics. The instance of a stuff category has no meaning.
            - a tuple of an integer array of ids, (H, W) or (N, H, W), and the list of its segments,
              or a list for each image: dicts with "id", "category_id" (or "label_id") and maybe
              "iscrowd", as in COCO and detectron2.
            - the same with the uint8 colors of a PNG file of COCO, (H, W, 3) or (N, H, W, 3): the
              id is R + 256 G + 65536 B.
            - a dict with "segmentation" and "segments_info", which transformers' processors
              return, or with "panoptic_seg", of detectron2.
            - a `Segmentation` with segments, which `segment_queries` returns.
            - with `label_divisor`, an integer array of ids, (H, W) or (N, H, W), which are
              category * label_divisor + instance.

            Pixels whose id is 0 or -1 and has no segment in its list are void, and so are divided
            ids of -1.
        ids : sequence of str or int, optional
            An id for each image, of which none may be counted twice.
        label_divisor : int, optional
            What categories are multiplied by in ids without a list of segments.

        Raises
        ------
        ValueError, TypeError
            If the maps have none of these forms, or different sizes; for ids that are not listed,
            or listed twice; for unknown categories; for repeated image ids.
        """
        self._check_not_reduced()
        if label_divisor is not None:
            label_divisor = as_integer(label_divisor, "label_divisor")
            if not 1 <= label_divisor <= MAX_DIVISOR:
                raise ValueError(f"label_divisor must be in 1..2**62, got {label_divisor}")
        pred_maps = as_panoptic_maps(preds, "preds", label_divisor)
        target_maps = as_panoptic_maps(target, "target", label_divisor)
        self._add_images(pred_maps, target_maps, ids, type(self)._measure)

    def compute(self, *, image: str | int | None = None) -> PanopticScores:
        """Compute the scores of everything counted so far, or of one image.

        Parameters
        ----------
        image : str or int, optional
            The id of an image, where ``duplicates="drop"`` keeps the counts of each.

        Raises
        ------
        ValueError
            If there are no counts of this image.
        """
        with self._lock:
            counts, totals_of = MatchCounts(self._counts, self._iou), self._totals_of
        if image is not None:
            if image not in totals_of:
                cure = "" if self.duplicates == "drop" else '; duplicates="drop" keeps them'
                raise ValueError(f"image {image!r} has no counts of its own{cure}")
            counts = self._read(totals_of[image])
        return scores_of(counts, self._classes, self.class_names)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {
            "things": list(self.things),
            "stuff": list(self.stuff),
            "ignore_index": self._classes.ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "dialect": self.dialect,
            "iou_threshold": self.iou_threshold,
            "duplicates": self.duplicates,
        }

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._counts = np.zeros((3, self.num_classes), np.int64)
            self._iou: tuple[int, ...] = (0,) * self.num_classes
            self._reset_base()

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the means of all classes, of things and of stuff, and the scores of each class.

        Parameters
        ----------
        names : sequence of str, optional
            Class names; by default those of the constructor, or the categories.
        """
        scores = self.compute()
        rows: list[tuple[str, ...]] = [
            (
                title,
                *map(format_score, (part.mean_pq, part.mean_sq, part.mean_rq)),
                str(part.classes_in_mean),
            )
            for title, part in _parts(scores).items()
        ]
        head = ("classes", "PQ", "SQ", "RQ", "N")
        means = Table(f"Panoptic quality, IoU above {self.iou_threshold:g}", head, rows)
        columns = {"PQ": scores.pq, "SQ": scores.sq, "RQ": scores.rq}
        title = "Panoptic quality of classes"
        return [means, class_table(title, columns, self._names_or(names))]

    def content(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Return settings, means and classes as plain data; NaN where there is no score."""
        scores = self.compute()
        columns: dict[str, Any] = {
            "pq": scores.pq,
            "sq": scores.sq,
            "rq": scores.rq,
            "true_positives": scores.true_positives,
            "false_positives": scores.false_positives,
            "false_negatives": scores.false_negatives,
        }
        rows = class_rows(columns, self._names_or(names))
        about = zip(rows, scores.categories, scores.is_thing.tolist(), strict=True)
        return {
            "dialect": self.dialect,
            "iou_threshold": self.iou_threshold,
            "means": {
                title: {
                    "pq": part.mean_pq,
                    "sq": part.mean_sq,
                    "rq": part.mean_rq,
                    "classes": part.classes_in_mean,
                }
                for title, part in _parts(scores).items()
            },
            "classes": [{**row, "category": c, "is_thing": thing} for row, c, thing in about],
        }

    def named_scores(self, names: Sequence[str]) -> dict[str, float]:
        """Return PQ, SQ and RQ: their means, those of things and of stuff, and of each class."""
        scores = self.compute()
        values: dict[str, float] = {}
        for title, part in _parts(scores).items():
            end = "" if title == "all" else f".{title}"
            means = {"pq": part.mean_pq, "sq": part.mean_sq, "rq": part.mean_rq}
            values |= {f"{key}{end}": value for key, value in means.items()}
        for key, column in {"pq": scores.pq, "sq": scores.sq, "rq": scores.rq}.items():
            of_classes = zip(self._names_or(names), column.tolist(), strict=True)
            values = {**{f"{key}.{name}": value for name, value in of_classes}, **values}
        return values

    def _names_or(self, names: Sequence[str] | None) -> Sequence[str]:
        """Return the names of a report, or those of the measure."""
        if names is not None:
            return names
        return self.class_names or [str(c) for c in self._classes.categories.tolist()]

    def _measure(self, preds: PanopticMap, target: PanopticMap) -> None:
        """Count one image."""
        pairs = pair_segments(
            preds, target, self._classes, merges_stuff=self._rules.is_torchmetrics
        )
        self._counts, self._iou = match_segments(pairs, self._rules, self.num_classes)

    def _dump_counts(self) -> dict[str, Any]:
        return {"counts": self._counts.tolist(), "iou": list(self._iou)}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        self._counts, self._iou = self._read(totals)

    def _read(self, totals: dict[str, Any]) -> MatchCounts:
        """Return saved counts; refuse those that cannot be."""
        counts = read_counts(totals["counts"], (3, self.num_classes), "counts")
        sums = totals["iou"]
        if not isinstance(sums, list) or len(sums) != self.num_classes:
            raise ValueError(f"iou must be {self.num_classes} integers")
        matched = counts[0].tolist()
        most = [count << IOU_BITS for count in matched]
        iou = [read_integer(v, 0, top, "iou") for v, top in zip(sums, most, strict=True)]
        return MatchCounts(counts, tuple(iou))

    def _merge_counts(self, other: PanopticQuality) -> None:
        counts = checked_add(self._counts, other._counts)
        iou = tuple(a + b for a, b in zip(self._iou, other._iou, strict=True))
        self.__dict__.update(_counts=counts, _iou=iou)


def _parts(scores: PanopticScores) -> dict[str, PanopticScores]:
    """Return the scores of all classes, of things and of stuff."""
    return {"all": scores, "things": scores.things, "stuff": scores.stuff}
