"""The command `segpost merge`: the scores of a plan, once all of its shards are counted."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path

from segpost._core.text import ErrorText
from segpost.cli.evaluation.arguments import add_outputs, add_scoring
from segpost.cli.evaluation.outputs import check_outputs
from segpost.cli.evaluation.reporting import MAX_LISTED, report
from segpost.cli.gates import Gates, gates_from
from segpost.cli.messages import format_error
from segpost.cli.options import file_path
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import print_error
from segpost.cli.repetitions import RepeatedMessages
from segpost.evaluation.merging import Evaluated, merge_shards
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.plan import Plan

MAX_REPORTED_IMAGES = 100_000  # whose own scores are computed though no file wants them
OF_IMAGES = ("json", "per_image", "html", "cityscapes_json", "state")  # outputs that want them

EXAMPLES = ("segpost merge counts --json scores.json",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Check the shards of a plan, prove that every image is counted once, and "
        "report the scores as `segpost evaluate` does."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "Shards that are missing or damaged and images that failed are named; the exit status "
        "is then 1, and there are no scores without --allow-partial.",
    )
    parser.add_argument("run", type=file_path, metavar="RUN", help="the folder of the plan")
    add_scoring(parser)
    add_outputs(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Merge the shards, print the report and write the files that the arguments name."""
    if arguments.html is not None:
        importlib.import_module("matplotlib.figure")
    plan = Plan.read(arguments.run)
    outputs = check_outputs(arguments, [*plan.roots(), *plan.files(), arguments.baseline])
    gates = gates_from(arguments, *plan.counter.empty_counts())
    return report_run(plan, outputs, gates, arguments)


def report_run(
    plan: Plan, outputs: Mapping[str, Path], gates: Gates, arguments: argparse.Namespace
) -> int:
    """Merge the shards of a plan, and report them.

    Parameters
    ----------
    plan : Plan
        The plan.
    outputs : mapping of str to Path
        What `check_outputs` returned.
    gates : Gates
        What the scores must keep.
    arguments : argparse.Namespace
        The arguments of `add_scoring` and `add_outputs`.

    Returns
    -------
    status : int
        The exit status.
    """
    done = merge_shards(plan.run, allow_partial=True)
    _print_failed(done)
    cm = done.cm
    if len(cm.images) > MAX_REPORTED_IMAGES and not any(name in outputs for name in OF_IMAGES):
        cm = cm.sums()
    outcome = Outcome(cm, done.coverage.failed, plan.pairing(), done.measures, done.coverage)
    sources = {name: Path(root) for name, root in plan.head["roots"].items()}
    reader = plan.counter.reader
    return report(outcome, reader, sources, plan.head["facts"], outputs, gates, arguments)


def _print_failed(done: Evaluated) -> None:
    """Print why images failed."""
    repeated = RepeatedMessages()
    for failed in done.coverage.failed:
        problem = ErrorText(failed.file or failed.id, failed.reason)
        if repeated.is_new(problem):
            print_error(format_error(problem))
    for line in repeated.summaries():
        print_error(line)
    if len(done.coverage.failed) > MAX_LISTED:
        print_error("--json FILE names all that failed")
