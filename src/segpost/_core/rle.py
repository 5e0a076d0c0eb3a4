"""Run-length codes of masks, as COCO defines them, and their compressed strings.

The counts of a mask are the lengths of its runs in column-major order: of 0, of 1, of 0, and so on.
The first is 0 where the first pixel is set. A compressed string has the counts as numbers of 5 bits
a byte (48 to 111), least significant first and with a sign; the fourth count and those after it are
differences from the count two before. Source: pycocotools, common/maskApi.c.
"""

from __future__ import annotations

import itertools
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_FIRST_BYTE = 48
_MORE, _SIGN, _DIGITS = 0x20, 0x10, 0x1F
_CHUNK = 1 << 17  # counts that are compressed together
_MAX_DIGITS = 12  # of 5 bits: a value of 60 bits


class Rle(TypedDict):
    """The run-length code of a mask, as pycocotools takes it."""

    size: list[int]  # [h, w]
    counts: bytes


def encode_counts(mask: Array) -> Array:
    """Return the counts of a mask of shape (h, w), as int64; every value but 0 is set."""
    pixels = np.ascontiguousarray((mask if mask.dtype == np.bool_ else mask != 0).T).reshape(-1)
    if not pixels.size:
        return np.zeros(1, np.int64)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    starts = [0, 0] if pixels[0] else [0]
    return np.diff(np.concatenate([starts, changes, [pixels.size]]).astype(np.int64))


def decode_counts(counts: Array, size: tuple[int, int]) -> Array:
    """Return the mask of shape (h, w), uint8 of 0 and 1, in column-major memory.

    Raises
    ------
    ValueError
        If a count is negative, or if the counts do not sum to the number of pixels.
    """
    counts = check_counts(counts, size)
    values = np.arange(counts.size, dtype=np.uint8) & 1
    height, width = size
    return np.repeat(values, counts).reshape(width, height).T


