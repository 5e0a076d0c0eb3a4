"""Base of the measures that are reported beside a confusion matrix, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from segpost._core.arguments import ClassNames, checked_names
from segpost._core.equality import compare_by_value
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.arguments import Duplicates, as_image_ids
from segpost.metrics.base import Accumulator
from segpost.metrics.image_table import ImageTable, PackedImages
from segpost.metrics.pairs import PredictionPair
from segpost.metrics.ratios import Float64, mean_of
from segpost.metrics.saved_state import id_order, read_ids
from segpost.render.tables import Table, format_number, format_score, format_text
from segpost.render.text import as_printable

M = TypeVar("M", bound="Measure")
NO_IMAGES = ImageTable(0)  # that is never extended


@suggest_attributes
@compare_by_value
class InstanceScores(NamedTuple):
    """Instance-weighted IoU beside the plain one."""

    iiou: Float64  # (C,), NaN where a class has no instances, or is in neither map
    iou: Float64  # (C,)
    category_iiou: dict[str, float]  # of the groups all of whose classes have instances

    @property
    def mean_iiou(self) -> float:
        """Mean over the classes that have one."""
        return mean_of(self.iiou)

    @property
    def mean_category_iiou(self) -> float:
        """Mean over the groups that have one."""
        return mean_of(list(self.category_iiou.values()))


class Measure(Accumulator):
    """Counts over a data set that give tables and data for the report of a confusion matrix.

    Images may have ids, so that none is counted twice. With ``duplicates="drop"`` the counts of
    each are kept, since a sum leaves out those that it has.
    """

    report_key: ClassVar[str]  # of its data in the JSON of a report
    num_classes: int
    duplicates: Duplicates = "raise"

    _names: ImageTable = NO_IMAGES  # ids, without counts; replaced by every update
    _totals_of: Mapping[str | int, dict[str, Any]] = {}  # by id, with duplicates="drop"

    # Defined by each measure

    def _dump_counts(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        raise NotImplementedError

    def _load_counts(self, totals: dict[str, Any]) -> None:
        """Replace the counts by those of `_dump_counts`; refuse counts that cannot be."""
        raise NotImplementedError

    def _merge_counts(self, other: Any) -> None:
        """Add the counts of a measure with the same settings; on an error nothing changes."""
        raise NotImplementedError

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the tables of the report.

        Parameters
        ----------
        names : sequence of str, optional
            Class names; by default those of the constructor, or the numbers of the classes.
        """
        raise NotImplementedError

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, means and classes as plain data; NaN where there is no score."""
        raise NotImplementedError

    def instance_scores(self) -> InstanceScores | None:
        """Return scores of instances, where the measure has them."""
        return None

    def named_scores(self, names: Sequence[str]) -> dict[str, float]:
        """Return the scores that a gate may name, such as "pq" and "pq.road".

        Parameters
        ----------
        names : sequence of str
            Class names.
        """
        return {}

    def name_images(self, names: ImageTable) -> None:
        """Give the images that were counted their ids, where `duplicates` is "raise".

        Parameters
        ----------
        names : ImageTable
            A table of as many images with ids.
        """
        if self.duplicates != "raise" or self._names:
            raise ValueError("ids can be set once, and only where no counts of images are kept")
        self._names = names

    def __str__(self) -> str:
        return format_text(self.tables())

    def __repr__(self) -> str:
        count = len(self._names)
        images = f", {count:,} image{'' if count == 1 else 's'}" if self._names.has_ids else ""
        return f"<{type(self).__name__}: {self.num_classes} classes{images}>"

    def _class_names(self, names: Sequence[str] | None) -> Sequence[str]:
        """Return the names of classes in tables."""
        return names or self.settings()["class_names"] or [*map(str, range(self.num_classes))]

    # Accumulator

    def sums(self: M) -> M:
        """Return a measure with the same counts, without ids and counts of single images."""
        result = self.copy()
        result._forget_images()
        return result

    def _reset_base(self) -> None:
        super()._reset_base()
        self._forget_images()

    def _forget_images(self) -> None:
        self._names, self._totals_of = NO_IMAGES, {}

    def _name_image(self, name: str | int) -> None:
        """Give the counts, which are of one image, its id."""
        self._names = ImageTable(0).extended_by(NO_CELLS, [name])
        if self.duplicates == "drop":
            self._totals_of = {name: self._dump_counts()}

    def _add_images(
        self: M,
        preds: Sequence[Any],
        target: Sequence[Any],
        ids: Any,
        count: Callable[[M, Any, Any], None],
    ) -> None:
        """Add images one by one; errors name the image, and then none is added."""
        if len(preds) != len(target):
            raise ValueError(f"preds has {len(preds)} images, target {len(target)}")
        names = [None] * len(preds) if ids is None else as_image_ids(ids, len(preds))
        batch: M | None = None
        for index, (pred, true, name) in enumerate(zip(preds, target, names, strict=True)):
            part = self._empty()
            try:
                count(part, pred, true)
            except ValueError as error:
                if len(preds) == 1:
                    raise
                raise ValueError(f"image {index}: {error}") from error
            if name is not None:
                part._name_image(name)
            if batch is None:
                batch = part
            else:
                batch._merge(part)
        self._add_batch(self._empty() if batch is None else batch)

    def _dump(self) -> dict[str, Any]:
        totals = self._dump_counts()
        if not self._names.has_ids:
            return totals
        names = sorted(self._names.ids, key=id_order)
        if self.duplicates == "drop":
            return totals | {"images": [[name, self._totals_of[name]] for name in names]}
        return totals | {"ids": names}

    def _load(self, totals: dict[str, Any]) -> None:
        self._forget_images()
        if "images" in totals:
            total = self._empty()
            for name, counts in totals["images"]:
                image = self._empty()
                image._load_counts(counts)
                image._name_image(*read_ids([name]))
                total._merge(image)
            if total._dump_counts() != {
                k: v for k, v in totals.items() if k not in ("images", "ids")
            }:
                raise ValueError("the images do not add up to the counts")
            self.__dict__.update(total.__dict__)
            return
        self._load_counts(totals)
        if "ids" in totals:
            names = read_ids(totals["ids"])
            self._names = ImageTable(0).extended_by(no_cells(len(names)), names)

    def _merge(self: M, other: M) -> None:
        mine, others = self._names, other._names
        if mine is others is NO_IMAGES:
            self._merge_counts(other)
            return
        if mine.has_ids != others.has_ids:
            nameless = other if mine.has_ids else self
            if nameless._dump_counts() != nameless._empty()._dump_counts():
                raise ValueError("ids must be given for all images or for none")
        repeated = [name for name in others.ids if mine.find(name) is not None]
        if repeated:
            other = other._without_images(self._check_repetitions(repeated, other))
            others = other._names
        self._merge_counts(other)
        if others.has_ids:
            names = others.ids
            self._names = mine.extended_by(no_cells(len(names)), names) if mine else others
            self._totals_of = {**self._totals_of, **other._totals_of}

    def _check_repetitions(self: M, names: Sequence[str | int], other: M) -> Sequence[str | int]:
        """Return ids that two measures have, unless that is an error."""
        for name in names:
            if self.duplicates == "raise":
                raise ValueError(f'ids has {name!r} twice; duplicates="drop" counts it once')
            if self._totals_of[name] != other._totals_of[name]:
                raise ValueError(f"ids has {name!r} twice, with other counts the second time")
        return names

    def _image_names(self) -> Sequence[str | int]:
        return self._names.ids

    def _image_content(self, name: str | int) -> bytes:
        return repr(self._totals_of.get(name)).encode()

    def _without_images(self: M, names: Collection[str | int]) -> M:
        result = self._empty()
        for name in self._names.ids:
            if name not in names:
                image = self._empty()
                image._load_counts(self._totals_of[name])
                image._name_image(name)
                result._merge(image)
        result._coverage = self._coverage
        return result


def no_cells(images: int) -> PackedImages:
    """Return columns of images without counts."""
    empty = np.zeros(0, np.int64)
    return PackedImages(np.zeros(images, np.int64), empty, empty, {})


def names_by_category(
    names: ClassNames | None, categories: Sequence[int]
) -> tuple[str, ...] | None:
    """Return the names of classes, in the order of their categories; those of a dict are by them.

    Raises
    ------
    ValueError, TypeError
        If a category has no name, or there are others.
    """
    if isinstance(names, Mapping):
        missing = [category for category in categories if category not in names]
        if missing:
            raise ValueError(f"class_names lacks {len(missing)} categories, first {missing[0]}")
        names = [names[category] for category in categories]
    return checked_names(names, len(categories))


def names_of_images(ids: Any, pairs: Sequence[PredictionPair]) -> Sequence[str | int | None]:
    """Return the id of every image of the pairs, None for each where there are no ids."""
    images = sum(pair.image_count for pair in pairs)
    return [None] * images if ids is None else as_image_ids(ids, images)


NO_CELLS = no_cells(1)


def class_table(
    title: str,
    columns: dict[str, Float64],
    names: Sequence[str],
    listed: Iterable[int] | None = None,
    numbers: Collection[str] = (),
) -> Table:
    """Make a table with a row for each class, and their mean.

    Parameters
    ----------
    listed : iterable of int, optional
        The classes that have a row; all by default.
    numbers : collection of str
        Columns that are no shares, such as distances.
    """
    cells = [format_number if key in numbers else format_score for key in columns]
    columns_of = list(zip(cells, columns.values(), strict=True))
    rows: list[tuple[str, ...]] = [
        (as_printable(names[label]), *(cell(float(column[label])) for cell, column in columns_of))
        for label in (range(len(names)) if listed is None else listed)
    ]
    rows.append(("mean", *(cell(mean_of(column)) for cell, column in columns_of)))
    return Table(title, ("class", *columns), rows, summed=True)


def class_rows(columns: dict[str, Float64], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values of each class as plain data."""
    values = {key: column.tolist() for key, column in columns.items()}
    return [
        {"class": label, "name": name, **{key: column[label] for key, column in values.items()}}
        for label, name in enumerate(names)
    ]
