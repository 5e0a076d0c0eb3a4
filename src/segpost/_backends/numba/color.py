"""colorize, overlay and labels_from_colors on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, packed, pieces, target
from segpost._core.contract import Array, ColorOutputs, LabelErrors

STRIP = 1 << 17  # pixels of a strip: labels and colors stay in the second cache


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors:
    """The palette's color of every label; void where the label is ``ignore_index``."""

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        entry, rows, bad = _entries(labels[n, y0:y1], len(lut) - 1, ignore_index)
        paint(entry, lut[rows], out[n, y0:y1])
        return _shift(bad, (n * labels.shape[1] + y0) * labels.shape[2])

    return _merge(run(work, _strips(labels), 4 * labels.size))


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors:
    """(image * (256 - alpha) + color * alpha + 128) / 256, rounded down; contours are opaque."""
    height = labels.shape[1]
    before, after = contour // 2, (contour + 1) // 2  # rows and columns of the window

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        entry, rows, bad = _entries(labels[n, y0:y1], len(lut) - 1, ignore_index)
        picture, keep = target(out[n, y0:y1])
        painted = lay(entry, lut[rows], alpha[rows], image[n, y0:y1], picture)
        if contour:
            top, bottom = max(y0 - before, 0), min(y1 + after, height)
            around = labels[n, top:bottom]
            if around.dtype != np.uint8:
                around = around.astype(np.int64)
            trace(packed(around), y0 - top, (before, after), painted, picture)
        keep()
        return _shift(bad, (n * height + y0) * labels.shape[2])

    return _merge(run(work, _strips(labels), 8 * labels.size))


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors:
    """The label of every color."""

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        pixels = packed(image[n, y0:y1]).reshape(-1, 3)
        labels, keep = target(out[n, y0:y1])
        bad = LabelErrors(*look_up(pixels, frozen(keys), frozen(values), labels.reshape(-1)))
        keep()
        return _shift(bad, (n * out.shape[1] + y0) * out.shape[2])

    return _merge(run(work, _strips(out), 4 * out.size))


