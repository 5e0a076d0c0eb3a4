"""What segpost wants to reach, beside what a run showed. Shown, never asserted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benches.baselines import (
    with_cython,
    with_halide,
    with_numpy,
    with_openvino,
    with_pycocotools,
    with_pydensecrf,
    with_torch,
    with_torchmetrics,
)
from benches.baselines.ours import AVX2, FAST, NUMBA, TWO_THREADS
from benches.baselines.with_onnxruntime import SOFTMAX
from benches.baselines.with_opencv import EROSIONS, HWC, WEIGHTED
from benches.baselines.with_pillow import PALETTED
from benches.baselines.with_torch import (
    COMPILED_ARGMAX,
    COMPILED_SOFTMAX,
    EAGER_ARGMAX,
    EAGER_MAX,
    EAGER_SOFTMAX,
)
from benches.harness import scenes
from benches.harness.jobs import OURS
from benches.harness.measure import FLOOR_READ
from benches.harness.report import FLOOR, Extra, Result, figure
from benches.labels.bench_labels import BARE, DENSE


class Goal(NamedTuple):
    """`over` must take at least `wanted` times as long as `under`, or at most where `most`."""

    title: str
    over: str
    under: str
    wanted: float
    most: bool = False
    aim: float | None = None  # what would be better still


GOALS = (
    Goal("labels + RGB (b)", EAGER_ARGMAX, OURS, 200),
    Goal("labels + RGB (b)", COMPILED_ARGMAX, OURS, 60),
    Goal("labels + RGB (b)", HWC, OURS, 50),
    Goal("labels (b)", OURS, FLOOR, 4, most=True),
    Goal("labels + RGB (a)", EAGER_ARGMAX, OURS, 75),
    Goal("labels + RGB (a)", COMPILED_ARGMAX, OURS, 25),
    Goal("labels + RGB (a)", HWC, OURS, 15),
    Goal("labels + RGB (b)", EAGER_ARGMAX, NUMBA, 40),
    Goal("labels + RGB (b)", COMPILED_ARGMAX, NUMBA, 10),
    Goal("volume", EAGER_ARGMAX, OURS, 30),
    Goal("100 masks to RLE", with_pycocotools.COCO, OURS, 20),
    Goal("labels at full resolution", OURS, FLOOR_READ, 1.25, most=True),
    Goal("labels at full resolution", EAGER_ARGMAX, OURS, 20),
    Goal("labels at full resolution", EAGER_MAX, OURS, 4),
    Goal("labels at full resolution", COMPILED_ARGMAX, OURS, 2),
    Goal("colorize", PALETTED, OURS, 1.5),
    Goal("overlay", WEIGHTED, OURS, 2),
    Goal("labels + confidence + RGB (b)", EAGER_SOFTMAX, OURS, 20),
    Goal("labels + confidence + RGB (b)", COMPILED_SOFTMAX, OURS, 20),
    Goal("labels + confidence + RGB (b)", EAGER_SOFTMAX, FAST, 45),
    Goal("labels + confidence + RGB (b)", COMPILED_SOFTMAX, FAST, 45),
    Goal("labels + confidence + RGB (b)", EAGER_SOFTMAX, NUMBA, 10),
    Goal("labels + confidence + RGB (c)", OURS, FLOOR_READ, 1.8, most=True),
    Goal("labels + confidence + RGB (c)", EAGER_SOFTMAX, OURS, 8),
    Goal("labels + confidence + RGB (c)", COMPILED_SOFTMAX, OURS, 5),
    Goal("labels + confidence + RGB (c)", EAGER_SOFTMAX, NUMBA, 2.5),
    Goal("labels + confidence + RGB (c)", COMPILED_SOFTMAX, NUMBA, 1.7),
    Goal("labels + confidence + RGB (c), channels last", EAGER_SOFTMAX, OURS, 10),
    Goal("labels + confidence + RGB (c), channels last", COMPILED_SOFTMAX, OURS, 8),
    Goal("labels + confidence + RGB (c), channels last", SOFTMAX, OURS, 6),
    Goal("labels + confidence + RGB (c), float16", EAGER_SOFTMAX, OURS, 10),
    Goal("labels + confidence + RGB (c), float16", COMPILED_SOFTMAX, OURS, 7),
    Goal("labels + confidence + RGB (c), bfloat16", EAGER_SOFTMAX, OURS, 10),
    Goal("labels + confidence + RGB (c), bfloat16", COMPILED_SOFTMAX, OURS, 7),
    *(
        Goal(title, AVX2, OURS, 2.5, most=True)
        for title in (
            "labels (b)",
            "labels + RGB (b)",
            "labels + overlay (b)",
            "labels + confidence + RGB (b)",
            "labels + confidence + RGB (c)",
            "labels + confidence + RGB (c), channels last",
            "labels + confidence + RGB (c), float16",
            "volume",
        )
    ),
    Goal("labels, iid noise", OURS, DENSE, 1.25, most=True),
    Goal("labels, iid noise", BARE, DENSE, 1, most=True),
    Goal("labels, iid noise", EAGER_MAX, OURS, 3),
    Goal("confusion, street", with_numpy.BINCOUNT, OURS, 10),
    Goal("confusion, street", with_torch.BINCOUNT, OURS, 45),
    Goal("confusion, street", with_torchmetrics.CLASS, OURS, 70),
    Goal("confusion, street", with_cython.NAME, OURS, 3.5),
    Goal("confusion, street", with_numpy.BINCOUNT, NUMBA, 4),
    Goal("confusion, street, int64", with_numpy.BINCOUNT, OURS, 4),
    Goal("confusion, street, int64", with_torch.BINCOUNT, OURS, 12),
    Goal("confusion, street, int64", with_torchmetrics.CLASS, OURS, 45),
    Goal("confusion, independent, 19 classes", with_cython.NAME, OURS, 1),
    Goal("confusion, independent, 150 classes", with_cython.NAME, OURS, 1),
    Goal("confusion, independent, 255 classes", with_cython.NAME, OURS, 1.1),
    Goal("confusion, street, two threads", OURS, TWO_THREADS, 1.6),
    Goal("confusion from logits, full resolution", FLOOR_READ, OURS, 0.7),
    Goal("confusion from logits, full resolution", with_torch.ARGMAX_BINCOUNT, OURS, 25),
    Goal("Boundary IoU", EROSIONS, OURS, 15),
    Goal("calibration", with_torchmetrics.CALIBRATION, OURS, 35),
    Goal("dense CRF (a)", with_pydensecrf.NAME, OURS, 4.5, aim=6),
    Goal("dense CRF (a)", with_pydensecrf.NAME, NUMBA, 1),
    Goal("dense CRF (a), two threads", with_pydensecrf.NAME, TWO_THREADS, 7, aim=12),
    Goal("dense CRF (b)", with_pydensecrf.NAME, OURS, 5, aim=6),
    Goal("dense CRF (b)", with_pydensecrf.NAME, NUMBA, 1),
    Goal("dense CRF (b), two threads", with_pydensecrf.NAME, TWO_THREADS, 4.5, aim=6),
    Goal("dense CRF (c)", with_pydensecrf.NAME, OURS, 3),
    Goal("dense CRF (c), two threads", with_pydensecrf.NAME, TWO_THREADS, 6, aim=8),
    Goal("dense CRF (f), competing labels", with_pydensecrf.NAME, OURS, 4.5, aim=6),
    Goal("dense CRF (f), competing labels, two threads", OURS, TWO_THREADS, 1.85),
    Goal("dense CRF (g), competing labels", with_pydensecrf.NAME, OURS, 5, aim=6),
    Goal("dense CRF (g), competing labels, two threads", OURS, TWO_THREADS, 1.85),
    Goal("letterbox (a)", with_torch.RESIZED, OURS, 3),
    Goal("letterbox (b)", with_torch.RESIZED, OURS, 3),
)


class Limit(NamedTuple):
    """The MB that a call of `name` may need beside its arguments."""

    title: str
    name: str
    wanted: float


LIMITS = (  # one a thread
    Limit("confusion, street", OURS, 1),
    Limit("confusion, street, int64", OURS, 1),
    Limit("confusion, independent, 255 classes", OURS, 1),
    Limit("confusion, street, two threads", TWO_THREADS, 2),
    Limit("confusion from logits, full resolution", OURS, 1),
    Limit("confusion from logits, low resolution", OURS, 1),
    Limit("confusion from logits, two threads", TWO_THREADS, 2),
)


def stronger(goal: Goal, result: Result) -> str:
    """The rival that is faster than the goal's, and its ratio."""
    if goal.most or goal.over.startswith((OURS, "floor")):
        return ""
    rival = result.strongest()
    ratio = result.ratio(rival, goal.under) if rival else None
    if rival in (None, goal.over) or ratio is None:
        return ""
    return f"{figure(ratio)}: {rival}"


