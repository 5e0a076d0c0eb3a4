"""What collections of regions, of images and of volumes, have in common: a table, by region."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.contract import Array
from segpost.objects.run_table import RunTable, as_read_only


class RegionSequence:
    """Regions in order of label, with the values of all of them as read-only arrays."""

    _table: RunTable

    @property
    def labels(self) -> Array:
        """The label of every region."""
        return as_read_only(self._table.labels)

    @property
    def confidences(self) -> Array | None:
        """The mean confidence of every region."""
        values = self._table.mean_value
        return None if values is None else as_read_only(values)

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self._table.labels)

    def _resolve_index(self, index: Any) -> int | Array:
        """Return the number of one region, or those of a slice, of booleans or of an array.

        Raises
        ------
        IndexError, TypeError
        """
        is_array = isinstance(index, np.ndarray)
        if is_array and index.ndim == 0 and index.dtype.kind in "iu":
            index, is_array = int(index), False
        if isinstance(index, slice) or (is_array and index.ndim == 1):
            numbers: Array = np.arange(len(self))[index]
            return numbers
        if not hasattr(index, "__index__") or is_array or isinstance(index, bool):
            raise TypeError(f"index must be an integer, a slice or an array, got {index!r}")
        number = int(index.__index__())
        if not -len(self) <= number < len(self):
            raise IndexError(f"region {number} of {len(self)}")
        return number % len(self)
