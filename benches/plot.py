"""`python -m benches.plot RUN.json speed.png`: a run's ratios as a picture, 800 px wide."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from benches.compare import Ratios, ratios
from benches.harness.jobs import OURS

FASTEST = 4  # other methods of a job
LETTERS = 44  # of a line of a method's name
ROW, HEAD = 0.24, 0.42  # inches of a line of names, and of a panel's title with its scale
WIDTH = 8.0  # inches; at 800 px one inch is 100 px
INK, GRAY, BLUE = "#1b2330", "#9aa3b2", "#2f6fde"
JOBS = {  # the jobs of a picture without --all, and their titles
    "labels + RGB (a)": "Labels and RGB colors, 21 x 65 x 65 logits to 513 x 513",
    "labels + RGB (b)": "Labels and RGB colors, 19 x 128 x 256 logits to 1024 x 2048",
    "labels + confidence + RGB (b)": "The same with confidence, to 1024 x 2048",
    "labels at full resolution": "Labels of logits at full size, 19 x 1024 x 2048",
    "volume": "Labels of a volume, 25 x 64 x 80 x 80 to 160 x 256 x 256",
    "colorize": "RGB colors of labels, 1024 x 2048",
    "overlay": "Overlay of image and labels, 1024 x 2048",
    "confusion, street": "Confusion matrix of labels, 1024 x 2048, 19 classes",
    "Boundary IoU": "Boundary IoU, 1024 x 2048, 19 classes",
}


def fastest_methods(jobs: Ratios) -> Ratios:
    """Jobs with methods beside segpost's, and of those the fastest few."""
    fastest: Ratios = {}
    for title, contenders in jobs.items():
        others = {name: r for name, r in contenders.items() if not name.startswith(OURS)}
        if others:
            fastest[title] = dict(sorted(others.items(), key=lambda item: item[1])[:FASTEST])
    return fastest


def draw(jobs: Ratios, path: Path) -> None:
    """Draw one panel a job: a bar for segpost, and one for each other method."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = {
        title: ["segpost", *(textwrap.fill(name, LETTERS) for name in methods)]
        for title, methods in jobs.items()
    }
    lines = [sum(1 + name.count("\n") for name in names) for names in rows.values()]
    heights = [ROW * count + HEAD for count in lines]
    top = 0.85
    figure = pyplot.figure(figsize=(WIDTH, sum(heights) + top))
    total = figure.get_figheight()
    longest = max(value for methods in jobs.values() for value in methods.values())
    y = total - top
    for (title, methods), names, height in zip(jobs.items(), rows.values(), heights, strict=True):
        panel = figure.add_axes((0.40, (y - height + 0.04) / total, 0.57, (height - HEAD) / total))
        draw_panel(panel, title, names, [1.0, *methods.values()], longest)
        y -= height
    figure.text(
        0.012, 1 - 0.3 / total, "Time of each method divided by segpost's", size=13, color=INK
    )
    figure.text(
        0.012,
        1 - 0.58 / total,
        "segpost is 1. Shorter bars are faster. Logarithmic scale. One thread. "
        f"Of every job the {FASTEST} fastest other methods.",
        size=9,
        color=INK,
    )
    figure.savefig(path, dpi=160, pil_kwargs={"optimize": True})


def draw_panel(panel: Any, title: str, names: list[str], values: list[float], most: float) -> None:
    """Draw the bars of one job into its axes."""
    places, place = [], 0.0
    for name in names:
        extra = name.count("\n")
        places.append(place + extra / 2)
        place += 1 + extra
    panel.barh(places, values, left=0, height=0.7, color=[BLUE, *[GRAY] * (len(names) - 1)])
    panel.set_xscale("log")
    panel.set_xlim(0.5, most * 2.2)
    panel.set_ylim(place - 0.5, -0.5)
    panel.set_yticks(places, names, size=9, color=INK)
    panel.set_xticks([])
    panel.set_xticks([], minor=True)
    panel.tick_params(axis="y", length=0)
    for value, at in zip(values, places, strict=True):
        panel.text(value * 1.08, at, f"{value:.3g}", va="center", size=9, color=INK)
    for side in ("top", "right", "bottom"):
        panel.spines[side].set_visible(False)
    panel.spines["left"].set_color(GRAY)
    panel.text(
        -0.68, 1.0, title, transform=panel.transAxes, size=10, weight="bold", color=INK, va="bottom"
    )


def main() -> None:
    """Draw a file that `--json` wrote, or baseline.json."""
    parser = argparse.ArgumentParser(prog="python -m benches.plot", description=main.__doc__)
    parser.add_argument("run", type=Path, help="a file of --json, or of ratios as baseline.json")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--match", default="", help="only jobs with this in their title")
    parser.add_argument("--all", action="store_true", help="all jobs instead of a selection")
    options = parser.parse_args()
    content = json.loads(options.run.read_text(encoding="utf-8"))
    fastest = fastest_methods(content if is_ratios(content) else ratios(content))
    titles = {title: title for title in fastest} if options.all else JOBS
    draw(
        {
            words: fastest[title]
            for title, words in titles.items()
            if title in fastest and options.match in title
        },
        options.picture,
    )


def is_ratios(content: Any) -> bool:
    """Whether a file holds ratios, as baseline.json does, instead of a run."""
    return isinstance(content, dict) and all(
        isinstance(methods, dict) and all(isinstance(r, float) for r in methods.values())
        for methods in content.values()
    )


if __name__ == "__main__":
    main()