def table(results: Iterable[Result], extras: Iterable[Extra] = ()) -> str:
    """Every goal that these results say something about."""
    by_title = {result.job.title: result for result in results}
    lines = []
    for goal in GOALS:
        if goal.title not in by_title:
            continue
        ratio = by_title[goal.title].ratio(goal.over, goal.under)
        beside = stronger(goal, by_title[goal.title])
        cold = by_title[goal.title].cold_ratio(goal.over, goal.under)
        verdict = "absent"
        if ratio is not None:
            reached = ratio <= goal.wanted if goal.most else ratio >= goal.wanted
            verdict = "yes" if reached else "no"
        wanted = f"{'≤' if goal.most else '≥'} {goal.wanted:g}"
        if goal.aim is not None:
            wanted += f" (aim {goal.aim:g})"
        lines.append(
            f"| {goal.title} | {goal.over} / {goal.under} | {wanted} "
            f"| {figure(ratio)} | {figure(cold)} | {verdict} | {beside} |"
        )
    for limit in LIMITS:
        if limit.title in by_title:
            megabytes = by_title[limit.title].memory.get(limit.name)
            verdict = "absent"
            if megabytes is not None:
                verdict = "yes" if megabytes <= limit.wanted else "no"
            lines.append(
                f"| {limit.title} | extra MB of {limit.name} | ≤ {limit.wanted:g} "
                f"| {figure(megabytes)} | | {verdict} | |"
            )
    lines += [line for extra in extras for line in extra.goals]
    if not lines:
        return ""
    names = ["job", "ratio", "wanted", "this run", "after others", "reached"]
    names.append("beside the strongest rival")
    head = f"## goals\n\n| {' | '.join(names)} |\n|---|---|--:|--:|--:|---|---|"
    return "\n".join([head, *lines])


