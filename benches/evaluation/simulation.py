"""A million images on a thousand workers: a simulation from costs that are measured here.

`python -m benches.evaluation.simulation` measures what an image, a shard, a plan and a merge cost
on this machine, lets simulated workers count the shards, some of which are killed, and prints the
results in Markdown. The plan, the files of the shards and the merge are real, of full size; that
takes minutes and 2 GB of disk. `--images` makes it smaller.
"""

from __future__ import annotations

import argparse
import heapq
import platform
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benches.evaluation.costs import Costs, Seconds, measure_costs

SHARD_SIZES = (64, 256, 1024)
PLANNED = 256  # images of a shard in the plan that is really written
SPEED_SPREAD = 0.2  # of the logarithm of a worker's speed
RESTART_SECONDS = 60.0  # until the engine has replaced a worker that was killed
KILL_HOURS = (None, 1.0, 0.1)  # mean time until a worker is killed


NO_SHARD = -1
COLUMNS = (
    "images a shard",
    "engine",
    "killed every",
    "time",
    "CPU",
    "kills",
    "lost by a kill, mean",
    "most",
    "lost, of all",
    "lost if all die",
)


class Result(NamedTuple):
    """What a simulated run took.

    Attributes
    ----------
    seconds : float
        Until the last shard is written.
    busy_seconds : float
        CPU time of all workers.
    kills : int
    lost_seconds : float
        CPU time of what was counted and not yet written when a worker was killed.
    worst_loss : float
        The largest loss of one kill.
    half_loss : float
        CPU time that is lost if all workers are killed when half of the shards are written.
    """

    seconds: float
    busy_seconds: float
    kills: int
    lost_seconds: float
    worst_loss: float
    half_loss: float


class Fleet(NamedTuple):
    """Workers, and how they get their shards."""

    workers: int
    is_queue: bool  # the next shard of all, not every Nth one
    kill_hours: float | None


def draw_shards(costs: Costs, images: int, shard_images: int) -> Seconds:
    """CPU seconds of every shard, of images drawn from the measured ones."""
    random = np.random.default_rng(0)
    seconds = random.choice(costs.image_seconds, images)
    starts = np.arange(0, images, shard_images)
    return np.asarray(np.add.reduceat(seconds, starts)) + costs.shard_seconds


def simulate(shard_seconds: Seconds, fleet: Fleet, start_seconds: float) -> Result:
    """Let workers count all shards; a shard whose worker is killed is counted again."""
    random = np.random.default_rng(1)
    slowness = np.exp(random.normal(0, SPEED_SPREAD, fleet.workers))
    shards = range(len(shard_seconds))
    own = [list(shards[w :: fleet.workers])[::-1] for w in range(fleet.workers)]
    common = list(shards)[::-1]
    mean = None if fleet.kill_hours is None else fleet.kill_hours * 3600
    next_kill = np.full(fleet.workers, np.inf)
    if mean is not None:
        next_kill = random.exponential(mean, fleet.workers)
    # Events: a worker takes a shard; or the shard of one that was killed is there again.
    events = [(start_seconds * slowness[w], w, NO_SHARD) for w in range(fleet.workers)]
    idle: list[int] = []
    busy = start_seconds * float(slowness.sum())
    heapq.heapify(events)
    losses: list[float] = []
    intervals: list[tuple[float, float]] = []
    while events:
        time, worker, shard = heapq.heappop(events)
        queue = common if fleet.is_queue else own[worker]
        if shard != NO_SHARD:
            queue.append(shard)
            if fleet.is_queue and idle:
                heapq.heappush(events, (time, idle.pop(), NO_SHARD))
            continue
        if not queue:
            idle.append(worker)
            continue
        shard = queue.pop()
        end = time + shard_seconds[shard] * slowness[worker]
        if end <= next_kill[worker]:
            busy += end - time
            intervals.append((time, end))
            heapq.heappush(events, (end, worker, NO_SHARD))
            continue
        killed = max(next_kill[worker], time)  # a worker that waits is replaced meanwhile
        if killed > time:
            losses.append(killed - time)
        busy += killed - time + start_seconds * slowness[worker]
        heapq.heappush(events, (killed, worker, shard))
        assert mean is not None
        again = killed + RESTART_SECONDS + start_seconds * slowness[worker]
        next_kill[worker] = killed + RESTART_SECONDS + random.exponential(mean)
        heapq.heappush(events, (again, worker, NO_SHARD))
    half = float(np.median([end for _, end in intervals]))
    return Result(
        max(end for _, end in intervals),
        busy,
        len(losses),
        sum(losses),
        max(losses, default=0.0),
        sum(half - a for a, b in intervals if a < half < b),
    )


