"""The command `segpost raster`: a georeferenced label map of the logits of many windows."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

import segpost
from segpost._core.arrays import Array
from segpost._core.sampling import GRIDS
from segpost.cli.options import PALETTES, file_path, positive_integer, shard
from segpost.cli.output import refuse_inputs
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import progress
from segpost.files.block_files import BlockFolder
from segpost.files.rasters import Georeference, RasterWriter, read_georeference, write_raster
from segpost.files.window_logits import (
    Window,
    WindowLogits,
    open_window_logits,
    read_windows,
)
from segpost.pipeline.options import CONFIDENCE_DTYPES
from segpost.spatial.merger import AVERAGES
from segpost.spatial.tiling import Blocks

EXAMPLES = ("segpost raster logits.zarr --windows windows.json --like photo.tif --out labels.tif",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Merge the logits of overlapping windows into a raster of labels that may be "
        "larger than memory: block by block, with the same values for every size of blocks. Needs "
        'rasterio: pip install "segpost[geo]".'
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "With --run a command that was stopped or killed goes on where it was; the rasters are "
        "written when all blocks are there. A raster is written as a whole or not at all.",
    )
    add = parser.add_argument
    add(
        "logits",
        type=file_path,
        metavar="LOGITS",
        help="a Zarr array or an .npy file (N, C, h, w), or a folder of .npy or .npz files (C, h, "
        "w), in the natural order of their names",
    )
    add(
        "--windows",
        type=file_path,
        required=True,
        metavar="JSON",
        help="a list of [y, x, height, width] in the order of the logits, or an object with one "
        "for each file name",
    )
    add("--out", type=file_path, required=True, metavar="TIF", help="the labels")
    add("--confidence", type=file_path, metavar="TIF", help="the probability of each label")
    add(
        "--confidence-dtype",
        choices=CONFIDENCE_DTYPES,
        default="uint8",
        help="float32, or round(255 * confidence) as uint8, the default",
    )
    add("--size", nargs=2, type=positive_integer, metavar=("H", "W"), help="of the raster")
    add("--like", type=file_path, metavar="TIF", help="a raster with the size, CRS and transform")
    add("--palette", metavar="NAME", help=f"the color table of the labels: {PALETTES}")
    add(
        "--cog",
        action="store_true",
        help="write cloud-optimized GeoTIFFs, each from a file without compression beside it",
    )
    add(
        "--nodata",
        type=int,
        metavar="LABEL",
        help="label of pixels in no window, such as 255; by default such pixels are an error",
    )
    add(
        "--block",
        type=positive_integer,
        default=1024,
        help="side of the blocks that are computed at once, a multiple of 16; 1024 by default",
    )
    add("--average", choices=AVERAGES, default="probabilities", help="what is averaged")
    add("--axis", type=int, choices=(-3, -1), default=-3, help="the class axis; -3 by default")
    add("--grid", choices=GRIDS, default="half_pixel", help="as in segpost run")
    add("--run", type=file_path, metavar="DIR", help="where blocks are stored until all are there")
    add(
        "--shard",
        type=shard,
        metavar="I/N",
        help="compute every N-th block from the I-th on (I from 0) into --run, and no raster; for "
        "N processes at once",
    )
    parser.set_defaults(command=run)


class _Job(NamedTuple):
    """What is to be computed."""

    logits: WindowLogits
    windows: list[Window]
    size: tuple[int, int]
    classes: int
    settings: dict[str, Any]  # of `merged_blocks`

    def compute(self, indices: Sequence[int]) -> Iterator[dict[str, Array]]:
        """Return the results of blocks, one by one; all windows are checked before."""
        blocks = segpost.merged_blocks(
            self.logits.read, self.size, self.classes, self.windows, only=indices, **self.settings
        )
        return ({name: getattr(seg, name) for name in self.settings["want"]} for *_, seg in blocks)


def run(arguments: argparse.Namespace) -> int:
    """Write the rasters, or with --shard a part of their blocks."""
    _check(arguments)
    georeference = None if arguments.like is None else read_georeference(arguments.like)
    size = tuple(arguments.size or georeference.size)  # type: ignore[union-attr]
    if georeference is not None and size != georeference.size:
        raise ValueError(
            f"--size is {size[0]} {size[1]}, but {arguments.like} is of {georeference.size[0]} x "
            f"{georeference.size[1]} pixels; leave --size out"
        )
    job = _plan(arguments, size)
    blocks = Blocks(size, arguments.block)
    missing: Sequence[int] = range(len(blocks))
    computed = job.compute(missing)  # which checks that the windows cover the raster
    folder = None
    if arguments.run is not None:
        folder = BlockFolder(arguments.run, _describe(job))
        if arguments.shard is not None:
            return _compute_shard(job, folder, missing[arguments.shard[0] :: arguments.shard[1]])
        missing = [index for index in missing if not folder.has(index)]
        computed = job.compute(missing)
    with contextlib.ExitStack() as stack:
        writers = {
            name: stack.enter_context(context)
            for name, context in _open_outputs(arguments, job, georeference).items()
        }
        todo = frozenset(missing)
        with progress(enumerate(blocks), len(blocks)) as (items, _):
            for index, (y, x, _, _) in items:
                if folder is None:
                    arrays = next(computed)
                elif index in todo:
                    arrays = next(computed)
                    folder.write(index, arrays)
                else:
                    arrays = folder.read(index)
                for name, writer in writers.items():
                    writer.write(y, x, arrays[name])
    names = " and ".join(str(path) for path in (arguments.out, arguments.confidence) if path)
    note = "" if folder is None else f", {len(blocks) - len(missing)} of them were in {folder.path}"
    print(f"wrote {names}: {size[0]} x {size[1]} pixels in {len(blocks)} blocks{note}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not fit each other, and outputs that are inputs."""
    if arguments.shard is not None and arguments.run is None:
        raise ValueError("--shard needs --run DIR, where the blocks are stored")
    if arguments.size is None and arguments.like is None:
        raise ValueError("pass --size H W, or --like TIF with a raster of that size")
    outputs = {"--out": arguments.out, "--confidence": arguments.confidence}
    refuse_inputs(outputs, (arguments.logits, arguments.windows, arguments.like))
    if arguments.confidence and arguments.out.resolve() == arguments.confidence.resolve():
        raise ValueError(f"--out and --confidence are both {arguments.out}")


