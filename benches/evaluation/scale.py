"""Data sets of a million images: plan, merge, count, evaluate and raster, each in a process.

`python -m benches.evaluation.scale` prints a table of CPU time and peak memory; with names of rows
(plan, merge, pairs, count, raster) only these. `--images N` makes the data sets smaller.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

CLASSES = 19
SHARD_IMAGES = 100
TEMPLATES = 50  # images whose counts are repeated
COMMAND = (sys.executable, "-m", "segpost")


class Usage(NamedTuple):
    """What a process took: CPU time in seconds, and its largest resident memory in MiB."""

    seconds: float
    memory: float


def measure(*command: str) -> Usage:
    """Run a command, which must succeed."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    usage = wait(child)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    return usage


def wait(child: subprocess.Popen[Any]) -> Usage:
    """Wait for the end of a process, and return what it took."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def python(code: str) -> Usage:
    """Run a program."""
    return measure(sys.executable, "-W", "ignore", "-c", code)


PART = """
import resource, time
def usage():
    return time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def report(start):
    print(*(after - before for after, before in zip(usage(), start, strict=True)))
"""


def part_of_program(code: str) -> Usage:
    """Run a program that reports one part of it: its time, and what the peak of memory grew by."""
    command = [sys.executable, "-W", "ignore", "-c", PART + code]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, kibibytes = map(float, text.split())
    return Usage(seconds, kibibytes / 1024)


def start() -> Usage:
    """Return what the imports take, which every command pays."""
    return python("import segpost.evaluation, segpost.cli, PIL.Image")


def make_names(folder: Path, images: int) -> tuple[Path, Path]:
    """Make two folders of empty files, 1000 in each folder below, unless they are there."""
    places = folder / "preds", folder / "targets"
    for place in places:
        if place.exists():
            continue
        for first in range(0, images, 1000):
            below = place / f"{first // 1000:05}"
            below.mkdir(parents=True)
            for k in range(first, min(first + 1000, images)):
                os.close(os.open(below / f"{k:07}.png", os.O_CREAT))
    return places


def plan(folder: Path, images: int) -> dict[str, Usage]:
    """A plan of a million names, with the listing of both folders and without, and one shard."""
    preds, targets = map(str, make_names(folder, images))
    options = ("--num-classes", str(CLASSES), "--shard-images", str(SHARD_IMAGES))
    run = str(folder / "run")
    return {
        "plan, listing included": measure(*COMMAND, "plan", preds, targets, "--run", run, *options),
        "plan of names and sizes": write_alone(folder, images),
        "one shard of the plan": read_shard(run),
    }


def write_alone(folder: Path, images: int) -> Usage:
    """Write a plan of files whose names and sizes are known."""
    code = f"""
from pathlib import Path
import segpost
from segpost.evaluation.pairing import ListedPairs, PairFiles, Pairing
from segpost.evaluation.planning import write_plan
folder = Path({str(folder)!r})
sources = {{name: folder / name for name in ("preds", "targets")}}
(folder / "one.npy").touch()
job = segpost.Evaluation(folder / "one.npy", folder / "one.npy", num_classes={CLASSES})
names = (f"{{k // 1000:05}}/{{k:07}}" for k in range({images}))
listed = [PairFiles(name, (f"{{name}}.png", f"{{name}}.png"), (0, 0)) for name in names]
pairing = Pairing(ListedPairs(tuple(sources.values()), listed), [], [])
start = usage()
write_plan(folder / "alone", pairing, job.counter, {SHARD_IMAGES}, sources, {{}})
report(start)
"""
    return part_of_program(code)


def read_shard(run: str) -> Usage:
    """Read one shard of a plan as a process does that has read none."""
    code = f"""
from segpost.evaluation.plan import Plan
start = usage()
Plan.read({run!r}).shard(7)
report(start)
"""
    return part_of_program(code)


def merge(folder: Path, images: int) -> dict[str, Usage]:
    """A merge of shards of a hundred images, of which 50 different ones are repeated."""
    from segpost.evaluation.plan import Plan
    from segpost.evaluation.shard_files import ShardCounts, encode_shard
    from segpost.metrics.image_table import PackedImages

    run = folder / "alone"
    if not run.exists():
        write_alone(folder, images)
    whole = Plan.read(run)
    rng = np.random.default_rng(0)
    side = CLASSES + 1
    pictures = [np.unique(rng.integers(0, side * (side - 1), 110)) for _ in range(TEMPLATES)]
    counts = [rng.integers(1, 100_000, len(cells)) for cells in pictures]
    for shard, digest in enumerate(whole.shard_digests()):
        size = min(SHARD_IMAGES, images - shard * SHARD_IMAGES)
        chosen = rng.integers(0, TEMPLATES, size)
        packed = PackedImages(
            np.array([len(pictures[k]) for k in chosen]),
            np.concatenate([pictures[k] for k in chosen]),
            np.concatenate([counts[k] for k in chosen]),
            {},
        )
        sums = np.ones((size, 2), np.uint32)
        content = encode_shard(ShardCounts(whole.id, shard, digest, [], sums, packed, []))
        whole.shard_path(shard).write_bytes(content)
    code = f"""