def check_counts(counts: Array, size: tuple[int, int]) -> Array:
    """Return the counts as int64.

    Raises
    ------
    ValueError
        If a count is negative, or if the counts do not sum to the number of pixels.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or (counts.size and counts.dtype.kind not in "iu"):
        raise ValueError(
            f"counts must be a sequence of integers, got {counts.dtype} of shape {counts.shape}"
        )
    counts = counts.astype(np.int64)
    negative = np.flatnonzero(counts < 0)
    if negative.size:
        raise ValueError(
            f"counts have {negative.size} of {counts.size} negative values, first "
            f"{counts[negative[0]]} at {negative[0]}"
        )
    height, width = size
    large = np.flatnonzero(counts > height * width)  # sums of such counts could wrap
    if large.size:
        raise ValueError(
            f"counts have {large.size} of {counts.size} values larger than a mask of size "
            f"{height} x {width}, first {counts[large[0]]} at {large[0]}"
        )
    if counts.sum() != height * width:
        raise ValueError(
            f"counts sum to {counts.sum()}, but a mask of size {height} x {width} has "
            f"{height * width} pixels"
        )
    return counts


def compress_mask(counts: Array) -> bytes:
    """Return the compressed string of counts, as pycocotools writes it."""
    values = np.array(counts, np.int64)
    values[3:] -= np.asarray(counts, np.int64)[1:-2]
    return _characters_of(values)[0].tobytes()


def _characters_of(values: Array) -> tuple[Array, Array]:
    """Return the characters of numbers, and where those of each end."""
    size = values ^ (values >> 63)  # of a number and of its complement
    left = np.ones(values.size, np.int64)
    limit, largest = _SIGN, int(size.max(initial=0))
    while limit <= largest:
        left += size >= limit
        limit <<= 5
    ends = np.cumsum(left)
    characters = np.empty(int(ends[-1]) if ends.size else 0, np.uint8)
    rest, place = values, ends - left
    while rest.size:
        has_more = left > 1
        characters[place] = (rest & _DIGITS) + _FIRST_BYTE + _MORE * has_more
        more = np.flatnonzero(has_more)
        rest, place, left = rest[more] >> 5, place[more] + 1, left[more] - 1
    return characters, ends


def compress_counts(counts: Array, ends: Array) -> tuple[Array, Array]:
    """Return the characters of the compressed strings of masks, and where those of each end.

    Mask ``i`` has ``counts[ends[i - 1]:ends[i]]``.
    """
    parts, stops, done, used = [np.zeros(0, np.uint8)], [np.zeros(0, np.int64)], 0, 0
    while done < len(ends):  # some masks at a time, to limit memory
        first = int(ends[done - 1]) if done else 0
        masks = max(int(np.searchsorted(ends, first + _CHUNK, "right")) - done, 1)
        part = ends[done : done + masks]
        characters, stop = _compress_chunk(counts[first : part[-1]], part - first)
        parts.append(characters)
        stops.append(stop + used)
        done, used = done + masks, used + characters.size
    return np.concatenate(parts), np.concatenate(stops)


def split_codes(characters: Array, ends: Array) -> list[bytes]:
    """Return the compressed strings that stand one after another."""
    text = characters.tobytes()
    return [text[a:b] for a, b in itertools.pairwise([0, *ends.tolist()])]


def _compress_chunk(counts: Array, ends: Array) -> tuple[Array, Array]:
    """Return the characters of some masks, and where those of each end."""
    values = np.array(counts, np.int64)
    values[3:] -= counts[1:-2]
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    for place in range(3):  # the first three counts of a mask are no differences
        own = begins[begins + place < ends] + place
        values[own] = counts[own]
    characters, stops = _characters_of(values)
    return characters, stops[ends - 1]


def decompress_counts(code: bytes | str) -> Array:
    """Return the counts, int64, of a compressed string.

    Raises
    ------
    ValueError
        If the string has a character that no code has, or if it ends within a number.
    """
    code = code.encode() if isinstance(code, str) else code
    digits = np.frombuffer(code, np.uint8).astype(np.int64) - _FIRST_BYTE
    is_wrong = (digits < 0) | (digits > (_MORE | _DIGITS))
    if is_wrong.any():
        first = int(is_wrong.argmax())
        raise ValueError(
            f"counts have {int(is_wrong.sum())} of {digits.size} characters outside of '0' to 'o', "
            f"first {code[first : first + 1]!r} at {first}"
        )
    is_last = (digits & _MORE) == 0
    ends = np.flatnonzero(is_last)
    if not digits.size:
        return np.zeros(0, np.int64)
    if not is_last[-1]:
        raise ValueError(f"counts end within a number, at character {digits.size - 1}: cut off?")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends + 1 - starts
    if lengths.max() > _MAX_DIGITS:
        raise ValueError(
            f"counts have a number of {lengths.max()} characters at {starts[lengths.argmax()]}; "
            f"no count has more than {_MAX_DIGITS}"
        )
    places = np.arange(digits.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & _DIGITS) << (5 * places), starts)
    values -= ((digits[ends] & _SIGN) != 0).astype(np.int64) << (5 * lengths)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def measure_area(counts: Array) -> int:
    """Return the number of set pixels."""
    return int(np.asarray(counts, np.int64)[1::2].sum())


def find_box(counts: Array, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the smallest box (x, y, width, height) of the set pixels; zeros where there are none.

    pycocotools gives the same but where runs of 0 pixels stand within counts.
    """
    ends = np.cumsum(np.asarray(counts, np.int64))
    last = ends[1::2] - 1
    first = ends[: 2 * last.size : 2]
    is_run = last >= first
    first, last = first[is_run], last[is_run]
    if not first.size:
        return (0, 0, 0, 0)
    height = size[0]
    (left, top), (right, bottom) = np.divmod(first, height), np.divmod(last, height)
    crosses_columns = bool((right > left).any())
    y = 0 if crosses_columns else int(top.min())
    y_end = height if crosses_columns else int(bottom.max()) + 1
    x = int(left[0])
    return (x, y, int(right[-1]) + 1 - x, y_end - y)


def encode_mask(mask: Array) -> Rle:
    """Return the run-length code of a mask of shape (h, w)."""
    height, width = mask.shape
    return {"size": [height, width], "counts": compress_mask(encode_counts(mask))}
