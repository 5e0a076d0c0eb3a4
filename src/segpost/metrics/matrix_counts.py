"""Storage of a `ConfusionMatrix`: counts that are added, merged, copied, pickled and saved."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from segpost._backends.cuda.counts import DeviceCounts
from segpost._core.arrays import Array
from segpost.metrics.base import Accumulator
from segpost.metrics.counts import (
    CountSnapshot,
    CountTable,
    ImageCounts,
    LabelPairs,
    add_pairs,
    checked_add,
)
from segpost.metrics.groups import GroupTree, plain_groups
from segpost.metrics.image_counts import check_ids, sum_images, without_repetitions
from segpost.metrics.image_table import ImageTable, PackedImages
from segpost.metrics.matrix_state import check_pairs_in_state, dump_totals, load_totals
from segpost.metrics.plain_images import ImageBytes
from segpost.metrics.ratios import Int64

M = TypeVar("M", bound="MatrixCounts")


class MatrixCounts(Accumulator):
    """Counts of a confusion matrix and of its images, on the CPU and on devices."""

    num_classes: int
    class_names: tuple[str, ...] | None
    groups: GroupTree | None
    per_image: bool
    invalid_preds: str
    invalid_target: str
    duplicates: str
    strata: tuple[str, ...] | None = None  # states of before have none

    _parts: tuple[Any, ...] = ()  # the counts of each stratum, as matrices without strata
    _ignored: Array
    _state: Int64  # without the counts that are on devices
    _device: DeviceCounts
    _outside: LabelPairs  # replaced by every update, so that snapshots share it
    _images: ImageTable  # replaced by every update, so that snapshots share it

    @property
    def state(self) -> Int64:
        """(C + 1, C + 1) counts, with a row of void targets and a column of invalid predictions.

        Reading it, or anything computed from it, waits for counts that are on devices.
        """
        with self._lock:
            counts = self._device.take()
            if counts is not None:
                self._state = checked_add(self._state, CountTable(counts).to_state())
            return self._state

    @property
    def matrix(self) -> Int64:
        """(C, C) counts of targets and predictions that are classes."""
        return self.state[:-1, :-1].copy()

    @property
    def pixels(self) -> int:
        """Number of pixels counted, void included."""
        return int(self.state.sum())

    @property
    def images(self) -> Sequence[ImageCounts]:
        """The counts of every image, where they are kept: with `per_image`, or with `ids`."""
        return self._images

    @property
    def image_ids(self) -> Sequence[str | int]:
        """The ids of all images, empty where they have none."""
        return self._images.ids

    def packed_images(self) -> PackedImages:
        """Return the counts of all images in columns."""
        return self._images.pack()

    @property
    def outside(self) -> LabelPairs:
        """How often each (target, prediction) occurred of which one was neither class nor void.

        Values beyond (num_classes + 1)^2, at least 1024, are counted as that number.
        """
        return dict(self._outside)

    def snapshot(self) -> CountSnapshot:
        """Return the counts so far; later updates do not change them."""
        with self._lock:
            state = self.state.copy()
            state.flags.writeable = False
            return CountSnapshot(state, self._outside, self.images, self.settings())

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._state = np.zeros((self.num_classes + 1, self.num_classes + 1), np.int64)
            self._device = self._device_counts()
            self._outside = {}
            self._images = ImageTable((self.num_classes + 1) ** 2)
            self.per_image = self.__dict__.pop("_per_image_before", self.per_image)
            self._parts = ()
            if self.strata:
                of_part = self.settings() | {"strata": None}
                self._parts = tuple(type(self)(**of_part) for _ in self.strata)
            self._reset_base()

    if not TYPE_CHECKING:

        def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
            """Refuse a conversion, which would lose void and invalid predictions."""
            raise TypeError("a ConfusionMatrix is no array: cm.matrix is the array of its counts")

    # Copies and pickles

    def sums(self: M) -> M:
        """Return a matrix with the same counts, without those of single images and their ids."""
        other = type(self)(**{**self.settings(), "per_image": False})
        other._commit(self.state, self._outside, other._images)
        other._parts = tuple(part.sums() for part in self._parts)
        other._reduced, other._coverage = self._reduced, self._coverage
        return other

    def copy(self: M) -> M:
        """Return an independent matrix with the same settings and counts."""
        other = type(self).__new__(type(self))
        with self._lock:
            other.__setstate__(self.__getstate__())
            other._state = self._state.copy()
            other._parts = tuple(part.copy() for part in self._parts)
        return other

    def _successor(self: M) -> M:
        """Return a matrix to which more is added, as `copy` of one that counts on the CPU alone.

        Adding replaces what a matrix holds and changes nothing, so that both can share it.
        """
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __copy__(self: M) -> M:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {**self.__dict__, "_state": self.state}
        del state["_device"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self._images, list):  # so did version 0.1 keep them, beside their indices
            self.__dict__.pop("_place", None)
            self._images = ImageTable((self.num_classes + 1) ** 2).extended(self._images)
        self._device = self._device_counts()

    # Accumulator

    def _image_names(self) -> Sequence[str | int]:
        return self._images.ids

    def _image_content(self, name: str | int) -> bytes:
        index = self._images.find(name)
        assert index is not None
        image = self._images[index]
        outside = sorted(image.outside.items())
        return repr((image.cells.tolist(), image.counts.tolist(), outside)).encode()

    def _without_images(self: M, names: Collection[str | int]) -> M:
        other = self._empty()
        other._add_images([image for image in self._images if image.id not in names])
        other._parts = tuple(part._without_images(names) for part in self._parts)
        other._coverage = self._coverage
        return other

    def with_images(self: M, indices: Array) -> M:
        """Return a matrix with the counts of these images alone, in their order."""
        images = self._images.selected(indices)
        packed = images.pack()
        state = np.zeros((self.num_classes + 1) ** 2, np.int64)
        np.add.at(state, packed.cells, packed.counts.astype(np.int64))
        outside: LabelPairs = {}
        for pairs in packed.outside.values():
            add_pairs(outside, pairs)
        other = type(self)(**self.settings())
        other._commit(state.reshape(self.state.shape), outside, images)
        other._parts = tuple(part.with_images(indices) for part in self._parts)
        return other

    def _after_reduction(self) -> dict[str, Any]:
        return {"_per_image_before": self.per_image}

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {
            "num_classes": self.num_classes,
            "ignore_index": self._ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "groups": None if self.groups is None else plain_groups(self.groups),
            "per_image": self.per_image,
            "invalid_preds": self.invalid_preds,
            "invalid_target": self.invalid_target,
            "duplicates": self.duplicates,
            **({} if self.strata is None else {"strata": list(self.strata)}),
        }

    def _dump(self) -> dict[str, Any]:
        totals = self._dump_lazily()
        return totals | {"images": list(totals["images"])}

    def _dump_lazily(self) -> dict[str, Any]:
        totals = dump_totals(self.state, self._outside, self._images)
        strata = {"strata": [part._dump() for part in self._parts]} if self._parts else {}
        return totals | strata

    def _load(self, totals: dict[str, Any]) -> None:
        loaded = load_totals(totals, self.num_classes, per_image=self.per_image)
        if self.per_image or loaded.images:
            self._add_images(loaded.images)
            if not np.array_equal(self.state, loaded.state) or self._outside != loaded.outside:
                raise ValueError("the images do not add up to the state")
        check_pairs_in_state(loaded, self._ignored)
        self._load_parts(totals.get("strata", []), loaded.state)
        self._state, self._outside = loaded.state, loaded.outside

    def _load_parts(self, saved: Sequence[dict[str, Any]], state: Int64) -> None:
        """Load the counts of strata, which together are no more than those of all pixels."""
        for part, totals in zip(self._parts, saved, strict=True):
            part._load(totals)
        if self._parts and (sum(part.state for part in self._parts) > state).any():
            raise ValueError("strata have more pixels than the state")

    def _merge(self, other: MatrixCounts) -> None:
        """Add the counts of a matrix, and of each of its strata."""
        parts = tuple(part.copy() for part in self._parts)
        for part, added in zip(parts, other._parts, strict=True):
            part._merge(added)
        self._merge_all(other, parts)

    def _merge_all(self, other: MatrixCounts, parts: tuple[Any, ...]) -> None:
        filled = [cm for cm in (self, other) if cm.pixels or cm._images]
        if len({(bool(cm._images), cm._images.has_ids) for cm in filled}) > 1:
            raise ValueError("ids must be given for all images or for none")
        added = other._images
        if self._images.has_ids and any(self._images.find(name) is not None for name in added.ids):
            self._add_images(list(added), parts)
            return
        images = added
        if self._images and added:
            images = self._images.extended_by(added.pack(), added.ids)
        self._commit(other.state, other._outside, images if added else self._images, parts)

    # Adding counts

    def add_counts(self, counts: Int64, outside: LabelPairs, images: ImageTable) -> None:
        """Add counts of images that have ids, to a matrix that has counted nothing yet.

        Parameters
        ----------
        counts : (C + 1, C + 1) int64
            The sum over the images.
        outside : LabelPairs
            Their invalid label pairs.
        images : ImageTable
            The images.
        """
        if self._images or self._state.any():
            raise ValueError("counts can be added to an empty matrix only")
        self._commit(counts, outside, images)

    def _device_counts(self) -> DeviceCounts:
        refused = self.invalid_target == "raise", self.invalid_preds == "raise"
        return DeviceCounts(self.num_classes, self._ignored, refused)

    def _add_images(
        self, images: Sequence[ImageCounts], parts: tuple[Any, ...] | None = None
    ) -> None:
        """Add images; on an error none is added. Images with an id are added once."""
        if check_ids(images, self._images):
            images = without_repetitions(images, self._images, self.duplicates)
        self._commit(*sum_images(images, self.num_classes), self._images.extended(images), parts)

    def _add_plain_image(self, image: ImageBytes) -> None:
        """Add an image that has no id, to images without one."""
        with self._lock:
            self._check_not_reduced()
            if self._images.has_ids:
                raise ValueError("ids must be given for all images or for none")
            images = self._images.extended_by_bytes(image.cells, image.counts)
            self._commit(image.table[:-1], {}, images)

    def _commit(
        self,
        counts: Int64,
        outside: LabelPairs,
        images: ImageTable,
        parts: tuple[Any, ...] | None = None,
    ) -> None:
        """Add counts, and set images and strata; a Ctrl-C leaves all of it or nothing."""
        new = {"_state": checked_add(self._state, counts), "_images": images}
        if parts is not None:
            new["_parts"] = parts
        if outside:
            new["_outside"] = dict(self._outside)
            add_pairs(new["_outside"], outside)
        self.__dict__.update(new)