import segpost.evaluation
start = usage()
segpost.merge_shards({str(run)!r}).cm.compute()
report(start)
"""
    return {"merge, beside the imports": part_of_program(code)}


def make_pairs(folder: Path, images: int, side: int, different: int) -> tuple[Path, Path]:
    """Make pairs of label maps; `different` of them differ, the others are copies."""
    from PIL import Image

    rng = np.random.default_rng(0)
    places = folder / "pairs" / "preds", folder / "pairs" / "targets"
    folder.mkdir(exist_ok=True)
    for place in places:
        contents = []
        for k in range(different):
            labels = rng.integers(0, CLASSES, (side // 8, side // 8)).repeat(8, 0).repeat(8, 1)
            path = folder / f"{k}.png"
            Image.fromarray(labels.astype(np.uint8)).save(path)
            contents.append(path.read_bytes())
        for k in range(images):
            below = place / f"{k // 1000:05}"
            below.mkdir(parents=True, exist_ok=True)
            (below / f"{k:07}.png").write_bytes(contents[k % different])
    return places


def pairs(folder: Path, images: int) -> dict[str, Usage]:
    """Evaluate a tenth as many pairs of 32 x 32, with all files that have a line an image."""
    preds, targets = map(str, make_pairs(folder, images // 10, 32, 50))
    files = {"--state": "state.json", "--json": "scores.json", "--per-image": "images.csv"}
    outputs = [word for option, name in files.items() for word in (option, str(folder / name))]
    options = ("--num-classes", str(CLASSES), "--quiet", *outputs)
    return {"evaluate of 32 x 32": measure(*COMMAND, "evaluate", preds, targets, *options)}


def count(folder: Path, images: int) -> dict[str, Usage]:
    """Evaluate pairs of 512 x 1024 at once, and count them in shards."""
    preds, targets = map(str, make_pairs(folder / "large", images // 2500, 512, 20))
    options = ("--num-classes", str(CLASSES))
    run = str(folder / "large" / "run")
    rows = {"evaluate": measure(*COMMAND, "evaluate", preds, targets, *options, "--quiet")}
    measure(*COMMAND, "plan", preds, targets, "--run", run, *options)
    rows["count"] = measure(*COMMAND, "count", run)
    return rows


def raster(folder: Path, images: int) -> dict[str, Usage]:
    """Labels and confidence of 20,000 x 20,000 pixels, from windows of 1024 and logits of 256."""
    side = 20_000 if images >= 1_000_000 else 4_000
    code = f"""
import json, numpy as np, segpost, zarr
windows = list(segpost.windows(({side}, {side}), (1024, 1024), (768, 768)))
shape = (len(windows), {CLASSES}, 256, 256)
logits = zarr.open({str(folder / "logits.zarr")!r}, mode="w", shape=shape, chunks=(1, *shape[1:]),
                   dtype="float16")
rng = np.random.default_rng(0)
some = rng.normal(size=(8, *shape[1:])).astype("float16")
for k in range(len(windows)):
    logits[k] = some[k % 8]
json.dump([list(w) for w in windows], open({str(folder / "windows.json")!r}, "w"))
"""
    python(code)
    command = (
        *("raster", str(folder / "logits.zarr"), "--windows", str(folder / "windows.json")),
        *("--size", str(side), str(side), "--out", str(folder / "labels.tif")),
        *("--confidence", str(folder / "confidence.tif"), "--cog"),
    )
    return {f"raster of {side:,} x {side:,}": measure(*COMMAND, *command)}


ROWS: dict[str, Callable[[Path, int], dict[str, Usage]]] = {
    function.__name__: function for function in (plan, merge, pairs, count, raster)
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="ROW")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the data sets are made")
    arguments = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print("\n| | CPU s | peak MiB |\n|---|--:|--:|")
    print("| {} | {:.4g} | {:.4g} |".format("the imports alone", *start()), flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in arguments.rows or ROWS:
            for title, usage in ROWS[name](Path(folder), arguments.images).items():
                print(f"| {title} | {usage.seconds:.4g} | {usage.memory:.4g} |", flush=True)


if __name__ == "__main__":
    main()
