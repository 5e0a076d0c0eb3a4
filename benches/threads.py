"""`python -m benches.threads`: what a second thread brings, and what it costs those beside it.

Wall time, quietest round: on a busy machine a second core is not always there. Rounds of one and of
two threads alternate; the number is changed outside the clock. "Beside torch" is a loop of a
convolution by torch, on all cores, and a call of segpost's, against the two of them alone: 1 where
neither hinders the other.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from typing import Any

import numpy as np

import segpost
from benches.baselines.ours import call
from benches.color import bench_palette
from benches.harness import scenes, works
from benches.harness.jobs import Job, Run
from benches.labels import bench_volumes
from benches.labels.bench_labels import street_scene
from benches.metrics import bench_confusion
from benches.pipeline import bench_postprocess

REPEAT = 0.05  # seconds of calls a visit


def jobs() -> list[tuple[str, Run]]:
    """Large work, and work too small to share."""
    rng = np.random.default_rng(0)
    tiny = rng.normal(size=(21, 65, 65)).astype(np.float32)
    small = Job("labels of 21 x 65 x 65 as they are", "labels", tiny)
    crop = Job("labels of 21 x 17 x 17 to 65 x 65", "labels", tiny[:, :17, :17], (65, 65))
    wanted: tuple[str, ...] = (
        "labels + RGB (a)",
        "labels + RGB (b)",
        "labels + confidence + RGB (b)",
    )
    wanted += ("labels + confidence + RGB (c)", "labels + overlay (b)", "overlay", "volume")
    wanted += ("confusion, street",)
    families = (bench_postprocess, bench_palette, bench_volumes, bench_confusion)
    known = {job.title: job for family in families for job in family.jobs()}
    chosen = [small, crop, *(known[title] for title in wanted)]
    return [(job.title, call(job)) for job in chosen]


def visit(run: Run, repeats: int) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def scaling(run: Run, rounds: int) -> list[float]:
    """The quietest round of one thread, and of two."""
    best = [np.inf, np.inf]
    segpost.set_num_threads(1)
    run()
    repeats = max(1, min(2000, round(REPEAT / visit(run, 1))))
    for _ in range(rounds):
        for count in (1, 2):
            segpost.set_num_threads(count)
            run()
            best[count - 1] = min(best[count - 1], visit(run, repeats))
    return best


def beside_torch(torch: Any, rounds: int) -> float:
    """The loop of both over the sum of each alone."""
    x, kernel = torch.randn(1, 64, 128, 256), torch.randn(64, 64, 3, 3)
    logits, image = street_scene(), scenes.photograph(1024, 2048)
    want: Any = ("labels", "overlay")

    def theirs() -> None:
        torch.nn.functional.conv2d(x, kernel, padding=1)

    def ours() -> None:
        segpost.postprocess(
            logits, size=image.shape[:2], image=image, palette="cityscapes", want=want
        )

    def both() -> None:
        theirs()
        ours()

    best = dict.fromkeys((theirs, ours, both), np.inf)
    for _ in range(rounds):
        for run in best:
            run()
            start = time.perf_counter()
            for _ in range(20):
                run()
            best[run] = min(best[run], (time.perf_counter() - start) / 20)
    return best[both] / (best[theirs] + best[ours])


def main() -> int:
    """Print the table."""
    options = works.make_parser("python -m benches.threads", 15).parse_args()
    gains: dict[str, float] = {}
    print("### threads\n\nWall time, the quietest of the rounds.\n")
    print("| job | 1 thread, ms | 2 threads, ms | 1 thread / 2 threads |\n|---|--:|--:|--:|")
    for title, run in jobs():
        one, two = scaling(run, options.rounds)
        gains[title] = one / two
        print(f"| {title} | {1e3 * one:.3g} | {1e3 * two:.3g} | {one / two:.2f} |", flush=True)
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
        segpost.set_num_threads(2)
        gains["beside torch"] = beside_torch(torch, options.rounds)
        print(f"\nBeside torch, over the sum of each alone: {gains['beside torch']:.2f}")
    works.write_numbers(options.json, gains)
    return 0


if __name__ == "__main__":
    sys.exit(main())
