"""The operations colorize, overlay and labels_from_colors on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pack, pieces, target
from segpost._core.contract import Array, ColorOutputs, LabelErrors

STRIP = 1 << 17  # pixels of a strip: labels and colors fit the L2 cache


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors:
    """Write the palette color of every label, and that of ignored pixels for ``ignore_index``."""

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        entry, rows, errors = _entries(labels[n, y0:y1], len(lut) - 1, ignore_index)
        write_colors(entry, lut[rows], out[n, y0:y1])
        return _shift(errors, (n * labels.shape[1] + y0) * labels.shape[2])

    return _sum_errors(run(work, _strips(labels), 4 * labels.size))


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors:
    """Write floor((image * (256 - alpha) + color * alpha + 128) / 256); contours are opaque."""
    height = labels.shape[1]
    before, after = contour // 2, (contour + 1) // 2  # rows and columns of the window

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        entry, rows, errors = _entries(labels[n, y0:y1], len(lut) - 1, ignore_index)
        blended, copy_back = target(out[n, y0:y1])
        colors = blend_colors(entry, lut[rows], alpha[rows], image[n, y0:y1], blended)
        if contour:
            top, bottom = max(y0 - before, 0), min(y1 + after, height)
            window_rows = labels[n, top:bottom]
            if window_rows.dtype != np.uint8:
                window_rows = window_rows.astype(np.int64)
            trace(pack(window_rows), y0 - top, (before, after), colors, blended)
        copy_back()
        return _shift(errors, (n * height + y0) * labels.shape[2])

    return _sum_errors(run(work, _strips(labels), 8 * labels.size))


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors:
    """Write the label of every color, 0 for colors that are not in the palette."""

    def work(strip: tuple[int, int, int]) -> LabelErrors:
        n, y0, y1 = strip
        pixels = pack(image[n, y0:y1]).reshape(-1, 3)
        labels, copy_back = target(out[n, y0:y1])
        errors = LabelErrors(*look_up(pixels, frozen(keys), frozen(values), labels.reshape(-1)))
        copy_back()
        return _shift(errors, (n * out.shape[1] + y0) * out.shape[2])

    return _sum_errors(run(work, _strips(out), 4 * out.size))


def write_colors(labels: Array, lut: Array, out: Array) -> None:
    """Write the colors of labels that are all below ``len(lut)``."""
    colors, copy_back = target(out)
    flat = colors.reshape(-1)
    # Four pixels are three words; aligned words begin at pixel `head`.
    head = min(flat.ctypes.data % 4, labels.size)
    words = flat[3 * head : 3 * (head + (labels.size - head) // 4 * 4)].view(np.uint32)
    write_words(frozen(labels).reshape(-1), frozen(lut), head, flat, words)
    copy_back()


def write_color_outputs(labels: Array, outputs: ColorOutputs, n: int, y0: int, y1: int) -> None:
    """Write the color outputs of rows of an image from their labels."""
    if outputs.color is not None:
        write_colors(labels, outputs.lut, outputs.color[n, y0:y1])
    if outputs.overlay is not None:
        blended, copy_back = target(outputs.overlay.out[n, y0:y1])
        blend_colors(
            labels, outputs.lut, outputs.overlay.alpha, outputs.overlay.image[n, y0:y1], blended
        )
        copy_back()


def blend_colors(entry: Array, lut: Array, alpha: Array, image: Array, out: Array) -> Array:
    """Write the colors of entries blended over an image, in C order; return the colors."""
    colors = np.empty(out.shape, np.uint8)
    write_colors(entry, lut, colors)
    pixels = pack(image).reshape(-1)
    if (alpha == alpha[0]).all():
        blend(pixels, colors.reshape(-1), alpha[0], out.reshape(-1))
    else:
        flat = frozen(entry).reshape(-1)
        blend_each(pixels, colors.reshape(-1), flat, frozen(alpha), out.reshape(-1))
    return colors


def _entries(
    labels: Array, ignored_row: int, ignore_index: int | None
) -> tuple[Array, Any, LabelErrors]:
    """Return indices in C order, the palette rows of the indices, and the errors of the labels.

    uint8 labels are the indices: a table of 256 rows is faster than a pass over the pixels.
    """
    unsigned = labels.dtype.kind == "u"
    low, high = (0, 2**64) if unsigned else (-(2**63), 2**63)
    ignores = ignore_index is not None and low <= ignore_index < high
    ignored = 0 if ignore_index is None or not ignores else ignore_index
    ignored -= 2**64 if ignored >= 2**63 else 0  # what an int64 makes of it
    if labels.dtype != np.uint8:
        entry = np.empty(labels.shape, np.int32)
        number = np.int32 if np.can_cast(labels.dtype, np.int32) else np.int64
        values = pack(labels.astype(number, copy=False)).reshape(-1)
        error_count = find_entries(values, ignored_row, ignores, ignored, entry.reshape(-1))
        return frozen(entry), slice(None), LabelErrors(*error_count)
    value = np.arange(256)
    inside = value < ignored_row
    ignore = value == ignored if ignores else np.zeros(256, bool)
    entry = pack(labels)
    error_count = check_bytes(entry.reshape(-1), ignored_row, frozen(inside | ignore))
    return entry, np.where(inside & ~ignore, value, ignored_row), LabelErrors(*error_count)


def _strips(labels: Array) -> list[tuple[int, int, int]]:
    """Return the strips of label maps: image, first row, end row."""
    images, height, width = labels.shape
    return [(n, *rows) for n in range(images) for rows in pieces(height, STRIP // max(width, 1))]


def _shift(errors: LabelErrors, offset: int) -> LabelErrors:
    """Return errors of a strip that starts at a flat index, with the index in all maps."""
    return LabelErrors(errors.count, errors.first + offset) if errors.count else errors


def _sum_errors(strips: list[LabelErrors]) -> LabelErrors:
    """Return the sum of the errors of all strips, which are in order."""
    with_errors = [strip for strip in strips if strip.count]
    if not with_errors:
        return LabelErrors()
    return LabelErrors(sum(strip.count for strip in with_errors), with_errors[0].first)


@kernel
def write_words(labels: Any, lut: Any, head: Any, out: Any, words: Any) -> None:
    """Write the bytes of 0x00bbggrr; from pixel `head` on four pixels are three words."""
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
def check_bytes(labels: Any, ignored_row: Any, allowed: Any) -> Any:
    """Return the number of uint8 labels without a palette row, and the first index."""
    highest = np.uint8(0)
    for i in range(labels.size):
        highest = labels[i] if labels[i] > highest else highest
    count, first = 0, -1
    if highest >= ignored_row:
        for i in range(labels.size):
            if not allowed[labels[i]]:
                first = i if count == 0 else first
                count += 1
    return count, first


@kernel
def find_entries(labels: Any, ignored_row: Any, ignores: Any, ignored: Any, entry: Any) -> Any:
    """Write the palette row of every label; return the number of invalid labels, and the first."""
    count, first = 0, -1
    for i in range(labels.size):
        inside = labels[i] >= 0 and labels[i] < ignored_row
        ignore = ignores and labels[i] == ignored
        entry[i] = labels[i] if inside and not ignore else ignored_row
        count += not (inside or ignore)
    if count:
        first = 0
        while (ignores and labels[first] == ignored) or 0 <= labels[first] < ignored_row:
            first += 1
    return count, first


@kernel
def blend(image: Any, color: Any, alpha: Any, out: Any) -> None:
    """Blend bytes with one weight for all pixels."""
    a, image_weight = np.int32(alpha), np.int32(256 - alpha)
    for i in range(out.size):
        mixed = np.int32(image[i]) * image_weight + np.int32(color[i]) * a + np.int32(128)
        out[i] = mixed >> np.int32(8)


@kernel
def blend_each(image: Any, color: Any, entry: Any, alpha: Any, out: Any) -> None:
    """Blend bytes with the weight of the palette entry of each pixel."""
    for i in range(entry.size):
        a = np.int32(alpha[entry[i]])
        image_weight = np.int32(256) - a
        for k in range(3 * i, 3 * i + 3):
            mixed = np.int32(image[k]) * image_weight + np.int32(color[k]) * a + np.int32(128)
            out[k] = mixed >> np.int32(8)


@kernel
def trace(labels: Any, top: Any, window: Any, color: Any, out: Any) -> None:
    """Write the color of the pixels whose window contains two labels.

    Row 0 of `out` is row `top` of `labels`, which includes the rows of the windows.
    """
    height, width = labels.shape
    low, high = np.empty(width, labels.dtype), np.empty(width, labels.dtype)
    window_low, window_high = np.empty(width, labels.dtype), np.empty(width, labels.dtype)
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
            window_low[x] = low[x]
            window_high[x] = high[x]
        for shift in range(-before, after + 1):
            for x in range(max(-shift, 0), min(width - shift, width)):
                window_low[x] = low[x + shift] if low[x + shift] < window_low[x] else window_low[x]
                window_high[x] = (
                    high[x + shift] if high[x + shift] > window_high[x] else window_high[x]
                )
        for x in range(width):
            if window_low[x] != window_high[x]:
                for k in range(3):
                    out[y, x, k] = color[y, x, k]


@kernel
def look_up(pixels: Any, keys: Any, values: Any, labels: Any) -> Any:
    """Write the label of every color, 0 if unknown; return the number unknown, and the first."""
    count, first = 0, -1
    last: Any = -1  # neighboring pixels mostly have the same color
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
            is_known = np.int64(keys[low]) == key
            label = np.int64(values[low]) if is_known else 0
            last = key if is_known else -1
            if not is_known:
                first = i if count == 0 else first
                count += 1
        labels[i] = label
    return count, first
