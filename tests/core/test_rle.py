"""Run-length codes of masks, against pycocotools and round trips."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from segpost._backends.codes import compress_each
from segpost._core import rle

CODES = [
    ([], (0, 0)),
    ([0, 12], (3, 4)),
    ([12], (3, 4)),
    ([2, 5, 5], (3, 4)),
    ([1, 1, 1, 1, 1, 1], (2, 3)),
    ([0, 1, 2000, 3, 1, 4000, 90_000, 1], (1, 96_006)),
]


def random_masks(count: int = 60) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(7)
    for index in range(count):
        height, width = rng.integers(1, 40, 2)
        yield rng.random((height, width)) < (0.02, 0.5, 0.97)[index % 3]
    yield np.zeros((5, 3), bool)
    yield np.ones((5, 3), bool)


@pytest.mark.parametrize(("counts", "size"), CODES)
def test_compressed_counts_come_back(counts: list[int], size: tuple[int, int]) -> None:
    assert rle.decompress_counts(rle.compress_mask(np.array(counts, np.int64))).tolist() == counts


def test_strings_of_many_masks(backend: str) -> None:
    """Every backend writes the characters of the definition, of short and of long masks."""
    random = np.random.default_rng(8)
    lengths = [1, 2, 3, 4, 5, 200_000, 1, 7, 30_000]
    counts = np.concatenate([random.integers(0, 2 ** (8 + i), n) for i, n in enumerate(lengths)])
    counts[-1] = 2**62
    ends = np.cumsum(lengths)
    codes = compress_each(counts, ends)
    assert len(codes) == len(lengths)
    for code, start, end in zip(codes, ends - lengths, ends, strict=True):
        assert code == rle.compress_mask(counts[start:end])
    assert compress_each(np.zeros(0, np.int64), np.zeros(0, np.int64)) == []


def test_the_string_of_coco_s_example() -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[1:3, 1:4] = 1
    assert rle.encode_counts(mask).tolist() == [5, 2, 2, 2, 2, 2, 5]
    assert rle.encode_mask(mask) == {"size": [4, 5], "counts": b"5220003"}


def test_masks_come_back_with_area_and_box() -> None:
    for mask in random_masks():
        counts = rle.encode_counts(mask)
        assert (rle.decode_counts(counts, mask.shape) == mask).all()
        assert rle.measure_area(counts) == mask.sum()
        ys, xs = np.nonzero(mask)
        box = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if xs.size else (0, 0, 0, 0)
        assert rle.find_box(counts, mask.shape) == box


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_codes_equal_those_of_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    for mask in random_masks():
        theirs = coco.encode(np.asfortranarray(mask, np.uint8))
        ours = rle.encode_mask(mask)
        assert ours == theirs
        assert (coco.decode(ours) == mask).all()
        counts = rle.decompress_counts(ours["counts"])
        assert rle.measure_area(counts) == coco.area(theirs)
        assert list(rle.find_box(counts, mask.shape)) == coco.toBbox(theirs).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rle.decompress_counts(b"5\x01"), r"1 of 2 characters .* first b'\\x01' at 1"),
        (lambda: rle.decompress_counts("5P"), "end within a number, at character 1"),
        (lambda: rle.decompress_counts(b"P" * 13 + b"0"), "number of 14 characters at 0"),
        (lambda: rle.decode_counts(np.array([2, -1, 3]), (2, 2)), "1 of 3 negative .* -1 at 1"),
        (lambda: rle.decode_counts(np.array([2, 1]), (2, 2)), "sum to 3, .* 2 x 2 has 4 pixels"),
        (lambda: rle.decode_counts(np.array([1.5]), (1, 1)), "sequence of integers, got float64"),
    ],
)
def test_bad_codes_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
