"""What one image, one shard and one merge cost on this machine, in CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

import segpost
from benches.harness.scenes import street_maps
from segpost.evaluation import Plan
from segpost.evaluation.shard_files import ShardCounts, encode_shard
from segpost.files.writing import atomic_write
from segpost.metrics.image_table import PackedImages

SIZE, CLASSES, VOID = (1024, 2048), 19, 255
FOLDER_IMAGES = 1000
Seconds = npt.NDArray[np.float64]
FOLDERS = ("preds", "targets")


# Standard output ends with the CPU time, and the peak of resident memory in kB.
MEASURED_COMMAND = """
import re, sys, time
from segpost.cli import main
status = main(sys.argv[1:])
text = open("/proc/self/status").read()
print("\\n", time.process_time(), re.search(r"VmHWM:\\s+(\\d+)", text)[1])
sys.exit(status)
"""


class CommandCosts(NamedTuple):
    """CPU seconds of a process, and its peak of resident memory in bytes."""

    seconds: float
    peak: int


class Costs(NamedTuple):
    """Measured CPU seconds and bytes.

    Attributes
    ----------
    image_seconds : float64 array
        Of every image that was counted.
    png_bytes : float
        Mean of the files of a pair together.
    cells : float
        Mean number of cells of the confusion matrix that an image occupies.
    start : CommandCosts
        A process that finds its shard counted, median of five.
    shard_seconds : float
        To open the plan, find the shard's lines, and write its file.
    plan, merge : CommandCosts
        `segpost plan`, which lists the files, and `segpost merge`.
    plan_bytes, shard_bytes : int
        Of their files.
    """

    image_seconds: Seconds
    png_bytes: float
    cells: float
    start: CommandCosts
    shard_seconds: float
    plan: CommandCosts
    merge: CommandCosts
    plan_bytes: int
    shard_bytes: int


class Sample(NamedTuple):
    """Pairs that were really counted."""

    counts: ShardCounts
    image_seconds: Seconds
    png_bytes: float


def count_sample(folder: Path, pairs: int) -> Sample:
    """Write pairs of label maps as PNG files, and count them as one shard."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for k in range(pairs):
        for name, labels in zip(FOLDERS, street_maps(*SIZE, CLASSES, seed=k), strict=True):
            Image.fromarray(labels).save(folder / name / f"{k:03d}.png")
    plan = evaluation(folder).plan(folder / "run", pairs)
    times = [time.process_time()]
    segpost.count_shard(plan.run, 0, on_image=lambda: times.append(time.process_time()))
    files = [path.stat().st_size for path in folder.glob("*/*.png")]
    # The first image pays for imports: `start` has these.
    return Sample(plan.read_counts(0), np.diff(times)[1:], sum(files) / pairs)


def evaluation(folder: Path) -> segpost.Evaluation:
    """Return how the pairs of a folder are compared."""
    preds, targets = (folder / name for name in FOLDERS)
    return segpost.Evaluation(preds, targets, num_classes=CLASSES, ignore_index=VOID)


def measure_costs(folder: Path, images: int, shard_images: int, sample_pairs: int) -> Costs:
    """Count a sample, and plan, write and merge a whole data set of links to its files.

    The shards of the whole have the counts of the sample; nothing else is left out.
    """
    sample = count_sample(folder / "sample", sample_pairs)
    whole = folder / "whole"
    link_files(folder / "sample", whole, images, sample_pairs)
    run = whole / "run"
    places = [whole / name for name in FOLDERS]
    options = ["--num-classes", CLASSES, "--ignore-index", VOID, "--shard-images", shard_images]
    plan_costs = measure_command("plan", *places, *options, "--run", run)
    plan = Plan.read(run)
    seconds = [write_shard(plan.run, shard, sample.counts) for shard in range(plan.shards)]
    starts = [measure_command("count", run, "--shards", 0, "--quiet") for _ in range(5)]
    return Costs(
        sample.image_seconds,
        sample.png_bytes,
        float(np.mean(sample.counts.images.lengths)),
        sorted(starts)[2],
        float(np.mean(seconds)),
        plan_costs,
        measure_command("merge", run),
        sum((run / name).stat().st_size for name in ("plan.jsonl", "plan.index")),
        sum(path.stat().st_size for path in (run / "shards").iterdir()),
    )


def link_files(sample: Path, whole: Path, images: int, pairs: int) -> None:
    """Make a data set of links: folders of 1,000 images, which are links to one folder."""
    for name in FOLDERS:
        linked = sample / "linked" / name
        linked.mkdir(parents=True)
        (whole / name).mkdir(parents=True)
        for k in range(FOLDER_IMAGES):
            os.link(sample / name / f"{k % pairs:03d}.png", linked / f"{k:03d}.png")
        for k in range(images // FOLDER_IMAGES):
            (whole / name / f"city{k:04d}").symlink_to(linked.absolute())


def write_shard(run: Path, shard: int, sample: ShardCounts) -> float:
    """Write a shard whose images have the counts of the sample in turn; return its CPU seconds."""
    start = time.process_time()
    plan = Plan.read(run)
    planned = plan.shard(shard)
    seconds = time.process_time() - start
    first = shard * plan.shard_images
    rows = (first + np.arange(len(planned.images))) % len(sample.images.lengths)
    counts = sample._replace(
        plan=plan.id,
        shard=shard,
        lines=planned.digest,
        checksums=sample.checksums[rows],
        images=select_images(sample.images, rows),
    )
    start = time.process_time()
    with atomic_write(plan.shard_path(shard)) as path:
        path.write_bytes(encode_shard(counts))
    return seconds + time.process_time() - start


def select_images(images: PackedImages, rows: npt.NDArray[np.int64]) -> PackedImages:
    """Return the counts of some images, which have no values outside the classes."""
    ends = np.cumsum(images.lengths)
    parts = [slice(ends[k] - images.lengths[k], ends[k]) for k in rows]
    cells, counts = (
        np.concatenate([column[part] for part in parts]) for column in (images.cells, images.counts)
    )
    return PackedImages(images.lengths[rows], cells, counts, {})


def measure_command(*words: object) -> CommandCosts:
    """Run a command of segpost in a process of its own, which says what it took."""
    command = [sys.executable, "-c", MEASURED_COMMAND, *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, kibibytes = done.stdout.split()[-2:]
    return CommandCosts(float(seconds), int(kibibytes) * 1024)
