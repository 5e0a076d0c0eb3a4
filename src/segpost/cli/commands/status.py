"""The command `segpost status`: which shards of a plan are counted."""

from __future__ import annotations

import argparse
import json

from segpost.cli.options import file_path
from segpost.cli.output import print_text
from segpost.cli.parser import CommandParser, format_epilog
from segpost.evaluation.merging import find_coverage, format_ranges
from segpost.evaluation.plan import Plan

EXAMPLES = ("segpost status counts",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Check the files of all shards of a plan, and name those that are missing or "
        "damaged, as ranges that Slurm's --array= takes, and the images that failed."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "The exit status is 0 if every image is counted once, otherwise 1.",
        "sbatch --array=$(segpost status counts --missing) job.sh starts what is missing.",
    )
    parser.add_argument("run", type=file_path, metavar="RUN", help="the folder of the plan")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="as JSON")
    what.add_argument(
        "--missing", action="store_true", help="nothing but the shards to count, as ranges"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print which shards are counted."""
    plan = Plan.read(arguments.run)
    coverage = find_coverage(plan)
    to_count = sorted({*coverage.missing, *(k for k in coverage.damaged if isinstance(k, int))})
    ranges = format_ranges(to_count)
    done = plan.shards - len(to_count)
    if arguments.missing:
        print_text(ranges)
    elif arguments.json:
        document = {
            "segpost": "Status",
            "version": 1,
            "plan": plan.id,
            "complete": coverage.is_complete,
            "shards": plan.shards,
            "done": done,
            "missing": ranges,
            "images": coverage.planned,
            "counted": coverage.counted,
            "damaged": [
                {"shard": shard, "problem": reason} for shard, reason in coverage.damaged.items()
            ],
            "failed": [failed._asdict() for failed in coverage.failed],
        }
        print_text(json.dumps(document, indent=2))
    else:
        lines = [f"shards {done}/{plan.shards}, images {coverage.counted}/{coverage.planned}"]
        lines += [f"to count: {ranges}"] if ranges else []
        lines += [f"damaged: {shard}: {reason}" for shard, reason in coverage.damaged.items()]
        lines += [
            f"failed: {failed.id}: {': '.join(filter(None, failed[1:]))}"
            for failed in coverage.failed
        ]
        print_text("\n".join(lines))
    return 0 if coverage.is_complete else 1
