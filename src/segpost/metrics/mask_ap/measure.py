"""`MaskAP`: average precision of the masks of instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from segpost._core.arguments import ClassNames
from segpost._core.public import public
from segpost._core.unknown_names import explain_arguments
from segpost.metrics.arguments import Duplicates, as_duplicates
from segpost.metrics.mask_ap.accumulation import compute_curves, sort_images
from segpost.metrics.mask_ap.forms import ImageMasks, as_image_masks
from segpost.metrics.mask_ap.matching import ImageMatches, match_image
from segpost.metrics.mask_ap.rules import AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS, as_rules
from segpost.metrics.mask_ap.saved import dump_image, read_image
from segpost.metrics.mask_ap.scores import MaskAPScores
from segpost.metrics.measure import Measure, class_rows, class_table, names_by_category
from segpost.render.tables import Table, format_score


@public
class MaskAP(Measure):
    """Average precision (AP) and recall (AR) of predicted masks, by the rules of COCO.

    Predictions are masks with a class and a score, which may overlap. In descending order of
    scores each takes the true mask of its class with the largest IoU; AP is the mean precision at
    101 recalls, IoU thresholds 0.5 to 0.95 and all classes. Lin et al., Microsoft COCO, ECCV 2014;
    scores are those of pycocotools' ``COCOeval(..., iouType="segm")``, and of torchmetrics'
    ``MeanAveragePrecision(iou_type="segm")``.

    Parameters
    ----------
    categories : int or iterable of int
        The categories of the masks; a number n is 0 to n - 1.
    class_names : sequence of str or dict of int to str, optional
        The names of the classes, in ascending order of their categories; a dict is by category.
    iou_thresholds : sequence of float
        The least IoU of a match, ascending: 0.5, 0.55, ... 0.95.
    area_ranges : mapping of str to (float, float)
        Least and largest number of pixels of the masks that count, both included. The first range
        is that of `ap`. COCO's are all, small (to 32**2), medium (to 96**2) and large.
    max_detections : sequence of int
        How many predictions of an image and a class count, ascending: 1, 10, 100.
    duplicates : {"raise", "drop"}
        As in `ConfusionMatrix`.

    Raises
    ------
    ValueError, TypeError
        For values that are out of range, repeated, or in another order.

    Notes
    -----
    Precision needs the order of all scores, so the state has the score of every detection, and a
    bit for every threshold and area range: some 40 bytes each.

    Equal scores of several images are in the order of the image ids, as in pycocotools. Images
    without ids are ordered by what was counted, so that no order of updates and sums changes a
    score.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.zeros((2, 64, 64), bool)
    >>> target[0, :40], target[1, 50:, 50:] = True, True
    >>> preds = np.roll(target, 2, axis=1)
    >>> measure = segpost.MaskAP(categories=[1, 17])
    >>> measure.update(
    ...     preds={"masks": preds, "scores": [0.9, 0.6], "labels": [17, 1]},
    ...     target={"masks": target, "labels": [17, 1]},
    ... )
    >>> scores = measure.compute()
    >>> scores.class_ap.round(3), round(scores.ap, 3), round(scores.ap50, 3)
    (array([0.6, 0.9]), 0.75, 1.0)
    """

    _kind: ClassVar[str] = "MaskAP"
    report_key: ClassVar[str] = "mask_ap"

    @explain_arguments
    def __init__(
        self,
        categories: int | Iterable[int],
        *,
        class_names: ClassNames | None = None,
        iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
        area_ranges: Mapping[str, Sequence[float]] = AREA_RANGES,
        max_detections: Sequence[int] = MAX_DETECTIONS,
        duplicates: Duplicates = "raise",
    ) -> None:
        self._rules = as_rules(categories, iou_thresholds, area_ranges, max_detections)
        self.num_classes = len(self._rules.categories)
        self.class_names = names_by_category(class_names, self.categories)
        self.duplicates = as_duplicates(duplicates)
        self.reset()

    @property
    def categories(self) -> tuple[int, ...]:
        """The categories, in ascending order."""
        return tuple(self._rules.categories.tolist())

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
    ) -> None:
        """Match predicted masks with true ones. On an error nothing is counted.

        Predictions and target may have different forms, but masks of one size.

        Parameters
        ----------
        preds, target : masks of one image, or of several
            One of these, or a list of them:

            - a dict with "masks" and "labels", their categories, of predictions also with "scores",
              as in torchmetrics. Masks are booleans, or 0 and 1, of shape (N, H, W), or COCO
              run-length codes. Those of the target may have "iscrowd" and "area".
            - a list of annotations or results of COCO: dicts with "segmentation", a run-length
              code, "category_id", and "score", or maybe "iscrowd" and "area".
            - a tuple of ids (H, W) and the list of its segments: dicts with "id", "category_id" (or
              "label_id"), and "score", or maybe "iscrowd" and "area"; as of COCO and transformers.
            - a `Segmentation` with segments, which ``segment_queries(task="instance")`` returns.

            An empty list is an image without masks. Areas of the target, by which ranges choose,
            are counted where "area" is missing.
        ids : sequence of str or int, optional
            An id for each image, of which none may be counted twice.

        Raises
        ------
        ValueError, TypeError
            If the masks have none of these forms, or different sizes; for scores that are not
            finite; for unknown categories; for repeated image ids.
        """
        self._check_not_reduced()
        pred_images = as_image_masks(preds, "preds", has_scores=True)
        target_images = as_image_masks(target, "target", has_scores=False)
        self._add_images(pred_images, target_images, ids, type(self)._match)

    def compute(self, *, image: str | int | None = None) -> MaskAPScores:
        """Compute the scores of everything counted so far, or of one image.

        Parameters
        ----------
        image : str or int, optional
            The id of an image.

        Raises
        ------
        ValueError
            If no image has this id.
        """
        with self._lock:
            images = list(self._images)
        if image is not None:
            images = [one for one in images if one.name is not None and one.name == image]
            if not images:
                raise ValueError(f"no image has the id {image!r}: update(..., ids=) gives them")
        curves = compute_curves(images, self._rules)
        rules = self._rules
        return MaskAPScores(
            *curves,
            self.categories,
            rules.iou_thresholds,
            tuple(name for name, _, _ in rules.area_ranges),
            rules.max_detections,
        )

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {
            "categories": list(self.categories),
            "class_names": None if self.class_names is None else list(self.class_names),
            "iou_thresholds": list(self._rules.iou_thresholds),
            "area_ranges": {name: [low, high] for name, low, high in self._rules.area_ranges},
            "max_detections": list(self._rules.max_detections),
            "duplicates": self.duplicates,
        }

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._images: list[ImageMatches] = []
            self._reset_base()

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the means, and the scores of each class.

        Parameters
        ----------
        names : sequence of str, optional
            Class names; by default those of the constructor, or the categories.
        """
        scores = self.compute()
        rows: list[tuple[str, ...]] = [
            (name, format_score(value)) for name, value in _means(scores).items()
        ]
        columns = {
            "AP": scores.class_ap,
            "AP50": scores.class_ap50,
            "AP75": scores.class_ap75,
            "AR": scores.class_ar,
        }
        return [
            Table("Average precision of masks", ("score", "value"), rows),
            class_table("Average precision of classes", columns, self._names_or(names)),
        ]

    def content(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Return settings, means and classes as plain data; NaN where there is no score."""
        scores, settings = self.compute(), self.settings()
        columns: dict[str, Any] = {
            "ap": scores.class_ap,
            "ap50": scores.class_ap50,
            "ap75": scores.class_ap75,
            "ar": scores.class_ar,
            "targets": scores.targets[:, 0],
            "detections": scores.detections,
        }
        rows = class_rows(columns, self._names_or(names))
        return {
            **{key: settings[key] for key in ("iou_thresholds", "area_ranges", "max_detections")},
            "means": _means(scores),
            "classes": [
                {**row, "category": c} for row, c in zip(rows, self.categories, strict=True)
            ],
        }

    def _names_or(self, names: Sequence[str] | None) -> Sequence[str]:
        """Return the names of a report, or those of the measure."""
        if names is not None:
            return names
        return self.class_names or [str(c) for c in self.categories]

    def _match(self, preds: ImageMasks, target: ImageMasks) -> None:
        """Match the masks of one image."""
        self._images = [match_image(preds, target, self._rules)]

    def _name_image(self, name: str | int) -> None:
        (image,) = self._images
        self._images = [image._replace(name=name)]
        super()._name_image(name)

    def _forget_images(self) -> None:
        super()._forget_images()
        self._images = [image._replace(name=None) for image in self._images]

    def _dump_counts(self) -> dict[str, Any]:
        return {"detections": [dump_image(image) for image in sort_images(self._images)]}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        self._images = [read_image(one, self._rules) for one in totals["detections"]]

    def _merge_counts(self, other: MaskAP) -> None:
        self._images += other._images  # in place: a data set is added image by image


def _means(scores: MaskAPScores) -> dict[str, float]:
    """Return the numbers of `stats` with their names."""
    areas = scores.areas[1:]
    names = ["AP", "AP50", "AP75", *(f"AP {area}" for area in areas)]
    names += [f"AR {count}" for count in scores.max_detections]
    names += [f"AR {area}" for area in areas]
    return dict(zip(names, scores.stats, strict=True))
