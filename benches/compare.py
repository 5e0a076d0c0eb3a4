"""`python -m benches.compare RUN.json`: what a run shows against the ratios that are committed.

Times of two runs do not compare, ratios within a run do. For every job the rivals' ratios to
segpost, of the quietest rounds, are held to those of the baseline; the median over the rivals
counts, so that one rival that another version made quicker is no regression of ours. A run of
`pytest benches --benchmark-only -m own` holds ratios to the floor, the time of moving the job's
bytes once, and is compared with another such run. The exit status is 1 where a job is slower than
the tolerance allows, 2 where nothing could be compared. `--write` makes the run the new baseline of
its jobs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benches.harness.jobs import FLOOR_RATIO, OURS

BASELINE = Path(__file__).parent / "results" / "baseline.json"
TOLERANCE = 0.25  # of a ratio: neighbours on the machine cost up to a fifth
Ratios = dict[str, dict[str, float]]  # job, contender: its quietest time over segpost's


def ratios(run: dict[str, Any]) -> Ratios:
    """Those of a file of `python -m benches --json`, of pytest-benchmark, or of a baseline."""
    if "benchmarks" in run:
        return own_ratios(run)
    if "jobs" not in run:
        baseline: Ratios = run
        return baseline
    made: Ratios = {}
    for job in run["jobs"]:
        contenders = job["contenders"].items()
        times = {
            name: one["quietest_ms"] for name, one in contenders if not name.startswith("floor")
        }
        ours = times.pop(OURS, None)
        if ours and times:
            made[job["title"]] = {name: round(ms / ours, 4) for name, ms in times.items()}
    return made


def own_ratios(run: dict[str, Any]) -> Ratios:
    """The floor's time over segpost's, of every row of pytest-benchmark."""
    floors = {
        row["name"].partition("[")[2].rstrip("]"): row["extra_info"].get(FLOOR_RATIO)
        for row in run["benchmarks"]
    }
    return {title: {"floor": 1 / ratio} for title, ratio in floors.items() if ratio}


def changes(run: Ratios, baseline: Ratios) -> dict[str, float]:
    """By how much every job that both have is quicker now: 1 is unchanged, below is slower."""
    quicker = {}
    for title, now in run.items():
        before = baseline.get(title, {})
        shared = [name for name in now if before.get(name) and not name.startswith(OURS)]
        shared = shared or [name for name in now if before.get(name)]
        if shared:
            quicker[title] = statistics.median(now[name] / before[name] for name in shared)
    return quicker


def main() -> int:
    """Print a table; 1 where something became slower."""
    parser = argparse.ArgumentParser(prog="python -m benches.compare")
    parser.add_argument(
        "run", type=Path, help="what `python -m benches ... --json` or pytest-benchmark wrote"
    )
    parser.add_argument(
        "--baseline", type=Path, default=BASELINE, help="ratios, or such a file from before"
    )
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    parser.add_argument("--write", action="store_true", help="make these the baseline's ratios")
    options = parser.parse_args()
    run = ratios(json.loads(options.run.read_text(encoding="utf-8")))
    baseline: Ratios = {}
    if options.baseline.exists():
        baseline = ratios(json.loads(options.baseline.read_text(encoding="utf-8")))
    if options.write:
        text = json.dumps({**baseline, **run}, indent=1, sort_keys=True, ensure_ascii=False)
        options.baseline.write_text(text + "\n", encoding="utf-8")
        return 0
    compared = changes(run, baseline)
    if not compared:
        print(f"{options.run} and {options.baseline} have no job in common", file=sys.stderr)
        return 2
    slower = 0
    print("| job | lead over rivals or floor, to the baseline's | |\n|---|--:|---|")
    for title, change in sorted(compared.items(), key=lambda item: item[1]):
        worse = change < 1 - options.tolerance
        slower += worse
        print(f"| {title} | {change:.2f} | {'slower' if worse else ''} |")
    for title in sorted(run.keys() - baseline.keys()):
        print(f"| {title} | | not in the baseline |")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
