"""`python -m benches [labels|masks|palette|stream|volumes|...|real|all] [--rounds N] ...`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

import segpost
from benches.harness import goals, measure, report
from benches.harness.jobs import Absent, Job
from benches.pipeline import versions
from benches.real import jobs as fitted

SUITES = {
    "labels": "labels.bench_labels",
    "masks": "labels.bench_masks",
    "palette": "color.bench_palette",
    "postprocess": "pipeline.bench_postprocess",
    "stream": "pipeline.bench_stream",
    "letterbox": "spatial.bench_letterbox",
    "volumes": "labels.bench_volumes",
    "confusion": "metrics.bench_confusion",
    "calibration": "metrics.bench_calibration",
    "crf": "crf.bench_crf",
}
PARTS = [*SUITES, "overhead", "real", "hard"]
EXTRAS = {  # tables of another kind
    "overhead": ("pipeline.overhead",),
    "crf": ("crf.accuracy", "crf.memory"),
}
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def suite(name: str, data: Path) -> tuple[list[Job], str]:
    """The jobs of one part, or why there are none."""
    if name == "overhead":
        return [], ""
    if name == "hard":  # on drawn pictures where there are no photographs
        try:
            return fitted.hard_jobs(data if data.is_dir() else None), ""
        except ImportError as error:
            return [], str(error)
    if name != "real":
        try:
            return importlib.import_module(f"benches.{SUITES[name]}").jobs(), ""
        except Absent as error:
            return [], str(error)
    if not data.is_dir():
        return [], "there is no folder of photographs; name one with --data"
    try:
        return fitted.jobs(data), ""
    except ImportError as error:
        return [], str(error)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benches")
    parser.add_argument("suite", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--rounds", type=int, default=11, help="rounds of every job (default 11)")
    parser.add_argument("--json", type=Path, help="write everything here as well")
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA,
        help="folder of photographs for the parts 'real' and 'hard'",
    )
    parser.add_argument("--match", default="", help="only jobs with this in their title")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="overhead: time the small calls of the segpost in this folder (a checkout's src) too",
    )
    parser.add_argument("--full", action="store_true", help="accuracy on large images too: minutes")
    options = parser.parse_args()
    chosen = PARTS if options.suite == "all" else [options.suite]
    # The networks of 'real' and 'hard' are fitted, with every core, before anything is timed.
    jobs = {name: suite(name, options.data) for name in reversed(chosen)}
    measure.one_thread()
    speeds = measure.bandwidths()
    print(report.header(options.rounds, speeds), flush=True)
    results, extras = [], []
    for name in chosen:
        print(f"\n## {name}\n")
        made, absent = jobs[name]
        if absent:
            print(f"Absent: {absent}.\n")
        for job in made:
            if options.match in job.title:
                results.append(report.measured(job, options.rounds))
                print(report.table(results[-1]), flush=True)
        for file in EXTRAS.get(name, ()) if not absent else ():
            module = importlib.import_module(f"benches.{file}")
            if options.match in module.TITLE:
                extras.append(module.measured(options.full))
                print(extras[-1].markdown, flush=True)
    if options.against and "overhead" in chosen:
        source = Path(segpost.__file__).parents[1]
        print(versions.table(source, options.against.resolve()), flush=True)
    short = [goals.photographs(results), goals.hardest(results), goals.table(results, extras)]
    print("\n\n".join(filter(None, short)))
    if options.json:
        data = {
            "header": report.header(options.rounds, speeds).splitlines(),
            "jobs": [report.as_data(result) for result in results],
            "extras": {extra.title: extra.data for extra in extras},
        }
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
