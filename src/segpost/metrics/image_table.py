"""Counts of single images in columns of small integers, which copies share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from segpost._core.arrays import Array
from segpost.metrics.counts import ImageCounts, LabelPairs

ImageId = str | int
MAX_UINT16_CELLS = 1 << 16
MAX_UINT32 = (1 << 32) - 1


class PackedImages(NamedTuple):
    """Counts of images, one image after the other.

    Attributes
    ----------
    lengths : integer array of shape (N,)
        Cells of every image.
    cells, counts : integer arrays of shape (sum of lengths,)
        Of every image: flat indices into the state, ascending, and how many pixels each has.
    outside : mapping of int to LabelPairs
        Invalid label pairs by the index of their image.
    """

    lengths: Array
    cells: Array
    counts: Array
    outside: Mapping[int, LabelPairs]


class ImageTable(Sequence[ImageCounts]):
    """Counts of images in the order in which they were added. A table does not change.

    A table and those that were extended from it share their columns, which the longest of them
    appends to; a shorter one that is extended copies them first. So a copy costs nothing, and a
    sum of many tables as much as its images.

    Parameters
    ----------
    num_cells : int
        Cells of a state, which decides how many bytes a cell index takes.
    """

    __slots__ = ("_columns", "_has_ids", "_length", "_load", "_num_cells")

    def __init__(self, num_cells: int) -> None:
        self._num_cells = num_cells
        self._columns: _Columns | None = None  # not loaded, or empty
        self._length = 0
        self._has_ids = False
        self._load: Callable[[], ImageTable] | None = None

    @classmethod
    def deferred(
        cls, num_cells: int, length: int, has_ids: bool, load: Callable[[], ImageTable]
    ) -> ImageTable:
        """Return a table that is loaded when its content is first needed.

        Parameters
        ----------
        num_cells : int
            Cells of a state.
        length : int
            Number of images.
        has_ids : bool
            Whether they have ids.
        load : function
            Returns the table.
        """
        table = cls(num_cells)
        table._length, table._has_ids = length, has_ids and length > 0
        table._load = load if length else None
        return table

    @property
    def has_ids(self) -> bool:
        """Whether the images have ids; False for an empty table."""
        return self._has_ids

    @property
    def ids(self) -> list[ImageId]:
        """The ids of all images, empty where they have none."""
        return self._load_columns().ids[: self._length] if self._has_ids else []

    def find(self, name: ImageId) -> int | None:
        """Return the index of the image with this id, None where there is none."""
        if not self._has_ids:
            return None
        index = self._load_columns().index_of_id.get(name)
        return index if index is not None and index < self._length else None

    def pack(self) -> PackedImages:
        """Return the columns of all images."""
        return self._load_columns().read(0, self._length)

    def extended(self, images: Iterable[ImageCounts]) -> ImageTable:
        """Return a table with more images, all of them with ids or none."""
        added = list(images)
        if not added:
            return self
        cells, counts = [image.cells for image in added], [image.counts for image in added]
        is_one = len(added) == 1
        packed = PackedImages(
            np.array([len(one) for one in cells], np.int64),
            cells[0] if is_one else np.concatenate(cells),
            counts[0] if is_one else np.concatenate(counts),
            {k: image.outside for k, image in enumerate(added) if image.outside},
        )
        has_ids = added[0].id is not None
        return self.extended_by(packed, [image.id for image in added] if has_ids else [])

    def extended_by(self, packed: PackedImages, ids: Sequence[Any]) -> ImageTable:
        """Return a table with more images of columns; `ids` is empty where they have none."""
        columns, length = self._load_columns().appended(self._length, packed, ids)
        result = ImageTable(self._num_cells)
        result._columns, result._length = columns, length
        result._has_ids = self._has_ids or len(ids) > 0
        return result

    def extended_by_bytes(self, cells: bytes, counts: bytes) -> ImageTable:
        """Return a table with one more image without an id, of columns as a table keeps them.

        The cell indices are uint16, or uint32 where `num_cells` is above 2^16; the counts uint32.
        """
        columns = self._load_columns()
        length = columns.append_bytes(self._length, cells, counts)
        if length is None:
            indices, numbers = np.frombuffer(cells, columns.cell_type), np.frombuffer(counts, "u4")
            packed = PackedImages(np.array([len(indices)], np.int64), indices, numbers, {})
            return self.extended_by(packed, [])
        result = ImageTable(self._num_cells)
        result._columns, result._length = columns, length
        return result

    def selected(self, indices: Array) -> ImageTable:
        """Return a table of the images with these indices, in their order."""
        packed, ids = self.pack(), self.ids
        lengths = packed.lengths[indices]
        starts = np.cumsum(packed.lengths) - packed.lengths
        ends = np.cumsum(lengths)
        cells = np.repeat(starts[indices] - (ends - lengths), lengths)
        cells += np.arange(len(cells))
        outside = {}
        if packed.outside:
            places = enumerate(indices.tolist())
            outside = {k: packed.outside[old] for k, old in places if old in packed.outside}
        columns = PackedImages(lengths, packed.cells[cells], packed.counts[cells], outside)
        names = [ids[k] for k in indices.tolist()] if ids else []
        return ImageTable(self._num_cells).extended_by(columns, names)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> ImageCounts: ...
    @overload
    def __getitem__(self, index: slice) -> list[ImageCounts]: ...
    def __getitem__(self, index: int | slice) -> ImageCounts | list[ImageCounts]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"there is no image {index} among {self._length}")
        return self._image(index % self._length)

    def __iter__(self) -> Iterator[ImageCounts]:
        return map(self._image, range(self._length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImageTable):
            return NotImplemented
        if self._columns is not None and self._columns is other._columns:
            return self._length == other._length
        if len(self) != len(other) or self.ids != other.ids:
            return False
        mine, others = self.pack(), other.pack()
        return mine.outside == others.outside and all(
            np.array_equal(a, b) for a, b in zip(mine[:3], others[:3], strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        return {"num_cells": self._num_cells, "packed": tuple(self.pack()), "ids": self.ids}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ImageTable.__init__(self, state["num_cells"])
        packed = PackedImages(*state["packed"])
        if len(packed.lengths):
            table = self.extended_by(packed, state["ids"])
            self._columns, self._length = table._columns, table._length
            self._has_ids = table._has_ids

    def __deepcopy__(self, memo: Any) -> ImageTable:
        return self

    def _image(self, index: int) -> ImageCounts:
        columns = self._load_columns()
        packed = columns.read(index, index + 1)
        name = columns.ids[index] if self._has_ids else None
        cells, counts = packed.cells.astype(np.int64), packed.counts.astype(np.int64)
        return ImageCounts(name, cells, counts, packed.outside.get(0, {}))

    def _load_columns(self) -> _Columns:
        if self._columns is None and self._load is not None:
            table = self._load()
            if len(table) != self._length:
                raise ValueError(f"{len(table)} images were loaded, expected {self._length}")
            self._columns, self._load = table._load_columns(), None
        elif self._columns is None:
            self._columns = _Columns(self._num_cells)
        return self._columns


class _Columns:
    """Columns that tables of different lengths share."""

    def __init__(self, num_cells: int) -> None:
        self.num_cells = num_cells
        self.lock = threading.Lock()
        self.used = 0  # images; what lies behind them was left by an interrupted call
        self.ends = bytearray(8)  # int64, (N + 1,): where the cells of each image begin and end
        self.cells = bytearray()
        self.counts = bytearray()
        self.cell_type = np.dtype("u2" if num_cells <= MAX_UINT16_CELLS else "u4")
        self.count_type: np.dtype[Any] = np.dtype("u4")
        self.ids: list[ImageId] = []
        self.index_of_id: dict[ImageId, int] = {}
        self.outside: dict[int, LabelPairs] = {}

    def read(self, start: int, stop: int) -> PackedImages:
        """Return copies of the columns of some images."""
        with self.lock:
            ends = np.frombuffer(bytes(self.ends[8 * start : 8 * (stop + 1)]), np.int64)
            first, last = int(ends[0]), int(ends[-1])
            cells, counts = (
                np.frombuffer(bytes(column[first * size : last * size]), dtype)
                for column, dtype, size in (
                    (self.cells, self.cell_type, self.cell_type.itemsize),
                    (self.counts, self.count_type, self.count_type.itemsize),
                )
            )
            outside = {}
            if self.outside:
                positions = (k for k in range(start, stop) if k in self.outside)
                outside = {k - start: self.outside[k] for k in positions}
        return PackedImages(np.diff(ends), cells, counts, outside)

    def appended(
        self, length: int, packed: PackedImages, ids: Sequence[ImageId]
    ) -> tuple[_Columns, int]:
        """Return columns whose first `length` images are these, with more behind them."""
        with self.lock:
            if length == self.used:
                self._append(packed, ids)
                return self, self.used
        other = _Columns(self.num_cells)
        if length:
            other._append(self.read(0, length), self.ids[:length])
        other._append(packed, ids)
        return other, other.used

    def append_bytes(self, length: int, cells: bytes, counts: bytes) -> int | None:
        """Append an image behind the first `length`, and return how many there are then.

        None where these columns have more images, or other types.
        """
        with self.lock:
            if length != self.used or self.count_type.itemsize != 4:
                return None
            self._drop_interrupted()
            before = int.from_bytes(self.ends[-8:], "little")
            self.cells += cells
            self.counts += counts
            self.ends += (before + len(counts) // 4).to_bytes(8, "little")
            self.used += 1
            return self.used

    def _append(self, packed: PackedImages, ids: Sequence[ImageId]) -> None:
        self._drop_interrupted()
        is_narrow = self.count_type.itemsize == 4
        if is_narrow and np.count_nonzero(packed.counts > MAX_UINT32):  # faster than max()
            wide = np.frombuffer(bytes(self.counts), self.count_type).astype("u8")
            self.counts = bytearray(wide.tobytes())
            self.count_type = np.dtype(np.uint64)
        self.ids.extend(ids)
        self.index_of_id.update(zip(ids, range(self.used, self.used + len(ids)), strict=True))
        self.outside.update({self.used + k: pairs for k, pairs in packed.outside.items()})
        if packed.cells.size:
            before = int.from_bytes(self.ends[-8:], "little")
            ends = before + np.add.accumulate(packed.lengths, dtype=np.int64)
            self.cells += packed.cells.astype(self.cell_type).tobytes()
            self.counts += packed.counts.astype(self.count_type).tobytes()
            self.ends += ends.astype("<i8", copy=False).tobytes()
        else:
            self.ends += self.ends[-8:] * len(packed.lengths)
        self.used += len(packed.lengths)

    def _drop_interrupted(self) -> None:
        """Remove what an interrupted call has appended."""
        end = int.from_bytes(self.ends[8 * self.used : 8 * self.used + 8], "little")
        lengths = (len(self.ends), len(self.cells), len(self.counts))
        sizes = (self.cell_type.itemsize, self.count_type.itemsize)
        whole = (8 * (self.used + 1), end * sizes[0], end * sizes[1])
        if lengths == whole and len(self.ids) <= self.used:
            return
        del self.ends[8 * (self.used + 1) :]
        del self.cells[end * self.cell_type.itemsize :]
        del self.counts[end * self.count_type.itemsize :]
        for name in self.ids[self.used :]:
            if self.index_of_id.get(name, -1) >= self.used:
                del self.index_of_id[name]
        del self.ids[self.used :]
        for index in [k for k in self.outside if k >= self.used]:
            del self.outside[index]
