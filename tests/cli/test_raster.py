"""`segpost raster`: windows in, georeferenced rasters out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_windows import Raster

import segpost
from segpost.cli import main
from segpost.files.block_files import BlockFolder
from segpost.files.rasters import write_raster

rasterio = pytest.importorskip("rasterio")
zarr = pytest.importorskip("zarr")

pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning:affine"),  # by rasterio itself
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]

SMALL = Raster((125, 131), 32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with logits, windows and a photograph."""
    monkeypatch.chdir(tmp_path)
    windows = SMALL.windows
    shape = (len(windows), 19, 8, 8)
    logits = zarr.create_array("logits.zarr", shape=shape, chunks=(1, 19, 8, 8), dtype="float16")
    Path("files").mkdir()
    names = {}
    for index, window in enumerate(windows):
        logits[index] = SMALL.read(index)
        names[f"w{index}.npy"] = window
        np.save(f"files/w{index}.npy", SMALL.read(index))
    Path("windows.json").write_text(json.dumps(windows))
    Path("names.json").write_text(json.dumps(names))
    transform = rasterio.Affine(0.5, 0, 500000, 0, -0.5, 5500000)
    with rasterio.open(
        "photo.tif",
        "w",
        driver="GTiff",
        height=125,
        width=131,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=transform,
    ):
        pass
    return tmp_path


def read(path: str) -> Any:
    """Return the band of a raster."""
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def raster(*words: str, logits: str = "logits.zarr", windows: str = "windows.json") -> int:
    """Run the command on the logits of the fixture."""
    arguments = ["raster", logits, "--windows", windows, "--out", "labels.tif", *words]
    return main(arguments)


def test_values_and_georeference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bits of the merged whole, with CRS, transform, overviews and color table."""
    expected, confidence = SMALL.merged
    more = ("--confidence", "confidence.tif", "--like", "photo.tif", "--palette", "cityscapes")
    for words in (("--block", "48"), ("--block", "64", "--cog", "--confidence-dtype", "float32")):
        assert raster(*words, *more) == 0
        np.testing.assert_array_equal(read("labels.tif"), expected)
        with rasterio.open("labels.tif") as dataset:
            assert dataset.crs.to_epsg() == 32632
            assert dataset.transform.c == 500000
            assert dataset.colormap(1)[1] == (*segpost.Palette.named("cityscapes").colors[1], 255)
            assert dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == (
                "COG" if "--cog" in words else None
            )
            assert dataset.block_shapes == [(128, 128) if "--cog" in words else (16, 16)]
    assert read("confidence.tif").tobytes() == confidence.tobytes()
    assert "wrote labels.tif and confidence.tif: 125 x 131 pixels in 6 blocks" in (
        capsys.readouterr().out
    )
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("windows", ["windows.json", "names.json"])
def test_folders_of_files(folder: Path, windows: str) -> None:
    """Files are in the natural order of their names; hidden ones are ignored."""
    (folder / "files" / ".w0.npy").write_bytes(b"half of a file")
    size = ("--size", "125", "131", "--block", "128")
    assert raster(*size, logits="files", windows=windows) == 0
    np.testing.assert_array_equal(read("labels.tif"), SMALL.merged[0])
    np.save("all.npy", np.stack([SMALL.read(k) for k in range(len(SMALL.windows))]))
    assert raster(*size, "--cog", logits="all.npy") == 0
    np.testing.assert_array_equal(read("labels.tif"), SMALL.merged[0])


def test_overviews(tmp_path: Path) -> None:
    """Down to one tile; labels are never mixed, confidence is averaged."""
    values = np.zeros((1100, 1300), np.uint8)
    values[:, 1::2] = 200
    for averaged, found in ((False, {0, 200}), (True, {100})):
        path = tmp_path / f"{averaged}.tif"
        with write_raster(path, values.shape, "uint8", block=2048, averaged=averaged) as writer:
            writer.write(0, 0, values)
        with rasterio.open(path) as dataset:
            assert dataset.overviews(1) == [2, 4]
            small = dataset.read(1, out_shape=(550, 650))
        assert set(np.unique(small)) <= found


def test_runs_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks that are there are not computed again; damaged ones are, and shards fill a run."""
    words = ("--size", "125", "131", "--block", "32", "--run", "run")
    for shard in ("0/3", "2/3"):
        assert raster(*words, "--shard", shard) == 0
    assert not Path("labels.tif").exists()
    blocks = sorted((folder / "run" / "blocks").iterdir())
    assert [int(path.stem) % 3 for path in blocks].count(1) == 0
    damaged = blocks[3].read_bytes()
    blocks[3].write_bytes(damaged[:-1])
    assert raster(*words) == 0
    assert f"20 blocks, {len(blocks) - 1} of them were in run" in capsys.readouterr().out
    assert blocks[3].read_bytes() == damaged
    np.testing.assert_array_equal(read("labels.tif"), SMALL.merged[0])
    assert raster(*words[:-4], "--block", "64", "--run", "run") == 2
    assert "run is the run of other settings: block was 32 and is 64" in capsys.readouterr().err


