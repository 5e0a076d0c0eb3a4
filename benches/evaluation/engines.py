"""Engines that count the shards of an evaluation while their workers are killed.

`python -m benches.evaluation.engines` runs the scripts of examples/engines for Dask, Ray and Spark,
twice each: undisturbed, and with two workers killed by SIGKILL. It prints a table in Markdown, and
its status is 1 if a state has other bytes than that of one process.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import segpost
from segpost.cli import main as segpost_main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "engines"
PACKAGES = {"dask": "distributed", "ray": "ray", "spark": "pyspark"}
IMAGES, SHARD_IMAGES, SIZE, CLASSES = 200, 10, (256, 512), 19
MEASURE = "boundary"
KILLERS = (57, 133)  # the images that kill the first process that opens them
# What an interpreter that has this as sitecustomize does when it opens one of them.
HOOK = """
import os, signal, sys

def kill(event, values):
    if event == "open" and str(values[0]).endswith({names!r}):
        try:
            os.close(os.open({marks!r} + os.path.basename(values[0]), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
"""


class Run(NamedTuple):
    """One run of an engine."""

    engine: str
    version: str
    kills: int
    status: int
    counted: int
    digest: str


def write_images(folder: Path) -> segpost.Evaluation:
    """Write predictions and targets, and return how they are compared."""
    random = np.random.default_rng(0)
    for name in ("preds", "targets"):
        (folder / name).mkdir()
    for k in range(IMAGES):
        target = random.integers(0, CLASSES, SIZE, np.uint8)
        preds = np.where(random.random(SIZE) < 0.8, target, random.integers(0, CLASSES, SIZE))
        np.save(folder / "targets" / f"{k:03d}.npy", target)
        np.save(folder / "preds" / f"{k:03d}.npy", preds.astype(np.uint8))
    return segpost.Evaluation(
        folder / "preds", folder / "targets", num_classes=CLASSES, measures=MEASURE
    )


def digest_of(command: str, *arguments: object) -> str:
    """SHA-256 of the state that a command of segpost writes."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.json")
        words = [command, *map(str, arguments), "--state", str(state), "--quiet"]
        with contextlib.redirect_stdout(sys.stderr):
            status = segpost_main(words)
        return hashlib.sha256(state.read_bytes()).hexdigest() if status == 0 else "none"


def run_engine(engine: str, job: segpost.Evaluation, folder: Path, with_kills: bool) -> Run:
    """Have an engine count all shards, and return what came of it."""
    folder.mkdir()
    plan = job.plan(folder / "counts", SHARD_IMAGES)
    marks = folder / "marks"
    marks.mkdir()
    names = tuple(f"preds/{k:03d}.npy" for k in KILLERS) if with_kills else ()
    (folder / "sitecustomize.py").write_text(HOOK.format(names=names, marks=f"{marks}/"))
    paths = [str(folder), str(Path(segpost.__file__).parents[1])]
    command = [sys.executable, str(EXAMPLES / f"count_with_{engine}.py"), str(plan.run)]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYSPARK_PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    merged = segpost.merge_shards(plan.run, allow_partial=True)
    return Run(
        engine,
        importlib.metadata.version(PACKAGES[engine]),
        len(list(marks.iterdir())),
        done.returncode,
        merged.coverage.counted,
        digest_of("merge", plan.run),
    )


def is_installed(engine: str) -> bool:
    """Whether the package of an engine is installed."""
    try:
        importlib.metadata.version(PACKAGES[engine])
    except importlib.metadata.PackageNotFoundError:
        print(f"{PACKAGES[engine]} is not installed", file=sys.stderr)
        return False
    return True


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benches.evaluation.engines")
    parser.add_argument("engines", nargs="*", default=list(PACKAGES), metavar="ENGINE")
    engines = [engine for engine in parser.parse_args().engines if is_installed(engine)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = write_images(folder)
        options = ("--num-classes", CLASSES, "--measure", MEASURE)
        expected = digest_of("evaluate", job.preds, job.targets, *options)
        print(f"{IMAGES} images, {IMAGES // SHARD_IMAGES} shards. State of one process: SHA-256")
        print(f"`{expected}`.\n")
        print("| engine | version | workers killed | status | images counted | SHA-256 |")
        print("|---|---|--:|--:|--:|---|")
        is_right = True
        for engine in engines:
            for with_kills in (False, True):
                run = run_engine(engine, job, folder / f"{engine}-{with_kills}", with_kills)
                kills = len(KILLERS) if with_kills else 0
                is_right &= (run.kills, run.status, run.digest) == (kills, 0, expected)
                same = "the same" if run.digest == expected else f"`{run.digest}`"
                print(f"| {' | '.join(map(str, run[:-1]))} | {same} |", flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
