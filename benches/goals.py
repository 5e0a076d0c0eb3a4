"""What segpost wants to reach, beside what a run showed. Shown, never asserted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benches import scenes
from benches.bench_labels import BARE, DENSE
from benches.jobs import OURS
from benches.report import Result, figure
from benches.rivals.with_opencv import HWC
from benches.rivals.with_torch import COMPILED_ARGMAX, EAGER_ARGMAX, EAGER_MAX

NUMBA = "segpost, Numba backend"


class Goal(NamedTuple):
    """`over` must take at least `wanted` times as long as `under`, or at most where `most`."""

    title: str
    over: str
    under: str
    wanted: float
    most: bool = False


GOALS = (
    Goal("labels + RGB (b)", EAGER_ARGMAX, OURS, 100),
    Goal("labels + RGB (b)", COMPILED_ARGMAX, OURS, 30),
    Goal("labels + RGB (b)", HWC, OURS, 25),
    Goal("labels + RGB (a)", EAGER_ARGMAX, OURS, 75),
    Goal("labels + RGB (a)", COMPILED_ARGMAX, OURS, 25),
    Goal("labels + RGB (a)", HWC, OURS, 15),
    Goal("labels + RGB (b)", EAGER_ARGMAX, NUMBA, 40),
    Goal("labels + RGB (b)", COMPILED_ARGMAX, NUMBA, 10),
    Goal("labels, iid noise", OURS, DENSE, 1.25, most=True),
    Goal("labels, iid noise", BARE, DENSE, 1.25, most=True),
)


def table(results: Iterable[Result]) -> str:
    """Every goal that these results say something about."""
    by_title = {result.job.title: result for result in results}
    lines = []
    for goal in GOALS:
        if goal.title not in by_title:
            continue
        ratio = by_title[goal.title].ratio(goal.over, goal.under)
        cold = by_title[goal.title].cold_ratio(goal.over, goal.under)
        verdict = "absent"
        if ratio is not None:
            reached = ratio <= goal.wanted if goal.most else ratio >= goal.wanted
            verdict = "yes" if reached else "no"
        sign = "≤" if goal.most else "≥"
        lines.append(
            f"| {goal.title} | {goal.over} / {goal.under} | {sign} {goal.wanted:g} "
            f"| {figure(ratio)} | {figure(cold)} | {verdict} |"
        )
    if not lines:
        return ""
    names = ("job", "ratio", "wanted", "this run", "after others", "reached")
    head = f"## goals\n\n| {' | '.join(names)} |\n|---|---|--:|--:|--:|---|"
    return "\n".join([head, *lines])


def photographs(results: Iterable[Result]) -> str:
    """The real logits in one table: how many cells are mixed, and the ratios."""
    rivals = {"eager argmax": EAGER_ARGMAX, "eager max": EAGER_MAX}
    rivals |= {"compile": COMPILED_ARGMAX, "OpenCV HWC": HWC}
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
    head = f"| photograph | mixed cells | {OURS} ms | {' | '.join(names)} |"
    return "\n".join(["## real logits, in short", "", head, "|---" + "|--:" * 8 + "|", *lines, ""])
