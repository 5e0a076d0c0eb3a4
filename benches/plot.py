"""`python -m benches.plot RUN.json speed.png`: a run's ratios as a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benches.compare import Ratios, ratios
from benches.harness.jobs import OURS

MOST = 6  # rivals of a job, the quickest
LONGEST = 46  # letters of a name
INK, QUIET, OWN = "#1b2330", "#8b95a5", "#2f6fde"


def chosen(jobs: Ratios) -> Ratios:
    """Jobs with rivals, and of those the quickest few."""
    found: Ratios = {}
    for title, contenders in jobs.items():
        rivals = {name: r for name, r in contenders.items() if not name.startswith(OURS)}
        if rivals:
            quickest = sorted(rivals.items(), key=lambda item: item[1])[:MOST]
            found[title] = dict(quickest)
    return found


def draw(jobs: Ratios, path: Path) -> None:
    """One panel a job, a bar a rival: how many times as long it takes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    rows = (len(jobs) + 1) // 2
    figure, panels = pyplot.subplots(rows, 2, figsize=(13, 2.1 * rows), squeeze=False)
    for panel in panels.flat[len(jobs) :]:
        panel.set_axis_off()
    for panel, (title, rivals) in zip(panels.flat, jobs.items(), strict=False):
        names = [name if len(name) <= LONGEST else f"{name[:LONGEST]} ..." for name in rivals]
        values = list(rivals.values())
        panel.barh(range(len(names)), values, color=QUIET, height=0.7)
        panel.axvline(1, color=OWN, linewidth=2)
        panel.set_xscale("log")
        panel.set_xlim(min(0.5, *values), max(values) * 3)
        panel.set_yticks(range(len(names)), names, fontsize=7, color=INK)
        panel.set_ylim(max(len(names), 3) - 0.5, -0.5)
        panel.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set_title(title, fontsize=9, loc="left", color=INK)
        panel.tick_params(axis="x", labelsize=7)
        for place, value in enumerate(values):
            panel.text(value * 1.06, place, f"{value:.3g}", va="center", fontsize=7, color=INK)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    figure.suptitle(
        "Times segpost's own (the line), the quickest rivals of every job; logarithmic",
        fontsize=10,
        color=INK,
    )
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw a file that `--json` wrote."""
    parser = argparse.ArgumentParser(prog="python -m benches.plot")
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--match", default="", help="only jobs with this in their title")
    options = parser.parse_args()
    found = chosen(ratios(json.loads(options.run.read_text(encoding="utf-8"))))
    draw({title: one for title, one in found.items() if options.match in title}, options.picture)


if __name__ == "__main__":
    main()
