"""`python -m benches.everything`: every table of benches/results in one run, on one machine.

Each page keeps what is above its line `<!-- measured -->`; what is below is written again, with the
machine, the date, the threads, and the load before and after. The ratios of the tables become the
baseline of `benches.compare`, and the figures of README and of docs/speed.md follow. A command that
fails leaves its page as it was. Servers, browsers and data sets of a million images are not part of
it: they need other environments, and their commands are in benches/README.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benches.harness import report

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benches" / "results"
MARK = "<!-- measured -->"


class Command(NamedTuple):
    """A module of the benches and how often its rounds are repeated."""

    module: str
    rounds: int
    options: tuple[str, ...] = ()


PAGES = {
    "tables": (
        Command("benches", 3),
        Command("benches.threads", 11),
        Command("benches.runtimes", 9),
    ),
    "objects": (Command("benches.objects", 5), Command("benches.queries", 3)),
    "operators": (Command("benches.runtimes.operators", 7), Command("benches.runtimes.orders", 5)),
    "decoding": (Command("benches.labels.decoding", 3),),
    "distances": (Command("benches.metrics.distances", 3),),
    "panoptic": (Command("benches.metrics.panoptic", 5),),
    "mask_ap": (Command("benches.metrics.mask_ap", 5),),
    "volumes": (Command("benches.volumes", 3),),
}


class Failed(Exception):
    """A command did not end well; says which and how."""


def section(command: Command, rounds: int | None, more: list[str]) -> str:
    """What a command prints, below what was true while it ran."""
    words = [command.module, *command.options, "--rounds", str(rounds or command.rounds)]
    load, start = os.getloadavg()[0], time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *words, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise Failed(f"python -m {' '.join(words)}: exit status {done.returncode}")
    minutes = (time.monotonic() - start) / 60
    lines = [
        f"## `python -m {' '.join(words)}`",
        "",
        f"- date: {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M}, {minutes:.1f} minutes",
        f"- processor: {report.processor()}",
        "- threads: 1 everywhere, where a title does not say otherwise",
        f"- load: {load:.1f} before, {os.getloadavg()[0]:.1f} after",
        "",
        done.stdout.strip(),
        "",
    ]
    return "\n".join(lines)


def write_page(page: Path, sections: list[str]) -> None:
    """Put the sections below the mark of the page, or below its title."""
    before = (page if page.exists() else RESULTS / page.name).read_text(encoding="utf-8")
    kept = before.partition(MARK)[0] if MARK in before else before.partition("\n")[0] + "\n\n"
    page.write_text("\n".join([f"{kept}{MARK}\n", *sections]), encoding="utf-8")


def main() -> int:
    """Write the pages; 1 where a command failed."""
    parser = argparse.ArgumentParser(prog="python -m benches.everything")
    parser.add_argument("page", nargs="*", help=", ".join(PAGES))
    parser.add_argument("--rounds", type=int, help="the same for all commands, to try them")
    parser.add_argument("--data", type=Path, help="folder of photographs for the tables")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the pages")
    options = parser.parse_args()
    unknown = [name for name in options.page if name not in PAGES]
    if unknown:
        parser.error(f"page is one of {', '.join(PAGES)}, got {unknown[0]!r}")
    options.out.mkdir(parents=True, exist_ok=True)
    run, status = options.out / "run.json", 0
    for name in options.page or PAGES:
        sections = []
        try:
            for command in PAGES[name]:
                more = []
                if command.module == "benches":
                    more = ["--json", str(run)]
                    more += ["--data", str(options.data)] if options.data else []
                sections.append(section(command, options.rounds, more))
                print(sections[-1], flush=True)
        except Failed as failure:
            print(f"{name}.md is unchanged: {failure}", file=sys.stderr, flush=True)
            status = 1
            continue
        write_page(options.out / f"{name}.md", sections)
    if run.exists():
        baseline = ["--baseline", str(options.out / "baseline.json"), "--write"]
        compare = [sys.executable, "-m", "benches.compare", str(run), *baseline]
        subprocess.run(compare, cwd=ROOT, check=True)
        run.unlink()
    if options.out == RESULTS:
        subprocess.run([sys.executable, "-m", "tools.write_figures"], cwd=ROOT, check=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