def test_damaged_blocks_are_missing_ones(tmp_path: Path) -> None:
    """Every cut and every flipped bit is seen, and a file of another block or run."""
    blocks = BlockFolder(tmp_path, {"block": 4})
    arrays = {"labels": np.arange(12, dtype=np.uint8).reshape(3, 4)}
    blocks.write(0, arrays)
    path = tmp_path / "blocks" / "000000.block"
    content = path.read_bytes()
    np.testing.assert_array_equal(blocks.read(0)["labels"], arrays["labels"])
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place])
        assert not blocks.has(0)
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert not blocks.has(0)
    with pytest.raises(ValueError, match="missing or damaged"):
        blocks.read(0)
    (tmp_path / "blocks" / "000001.block").write_bytes(content)
    assert not blocks.has(1)


def test_pixels_in_no_window(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error before anything is written, or a label of their own that the file names."""
    windows = json.loads(Path("names.json").read_text())
    for name in ("w0.npy", "w1.npy"):
        del windows[name]
        os.unlink(f"files/{name}")
    Path("names.json").write_text(json.dumps(windows))
    words = ("--size", "125", "131", "--block", "64", "--palette", "cityscapes")
    assert raster(*words, logits="files", windows="names.json") == 2
    assert "windows do not cover the image" in capsys.readouterr().err
    assert not Path("labels.tif").exists()
    assert raster(*words, "--nodata", "255", logits="files", windows="names.json") == 0
    labels = read("labels.tif")
    assert (labels[:24, :48] == 255).all()
    assert (labels == 255).sum() == 24 * 48
    with rasterio.open("labels.tif") as dataset:
        assert dataset.nodata == 255
        assert dataset.colormap(1)[255] == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "pass --size H W, or --like TIF"),
        (("--size", "125", "130"), "do not lie in (125, 130)"),
        (("--like", "photo.tif", "--size", "1", "2"), "photo.tif is of 125 x 131 pixels"),
        (("--like", "windows.json"), "windows.json"),
        (("--size", "125", "131", "--block", "40"), "block must be a multiple of 16"),
        (("--size", "125", "131", "--shard", "0/2"), "--shard needs --run"),
        (("--size", "125", "131", "--confidence", "labels.tif"), "are both labels.tif"),
        (
            ("--size", "125", "131", "--confidence", "photo.tif", "--like", "photo.tif"),
            "would overwrite an input",
        ),
        (("--size", "125", "131", "--palette", "voc2"), "voc2"),
        (("--size", "125", "131", "--confidence", "no/c.tif"), "no/c.tif"),
    ],
)
def test_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    """One line, status 2, and nothing is written."""
    before = sorted(os.listdir())
    photo = Path("photo.tif").read_bytes()
    assert raster(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert sorted(os.listdir()) == before
    assert Path("photo.tif").read_bytes() == photo


def test_errors_of_logits_and_windows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing chunks, a bad window, a file without a window: all are named."""
    size = ("--size", "125", "131")
    Path("short.json").write_text("[[0, 0, 32, 32]]")
    assert raster(*size, windows="short.json") == 2
    assert "must list the 30 windows of the logits, has 1" in capsys.readouterr().err
    Path("names.json").write_text('{"w0.npy": [0, 0, 32, 32]}')
    assert raster(*size, logits="files", windows="names.json") == 2
    assert "has no window for 'w1.npy', 'w2.npy', 'w3.npy' and 26 more" in capsys.readouterr().err
    np.save("files/w7.npy", np.full((19, 8, 8), np.nan, np.float32))
    assert raster(*size, logits="files") == 2
    assert "window 7 at y 24, x 24 of 32 x 32: logits" in capsys.readouterr().err
    os.unlink("logits.zarr/c/5/0/0/0")
    assert raster(*size) == 2
    assert "lacks 1 of 30 chunks; they would be read as logits of 0" in capsys.readouterr().err
    zarr.create_group("group.zarr").create_array("logits", shape=(1, 2, 3, 4), dtype="float32")
    assert raster(*size, logits="group.zarr") == 2
    assert "is a Zarr group; pass one of its arrays" in capsys.readouterr().err
    assert not Path("labels.tif").exists()


@pytest.mark.engines
def test_killed_runs_give_the_same_bytes(folder: Path) -> None:
    """A run that is killed after each few blocks, at any instant, ends in the same raster."""
    assert raster("--size", "125", "131", "--block", "16") == 0
    expected = Path("labels.tif").read_bytes()
    os.unlink("labels.tif")
    command = ["raster", "logits.zarr", "--windows", "windows.json", "--out", "labels.tif"]
    command += ["--size", "125", "131", "--block", "16", "--run", "run"]
    # The process kills itself when it writes a block for the 10th time, before or after the rename.
    program = (
        "import os, signal, sys\n"
        "from segpost.cli import main\n"
        "replace, count = os.replace, [0]\n"
        "def kill(source, target, **more):\n"
        "    count[0] += str(target).endswith('.block')\n"
        "    if count[0] == 10 and sys.argv[1] == 'before': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(source, target, **more)\n"
        "    if count[0] == 10: os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.replace = kill\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(segpost.__file__).parents[1])}
    statuses = []
    for attempt in range(12):
        when = ("before", "after")[attempt % 2]
        words = [sys.executable, "-c", program, when, *command]
        statuses.append(subprocess.run(words, env=environment, check=False).returncode)
        if statuses[-1] == 0:
            break
        assert not Path("labels.tif").exists()
    assert statuses[-1] == 0
    assert statuses[:-1] == [-signal.SIGKILL] * (len(statuses) - 1)
    assert len(statuses) >= 7
    assert Path("labels.tif").read_bytes() == expected