def photographs(results: Iterable[Result]) -> str:
    """The real logits in one table: how many cells are mixed, and the ratios."""
    rivals = {"eager argmax": EAGER_ARGMAX, "eager max": EAGER_MAX}
    rivals |= {"compile": COMPILED_ARGMAX, "OpenCV HWC": HWC}
    rivals |= {"OpenVINO": with_openvino.COLORS, "Halide": with_halide.LABELS}
    lines = []
    for result in results:
        if not result.job.title.startswith("real"):
            continue
        own = result.ms(OURS)
        ratios = [figure(result.ratio(name)) for name in rivals.values()]
        ratios += [figure(result.ratio(name, NUMBA)) for name in (EAGER_ARGMAX, COMPILED_ARGMAX)]
        mixed = 1 - scenes.uniform_share(result.job.logits)
        title = result.job.title.removeprefix("real logits: ")
        lines.append(f"| {title} | {mixed:.1%} | {figure(own)} | {' | '.join(ratios)} |")
    if not lines:
        return ""
    names = [f"{name} / ours" for name in rivals]
    names += ["eager argmax / our Numba", "compile / our Numba"]
    head = f"| photograph | mixed cells | {OURS} ms | {' | '.join(names)} |\n|---"
    head += "|--:" * (len(names) + 2) + "|"
    return "\n".join(["## real logits, in short", "", head, *lines, ""])


def hardest(results: Iterable[Result]) -> str:
    """Each rival's ratio on the usual scene, and the worst of all scenes that are upsampled."""
    made = list(results)
    lines = []
    for task, usual in (("labels", "labels (b)"), ("labels+color", "labels + RGB (b)")):
        scenes_of = [one for one in made if one.job.task == task and one.job.size is not None]
        names = dict.fromkeys(name for one in scenes_of for name in one.timings)
        for name in names:
            ratios = [(ratio, one) for one in scenes_of if (ratio := one.ratio(name)) is not None]
            if name.startswith((OURS, "floor")) or len(ratios) < 2:
                continue
            worst, where = min(ratios, key=lambda pair: pair[0])
            known = {one.job.title: ratio for ratio, one in ratios}
            mixed = 1 - scenes.uniform_share(where.job.logits)
            lines.append(
                f"| {task} | {name} | {figure(known.get(usual))} | {figure(worst)} "
                f"| {where.job.title} | {mixed:.1%} |"
            )
    if not lines:
        return ""
    head = "| outputs | rival | its ratio on scene (b) | worst ratio | on | mixed cells |"
    return "\n".join(
        ["## the worst scene of each rival", "", head, "|---|---|--:|--:|---|--:|", *lines]
    )
