"""The part of the backends' contract that is about objects: runs, components and rings."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]

# Which columns are neighbors of one, by connectivity: those so many planes and columns before it.
# Runs of theirs touch where rows overlap, or, with a reach of 1, where one ends before the other.
DIRECTIONS = {
    4: ((0, 1, 0),),
    8: ((0, 1, 1),),
    6: ((0, 1, 0), (1, 0, 0)),
    18: ((0, 1, 1), (1, 0, 1), (1, -1, 0), (1, 1, 0)),
    26: ((0, 1, 1), (1, 0, 1), (1, -1, 1), (1, 1, 1)),
}


class Runs(NamedTuple):
    """Runs of label maps: pixels of one label that are adjacent in a column, as many as there are.

    They are in the order of columns, then of rows. Column x of image n is n * W + x.
    """

    column: Array  # [R] int32
    top: Array  # [R] int32, the first row
    bottom: Array  # [R] int32, the row after the last
    label: Array  # [R] int64
    total: Array | None = None  # [R] float64, the sum of the values of the pixels, row by row


class Rings(NamedTuple):
    """Closed rings of corners of pixels, without corners on straight lines."""

    points: Array  # [P, 2] int32: x, y
    offsets: Array  # [G + 1] int64: the points of a ring
    owner: Array  # [G] int32: the region on its left
    area: Array  # [G] float64: by the shoelace formula, negative of exteriors


class ObjectOperations(Protocol):
    """The operations of a backend on objects.

    Runs of regions are int32 arrays [R] of their column, top and bottom, as in :class:`Runs`.
    Region k has those from offsets[k], int64 [K + 1], to offsets[k + 1] - 1, by column, then by
    row.
    """

    def find_runs(
        self,
        labels: Array,  # [N, H, W] integers below 2**63
        values: Array | None = None,  # [N, H, W] float32 or uint8, whose sums runs have
    ) -> Runs: ...

    # The counts of regions, as in RunLengths, and where those of each end.
    def count_runs(
        self,
        offsets: Array,
        column: Array,
        top: Array,
        bottom: Array,
        height: int,
        width: int,
    ) -> tuple[Array, Array]: ...

    # The characters of compressed COCO codes of masks, uint8, one after another, and where each
    # ends; of counts as in RunLengths.
    def compress_counts(self, counts: Array, ends: Array) -> tuple[Array, Array]: ...

    # Offsets, columns, tops and bottoms of the runs of masks of one size, from their compressed
    # COCO codes: characters, uint8, one mask after another, and where each ends, int64. The last
    # result is the first mask whose code is damaged or of another size, -1 where there is none;
    # then there are no runs.
    def decompress_runs(
        self, characters: Array, ends: Array, height: int, width: int
    ) -> tuple[Array, Array, Array, Array, int]: ...

    # The connected component of every run, [R] int32, numbered in the order of their first runs.
    # Column x of plane z is z * width + x. Pixels are connected where they share a side (4, 6), an
    # edge of a voxel (18) or a corner (8, 26); 4 and 8 connect no planes.
    def label_components(
        self,
        offsets: Array,
        column: Array,
        top: Array,
        bottom: Array,
        width: int,
        connectivity: int,
    ) -> Array: ...

    # The order of numbers from 0 to groups - 1, int32 [R], of equal ones the first first, int64
    # [R]; and where each group begins in it, int64 [groups + 1].
    def sort_groups(self, numbers: Array, groups: int) -> tuple[Array, Array]: ...

    # The pixels of every region whose neighbor in the next column belongs to it, [K] int64.
    def count_contacts(self, offsets: Array, column: Array, top: Array, bottom: Array) -> Array: ...

    # Offsets, columns, tops and bottoms of the runs between those of every region in its box.
    def complement_runs(
        self,
        offsets: Array,
        column: Array,
        top: Array,
        bottom: Array,
        box: Array,  # [K, 4] int64: x, y, width, height
    ) -> tuple[Array, Array, Array, Array]: ...

    # The rings around regions, whose runs do not overlap and are sorted by column, then by row. A
    # ring passes no junction twice: pixels that only share a corner are apart. With a tolerance,
    # arcs between junctions are simplified by Douglas and Peucker, 1973; an arc keeps all its
    # points if a ring would collapse or turn over.
    def trace_rings(
        self,
        columns: int,
        height: int,
        column: Array,
        top: Array,
        bottom: Array,
        owner: Array,  # [R] int32, the region of every run
        keeps_corners: bool,  # whether the corners of the image are junctions
        tolerance: float,  # in pixels
    ) -> Rings: ...
