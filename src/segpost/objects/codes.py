"""COCO run-length codes of regions, from their runs and back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._backends.codes import compress_each
from segpost._core.contract import Array
from segpost._core.rle import Rle
from segpost.objects.run_table import RunTable


def encode_regions(table: RunTable) -> list[Rle]:
    """Return the run-length code of every region."""
    height, width = table.size
    texts = compress_each(*region_counts(table))
    return [{"size": [height, width], "counts": text} for text in texts]


def region_counts(table: RunTable) -> tuple[Array, Array]:
    """Return the counts of all regions, one after the other, and where those of each end.

    Counts are lengths of 0 and 1, in turn, in column-major order.
    """
    runs = table.offsets, table.column, table.top, table.bottom
    return registry.host_backend().count_runs(*runs, *table.size)


class MaskRuns(NamedTuple):
    """The runs of masks of one size, which may overlap, and of which some may be empty."""

    size: tuple[int, int]
    offsets: Array  # [N + 1] int64: mask k has the runs offsets[k] to offsets[k + 1] - 1
    column: Array  # [R] int32, as in RunTable
    top: Array
    bottom: Array

    @property
    def runs(self) -> tuple[Array, Array, Array, Array]:
        """Offsets, columns, tops and bottoms."""
        return self.offsets, self.column, self.top, self.bottom

    @property
    def areas(self) -> Array:
        """The pixels of every mask, int64."""
        pixels = np.concatenate([[0], np.cumsum(self.bottom.astype(np.int64) - self.top)])
        return np.diff(pixels[self.offsets])


def no_runs(masks: int) -> tuple[Array, Array, Array, Array]:
    """Return the runs of masks without pixels."""
    empty = np.zeros(0, np.int32)
    return np.zeros(masks + 1, np.int64), empty, empty, empty


def read_compressed(codes: Sequence[bytes], size: tuple[int, int]) -> MaskRuns | None:
    """Return the runs of compressed codes of one size, None where one is damaged or of another."""
    ends = np.fromiter(itertools.accumulate(map(len, codes)), np.int64, len(codes))
    characters = np.frombuffer(b"".join(codes), np.uint8)
    *runs, bad = registry.host_backend().decompress_runs(characters, ends, *size)
    return MaskRuns(size, *runs) if bad < 0 else None
