"""The confusion matrix on Numba: labels become small codes, whose pairs are counted."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._backends.numba.labels.operations import label
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pack, pieces
from segpost._core.contract import VOID_STRATA, Array, LogitErrors, Logits
from segpost._core.sampling import Axes

STRIP = 1 << 19  # bytes of a strip of labels, whose copies fit the L2 cache
CHUNK = 2048  # pixels whose codes and keys fit the L1 cache
MAX_COMPARED = 4  # ignored labels that are compared with every label
MAX_TABLE_CELLS = 1 << 16  # cells of the tables of a thread
MIN_TABLE_PIXELS = 1 << 16  # pixels from which several tables are faster

Window = tuple[int, slice, slice]
Coder = Callable[[Array], Array]


def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None:
    """Add every pixel to the cell of its target and its prediction."""
    # The order of pixels has no effect: the maps are read in the order of memory.
    order = sorted(range(3), key=lambda axis: -abs(target.strides[axis]))
    preds, target = preds.transpose(order), target.transpose(order)
    if preds.flags.c_contiguous and target.flags.c_contiguous:
        preds, target = preds.reshape(1, 1, -1), target.reshape(1, 1, -1)
    counter = Counter(preds.dtype, target.dtype, ignored, counts, target.size)

    def work(window: Window) -> None:
        counter.add(preds[window], target[window])

    # Sixteen bytes take as long as one element of other operations.
    elements = (preds.nbytes + target.nbytes) // 16
    run(work, windows(target.shape, counter.itemsize), elements)
    counter.finish()


def confusion_strata(
    preds: Array, target: Array, strata: Array, ignored: Array, counts: Array
) -> None:
    """Add every pixel to the cell of its stratum, its target and its prediction."""
    count, rows, classes = len(counts) - 2, counts.shape[1], counts.shape[2] - 1
    cells = counts.reshape(-1, classes + 1)
    void = np.array(sorted(VOID_STRATA), np.int64)
    stratum_codes = coder(strata.dtype, count, void, count, count + 1, np.int32)
    target_codes = coder(target.dtype, classes, ignored, classes, classes + 1, np.int32)
    preds_codes = coder(preds.dtype, classes, ignored[:0], classes, classes, np.int32)
    lock = Lock()

    def work(window: Window) -> None:
        codes = stratum_codes(strata[window]) * rows + target_codes(target[window])
        columns = preds_codes(preds[window])
        with lock:
            count_each(columns, codes, cells)

    run(work, windows(target.shape, 4), target.size)


def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> LogitErrors:
    """Add every pixel to the cell of its target and the argmax of its logits."""
    classes = logits.values.shape[1] if logits.threshold is None else 2
    kind = np.dtype(np.uint8 if classes <= 256 else np.int32)
    counter = Counter(kind, target.dtype, ignored, counts, target.size)

    def rows(n: int, y0: int, y1: int) -> tuple[Array, Callable[[], None]]:
        preds, image_target = (
            np.empty((1, y1 - y0, target.shape[2]), kind),
            target[n : n + 1, y0:y1],
        )

        def add() -> None:
            for window in windows(image_target.shape, counter.itemsize):
                counter.add(preds[window], image_target[window])

        return preds[0], add

    errors = label(logits, axes, rows)
    counter.finish()
    return errors


def windows(shape: tuple[int, ...], itemsize: int) -> list[Window]:
    """Return windows of label maps [N, H, W] of at most STRIP bytes, at least one pixel."""
    images, height, width = shape
    rows = pieces(height, STRIP // itemsize // max(width, 1))
    columns = pieces(width, STRIP // itemsize)
    parts = [(slice(*ys), slice(*xs)) for ys in rows for xs in columns]
    return [(n, *part) for n in range(images) for part in parts]


def coder(
    dtype: np.dtype[Any],
    classes: int,
    ignored: Array,
    ignored_code: int,
    other_code: int,
    kind: npt.DTypeLike,
) -> Coder:
    """Return a function from a strip of labels to a flat array of codes of type `kind`.

    Classes keep their number; ignored labels become `ignored_code`, all others `other_code`.
    """
    # Negative labels viewed as unsigned exceed all classes: four types instead of eight.
    number = np.dtype(f"u{dtype.itemsize}")
    info = np.iinfo(dtype)
    last = min(classes - 1, info.max)
    ignored_labels = ignored[(ignored >= info.min) & (ignored <= min(info.max, 2**63 - 1))]
    ignored_labels = np.sort(ignored_labels.astype(number))
    if dtype.itemsize == 1:
        table = np.full(256, other_code, kind)
        table[: last + 1] = np.arange(last + 1)
        table[ignored_labels] = ignored_code
        table = frozen(table)

        def look_up(labels: Array) -> Array:
            codes = np.empty(labels.size, kind)
            translate(pack(labels).reshape(-1).view(number), table, codes)
            return frozen(codes)

        return look_up

    compared, tabulated = (
        (ignored_labels, ignored_labels[:0])
        if ignored_labels.size <= MAX_COMPARED
        else (ignored_labels[:0], ignored_labels)
    )
    inner, beyond = tabulated[tabulated <= last], tabulated[tabulated > last]
    inside = np.zeros(int(inner[-1]) + 2 if inner.size else 0, bool)
    inside[inner] = True
    lists = (frozen(compared), frozen(inside), frozen(beyond))

    def compare(labels: Array) -> Array:
        codes = np.empty(labels.size, kind)
        values = pack(labels).reshape(-1).view(number)
        narrow(
            values, number.type(last), *lists, np.int32(ignored_code), np.int32(other_code), codes
        )
        return frozen(codes)

    return compare


class Counter:
    """An accumulator that adds strips of pairs of labels to counts, from several threads."""

    def __init__(
        self,
        preds: np.dtype[Any],
        target: np.dtype[Any],
        ignored: Array,
        counts: Array,
        pixels: int,
    ) -> None:
        classes = counts.shape[1] - 1
        self._counts = counts
        self._lock = Lock()
        self._spare: list[Array] = []  # tables that no thread uses at the moment
        self._dense = (target.itemsize == 1 or classes + 2 <= 256) and (
            preds.itemsize == 1 or classes + 1 <= 256
        )

        def target_codes(kind: npt.DTypeLike) -> Coder:
            return coder(target, classes, ignored, classes, classes + 1, kind)

        def preds_codes(kind: npt.DTypeLike) -> Coder:
            return coder(preds, classes, ignored[:0], classes, classes, kind)

        self.itemsize = max(preds.itemsize, target.itemsize, 1 if self._dense else 4)
        if not self._dense:
            self._target, self._preds = target_codes(np.int32), preds_codes(np.int32)
            return
        # Bytes are used as codes; their rows and columns are looked up per cell, at the end.
        values = np.arange(256, dtype=np.uint8)
        if target.itemsize == 1:
            self._rows, self._target = target_codes(np.int64)(values), _bytes
        else:
            self._rows, self._target = np.arange(classes + 2), target_codes(np.uint8)
        if preds.itemsize == 1:
            last = min(classes, int(np.iinfo(preds).max) + 1, 255)
            self._columns, self._preds = preds_codes(np.int64)(values[: last + 1]), _bytes
        else:
            self._columns, self._preds = np.arange(classes + 1), preds_codes(np.uint8)
        size = self._rows.size * self._columns.size
        self._shape = (
            1 if pixels < MIN_TABLE_PIXELS else 4 if 4 * size <= MAX_TABLE_CELLS else 2,
            size,
        )
        self._number = np.int32 if pixels < 2**31 else np.int64

    def add(self, preds: Array, target: Array) -> None:
        """Count the pixels of a strip."""
        preds_codes, target_codes = self._preds(preds), self._target(target)
        if not self._dense:  # a table per thread would be too large
            with self._lock:
                count_each(preds_codes, target_codes, self._counts)
            return
        try:
            tables = self._spare.pop()
        except IndexError:
            tables = np.zeros(self._shape, self._number)
        count_keys(preds_codes, target_codes, np.uint8(self._columns.size - 1), tables)
        self._spare.append(tables)

    def finish(self) -> None:
        """Add the tables to the counts."""
        for tables in self._spare:
            add_tables(tables, frozen(self._rows), frozen(self._columns), self._counts)
        self._spare.clear()


def _bytes(labels: Array) -> Array:
    """Return one-byte labels as a flat array of uint8."""
    return frozen(pack(labels).reshape(-1).view(np.uint8))


@kernel
def translate(labels: Any, table: Any, codes: Any) -> None:
    """Write the codes of one-byte labels."""
    for x in range(labels.size):
        codes[x] = table[labels[x]]


@kernel
def narrow(
    labels: Any,
    last: Any,
    compared: Any,
    inside: Any,
    beyond: Any,
    ignored_code: Any,
    other_code: Any,
    codes: Any,
) -> None:
    """Write the codes of unsigned labels; classes are the labels up to `last`.

    Ignored labels are those in `compared`; if there are many, those that are True in the table
    `inside`, whose last element, False, is of all larger labels, and those in the sorted `beyond`.
    """
    last_inside = np.uint64(max(inside.size, 1) - 1)
    for begin in range(0, labels.size, CHUNK):
        chunk, out = labels[begin : begin + CHUNK], codes[begin : begin + CHUNK]
        outside = False
        for x in range(chunk.size):
            is_class = chunk[x] <= last
            out[x] = np.int32(chunk[x]) if is_class else other_code
            outside |= not is_class
        for value in compared:
            if outside or value <= last:
                for x in range(chunk.size):
                    out[x] = ignored_code if chunk[x] == value else out[x]
        if inside.size:
            for x in range(chunk.size):
                out[x] = ignored_code if inside[min(np.uint64(chunk[x]), last_inside)] else out[x]
        if outside and beyond.size:
            for x in range(chunk.size):
                if chunk[x] > last and contains(beyond, chunk[x]):
                    out[x] = ignored_code


@kernel
def contains(values: Any, value: Any) -> Any:
    """Return whether a value is in a sorted list."""
    low, high = 0, values.size
    while high - low > 1:
        middle = (low + high) // 2
        if values[middle] <= value:
            low = middle
        else:
            high = middle
    return values[low] == value


@kernel
def count_keys(preds: Any, target: Any, last: Any, tables: Any) -> None:
    """Count pairs of bytes: cell ``target * (last + 1) + min(preds, last)`` of the sum of tables.

    Four keys are one word. If most words equal the previous word, runs of equal words are counted
    together. Otherwise every key is added separately, because branches are mispredicted, and
    neighboring keys use different tables, because adding to a recently written cell stalls.
    """
    mask = tables.shape[0] - 1
    a, b, c, d = tables[0], tables[1 & mask], tables[2 & mask], tables[3 & mask]
    words = np.empty(CHUNK // 4, np.uint64)
    keys = words.view(np.uint16)
    low, s1, s2, s3 = np.uint64(0xFFFF), np.uint64(16), np.uint64(32), np.uint64(48)
    stride = np.int64(last) + 1
    for begin in range(0, target.size, CHUNK):
        t, p = target[begin : begin + CHUNK], preds[begin : begin + CHUNK]
        for x in range(t.size):
            keys[x] = t[x] * stride + min(p[x], last)
        groups = t.size // 4
        same = 0
        for i in range(1, groups):
            same += words[i] == words[i - 1]
        if 4 * same <= 3 * groups:
            for i in range(groups):
                word = words[i]
                a[word & low] += 1
                b[word >> s1 & low] += 1
                c[word >> s2 & low] += 1
                d[word >> s3] += 1
        else:
            word, n = words[0], 0
            for i in range(groups):
                if words[i] != word:
                    a[word & low] += n
                    b[word >> s1 & low] += n
                    c[word >> s2 & low] += n
                    d[word >> s3] += n
                    word, n = words[i], 0
                n += 1
            a[word & low] += n
            b[word >> s1 & low] += n
            c[word >> s2 & low] += n
            d[word >> s3] += n
        for x in range(4 * groups, t.size):
            a[keys[x]] += 1


@kernel
def add_tables(tables: Any, rows: Any, columns: Any, counts: Any) -> None:
    """Add tables to the counts; several rows of a table can belong to one row of the counts."""
    for k in range(1, tables.shape[0]):
        for x in range(tables.shape[1]):
            tables[0, x] += tables[k, x]
    for r in range(rows.size):
        for c in range(columns.size):
            counts[rows[r], columns[c]] += tables[0, r * columns.size + c]


@kernel
def count_each(preds: Any, target: Any, counts: Any) -> None:
    """Count pairs of codes directly in the counts, four equal ones together."""
    groups = target.size // 4
    for i in range(0, 4 * groups, 4):
        t, p = target[i], preds[i]
        change = (t ^ target[i + 1]) | (t ^ target[i + 2]) | (t ^ target[i + 3])
        change |= (p ^ preds[i + 1]) | (p ^ preds[i + 2]) | (p ^ preds[i + 3])
        if change == 0:
            counts[t, p] += 4
        else:
            for x in range(i, i + 4):
                counts[target[x], preds[x]] += 1
    for x in range(4 * groups, target.size):
        counts[target[x], preds[x]] += 1
