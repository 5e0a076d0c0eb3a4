"""Calls of this segpost beside those of another: one process each, in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

TITLE = "beside another segpost"
ROUNDS = 40
CALL_SECONDS = 0.02  # of one call's turn


def calls() -> dict[str, Callable[[], Any]]:
    """What users call, on arrays so small that the kernels take no time."""
    import numpy as np

    import segpost

    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 9, 9)).astype(np.float32)
    labels = rng.integers(0, 5, (9, 9)).astype(np.uint8)
    image = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
    probabilities = np.full((2, 9, 9), 0.5, np.float32)
    palette = segpost.Palette.distinct(5)
    want: Any = ("labels", "color")
    stream = segpost.Stream(palette=palette, want=want)
    matrix = segpost.ConfusionMatrix(5)
    crf = segpost.DenseCRF(iterations=1)
    post = segpost.postprocess
    made: dict[str, Callable[[], Any]] = {
        "argmax": lambda: segpost.argmax(logits),
        "argmax, resized": lambda: segpost.argmax(logits, size=(17, 17)),
        "softmax": lambda: segpost.softmax(logits),
        "colorize": lambda: segpost.colorize(labels, palette),
        "overlay": lambda: segpost.overlay(image, labels, palette),
        "postprocess": lambda: post(logits),
        "postprocess, labels + RGB": lambda: post(logits, palette=palette, want=want),
        "postprocess, resized + overlay": lambda: post(
            logits, size=(9, 9), image=image, palette=palette, want=("labels", "overlay")
        ),
        "Stream, labels + RGB": lambda: stream(logits),
        "confusion_matrix": lambda: segpost.confusion_matrix(labels, labels, num_classes=5),
        "ConfusionMatrix.update": lambda: matrix.update(labels, labels),
        "ConfusionMatrix.update, logits": lambda: matrix.update(logits, labels),
        "DenseCRF": lambda: crf(probabilities, image),
    }
    try:
        import torch
    except ImportError:
        return made
    tensor = torch.from_numpy(logits)
    made["argmax, torch"] = lambda: segpost.argmax(tensor)
    made["postprocess, torch"] = lambda: post(tensor)
    return made


def large_calls() -> dict[str, Callable[[], Any]]:
    """What users call, on arrays whose kernels take milliseconds."""
    import numpy as np

    import segpost
    from benches.harness import scenes

    logits = scenes.scene(19, 64, 128, regions=12, objects=20, poles=6)
    size = (512, 1024)
    full = np.repeat(np.repeat(logits, 4, -1), 4, -2)
    half = full.astype(np.float16)
    labels = segpost.argmax(logits, size=size)
    moved = np.roll(labels, 3, axis=-1)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    palette = segpost.Palette.named("cityscapes")
    post = segpost.postprocess
    small = segpost.softmax(scenes.scene(5, 96, 128, regions=6, objects=4, poles=2))
    crf = segpost.DenseCRF(iterations=3)
    matrix = segpost.ConfusionMatrix(19)
    boundary = segpost.BoundaryIoU(19)

    def numba() -> Any:
        with segpost.use_backend("numba"):
            return segpost.argmax(logits, size=size)

    return {
        "large: argmax, resized": lambda: segpost.argmax(logits, size=size),
        "large: argmax, Numba": numba,
        "large: argmax": lambda: segpost.argmax(full),
        "large: argmax, float16": lambda: segpost.argmax(half),
        "large: labels + RGB": lambda: post(
            logits, size=size, palette=palette, want=("labels", "color")
        ),
        "large: labels + confidence": lambda: post(
            logits, size=size, want=("labels", "confidence")
        ),
        "large: softmax": lambda: segpost.softmax(full),
        "large: colorize": lambda: segpost.colorize(labels, palette),
        "large: overlay": lambda: segpost.overlay(image, labels, palette),
        "large: confusion": lambda: matrix.update(labels, moved),
        "large: confusion of logits": lambda: matrix.update(full[:, :256, :512], moved[:256, :512]),
        "large: BoundaryIoU": lambda: boundary.update(labels, moved),
        "large: DenseCRF": lambda: crf(small, image[:96, :128]),
    }


def serve() -> None:
    """Answer each line, the name of a call, with the microseconds of CPU time that it takes."""
    from time import perf_counter, process_time

    import segpost

    segpost.set_num_threads(1)
    every = calls() | large_calls()
    print(*every, sep="\t", flush=True)
    for line in sys.stdin:
        call = every[line.rstrip("\n")]
        call()
        begin, cpu, count = perf_counter(), process_time(), 0
        while not count or perf_counter() - begin < CALL_SECONDS:
            call()
            count += 1
        print(1e6 * (process_time() - cpu) / count, flush=True)


class Worker:
    """A process that imports segpost from one folder."""

    def __init__(self, folder: Path) -> None:
        paths = (str(folder), str(Path(__file__).resolve().parents[2]))
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from benches.pipeline import versions; versions.serve()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names = self._stream(self.process.stdout).readline().rstrip("\n").split("\t")

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream

    def time(self, name: str) -> float:
        """Return the microseconds of a call."""
        stdin = self._stream(self.process.stdin)
        stdin.write(f"{name}\n")
        stdin.flush()
        return float(self._stream(self.process.stdout).readline())

    def stop(self) -> None:
        """End the process."""
        self._stream(self.process.stdin).close()
        self.process.wait()


def table(here: Path, other: Path) -> str:
    """Time every call of both, in turn, and return the table as Markdown."""
    workers = [Worker(here), Worker(other)]
    lines = [
        f"### {TITLE}",
        "",
        f"Microseconds of CPU time of a call, the quietest of {ROUNDS} rounds, and the median over",
        "the rounds of the difference. 9 x 9 pixels; those that are large have 512 x 1024.",
        "",
        "| call | here | other | difference | ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in workers[0].names:
        pairs = [[worker.time(name) for worker in workers] for _ in range(ROUNDS)]
        ours, theirs = (min(column) for column in zip(*pairs, strict=True))
        difference = statistics.median(a - b for a, b in pairs)
        lines.append(
            f"| {name} | {ours:.2f} | {theirs:.2f} | {difference:+.2f} | {ours / theirs:.2f} |"
        )
    for worker in workers:
        worker.stop()
    return "\n".join(lines)