def paint(labels: Array, lut: Array, out: Array) -> None:
    """Write the colors of labels that are all below ``len(lut)``."""
    colors, keep = target(out)
    flat = colors.reshape(-1)
    # Four pixels are three words; the words begin after so many pixels.
    head = min(flat.ctypes.data % 4, labels.size)
    words = flat[3 * head : 3 * (head + (labels.size - head) // 4 * 4)].view(np.uint32)
    paint_words(frozen(labels).reshape(-1), frozen(lut), head, flat, words)
    keep()


def paint_rows(labels: Array, made: ColorOutputs, n: int, y0: int, y1: int) -> None:
    """The pictures of rows of an image whose labels have just been made."""
    if made.color is not None:
        paint(labels, made.lut, made.color[n, y0:y1])
    if made.overlay is not None:
        picture, keep = target(made.overlay.out[n, y0:y1])
        lay(labels, made.lut, made.overlay.alpha, made.overlay.image[n, y0:y1], picture)
        keep()


def lay(entry: Array, lut: Array, alpha: Array, image: Array, out: Array) -> Array:
    """The colors of entries over an image, in C order; returns the colors."""
    painted = np.empty(out.shape, np.uint8)
    paint(entry, lut, painted)
    pixels = packed(image).reshape(-1)
    if (alpha == alpha[0]).all():
        blend(pixels, painted.reshape(-1), alpha[0], out.reshape(-1))
    else:
        flat = frozen(entry).reshape(-1)
        blend_each(pixels, painted.reshape(-1), flat, frozen(alpha), out.reshape(-1))
    return painted


def _entries(labels: Array, void: int, ignore_index: int | None) -> tuple[Array, Any, LabelErrors]:
    """Indices in C order, the palette rows that they stand for, and the labels that have none.

    uint8 labels are their own indices: a table of 256 rows costs less than a pass over the pixels.
    """
    unsigned = labels.dtype.kind == "u"
    low, high = (0, 2**64) if unsigned else (-(2**63), 2**63)
    ignores = ignore_index is not None and low <= ignore_index < high
    ignored = 0 if ignore_index is None or not ignores else ignore_index
    ignored -= 2**64 if ignored >= 2**63 else 0  # what an int64 makes of it
    if labels.dtype != np.uint8:
        entry = np.empty(labels.shape, np.int32)
        number = np.int32 if np.can_cast(labels.dtype, np.int32) else np.int64
        values = packed(labels.astype(number, copy=False)).reshape(-1)
        bad = find_entries(values, void, ignores, ignored, entry.reshape(-1))
        return frozen(entry), slice(None), LabelErrors(*bad)
    value = np.arange(256)
    inside = value < void
    ignore = value == ignored if ignores else np.zeros(256, bool)
    entry = packed(labels)
    bad = check_bytes(entry.reshape(-1), void, frozen(inside | ignore))
    return entry, np.where(inside & ~ignore, value, void), LabelErrors(*bad)


def _strips(labels: Array) -> list[tuple[int, int, int]]:
    images, height, width = labels.shape
    return [(n, *rows) for n in range(images) for rows in pieces(height, STRIP // max(width, 1))]


def _shift(bad: LabelErrors, place: int) -> LabelErrors:
    return LabelErrors(bad.count, bad.first + place) if bad.count else bad


def _merge(found: list[LabelErrors]) -> LabelErrors:
    """All strips, which come in order."""
    bad = [strip for strip in found if strip.count]
    return LabelErrors(sum(strip.count for strip in bad), bad[0].first) if bad else LabelErrors()


@kernel
def paint_words(labels: Any, lut: Any, head: Any, out: Any, words: Any) -> None:
    """Red, green and blue of 0x00bbggrr; from pixel `head` on four pixels are three words."""
    groups = words.size // 3
    for k in range(groups):
        i = head + 4 * k
        a, b = lut[labels[i]], lut[labels[i + 1]]
        c, d = lut[labels[i + 2]], lut[labels[i + 3]]
        words[3 * k] = a | b << np.uint32(24)
        words[3 * k + 1] = b >> np.uint32(8) | c << np.uint32(16)
        words[3 * k + 2] = c >> np.uint32(16) | d << np.uint32(8)
    rest = head + 4 * groups
    for k in range(head + labels.size - rest):
        i = k if k < head else rest + k - head
        color = lut[labels[i]]
        out[3 * i] = color & np.uint32(255)
        out[3 * i + 1] = color >> np.uint32(8) & np.uint32(255)
        out[3 * i + 2] = color >> np.uint32(16)


@kernel
def check_bytes(labels: Any, void: Any, allowed: Any) -> Any:
    """How many uint8 labels have no palette row, and the first."""
    most = np.uint8(0)
    for i in range(labels.size):
        most = labels[i] if labels[i] > most else most
    count, first = 0, -1
    if most >= void:
        for i in range(labels.size):
            if not allowed[labels[i]]:
                first = i if count == 0 else first
                count += 1
    return count, first


@kernel
def find_entries(labels: Any, void: Any, ignores: Any, ignored: Any, entry: Any) -> Any:
    """The palette row of every label, void where it has none; how many have none, and the first."""
    count, first = 0, -1
    for i in range(labels.size):
        inside = labels[i] >= 0 and labels[i] < void
        ignore = ignores and labels[i] == ignored
        entry[i] = labels[i] if inside and not ignore else void
        count += not (inside or ignore)
    if count:
        first = 0
        while (ignores and labels[first] == ignored) or 0 <= labels[first] < void:
            first += 1
    return count, first


@kernel
def blend(image: Any, color: Any, alpha: Any, out: Any) -> None:
    """Bytes of both, with one weight for all."""
    a, rest = np.int32(alpha), np.int32(256 - alpha)
    for i in range(out.size):
        mixed = np.int32(image[i]) * rest + np.int32(color[i]) * a + np.int32(128)
        out[i] = mixed >> np.int32(8)


@kernel
def blend_each(image: Any, color: Any, entry: Any, alpha: Any, out: Any) -> None:
    """Bytes of both, with the weight of every pixel's entry."""
    for i in range(entry.size):
        a = np.int32(alpha[entry[i]])
        rest = np.int32(256) - a
        for k in range(3 * i, 3 * i + 3):
            mixed = np.int32(image[k]) * rest + np.int32(color[k]) * a + np.int32(128)
            out[k] = mixed >> np.int32(8)


@kernel
def trace(labels: Any, top: Any, window: Any, color: Any, out: Any) -> None:
    """Colors where the window of a pixel holds two labels.

    Row 0 of `out` is row `top` of `labels`, which has the windows' rows around it.
    """
    height, width = labels.shape
    low, high = np.empty(width, labels.dtype), np.empty(width, labels.dtype)
    least, most = np.empty(width, labels.dtype), np.empty(width, labels.dtype)
    before, after = window
    for y in range(out.shape[0]):
        for x in range(width):
            low[x] = high[x] = labels[top + y, x]
        for r in range(max(top + y - before, 0), min(top + y + after + 1, height)):
            row = labels[r]
            for x in range(width):
                low[x] = row[x] if row[x] < low[x] else low[x]
                high[x] = row[x] if row[x] > high[x] else high[x]
        for x in range(width):
            least[x] = low[x]
            most[x] = high[x]
        for shift in range(-before, after + 1):
            for x in range(max(-shift, 0), min(width - shift, width)):
                least[x] = low[x + shift] if low[x + shift] < least[x] else least[x]
                most[x] = high[x + shift] if high[x + shift] > most[x] else most[x]
        for x in range(width):
            if least[x] != most[x]:
                for k in range(3):
                    out[y, x, k] = color[y, x, k]


@kernel
def look_up(pixels: Any, keys: Any, values: Any, labels: Any) -> Any:
    """The label of every pixel's color, 0 if it has none; how many have none, and the first."""
    count, first = 0, -1
    last: Any = -1  # neighbors mostly share their color
    label: Any = 0
    for i in range(labels.size):
        key = np.int64(pixels[i, 0]) | np.int64(pixels[i, 1]) << 8 | np.int64(pixels[i, 2]) << 16
        if key != last:
            low, high = 0, keys.size
            while high - low > 1:
                middle = (low + high) // 2
                if np.int64(keys[middle]) <= key:
                    low = middle
                else:
                    high = middle
            known = np.int64(keys[low]) == key
            label = np.int64(values[low]) if known else 0
            last = key if known else -1
            if not known:
                first = i if count == 0 else first
                count += 1
        labels[i] = label
    return count, first
