"""Prediction and target as maps of small codes, so that agreement is a count of equal codes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.values import MIN_PIXELS, Int64

MAX_CODES = 1024  # values of both maps; maps with more values are no label maps
MIN_WRONG_PIXELS = 32  # fewer are not worth an explanation
WHOLE = (0.0, 1.0, 0.0, 1.0)  # top, bottom, left and right of a map, as fractions

Window = tuple[float, float, float, float]


class CodedMaps:
    """Prediction (N, h, w) and target (N, H, W) of the same images, coded.

    Every value that occurs has a code, the same in both maps. Ignored values of the target have a
    code of their own, which equals no prediction.

    Parameters
    ----------
    predicted, target : integer arrays
    ignored : (K,) int64
        Values of the target that are not counted.
    """

    def __init__(self, predicted: Array, target: Array, ignored: Int64) -> None:
        self.size = (int(target.shape[1]), int(target.shape[2]))
        self.has_same_size = predicted.shape == target.shape
        predicted_values, predicted_index = index_values(predicted)
        target_values, target_index = index_values(target)
        self.is_usable = len(predicted_values) + len(target_values) <= MAX_CODES
        self.values = np.union1d(predicted_values, target_values)  # by code
        dtype = np.uint8 if len(self.values) < 255 else np.uint16
        self.no_code = int(np.iinfo(dtype).max)
        target_codes = np.searchsorted(self.values, target_values).astype(dtype)
        target_codes[np.isin(target_values, ignored)] = self.no_code
        predicted_codes = np.searchsorted(self.values, predicted_values).astype(dtype)
        self.predicted = predicted_codes[predicted_index]
        self.target = target_codes[target_index]
        self.valid_pixels = int(np.count_nonzero(self.target != self.no_code))

    @cached_property
    def whole(self) -> Array:
        """Return the prediction at target size."""
        return self.resize(WHOLE)

    @cached_property
    def wrong_share(self) -> float:
        """Return the share of known pixels that disagree, with the prediction at target size."""
        return wrong_share(*self.count_equal(self.whole))

    @cached_property
    def matrix(self) -> Int64:
        """Return the (V, V) counts of target codes (rows) and predicted codes."""
        predicted = self.whole
        keep = self.target != self.no_code
        n = len(self.values)
        cells = self.target[keep].astype(np.int64) * n + predicted[keep]
        return np.bincount(cells, minlength=n * n).reshape(n, n)

    @property
    def is_varied(self) -> bool:
        """Return whether the target has more than one class."""
        return self.is_usable and int((self.matrix.sum(axis=1) > 0).sum()) > 1

    @property
    def is_informative(self) -> bool:
        """Return whether enough pixels are known, and enough of them wrong, for an explanation."""
        return (
            self.is_usable
            and self.valid_pixels >= MIN_PIXELS
            and self.wrong_share * self.valid_pixels >= MIN_WRONG_PIXELS
            and self.is_varied
        )

    def encode(self, labels: Array) -> Array:
        """Return labels of other origin as codes; a value that the maps do not hold fits none."""
        n = int(labels.max(initial=0)) + 1
        codes = np.searchsorted(self.values, np.arange(n)).clip(max=len(self.values) - 1)
        occurs = self.values[codes] == np.arange(n)
        table = np.where(occurs, codes, self.no_code - 1).astype(self.target.dtype)
        coded: Array = table[labels]
        return coded

    def count_equal(self, predicted: Array) -> tuple[int, int]:
        """Return how many known pixels of coded maps agree, and how many are known.

        Pixels that `predicted` does not cover are not known.
        """
        valid_pixels = self.valid_pixels
        if (uncovered := predicted == self.no_code).any():
            valid_pixels = int(np.count_nonzero((self.target != self.no_code) & ~uncovered))
            return int(np.count_nonzero((predicted == self.target) & ~uncovered)), valid_pixels
        return int(np.count_nonzero(predicted == self.target)), valid_pixels

    def resize(self, window: Window) -> Array:
        """Return a window of the prediction at target size, by nearest neighbor.

        Parts of the window outside of the prediction have no code.
        """
        top, bottom, left, right = window
        if self.has_same_size and window == WHOLE:
            return self.predicted
        indices, inside = [], []
        for start, stop, n_in, n_out in (
            (top, bottom, self.predicted.shape[1], self.size[0]),
            (left, right, self.predicted.shape[2], self.size[1]),
        ):
            fractions = start + (np.arange(n_out) + 0.5) / n_out * (stop - start)
            index = np.floor(fractions * n_in).astype(np.intp)
            inside.append((index >= 0) & (index < n_in))
            indices.append(index.clip(0, n_in - 1))
        part: Array = self.predicted[:, indices[0][:, None], indices[1]]
        if not (inside[0].all() and inside[1].all()):
            part[:, ~(inside[0][:, None] & inside[1])] = self.no_code
        return part


def wrong_share(right: int, valid_pixels: int) -> float:
    """Return the share of known pixels that are not right; 1 where none is known."""
    return 1 - right / valid_pixels if valid_pixels else 1.0


def index_values(labels: Array) -> tuple[Int64, Array]:
    """Return the values of a map, and for each pixel the index of its value."""
    if labels.dtype == np.uint8:
        values = np.bincount(labels.reshape(-1), minlength=256).nonzero()[0]
        table = np.zeros(256, np.intp)
        table[values] = np.arange(len(values))
        return values.astype(np.int64), table[labels]
    values, indices = np.unique(labels, return_inverse=True)
    return values.astype(np.int64), indices.reshape(labels.shape)