def print_inputs(costs: Costs, images: int, workers: int) -> None:
    """Print what was measured, and what is assumed."""
    milliseconds = costs.image_seconds * 1e3
    shards = -(-images // PLANNED)
    print(f"## Measured\n\nCPU time, Python {platform.python_version()}, {platform.machine()}.\n")
    print("| what | figure |")
    print("|---|--:|")
    plan, merge = costs.plan, costs.merge
    rows = {
        f"an image: {len(milliseconds)} pairs of 1024 x 2048, 19 classes, "
        f"{costs.png_bytes / 1e3:.0f} kB of PNG a pair, {costs.cells:.0f} cells occupied": (
            f"{milliseconds.mean():.1f} ms ({milliseconds.min():.1f} to {milliseconds.max():.1f})"
        ),
        "start of a process": f"{costs.start.seconds:.2f} s",
        "a shard, beside its images": f"{costs.shard_seconds * 1e3:.1f} ms",
        f"`segpost plan` of {images:,} images, listing included": (
            f"{plan.seconds:.0f} s, peak of {plan.peak / 1e6:,.0f} MB"
        ),
        "its files": f"{costs.plan_bytes / 1e6:.0f} MB",
        f"{shards:,} shards of {PLANNED}": (
            f"{costs.shard_bytes / 1e6:.0f} MB, {costs.shard_bytes / images:.0f} B an image"
        ),
        "`segpost merge` of them": f"{merge.seconds:.1f} s, peak of {merge.peak / 1e6:.0f} MB",
    }
    for what, figure in rows.items():
        print(f"| {what} | {figure} |")
    read = images * costs.png_bytes
    print("\n## Assumed\n")
    print(
        f"- {workers:,} workers of one core as fast as this one; the logarithm of their speeds has"
    )
    print(f"  a standard deviation of {SPEED_SPREAD}.")
    print(f"- Storage gives {read / 1e9:.0f} GB of images as fast as they are decoded.")
    print(
        f"- Kills come at random; a worker is replaced after {RESTART_SECONDS:.0f} s and its start."
    )
    print(
        "- The images are a synthetic street. Their costs are drawn from those that were measured."
    )


def print_results(costs: Costs, images: int, workers: int) -> None:
    """Print the table of simulated runs."""
    print("\n## Simulated\n")
    print(
        "`array`: worker I counts every Nth shard from the Ith on. `queue`: the engine gives each"
    )
    print(
        "worker the next shard. Lost: CPU time of images that have to be counted again; in the last"
    )
    print("column, where all workers die when half of the shards are written.\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|--:|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for size in SHARD_SIZES:
        shards = draw_shards(costs, images, size)
        for is_queue in (False, True):
            for hours in KILL_HOURS:
                fleet = Fleet(workers, is_queue, hours)
                result = simulate(shards, fleet, costs.start.seconds)
                mean = result.lost_seconds / max(result.kills, 1)
                cells = (
                    size,
                    "queue" if is_queue else "array",
                    "never" if hours is None else f"{hours * 60:.0f} min",
                    f"{result.seconds:.1f} s",
                    f"{result.busy_seconds / 3600:.2f} h",
                    result.kills,
                    f"{mean:.1f} s",
                    f"{result.worst_loss:.1f} s",
                    f"{result.lost_seconds / result.busy_seconds:.3%}",
                    f"{result.half_loss / 3600:.2f} h",
                )
                print(f"| {' | '.join(map(str, cells))} |")


def main() -> int:
    """Measure, simulate, and print."""
    parser = argparse.ArgumentParser(prog="python -m benches.evaluation.simulation")
    parser.add_argument("--images", type=int, default=1_000_000, help="a multiple of 1,000")
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--sample", type=int, default=16, help="pairs that are really counted")
    parser.add_argument("--folder", type=Path, help="for the files; the temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        costs = measure_costs(Path(folder), arguments.images, PLANNED, arguments.sample)
    print_inputs(costs, arguments.images, arguments.workers)
    print_results(costs, arguments.images, arguments.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