def _open_outputs(
    arguments: argparse.Namespace, job: _Job, georeference: Georeference | None
) -> dict[str, AbstractContextManager[RasterWriter]]:
    """Return the writers of the rasters, by result."""
    shared: dict[str, Any] = {
        "block": arguments.block,
        "georeference": georeference,
        "cog": arguments.cog,
    }
    colors = _color_table(arguments.palette, job.classes, arguments.nodata)
    dtype = "uint8" if job.classes <= 256 else "int32"
    writers: dict[str, AbstractContextManager[RasterWriter]] = {
        "labels": write_raster(
            arguments.out, job.size, dtype, colors=colors, nodata=arguments.nodata, **shared
        )
    }
    if arguments.confidence is not None:
        writers["confidence"] = write_raster(
            arguments.confidence,
            job.size,
            arguments.confidence_dtype,
            nodata=None if arguments.nodata is None else 0,
            averaged=True,
            **shared,
        )
    return writers


def _plan(arguments: argparse.Namespace, size: tuple[int, int]) -> _Job:
    """Open the logits and read the windows; nothing is computed."""
    logits = open_window_logits(arguments.logits)
    windows = read_windows(arguments.windows, logits.names, logits.total)
    if not windows:
        raise ValueError(f"{arguments.logits} has no windows")
    shape = logits.read(0).shape
    want = ("labels",) if arguments.confidence is None else ("labels", "confidence")
    settings = {
        "block": arguments.block,
        "average": arguments.average,
        "axis": arguments.axis,
        "grid": arguments.grid,
        "nodata": arguments.nodata,
        "confidence_dtype": arguments.confidence_dtype,
        "want": want,
    }
    return _Job(logits, windows, size, shape[arguments.axis], settings)


def _describe(job: _Job) -> dict[str, Any]:
    """Return what the blocks depend on, for the record of a run."""
    windows = hashlib.sha256(json.dumps(job.windows).encode()).hexdigest()
    return {
        "version": segpost.__version__,
        "logits": job.logits.content,
        "windows": f"{len(job.windows)} with sha256 {windows}",
        "size": list(job.size),
        "classes": job.classes,
        **{name: value for name, value in job.settings.items() if name != "want"},
        "want": list(job.settings["want"]),
    }


def _compute_shard(job: _Job, folder: BlockFolder, indices: Sequence[int]) -> int:
    """Compute the blocks of a shard that are not there."""
    missing = [index for index in indices if not folder.has(index)]
    blocks = zip(missing, job.compute(missing), strict=True)
    with progress(blocks, len(missing)) as (items, _):
        for index, arrays in items:
            folder.write(index, arrays)
    print(
        f"computed {len(missing)} of {len(indices)} blocks, the others were there; without --shard "
        "the command writes the rasters"
    )
    return 0


def _color_table(name: str | None, classes: int, nodata: int | None) -> Array | None:
    """Return the color table of labels, (K, 4): with alpha, which is 0 of pixels without data."""
    if name is None:
        return None
    if classes > 256:
        raise ValueError(f"--palette needs labels of 256 classes at most, there are {classes}")
    colors = segpost.Palette.named(name).colors  # type: ignore[arg-type]
    if len(colors) < classes:
        raise ValueError(f"--palette {name} has {len(colors)} colors, there are {classes} classes")
    table = np.zeros((256, 4), np.uint8)
    table[: len(colors), :3] = colors
    table[:, 3] = 255
    if nodata is not None:
        table[nodata] = 0
    return table
