"""The CUDA backend on this machine's device: `python -m benches.gpu [--rounds N]`.

Every job beside its rivals and its floor, in the same run and interleaved, by CUDA events; the
table and its data go to benches/results/<device>-<date>.md and .json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches import queries
from benches.harness.jobs import Absent
from benches.harness.scenes import refinable

RESULTS = Path(__file__).parent / "results"
CLASSES, LOW, FULL = 19, (128, 256), (1024, 2048)
REPEATS = 20  # calls between two events
FEW = 4  # likewise, of calls that wait for the CPU
OURS, COPIED = "segpost", "segpost on the CPU"


class Job(NamedTuple):
    """One row of work: who does it, and the bytes that have to be moved."""

    title: str
    calls: dict[str, Callable[[], Any]]
    bytes_moved: int  # 0: not what limits it
    repeats: int = REPEATS


class Goal(NamedTuple):
    """What a job has to reach."""

    job: str
    says: str
    value: Callable[[dict[str, float], float], float]  # of times in ms, and of the floor
    wanted: float
    at_most: bool = False


def goals() -> list[Goal]:
    """Those of the contract; where a rival is absent there is nothing to compare with."""

    def share(times: dict[str, float], floor: float) -> float:
        return floor / times[OURS]

    def over(name: str) -> Callable[[dict[str, float], float], float]:
        return lambda times, floor: times.get(name, float("nan")) / times[OURS]

    return [
        Goal("full-resolution labels", "share of the bandwidth", share, 0.85),
        Goal("full-resolution labels, confidence", "share of the bandwidth", share, 0.80),
        Goal(
            "upsampled labels, colors, batch 8",
            "times its floor",
            lambda t, f: t[OURS] / f,
            2.5,
            at_most=True,
        ),
        Goal("upsampled labels, colors, batch 8", "torch eager / segpost", over("torch eager"), 15),
        Goal(
            "upsampled labels, colors, batch 8", "torch.compile / segpost", over("torch.compile"), 4
        ),
        Goal(
            "upsampled labels, colors, batch 1, graph",
            "ms",
            lambda t, f: t[OURS],
            0.008,
            at_most=True,
        ),
        *(
            Goal(f"dense CRF, {name}", "ms", lambda t, f: t[OURS], wanted, at_most=True)
            for name, wanted in (("pydensecrf", 1.0), ("deeplab", 1.5), ("exact", 300.0))
        ),
        Goal("confusion matrix", "share of the bandwidth", share, 0.70),
        Goal("confusion matrix", "torchmetrics / segpost", over("torchmetrics"), 10),
    ]


def scene(torch: Any, batch: int, size: tuple[int, int]) -> Any:
    """Smooth logits with regions and borders, on the device."""
    random = torch.Generator().manual_seed(0)
    centers = torch.rand(CLASSES, 2, generator=random) * torch.tensor(size)
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    away = torch.hypot(y - centers[:, :1, None], x - centers[:, 1:, None])
    logits = 12 - away * (24 / max(size))
    noise = torch.randn(CLASSES, *size, generator=random)
    return (logits + 0.3 * noise)[None].repeat(batch, 1, 1, 1).contiguous().cuda()


def labels_and_colors(torch: Any, logits: Any, colors: Any) -> Any:
    """What people write: everything at full size."""
    full = torch.nn.functional.interpolate(logits, FULL, mode="bilinear", align_corners=False)
    labels = full.argmax(1)
    return labels, colors[labels]


def jobs(torch: Any) -> list[Job]:
    """The work that is measured."""
    pixels = FULL[0] * FULL[1]
    full = scene(torch, 8, FULL)
    low, one = scene(torch, 8, LOW), scene(torch, 1, LOW)
    palette = segpost.Palette.named("cityscapes")
    colors = torch.from_numpy(np.array(palette.colors, np.uint8)).cuda()
    eager = labels_and_colors
    compiled = torch.compile(lambda values: labels_and_colors(torch, values, colors))
    labels = torch.randint(0, CLASSES, (8, *FULL), dtype=torch.uint8, device="cuda")
    rows = torch.arange(FULL[0], device="cuda")[:, None] // 64 % CLASSES
    target = rows.expand(8, *FULL).to(torch.uint8).contiguous()
    preds = torch.where(torch.rand(8, *FULL, device="cuda") < 0.05, labels, target)

    def ours(logits: Any, size: Any, *want: str) -> Callable[[], Any]:
        return lambda: segpost.postprocess(
            logits, size=size, palette=palette, want=want, check="off"
        )

    graph_call, stream = ours(one, FULL, "labels", "color"), torch.cuda.Stream()
    with torch.cuda.stream(stream):
        graph_call()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = graph_call()
    counting = {
        OURS: lambda: segpost.confusion_matrix(preds, target, num_classes=CLASSES, check="off")
    }
    try:
        from torchmetrics.functional.classification import multiclass_confusion_matrix

        counting["torchmetrics"] = lambda: multiclass_confusion_matrix(preds, target, CLASSES)
    except ImportError:
        print("Absent: torchmetrics.")
    floor = full.numel() * 4
    upsampled = {
        OURS: ours(low, FULL, "labels", "color"),
        "torch eager": lambda: eager(torch, low, colors),
        "torch.compile": lambda: compiled(low),
    }
    return [
        Job("full-resolution labels", {
            OURS: ours(full, None, "labels"), "torch max": lambda: full.max(1).indices,
        }, floor + 8 * pixels),
        Job("full-resolution labels, confidence", {
            OURS: ours(full, None, "labels", "confidence"),
            "torch softmax, max": lambda: full.softmax(1).max(1),
        }, floor + 5 * 8 * pixels),
        Job("upsampled labels, colors, batch 8", upsampled, low.numel() * 4 + 4 * 8 * pixels),
        Job("upsampled labels, colors, batch 1, graph", {OURS: lambda: (graph.replay(), kept)},
            one.numel() * 4 + 4 * pixels),
        Job("confusion matrix", counting, 2 * 8 * pixels),
        volume(torch),
        *query_heads(torch),
        regions_of_labels(labels[0], target[0]),
        *refinements(torch),
    ]  # fmt: skip


def volume(torch: Any) -> Job:
    """Labels of a volume, enlarged trilinearly."""
    size, enlarge = (160, 256, 256), torch.nn.functional.interpolate
    rough = torch.randn(1, 25, 8, 10, 10, generator=torch.Generator().manual_seed(0))
    logits = enlarge(rough, (64, 80, 80), mode="trilinear").contiguous().cuda()
    calls = {
        OURS: lambda: segpost.argmax(logits, size=size, check="off"),
        "torch eager": lambda: enlarge(logits, size, mode="trilinear").argmax(1),
    }
    return Job("labels of a volume", calls, logits.numel() * 4 + int(np.prod(size)))


def query_heads(torch: Any) -> list[Job]:
    """Labels and segments of 100 queries, 1024 x 2048, by the rules of the original code."""
    head = queries.street()
    there = [torch.from_numpy(array).cuda() for array in head]

    def segment(task: Any, on_cpu: bool) -> Any:
        arrays = [array.cpu() for array in there] if on_cpu else there
        return segpost.segment_queries(*arrays, task=task, dialect="maskformer", size=queries.SIZE)

    return [
        Job(
            f"query head, {task}",
            {OURS: partial(segment, task, False), COPIED: partial(segment, task, True)},
            0,
            FEW,
        )
        for task in queries.TASKS
    ]


def regions_of_labels(noise: Any, stripes: Any) -> Job:
    """Regions of a map of stripes with noise in a corner."""
    labels = stripes.clone()
    labels[:128, :128] = noise[:128, :128]
    calls = {
        OURS: lambda: segpost.regions(labels),
        COPIED: lambda: segpost.regions(labels.cpu()),
    }
    return Job("regions of labels", calls, 0, FEW)


def refinements(torch: Any) -> list[Job]:
    """Dense CRFs of one photograph, 500 x 375 with 21 labels, set-up included."""
    try:
        probabilities, image = (
            torch.from_numpy(array).cuda() for array in refinable("china", 375, 500, 21)
        )
    except Absent as reason:
        print(f"Absent: dense CRF: {reason}.")
        return []
    presets = {name: segpost.DenseCRF.preset(name) for name in ("pydensecrf", "deeplab")}
    presets["exact"] = segpost.DenseCRF.preset("pydensecrf", method="exact")
    return [
        Job(
            f"dense CRF, {name}",
            {OURS: partial(crf, probabilities, image)},
            0,
            1 if name == "exact" else REPEATS,
        )
        for name, crf in presets.items()
    ]


def milliseconds(torch: Any, call: Callable[[], Any], repeats: int) -> float:
    """Of one call, on the device."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        call()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / repeats


