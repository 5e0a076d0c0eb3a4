"""The command `segpost count`: count the shards of a plan, or some of them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segpost.cli.evaluation.arguments import add_execution
from segpost.cli.options import file_path, shard
from segpost.cli.output import print_text
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import LineProgress, print_error
from segpost.evaluation.plan import SHARDS, Plan
from segpost.evaluation.workers import count_shards
from segpost.files.temporary import remove_dead_temporaries
from segpost.files.writing import check_writable

EXAMPLES = (
    "segpost count counts --jobs 8",
    "segpost count counts --shard 3/64",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Count the shards of a plan that `segpost plan` has written, each into a file "
        "of its own. Shards that are there are left alone; the same command can run again, and on "
        "several machines at once."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "The exit status is 0 if all of the shards are counted and no image failed, 1 if "
        "images failed, 2 if a shard cannot be written.",
    )
    add_arguments(parser)
    parser.set_defaults(command=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=file_path, metavar="RUN", help="the folder of the plan")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="every Nth shard, from the Ith on, counted from 0: a part for each of N processes",
    )
    which.add_argument("--shards", metavar="LIST", help="these shards, as in 3,7-9")
    which.add_argument(
        "--missing",
        action="store_true",
        help="those that are not counted, damaged, or older than a file of theirs (default)",
    )
    which.add_argument("--failed", action="store_true", help="those again in which images failed")
    for name in ("preds", "targets", "instances"):
        parser.add_argument(
            f"--{name}", type=file_path, metavar="DIR", help=f"where the {name} are on this machine"
        )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_execution(parser, "processes")


def run(arguments: argparse.Namespace) -> int:
    """Count the shards that the arguments name."""
    plan = Plan.read(arguments.run)
    folders = {name: getattr(arguments, name) for name in ("preds", "targets", "instances")}
    for name, folder in folders.items():
        if folder is not None and not folder.is_dir():
            raise ValueError(f"--{name} {folder} is no folder")
    if arguments.shard is not None:
        first, step = arguments.shard
        shards = list(range(first, plan.shards, step))
    elif arguments.shards is not None:
        shards = parse_ranges(arguments.shards, plan.shards)
    elif arguments.failed:
        shards = plan.shards_with_failed()
    else:
        shards = open_shards(plan, plan.roots(**folders))
    status = count(plan, shards, arguments.jobs, arguments.quiet, again=arguments.failed, **folders)
    if arguments.shard is None and arguments.shards is None and plan.shards_with_failed():
        status = 1
    if status:
        print_error(
            f"images have failed: segpost merge {plan.run} --allow-partial names them, "
            f"segpost count {plan.run} --failed counts their shards again"
        )
    return status


def count_missing(plan: Plan, jobs: int, quiet: bool) -> None:
    """Count the shards that are not there yet, or older than their inputs."""
    count(plan, open_shards(plan, plan.roots()), jobs, quiet)


def open_shards(plan: Plan, roots: Sequence[Path]) -> list[int]:
    """Return the shards that are missing, damaged, or older than one of their inputs."""
    missing = set(plan.missing())
    return [
        shard for shard in range(plan.shards) if shard in missing or plan.has_changed(shard, roots)
    ]


def count(plan: Plan, shards: Sequence[int], jobs: int, quiet: bool, **options: Any) -> int:
    """Count shards in processes, and return the exit status.

    Parameters
    ----------
    plan : Plan
        The plan.
    shards : sequence of int
        The shards.
    jobs : int
        Processes.
    quiet : bool
        Print nothing.
    **options
        Arguments of `count_shard`.
    """
    for module in ("PIL.Image", "segpost.pipeline.api"):  # once, before processes are forked
        importlib.import_module(module)
    (plan.run / SHARDS).mkdir(exist_ok=True)  # stores of objects keep no empty folder
    remove_dead_temporaries(plan.run / SHARDS)
    check_writable(plan.run / SHARDS / "counts")
    done = counted = failed = there = 0
    total = sum(map(plan.shard_length, shards))
    with LineProgress(total, "image", quiet) as bar:
        for step in count_shards(plan.run, shards, jobs, **options):
            if step.report is not None:
                done += 1
                there += step.report.was_there
                failed += step.report.failed
                counted += step.report.counted
            bar.advance(
                step.images, f"shards {done}/{len(shards)}", f"{failed} failed" if failed else ""
            )
    if not quiet:
        text = f"{done} shard{'' if done == 1 else 's'}: {counted} images counted"
        text += f", {failed} failed" if failed else ""
        print_text(text + (f"; {there} of the shards were there" if there else ""))
    return 1 if failed else 0


def parse_ranges(text: str, shards: int) -> list[int]:
    """Return the numbers of ranges such as 3,7-9, ascending.

    Raises
    ------
    ValueError
        If the text is no ranges, or a number is no shard.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(f"--shards takes numbers and ranges as in 3,7-9, got {text!r}")
        if int(last or first) >= shards or int(first) > int(last or first):
            raise ValueError(f"--shards {part}: shards are 0 to {shards - 1}")
        numbers.update(range(int(first), int(last or first) + 1))
    return sorted(numbers)
