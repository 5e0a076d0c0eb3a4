"""`ConfusionMatrix`: counts over a data set that lose nothing, and the scores made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._backends.cuda.counts import DeviceCounts, refuse_more_than_sums
from segpost._core import arguments
from segpost._core.arguments import checked_names
from segpost._core.device import context_of
from segpost.metrics import confusion
from segpost.metrics.arguments import checked_groups, image_names, in_list, listed
from segpost.metrics.base import Accumulator, added, table, whole
from segpost.metrics.confusion import Pair
from segpost.metrics.counts import Outside, Policy
from segpost.metrics.scores import Scores

if TYPE_CHECKING:
    from segpost.metrics.comparison import Comparison

Int64 = npt.NDArray[np.int64]

INVALID_PREDS = ("miss", "raise", "drop")
INVALID_TARGET = ("raise", "drop")
DUPLICATES = ("raise", "drop")


class ImageCounts(NamedTuple):
    """The counts of one image: the cells of the state that are not zero."""

    id: str | int | None
    cells: Int64
    counts: Int64
    outside: Outside


class ConfusionMatrix(Accumulator):
    """Confusion matrix over a data set, and every score made of it.

    The state has a row more than there are classes, for void targets, and a column more, for
    predictions that are no class: every pixel is in it, so that ``state.sum() == pixels``, and any
    library's score can be computed afterwards from the same counts.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    ignore_index : int or integers, optional
        Target values that are void. They may be classes, and negative.
    class_names : sequence of str, optional
        One a class, for tables and plots.
    groups : mapping of str to sequence of int, optional
        Categories and their classes, as in Cityscapes; classes in no group are left out of the
        category scores.
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
    _state: Int64  # without what is on devices
    _device: DeviceCounts

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
        groups: Mapping[str, Sequence[int]] | None = None,
        per_image: bool = False,
        invalid_preds: str = "miss",
        invalid_target: str = "raise",
        duplicates: str = "raise",
    ) -> None:
        self.num_classes = confusion.class_count(num_classes)
        self._ignored = confusion.ignored_values(ignore_index)
        self.class_names = checked_names(class_names, self.num_classes)
        self.groups = checked_groups(groups, self.num_classes)
        self.per_image = bool(per_image)
        arguments.check_choice(invalid_preds, "invalid_preds", INVALID_PREDS)
        arguments.check_choice(invalid_target, "invalid_target", INVALID_TARGET)
        arguments.check_choice(duplicates, "duplicates", DUPLICATES)
        self.invalid_preds, self.invalid_target = invalid_preds, invalid_target
        self.duplicates = duplicates
        self.reset()

    @property
    def ignore_index(self) -> int | tuple[int, ...] | None:
        """The target values that are void."""
        values = self._ignored.tolist()
        return None if not values else values[0] if len(values) == 1 else tuple(values)

    @property
    def state(self) -> Int64:
        """(C + 1, C + 1) counts, of void targets and of predictions that are no class too.

        Reading it, or anything made of it, waits for counts that are on devices.
        """
        counts = self._device.take()
        if counts is not None:
            self._state = added(self._state, with_void(counts))
        return self._state

    @property
    def matrix(self) -> Int64:
        """(C, C) counts of targets and predictions that are classes."""
        return self.state[:-1, :-1].copy()

    @property
    def pixels(self) -> int:
        """How many pixels were counted, void included."""
        return int(self.state.sum())

    @property
    def images(self) -> tuple[ImageCounts, ...]:
        """The counts of every image, where they are kept: with `per_image`, or with `ids`."""
        return tuple(self._images)

    @property
    def outside(self) -> Outside:
        """How often each (target, prediction) occurred of which one was neither class nor void.

        Values beyond (num_classes + 1)^2, at least 1024, are counted as that number.
        """
        return dict(self._outside)

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_state": self.state}
        del state["_device"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _device=self._on_devices(state))

    @staticmethod
    def _on_devices(own: Mapping[str, Any]) -> DeviceCounts:
        refused = own["invalid_target"] == "raise", own["invalid_preds"] == "raise"
        return DeviceCounts(own["num_classes"], own["_ignored"], refused)

    def __copy__(self) -> ConfusionMatrix:
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__())
        other.__dict__.update(
            _state=self._state.copy(),
            _outside=dict(self._outside),
            _images=list(self._images),
            _place=dict(self._place),
        )
        return other

    def copy(self) -> ConfusionMatrix:
        """One of its own with the same counts."""
        return self.__copy__()

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._state = np.zeros((self.num_classes + 1, self.num_classes + 1), np.int64)
        self._device = self._on_devices(self.__dict__)
        self._outside: Outside = {}
        self._images: list[ImageCounts] = []
        self._place: dict[str | int, int] = {}
        self._reduced = False

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        axis: int = -3,
        grid: str = "half_pixel",
        threshold: float | None = None,
        nan: str = "raise",
        check: str = "sync",
    ) -> None:
        """Count predictions against their target. On an error nothing is counted.

        Parameters
        ----------
        preds : integer array of the shape of `target`, or logits with one axis more
            Logits may be smaller than the target: they are upsampled to it on the way, and neither
            they nor a label map are ever made at full size. A list counts images of unequal sizes.
        target : integer array of shape (H, W) or (..., H, W), or a list of them
        ids : str, int, or a sequence of them, one an image, optional
            Names of the images, so that none is counted twice.
        axis, grid, nan
            For logits, as in `argmax`.
        threshold : float, optional
            For one-channel logits of a sigmoid head, as in `postprocess`; there are two classes.
        check : {"sync", "deferred", "off"}
            For arrays on a device. "sync" waits for the counts and looks at them. With the other
            two they stay there, and add up, until `state`, a score, a sum or a copy needs them;
            nothing waits before. "deferred" has that, or `raise_deferred`, raise what the call
            would have; then nothing is counted of what was deferred since the last time. "off"
            takes targets that are neither classes nor void for void, and raises nothing. In
            `outside` these counts are not listed; what needs more than their sum is refused: `ids`,
            ``per_image=True``, ``invalid_target="drop"``. A CUDA graph cannot capture this.

        Raises
        ------
        ValueError
            For targets that are neither classes nor void, and whatever else was asked to be an
            error: which values, how many, and where the first is.
        TypeError
            For labels that are no integers, and arrays that cannot be read.
        """
        self._check_open()
        arguments.check_choice(nan, "nan", arguments.NAN_RULES)
        arguments.check_choice(check, "check", arguments.CHECKS)
        pairs = []
        for index, (p, t) in enumerate(listed(preds, target)):
            with in_list(preds, index):
                pairs.append(confusion.view(p, t, self.num_classes, axis, grid, threshold)[0])
        number = sum(int(np.prod(pair.target.shape[:-2])) for pair in pairs)
        names = image_names(ids, number)
        if number and (names is not None) != bool(self._place) and (self._place or self.pixels):
            raise ValueError("ids must be given for all images or for none")
        later = [check != "sync" and not context_of(pair.target).on_cpu for pair in pairs]
        if any(later):
            needs = {"ids": names is not None, "per_image=True": self.per_image}
            needs['invalid_target="drop"'] = self.invalid_target == "drop"
            refuse_more_than_sums(check, needs)
        total = np.zeros_like(self._state)
        outside: Outside = {}
        fresh: list[ImageCounts] = []
        for index, pair in enumerate(pairs):
            if later[index]:
                continue
            with in_list(preds, index):
                if not self.per_image and names is None:
                    counts, found = self._counted(pair, pair, nan)
                    total = added(total, counts)
                    _add(outside, found)
                    continue
                for image in pair.images():
                    counts, found = self._counted(image, pair, nan)
                    cells = np.flatnonzero(counts)
                    name = None if names is None else names[len(fresh)]
                    fresh.append(ImageCounts(name, cells, counts.reshape(-1)[cells], found))
        for pair in itertools.compress(pairs, later):
            table = self._device.table(pair.target, check)
            met = table.errors if check == "deferred" and nan == "raise" else None
            confusion.add_counts(pair, self._ignored, table.counts, "off", met)
        if fresh:
            self._take(fresh)
        elif not all(later):
            self._commit(total, outside, [])

    def compute(
        self,
        dialect: str | None = None,
        *,
        absent: float | str = "exclude",
        predicted_only: str = "count",
        ignored_class: str = "exclude",
        mean: str = "dataset",
    ) -> Scores:
        """Scores of everything counted so far.

        Parameters
        ----------
        dialect : str, optional
            A library whose conventions are wanted: "mmseg", "hf", "cityscapes", "voc",
            "torchmetrics", "detectron2", "torchvision", "smp", "keras", "paddleseg", "sklearn" or
            "monai". It says everything that the other arguments could.
        absent : {"exclude", "nan"} or float
            A class that is in neither map: left out of means, or NaN in them, or that value.
        predicted_only : {"count", "exclude"}
            A class that is predicted, but not in the target: its IoU of 0 counts, or is left out.
        ignored_class : {"exclude", "keep"}
            A class that is an `ignore_index`: left out of means, or not.
        mean : {"dataset", "image", "class_image"}
            `miou` of the counts of the data set; the mean of the images' own; or the mean over
            classes of every class's mean over images. The last two need ``per_image=True``.

        Returns
        -------
        scores : Scores

        Raises
        ------
        ValueError
            If there is no such dialect, or that library would stop with an error here.
        """
        from segpost.metrics.dialects import scores_of

        if dialect is not None:
            if (absent, predicted_only, ignored_class, mean) != (
                "exclude",
                "count",
                "exclude",
                "dataset",
            ):
                raise ValueError(f"dialect={dialect!r} decides; leave the other arguments out")
            return scores_of(self, dialect)
        policy = Policy(absent, predicted_only, ignored_class, mean, self.invalid_preds)
        return Scores(self, policy)

    def compare_dialects(self) -> Comparison:
        """What each library would say of the same predictions, and why they differ.

        Returns
        -------
        comparison : Comparison
            Prints as a table.
        """
        from segpost.metrics.comparison import compare

        return compare(self)

    # Accumulator

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {
            "num_classes": self.num_classes,
            "ignore_index": self._ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "groups": None if self.groups is None else {k: list(v) for k, v in self.groups.items()},
            "per_image": self.per_image,
            "invalid_preds": self.invalid_preds,
            "invalid_target": self.invalid_target,
            "duplicates": self.duplicates,
        }

    def _totals(self) -> dict[str, Any]:
        return {
            "state": self.state.tolist(),
            "outside": _as_rows(self._outside),
            "images": [
                [image.id, image.cells.tolist(), image.counts.tolist(), _as_rows(image.outside)]
                for image in sorted(self._images, key=_by_id)
            ],
        }

    def _restore(self, totals: dict[str, Any]) -> None:
        size = self.num_classes + 1
        images = []
        for name, cells, counts, found in totals["images"]:
            where = table(cells, (len(cells),), "images")
            if len(where) and (int(where[-1]) >= size * size or (np.diff(where) < 1).any()):
                raise ValueError("images have cells outside the state, or twice")
            number = table(counts, where.shape, "images")
            if not (type(name) in (str, int) or (name is None and self.per_image)):
                raise ValueError(f"ids must be strings or integers, got {name!r}")
            images.append(ImageCounts(name, where, number, self._listed_outside(found)))
        state = table(totals["state"], (size, size), "state")
        outside = self._listed_outside(totals["outside"])
        if sum(map(sum, state.tolist())) >= 2**63:
            raise ValueError("state has more pixels than int64 can count")
        if self.per_image or images:
            self._take(images)
            if not np.array_equal(self.state, state) or self._outside != outside:
                raise ValueError("the images do not add up to the state")
        listed = np.zeros((size, size), object)
        for (t, p), times in outside.items():
            row = t if 0 <= t < size - 1 and t not in self._ignored else size - 1
            listed[row, p if 0 <= p < size - 1 else size - 1] += times
        if (listed > state).any():
            raise ValueError("outside has more pixels than the state")
        self._state, self._outside = state, outside

    def _listed_outside(self, rows: Iterable[Sequence[int]]) -> Outside:
        found: Outside = {}
        for t, p, times in rows:
            values = [whole(value, -(2**63), 2**63 - 1, "outside") for value in (t, p)]
            if all(0 <= value < self.num_classes for value in values):
                raise ValueError(f"outside has {t}, {p}, which are classes")
            found[t, p] = whole(times, 1, 2**63 - 1, "outside")
        return found

    def _absorb(self, other: ConfusionMatrix) -> None:
        counted = [cm for cm in (self, other) if cm.pixels or cm._images]
        if len({(bool(cm._images), bool(cm._place)) for cm in counted}) > 1:
            raise ValueError("ids must be given for all images or for none")
        if other._images:
            self._take(list(other._images))
        else:
            self._commit(other.state, other._outside, [])

    def _take(self, images: Sequence[ImageCounts]) -> None:
        """Add images; all of them or, on an error, none."""
        kept: dict[str | int, ImageCounts] = {}  # with ids, the new ones
        named = {image.id is not None for image in (*self._images[:1], *images)}
        if len(named) > 1:
            raise ValueError("ids must be given for all images or for none")
        for image in images:
            if image.id is None:
                continue
            before = kept.get(image.id)
            if before is None and image.id in self._place:
                before = self._images[self._place[image.id]]
            if before is None:
                kept[image.id] = image
            else:
                self._check_repeated(before, image)
        fresh = list(kept.values()) if True in named else list(images)
        total = np.zeros_like(self._state)
        outside: Outside = {}
        for image in fresh:
            total.reshape(-1)[image.cells] += image.counts
            _add(outside, image.outside)
        self._commit(total, outside, fresh)

    def _commit(self, counts: Int64, outside: Outside, images: list[ImageCounts]) -> None:
        """Add counts and the images that they are of; a Ctrl-C leaves all of it or nothing."""
        old = {"_state": self._state, "_outside": self._outside}
        new = {"_state": added(self._state, counts), "_outside": dict(self._outside)}
        _add(new["_outside"], outside)
        first = len(self._images)
        place = {im.id: first + k for k, im in enumerate(images) if im.id is not None}
        try:
            self._images.extend(images)
            self._place.update(place)
            self.__dict__.update(new)
        except BaseException:
            del self._images[first:]
            for name in place:
                self._place.pop(name, None)
            self.__dict__.update(old)
            raise

    def _check_repeated(self, before: ImageCounts, image: ImageCounts) -> None:
        same = before.outside == image.outside and all(
            np.array_equal(a, b) for a, b in zip(before[1:3], image[1:3], strict=True)
        )
        if self.duplicates == "raise" or not same:
            how = "" if same else ", with other counts the second time"
            raise ValueError(
                f"ids has {image.id!r} twice{how}"
                + ('; duplicates="drop" counts it once' if same else "")
            )

    def _counted(self, image: Pair, pair: Pair, nan: str) -> tuple[Int64, Outside]:
        """What an image of a pair adds to the state, and the values that are no classes."""
        classes, refuse = self.num_classes, self.invalid_target == "raise"
        counts = confusion.checked_counts(image, pair, classes, self._ignored, nan, refuse=refuse)
        bad_target, bad_preds = counts[classes + 1].any(), counts[:classes, classes].any()
        if bad_preds and self.invalid_preds == "raise":
            confusion.raise_bad_preds(pair, classes, self._ignored)
        found: Outside = {}
        if bad_target or bad_preds:
            found = confusion.outside(image, classes, self._ignored)
        return with_void(counts), found


def with_void(counts: Int64) -> Int64:
    """The counts of a backend as those of a state: targets that are no classes are void."""
    counts[-2] += counts[-1]
    return counts[:-1]


def _by_id(image: ImageCounts) -> tuple[bool, int, str]:
    """Integers before strings; images without an id stay in their order."""
    name = image.id
    return isinstance(name, str), name if isinstance(name, int) else 0, str(name or "")


def _add(total: Outside, part: Mapping[tuple[int, int], int]) -> None:
    for key, times in part.items():
        total[key] = total.get(key, 0) + times


def _as_rows(found: Outside) -> list[list[int]]:
    return [[t, p, times] for (t, p), times in sorted(found.items())]