def measured(torch: Any, job: Job, rounds: int) -> dict[str, float]:
    """The median of each contender, in turns."""
    for call in job.calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in job.calls}
    for _ in range(rounds):
        for name, call in job.calls.items():
            times[name].append(milliseconds(torch, call, job.repeats))
    return {name: statistics.median(one) for name, one in times.items()}


def main() -> int:
    """Print the tables and keep them; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benches.gpu")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    problem = segpost.why_no_cuda()
    if problem is not None:
        print(f"Not measured: {problem}.")
        return 1
    import torch

    device = torch.cuda.get_device_name()
    block = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    other = torch.empty_like(block)
    copy = Job("copy", {"torch": lambda: other.copy_(block)}, 2 << 30)
    speed = copy.bytes_moved / measured(torch, copy, options.rounds)["torch"]  # bytes a ms
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    lines = [f"# {device}, {today}", "", f"Copy bandwidth {speed / 1e9:.2f} TB/s. "
             f"segpost {segpost.__version__}, torch {torch.__version__}. "
             f"`python -m benches.gpu --rounds {options.rounds}`", ""]  # fmt: skip
    data: dict[str, Any] = {"device": device, "date": today, "bytes_per_ms": speed, "jobs": {}}
    times: dict[str, dict[str, float]] = {}
    floors: dict[str, float] = {}
    for job in jobs(torch):
        times[job.title] = measured(torch, job, options.rounds)
        floors[job.title] = job.bytes_moved / speed
        lines += [f"## {job.title}", "", "| contender | ms | / segpost | / floor |",
                  "|---|--:|--:|--:|"]  # fmt: skip
        for name, value in times[job.title].items():
            ratio = value / times[job.title][OURS]
            moved = f"{value / floors[job.title]:.2f}" if job.bytes_moved else ""
            lines.append(f"| {name} | {value:.4f} | {ratio:.2f} | {moved} |")
        lines.append("")
        data["jobs"][job.title] = {"ms": times[job.title], "floor": floors[job.title]}
    lines += [
        "## goals",
        "",
        "| job | ratio | wanted | this run | reached |",
        "|---|---|--:|--:|---|",
    ]
    missed = 0
    for goal in goals():
        if goal.job not in times:
            continue  # its absence has been said
        value = goal.value(times[goal.job], floors[goal.job])
        reached = value <= goal.wanted if goal.at_most else value >= goal.wanted
        missed += not reached
        sign = "<=" if goal.at_most else ">="
        lines.append(f"| {goal.job} | {goal.says} | {sign} {goal.wanted} | {value:.3f} | "
                     f"{'yes' if reached else 'no'} |")  # fmt: skip
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    stem = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    (RESULTS / f"{stem}-{today}.md").write_text(text, encoding="utf-8")
    (RESULTS / f"{stem}-{today}.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
