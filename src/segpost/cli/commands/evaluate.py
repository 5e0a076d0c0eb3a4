"""The command `segpost evaluate`: the scores of saved predictions."""

from __future__ import annotations

import argparse
import importlib

from segpost import Evaluation
from segpost._core.text import ErrorText
from segpost.cli.evaluation.arguments import (
    add_arguments,
    add_shard_images,
    evaluation_from,
    input_files,
)
from segpost.cli.evaluation.outputs import check_outputs
from segpost.cli.evaluation.reporting import MAX_LISTED, report
from segpost.cli.gates import gates_from
from segpost.cli.messages import format_error
from segpost.cli.options import file_path
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import progress
from segpost.cli.repetitions import RepeatedMessages
from segpost.evaluation.counting import CountSum, count_pairs
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import Pairing
from segpost.files.images import limit_pixels

EXAMPLES = (
    "segpost evaluate predictions targets --palette voc --json scores.json",
    "segpost evaluate predictions targets --palette voc --run counts --json scores.json",
    "segpost evaluate predictions targets --palette voc --json scores.json --fail-under miou=0.7",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Compare predictions with their targets. Both are a folder (with everything "
        "below it), a file, or a .txt file with a path a line: indexed, gray or black-and-white "
        "PNG or TIFF of any depth, or .npy; predictions may also be logits in .npy, .npz, "
        ".safetensors, .pt or .h5. Volumes are NIfTI files, a case each; their predictions may "
        "also be .npy and .npz."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "A file that fails is reported, the others go on, and the exit status is 1. It is "
        "3 where a gate is missed; all files are written then, too.",
    )
    add_arguments(parser)
    add = parser.add_argument_group("a run that can be resumed").add_argument
    add(
        "--run",
        type=file_path,
        metavar="DIR",
        help="keep the counts of every shard of images there; the same command goes on where it "
        "was stopped",
    )
    add_shard_images(add)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Count all pairs, print the report and write the files that the arguments name."""
    importlib.import_module("PIL.Image")  # fail now if it is missing, not at every file
    if arguments.html is not None:
        importlib.import_module("matplotlib.figure")
    outputs = check_outputs(arguments, input_files(arguments))
    job = evaluation_from(arguments)
    gates = gates_from(arguments, *job.counter.empty_counts())
    if arguments.run is not None:
        from segpost.cli.commands import count, merge  # they take time, and are needed here only

        plan = job.plan(arguments.run, arguments.shard_images)
        count.count_missing(plan, arguments.jobs, arguments.quiet)
        return merge.report_run(plan, outputs, gates, arguments)
    pairing = job.pairing()
    with limit_pixels(arguments.max_pixels):
        outcome = _count(job, pairing, arguments)
    sources = {"preds": arguments.preds, "targets": arguments.targets}
    return report(outcome, job.counter.reader, sources, job.facts(), outputs, gates, arguments)


def _count(job: Evaluation, pairing: Pairing, arguments: argparse.Namespace) -> Outcome:
    """Count every pair, and print at once what fails."""
    total, failed = CountSum(job.counter.empty_counts), []
    repeated = RepeatedMessages()
    results = count_pairs(job.count, pairing.pairs, arguments.jobs)
    with progress(results, len(pairing.pairs), arguments.quiet) as (items, print_line):
        for result in items:
            if result.counts is not None:
                total.add(result.counts)
                continue
            failed.append(result)
            problem = ErrorText(result.file, result.reason)
            if repeated.is_new(problem):
                print_line(format_error(problem))
        for line in repeated.summaries():
            print_line(line)
        if len(failed) > MAX_LISTED:
            print_line("--json FILE names all that failed")
    cm, measures = total.total()
    return Outcome(cm, failed, pairing, measures)
