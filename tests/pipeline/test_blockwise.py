"""Large images in blocks: the bits of the whole, at bounded memory."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_windows import Raster, assemble

import segpost

SMALL = Raster((125, 131), 32)  # 4,000 x 4,192 pixels in windows of 1,024, at 1 / 32
WANT: Any = ("labels", "confidence")


def blocks_of(raster: Raster, **settings: Any) -> Any:
    """Return the blocks of a raster."""
    return segpost.merged_blocks(
        raster.read, raster.size, raster.classes, raster.windows, **{"want": WANT, **settings}
    )


@pytest.mark.parametrize("block", [24, 31, 32, 64, (50, 200)])
def test_blocks_have_the_bits_of_the_whole(block: Any) -> None:
    """Labels and confidence, with uneven edges, in any order."""
    labels, confidence = assemble(blocks_of(SMALL, block=block), SMALL.size)
    expected = SMALL.merged
    assert labels.tobytes() == expected[0].tobytes()
    assert confidence.tobytes() == expected[1].tobytes()
    *_, (y, x, seg) = blocks_of(SMALL, block=block, only=[1, 0])
    assert (y, x) == (0, 0)
    height, width = seg.labels.shape
    np.testing.assert_array_equal(seg.labels, labels[:height, :width])


@pytest.mark.parametrize("rows", [1, 5, 32])
def test_strips_of_a_block_have_the_bits_of_the_whole(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of a block are computed in strips of rows, which are few in small blocks."""
    monkeypatch.setattr("segpost.pipeline.blockwise.STRIP_BYTES", 4 * SMALL.classes * 64 * rows)
    labels, confidence = assemble(blocks_of(SMALL, block=64), SMALL.size)
    assert labels.tobytes() == SMALL.merged[0].tobytes()
    assert confidence.tobytes() == SMALL.merged[1].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("block", [768, 1000, 1024, 2048])
def test_blocks_of_a_real_size(block: int) -> None:
    """A raster of 4,000 x 4,100 pixels and 19 classes."""
    raster = Raster((4000, 4100), 1024)
    labels, confidence = assemble(blocks_of(raster, block=block), raster.size)
    expected = raster.merged
    assert labels.tobytes() == expected[0].tobytes()
    assert confidence.tobytes() == expected[1].tobytes()


def test_mean_logits_weights_and_tensors() -> None:
    """Everything that a merger takes; arrays are of the library that `read` returns."""
    torch = pytest.importorskip("torch")
    weight = np.random.default_rng(0).uniform(0.1, 1, (32, 32))
    merger = segpost.Merger(SMALL.size, SMALL.classes, average="logits")
    for index, window in enumerate(SMALL.windows):
        merger.add(SMALL.read(index), window=window, weight=weight, grid="align_corners")
    mean = merger.result()
    labels, probabilities = segpost.argmax(mean), segpost.softmax(mean)
    blocks = segpost.merged_blocks(
        lambda index: torch.from_numpy(SMALL.read(index).transpose(1, 2, 0)),
        SMALL.size,
        SMALL.classes,
        SMALL.windows,
        block=64,
        average="logits",
        axis=-1,
        grid="align_corners",
        weight=weight,
        palette="cityscapes",
        confidence_dtype="uint8",
        want=("labels", "confidence", "probabilities"),
    )
    for y, x, seg in blocks:
        assert isinstance(seg.labels, torch.Tensor)
        assert seg.palette is not None
        assert seg.probabilities.shape[0] == SMALL.classes
        part = np.s_[y : y + seg.labels.shape[0], x : x + seg.labels.shape[1]]
        np.testing.assert_array_equal(seg.labels.numpy(), labels[part])
        np.testing.assert_array_equal(
            seg.probabilities.numpy(), probabilities[(slice(None), *part)]
        )
        confidence = np.rint(255 * probabilities.max(axis=0)[part])
        assert np.abs(seg.confidence.numpy() - confidence).max() <= 1  # next to a tie


@pytest.mark.parametrize("block", [24, 50])
def test_confidence_of_mean_logits(backend: str, block: int) -> None:
    """The same bits for every size of blocks, on every backend."""
    settings: Any = {"average": "logits", "want": ("labels", "confidence")}
    whole = assemble(blocks_of(SMALL, block=SMALL.size, **settings), SMALL.size)
    parts = assemble(blocks_of(SMALL, block=block, **settings), SMALL.size)
    assert parts[0].tobytes() == whole[0].tobytes()
    assert parts[1].tobytes() == whole[1].tobytes()


