"""`ConfusionMatrix`: exact counts over a data set, from which all scores are computed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, get_args

from segpost._backends.cuda.counts import refuse_more_than_sums
from segpost._core import arguments
from segpost._core.arguments import Check, ClassNames, NanRule, checked_names
from segpost._core.device import context_of
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost.metrics.arguments import (
    Duplicates,
    as_bool,
    as_class_count,
    as_class_numbers,
    as_duplicates,
    as_ignored_values,
    as_image_ids,
)
from segpost.metrics.comparison import Comparison, compare
from segpost.metrics.conventions import MetricConvention
from segpost.metrics.counts import LabelRules, checked_add
from segpost.metrics.dialects import DialectName, scores_of_dialect
from segpost.metrics.groups import Groups, as_groups
from segpost.metrics.mapping import PredMapping, as_pred_mapping, map_preds
from segpost.metrics.matrix_counts import MatrixCounts
from segpost.metrics.pairs import PredictionPair, as_pairs
from segpost.metrics.plain_images import count_plain_image
from segpost.metrics.policy import Absent, AveragingPolicy, IgnoredClass, MeanOver, PredictedOnly
from segpost.metrics.reading import LABELS_OR_LOGITS, as_reading
from segpost.metrics.report.display import format_counts
from segpost.metrics.scores import Scores
from segpost.metrics.strata import (
    PartCounts,
    as_pair_strata,
    as_strata,
    check_strata,
    stratum_number,
)
from segpost.metrics.suspicious_preds import warn_of_invalid_preds
from segpost.metrics.suspicious_targets import (
    warn_of_nothing,
    warn_of_slices,
    warn_of_targets,
)
from segpost.metrics.update_counts import count_pairs
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName

InvalidPreds = Literal["miss", "raise", "drop"]
INVALID_PREDS: tuple[str, ...] = get_args(InvalidPreds)
InvalidTarget = Literal["raise", "drop"]
INVALID_TARGET: tuple[str, ...] = get_args(InvalidTarget)


@public
class ConfusionMatrix(MatrixCounts):
    """Confusion matrix over a data set, from which every score can be computed.

    The state is exact (int64). It has one row more than there are classes, for ignored targets
    (VOC: void), and one column more, for predictions that are no class: every pixel is in it, so
    that ``state.sum() == pixels``, and any library's score follows from the same counts.

    Threads may share an object: they count at the same time, and the sums are exact.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    ignore_index : int or integers, optional
        Target values that are ignored. They may be classes, and negative.
    class_names : sequence of str, or dict of them by label, optional
        One name per class, for tables and plots; also ``model.config.id2label``.
    groups : mapping of str to sequence of int or str, or to such a mapping, optional
        Categories and their classes, as in Cityscapes, or a tree of them; classes in no group are
        not part of the category scores.
    per_image : bool
        Keep the counts of every image, for image-wise scores, quantiles and intervals.
    invalid_preds : {"miss", "raise", "drop"}
        A prediction that is no class, on a target that is one, is a miss of the true class, an
        error, or left out of the scores. The state keeps it in any case.
    invalid_target : {"raise", "drop"}
        A target that is neither class nor void is an error, or counted as void.
    duplicates : {"raise", "drop"}
        An image whose `ids` were seen before is an error, or left out (samplers of distributed
        training repeat images to fill the last batch).
    strata : int or sequence of str, optional
        Number or names of parts of the pixels that are also counted apart, such as near and far
        ones: see `update` and `compute`.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> cm = segpost.ConfusionMatrix(3, ignore_index=255, class_names=["road", "car", "sky"])
    >>> cm.update(preds=np.uint8([[0, 0, 1, 2]]), target=np.uint8([[0, 1, 1, 255]]))
    >>> cm.matrix
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 0, 0]])
    >>> scores = cm.compute()
    >>> scores.iou, scores.miou
    (array([0.5, 0.5, nan]), 0.5)
    """

    _kind: ClassVar[str] = "ConfusionMatrix"
    _parts: tuple[ConfusionMatrix, ...]

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        groups: Groups | None = None,
        per_image: bool = False,
        invalid_preds: InvalidPreds = "miss",
        invalid_target: InvalidTarget = "raise",
        duplicates: Duplicates = "raise",
        strata: int | Sequence[str] | None = None,
    ) -> None:
        self.num_classes = as_class_count(num_classes)
        self._ignored = as_ignored_values(ignore_index)
        self.class_names = checked_names(class_names, self.num_classes)
        self.groups = as_groups(groups, self.num_classes, self.class_names)
        self.per_image = as_bool(per_image, "per_image")
        arguments.check_choice(invalid_preds, "invalid_preds", INVALID_PREDS)
        arguments.check_choice(invalid_target, "invalid_target", INVALID_TARGET)
        self.invalid_preds, self.invalid_target = invalid_preds, invalid_target
        self.duplicates = as_duplicates(duplicates)
        self.strata = as_strata(strata, self.num_classes)
        self.reset()

    @property
    def ignore_index(self) -> int | tuple[int, ...] | None:
        """The target values that are ignored (VOC: void)."""
        values = self._ignored.tolist()
        return None if not values else values[0] if len(values) == 1 else tuple(values)

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        strata: Any = None,
        convention: Convention | ConventionName | None = None,
        axis: int | None = None,
        volume: bool | None = None,
        grid: Grid | None = None,
        threshold: float | None = None,
        quantization: tuple[float, int] | None = None,
        nan: NanRule = "raise",
        check: Check = "sync",
    ) -> None:
        """Count predictions against their target. On an error nothing is counted.

        Parameters
        ----------
        preds : integer array of the shape of `target`, or logits with one axis more
            Logits may be smaller than the target: they are upsampled to it, without memory for
            logits or labels of full size. A list holds images of unequal sizes.
        target : integer array of shape (H, W) or (..., H, W), or a list of them
        ids : str, int, or a sequence of them, optional
            One name per image, so that no image is counted twice; of volumes, one per volume.
        strata : integer array of the shape of `target`, name, integer, or a sequence of them
            The stratum of every pixel, or one for each image, where the matrix has strata. Pixels
            of 255 and -1 belong to none: they are in the scores of all pixels alone.
        convention : Convention or str, optional
            The output format of a runtime, as in `postprocess`; `preds` is then its output, of
            logits, probabilities or labels. It defines `axis`, `grid` and `quantization`.
        axis, grid, nan
            For logits, as in `argmax`.
        volume : bool, optional
            Whether `target` is a volume (D, H, W), or several (N, D, H, W): each is one image for
            `ids`, ``per_image=True`` and intervals. By default (D, H, W) are D images. Logits are
            (C, d, h, w) or (N, C, d, h, w), and become a label map first.
        threshold : float, optional
            For one-channel logits of a sigmoid head, as in `postprocess`; there are two classes.
        quantization : (scale, zero_point), optional
            For integer logits, as in `postprocess`; only a threshold depends on it.
        check : {"sync", "deferred", "off"}
            For arrays on a device: when invalid values raise. "sync" waits for the counts and
            checks them. With the other two the counts stay on the device until `state`, a score, a
            sum or a copy needs them; nothing waits before. "deferred" raises then, or at
            `raise_deferred`, and drops the counts since the last time. "off" counts targets that
            are neither classes nor void as void, and raises nothing. In `outside` these counts are
            not listed. Arguments that need more than the sum of the counts are refused: `ids`,
            ``per_image=True``, ``invalid_target="drop"``. A CUDA graph cannot capture this.

        Raises
        ------
        ValueError
            For targets that are neither classes nor void, and for whatever else the settings make
            an error: which values, how many, and where the first is.
        TypeError
            For labels that are no integers, and arrays that cannot be read.
        """
        self._check_not_reduced()
        check_strata(strata, self.strata)
        arguments.check_choice(nan, "nan", arguments.NAN_RULES)
        reading = as_reading(convention, axis, grid, threshold, quantization, volume, nan)
        arguments.check_choice(check, "check", arguments.CHECKS)
        is_plain = reading is LABELS_OR_LOGITS and ids is None and self.strata is None
        if is_plain and self.per_image and not self._images.has_ids:
            image = count_plain_image(preds, target, self.num_classes, self._ignored)
            if image is not None:
                self._add_plain_image(image)
                return
        pairs = as_pairs(preds, target, self.num_classes, reading)
        has_ids = ids is not None or self._images.has_ids
        names = self._image_ids(ids, pairs) if has_ids else None
        pair_strata = as_pair_strata(strata, pairs, self.strata) if self.strata else []
        is_deferred = [False] * len(pairs)
        if check != "sync":
            is_deferred = [not context_of(pair.target).on_cpu for pair in pairs]
        if any(is_deferred):
            needs = {"ids": names is not None, "per_image=True": self.per_image}
            needs['invalid_target="drop"'] = self.invalid_target == "drop"
            refuse_more_than_sums(check, needs)
        keeps_images = self.per_image or names is not None
        if self.per_image and names is None and volume is None:
            warn_of_slices(pair.target.shape for pair in pairs if pair.image_axes == 2)
        refused = self.invalid_target == "raise", self.invalid_preds == "raise"
        rules = LabelRules(self.num_classes, self._ignored, *refused)
        indexed_pairs = [
            (index, pair) for index, pair in enumerate(pairs) if not is_deferred[index]
        ]
        states, outside, images, parts = count_pairs(
            indexed_pairs, preds, rules, nan, pair_strata, by_image=keeps_images
        )
        if names is not None:
            images = [im._replace(id=name) for im, name in zip(images, names, strict=True)]
        with self._lock:
            self._check_not_reduced()
            if has_ids or self._images.has_ids:  # another thread may have counted images meanwhile
                self._image_ids(ids, pairs)
            for index, pair in enumerate(pairs):
                if is_deferred[index]:
                    sums = self._device.of_stream(pair.target, check)
                    buffer = sums.errors if check == "deferred" and nan == "raise" else None
                    pair.add_counts(rules.ignored, sums.counts, "off", buffer)
            new_parts = self._added_parts(parts, names, keeps_images)
            if images:
                self._add_images(images, new_parts)
            elif states:
                total = functools.reduce(checked_add, states)
                self._commit(total, outside, self._images, new_parts)

    def compute(
        self,
        dialect: DialectName | None = None,
        *,
        absent: float | Absent = "exclude",
        predicted_only: PredictedOnly = "count",
        ignored_class: IgnoredClass = "exclude",
        mean: MeanOver = "dataset",
        exclude: Iterable[int | str] | int | str = (),
        stratum: int | str | None = None,
        mapping: PredMapping | None = None,
    ) -> Scores:
        """Compute the scores of everything counted so far.

        Parameters
        ----------
        dialect : str, optional
            Metric convention of a library: "mmseg", "hf", "cityscapes", "voc", "torchmetrics",
            "detectron2", "torchvision", "smp", "keras", "paddleseg", "sklearn" or "monai". It
            decides everything that the other arguments could.
        absent : {"exclude", "nan"} or float
            A class that is in neither map: left out of means, or NaN in them, or that value.
        predicted_only : {"count", "exclude"}
            A class that is predicted, but not in the target: its IoU of 0 counts, or is left out.
        ignored_class : {"exclude", "keep"}
            A class that is an `ignore_index`: left out of means, or not.
        mean : {"dataset", "image", "class_image"}
            `miou` of the counts of the data set; the mean of the images' own; or the mean over
            classes of every class's mean over images. The last two need ``per_image=True``.
        exclude : class or classes, optional
            Numbers or names of classes that are left out of `miou`, `mean_accuracy`, `fwiou` and
            `Scores.mean`, such as the background. Their pixels count for the other classes, and
            their own scores are computed.
        stratum : int or str, optional
            Number or name of the stratum whose pixels are scored; all pixels by default.
        mapping : dict of predicted ids to classes, optional
            What predictions count as, numbers or names of classes, such as those of a network with
            more classes than the target. Ids may be no class: a `target` has num_classes classes
            then, and its predictions larger ids. Other ids stay what they are.

        Returns
        -------
        scores : Scores

        Raises
        ------
        ValueError
            If there is no such dialect, or that library would stop with an error here.
        """
        excluded = as_class_numbers(exclude, self.num_classes, self.class_names)
        counts = (self if stratum is None else self.of_stratum(stratum)).snapshot()
        if mapping is not None:
            pred_mapping = as_pred_mapping(mapping, self.num_classes, self.class_names)
            counts = map_preds(counts, pred_mapping)
        warn_of_invalid_preds(counts)
        warn_of_targets(counts)
        if dialect is not None:
            chosen = absent, predicted_only, ignored_class, mean
            if chosen != ("exclude", "count", "exclude", "dataset") or excluded:
                raise ValueError(f"dialect={dialect!r} decides; leave the other arguments out")
            return scores_of_dialect(counts, dialect)
        warn_of_nothing(counts)
        policy = AveragingPolicy(
            absent, predicted_only, ignored_class, mean, self.invalid_preds, excluded
        )
        return Scores(counts, MetricConvention.own(policy))

    def of_stratum(self, stratum: int | str) -> ConfusionMatrix:
        """Return a matrix with the counts of one stratum, given by its number or name."""
        if self.strata is None:
            raise ValueError("stratum needs ConfusionMatrix(..., strata=)")
        return self._parts[stratum_number(stratum, self.strata)].copy()

    def compare_dialects(self) -> Comparison:
        """Compare the mIoU that each library computes from the same counts.

        Returns
        -------
        comparison : Comparison
            With the reasons for each difference; prints as a table.
        """
        return compare(self.snapshot())

    def __repr__(self) -> str:
        """Return classes, void and counts on one line; it waits for no device."""
        parts = [f"{self.num_classes} classes"]
        if self.ignore_index is not None:
            parts.append(f"ignore_index={self.ignore_index}")
        parts.append(f"{int(self._state.sum()):,} pixels")
        if self._images:
            parts.append(f"{len(self._images):,} image{'' if len(self._images) == 1 else 's'}")
        if not self.is_complete:
            parts.append("incomplete")
        return f"<ConfusionMatrix: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Return mIoU and the matrix for a notebook."""
        return format_counts(self.snapshot())

    def _added_parts(
        self,
        parts: Sequence[Sequence[PartCounts]],
        names: Sequence[str | int] | None,
        keeps_images: bool,
    ) -> tuple[ConfusionMatrix, ...]:
        """Return the matrices of strata with the counts of a call; those of self stay."""
        result = tuple(part._successor() for part in self._parts) if parts else self._parts
        for matrix, counts in zip(result, list(zip(*parts, strict=True))[1:], strict=bool(parts)):
            if keeps_images:
                images = [one.as_image() for one in counts]
                ids = [None] * len(images) if names is None else names
                named = zip(images, ids, strict=True)
                matrix._add_images([image._replace(id=id_) for image, id_ in named])
                continue
            for one in counts:
                matrix._commit(one.state, one.outside, matrix._images)
        return result

    def _image_ids(self, ids: Any, pairs: Sequence[PredictionPair]) -> list[str | int] | None:
        """Return one id for each image of the pairs; all images have ids, or none has."""
        images = sum(pair.image_count for pair in pairs)
        if isinstance(ids, (str, int)) and images > 1 == len(pairs):
            raise ValueError(
                f"ids has 1 name for {images} images: pass volume=True if target is one volume"
            )
        names = None if ids is None else as_image_ids(ids, images)
        with self._lock:
            is_mixed = (names is not None) != self._images.has_ids
            if images and is_mixed and (self._images.has_ids or self.pixels):
                raise ValueError("ids must be given for all images or for none")
        return names
