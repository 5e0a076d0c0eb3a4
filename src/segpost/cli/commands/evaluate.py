"""The command `segpost evaluate`: the scores of saved predictions."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from segpost import Scores
from segpost._core.text import MAX_NAMES, display_path
from segpost.cli.evaluation.arguments import add_arguments, counter_from, pairing_from
from segpost.cli.evaluation.outputs import (
    WITHOUT_SCORES,
    check_outputs,
    file_content,
    write_or_describe,
)
from segpost.cli.messages import format_error
from segpost.cli.output import is_stdout, print_text
from segpost.cli.parser import format_epilog
from segpost.cli.progress import print_error, progress
from segpost.cli.repetitions import RepeatedMessages
from segpost.evaluation.counting import CountSum, PairCounter, count_pairs
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import Pairing
from segpost.files.images import limit_pixels
from segpost.metrics.dialects import DialectError
from segpost.metrics.report import formats

MAX_PRINTED = 20  # failures of different kinds
MAX_LISTED = 1 + MAX_NAMES  # failures that are named

EXAMPLES = ("segpost evaluate predictions targets --palette voc --json scores.json",)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "evaluate",
        help="mIoU and every other score of saved predictions",
        description="Compare predictions with their targets. Both are a folder (with everything "
        "below it), a file, or a .txt file with a path a line: indexed, gray or black-and-white "
        "PNG or TIFF of any depth, or .npy; predictions may also be logits in .npy or .npz.",
        epilog=format_epilog(
            EXAMPLES,
            "A file that fails is reported, the others go on, and the exit status is 1.",
        ),
    )
    add_arguments(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Count all pairs, print the report and write the files that the arguments name."""
    importlib.import_module("PIL.Image")  # fail now if it is missing, not at every file
    if arguments.html is not None:
        importlib.import_module("matplotlib.figure")
    outputs = check_outputs(arguments)
    is_reported = not arguments.quiet and not any(map(is_stdout, outputs.values()))
    counter = counter_from(arguments)
    pairing = pairing_from(arguments)
    with limit_pixels(arguments.max_pixels):
        outcome = _count(counter, pairing, arguments)
        scores, reason = _compute_scores(outcome, arguments)
        problems = []
        for name, path in outputs.items():
            content = file_content(name, outcome, scores, counter.reader, arguments)
            if content is not None and (problem := write_or_describe(path, content)):
                problems.append(problem)
    if scores is None:
        left = [display_path(path) for name, path in outputs.items() if name not in WITHOUT_SCORES]
        print_error(reason + (f"; not written: {', '.join(left)}" if left else ""))
    elif is_reported:
        print_text(formats.text(scores, outcome.notes(), outcome.measures))
    if arguments.compare and is_reported and outcome.has_scores(arguments.allow_partial):
        print_text(f"\n{outcome.cm.compare_dialects()}")
    for problem in problems:
        print_error(problem)
    if outcome.failed and not problems:
        return 1
    return 2 if problems or scores is None else 0


def _count(counter: PairCounter, pairing: Pairing, arguments: argparse.Namespace) -> Outcome:
    """Count every pair, and print at once what fails."""
    total, failed = CountSum(counter.empty_counts), []
    repeated = RepeatedMessages(MAX_PRINTED)
    results = count_pairs(counter.count, pairing.pairs, arguments.jobs)
    with progress(results, len(pairing.pairs), arguments.quiet) as (items, print_line):
        for result in items:
            if result.counts is not None:
                total.add(result.counts)
                continue
            failed.append(result)
            if result.problem is not None and repeated.is_new(result.problem):
                print_line(format_error(result.problem))
        for line in repeated.summaries():
            print_line(line)
        if len(failed) > MAX_LISTED:
            print_line("--json FILE names all that failed")
    cm, measures = total.total()
    return Outcome(cm, failed, pairing, measures)


def _compute_scores(outcome: Outcome, arguments: argparse.Namespace) -> tuple[Scores | None, str]:
    """Return the scores, or the reason why there are none."""
    if not outcome.has_scores(arguments.allow_partial):
        failed, rest = len(outcome.failed), len(outcome.cm.images)
        hint = f"; --allow-partial gives those of the other {rest}" if rest else ""
        return None, f"{failed} of {failed + rest} pairs failed, so there are no scores{hint}"
    try:
        exclude = [int(name) if name.isdecimal() else name for name in arguments.exclude]
        return outcome.cm.compute(arguments.dialect, exclude=exclude), ""
    except DialectError as error:
        return None, f"no scores of {error}; --compare shows who says what"