def test_memory_and_reads_are_those_of_the_block() -> None:
    """A window is read for the blocks that it meets, when their turn comes."""
    read = []

    def remember(index: int) -> Any:
        read.append(index)
        return SMALL.read(index)

    blocks = segpost.merged_blocks(remember, SMALL.size, 19, SMALL.windows, block=32)
    assert read == []
    next(blocks)
    assert sorted(read) == [k for k, (y, x, _, _) in enumerate(SMALL.windows) if y < 32 and x < 32]


def test_pixels_in_no_window() -> None:
    """They are an error before anything is read, or get a label of their own."""
    gaps = [window for k, window in enumerate(SMALL.windows) if k not in (6, 7)]
    indices = [k for k in range(len(SMALL.windows)) if k not in (6, 7)]

    def read(index: int) -> Any:
        return SMALL.read(indices[index])

    def never(index: int) -> Any:
        raise AssertionError("windows are read before they are checked")

    arguments: Any = (SMALL.size, 19, gaps)
    with pytest.raises(ValueError, match=r"do not cover.*\(first y 32, x 0\).*pass nodata=255"):
        segpost.merged_blocks(never, *arguments, block=64)
    covered = np.zeros(SMALL.size, bool)
    for y, x, height, width in gaps:
        covered[y : y + height, x : x + width] = True
    blocks = segpost.merged_blocks(read, *arguments, block=31, nodata=255, want=WANT)
    labels, confidence = assemble(blocks, SMALL.size)
    merger = segpost.Merger(SMALL.size, 19)
    for index, window in enumerate(gaps):
        merger.add(read(index), window=window)
    merger.add(np.zeros((19, 1, 1), np.float32), weight=~covered)
    expected = segpost.argmax(merger.result())
    np.testing.assert_array_equal(labels, np.where(covered, expected, 255))
    np.testing.assert_array_equal(confidence == 0, ~covered)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"windows": []}, "windows must be"),
        ({"windows": [(0, 0, 4)]}, "windows must be"),
        ({"windows": [(0, 0, 8, 9), (1, 0, 8, 9)]}, r"1 of 2 windows do not lie .* index 1"),
        ({"windows": [(0, 0, 8.5, 9)]}, "windows must be .* of integers"),
        ({"nodata": 2}, "nodata 2 is a class of 3"),
        ({"nodata": 256}, "nodata 256 does not fit labels of uint8"),
        ({"only": [0, 7]}, "1 indices that are none of 6 blocks, first 7"),
        ({"want": ("color",)}, "want must be any of labels, confidence, probabilities"),
        ({"block": 0}, "block must"),
        ({"average": "labels"}, "average must be one of"),
        ({"classes": 0}, "classes must be at least 1"),
    ],
)
def test_errors(settings: Any, words: str) -> None:
    """Arguments are checked when the function is called, not at the first block."""
    arguments = {
        "read": lambda index: np.zeros((3, 8, 9), np.float32),
        "size": (8, 9),
        "classes": 3,
        "windows": [(0, 0, 8, 9)],
        "block": (3, 5),
        **settings,
    }
    with pytest.raises((ValueError, TypeError), match=words):
        segpost.merged_blocks(**arguments)


def write_block_once_killed(
    index: int, *, raster: Raster, block: int, store: str, marks: Path
) -> int:
    """Write a block to a Zarr array; three blocks kill their process before, the first time."""
    import zarr  # type: ignore[import-not-found,unused-ignore]

    mark = marks / str(index)
    if index in (1, 7, 12) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    out = zarr.open_array(store, mode="r+")
    for y, x, seg in blocks_of(raster, block=block, only=[index]):
        out[y : y + seg.labels.shape[0], x : x + seg.labels.shape[1]] = seg.labels
    return index


@pytest.mark.engines
def test_killed_dask_workers_change_no_bit(tmp_path: Path) -> None:
    """Blocks are written to the chunks of a Zarr array by processes that are killed three times."""
    distributed = pytest.importorskip("distributed")
    zarr = pytest.importorskip("zarr")
    import dask  # type: ignore[import-not-found,unused-ignore]

    raster, block = SMALL, 32
    store = str(tmp_path / "labels.zarr")
    zarr.create_array(store, shape=raster.size, chunks=(block, block), dtype="uint8")
    count = len(list(blocks_of(raster, block=block)))
    marks = tmp_path / "killed"
    marks.mkdir()
    compute = partial(write_block_once_killed, raster=raster, block=block, store=store, marks=marks)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 20}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        done = client.gather(client.map(compute, range(count)))
    assert sorted(done) == list(range(count))
    assert len(list(marks.iterdir())) == 3
    labels = zarr.open_array(store, mode="r")[:]
    assert labels.tobytes() == raster.merged[0].tobytes()
