"""`segpost evaluate`: the scores of saved predictions."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from segpost import Scores
from segpost._core.sampling import GRIDS
from segpost.cli.evaluation import measures
from segpost.cli.evaluation.outputs import Outcome, content, places, written
from segpost.cli.messages import shown
from segpost.cli.options import count, share, whole
from segpost.cli.progress import progress
from segpost.color.datasets import list_palettes
from segpost.evaluation import classes, pairing
from segpost.evaluation.counting import Reader, Sum, counted
from segpost.evaluation.pairing import Pairing
from segpost.files import images
from segpost.metrics.dialects import DIALECTS, DialectError
from segpost.metrics.report import formats

TOLD = 20  # failures that are printed; a wrong option fails all files of a data set


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "evaluate",
        help="mIoU and every other score of saved predictions",
        description="Compare predictions with their targets. Both are a folder (with everything "
        "below it), a file, or a .txt file with a path a line: indexed, grey or black-and-white "
        "PNG or TIFF of any depth, or .npy; predictions may also be logits in .npy or .npz.",
        epilog="A file that fails is reported, the others go on, and the exit status is 1.",
    )
    add = parser.add_argument
    add("preds", type=Path, metavar="PREDS", help="predictions: labels or logits")
    add("targets", type=Path, metavar="TARGETS", help="what is true")

    group = parser.add_argument_group("which files belong together").add_argument
    ends = "end of the names that is taken off; only such files count (repeatable)"
    group("--pred-suffix", action="append", default=[], metavar="END", help=f"of PREDS: {ends}")
    group("--target-suffix", action="append", default=[], metavar="END", help="the same of TARGETS")
    group("--allow-missing", action="store_true", help="go on with the files that pair")

    group = parser.add_argument_group("what the labels mean").add_argument
    group("--num-classes", type=whole, metavar="N", help="number of classes")
    group(
        "--palette",
        metavar="NAME",
        help=f"classes, names, void, colors of: {', '.join(list_palettes())}",
    )
    group("--class-names", type=Path, metavar="FILE", help="names of the classes, one a line")
    group(
        "--ignore-index",
        type=int,
        action="append",
        metavar="N",
        help="label of the target that is void (repeatable); the palette's by default",
    )
    group(
        "--map",
        metavar="MAP",
        help="what the files' labels become: cityscapes (labelId to trainId), reduce_zero_label, "
        'or a .json file {"from": to, ...}',
    )
    group("--map-to", choices=("target", "preds", "both"), default="target", help="what is mapped")
    group("--groups", metavar="GROUPS", help="categories: cityscapes, or a .json file of lists")
    group("--colors", metavar="PALETTE", help="read labels from the colors of RGB pictures")

    group = parser.add_argument_group("how they are compared").add_argument
    group(
        "--resize",
        choices=("nearest",),
        help="bring predicted labels to the target's size; logits are always upsampled to it",
    )
    group("--axis", type=int, choices=(-3, -1), default=-3, help="class axis of logits; -3")
    group("--grid", choices=GRIDS, default="half_pixel", help="how logits lie on the target")
    group("--threshold", type=share, metavar="T", help="for logits of a one-channel sigmoid head")
    group(
        "--invalid-preds",
        choices=("miss", "raise", "drop"),
        default="miss",
        help="predictions of no class are misses (the default), an error, or left out",
    )
    group(
        "--dialect", choices=tuple(DIALECTS), metavar="NAME", help=f"score as {', '.join(DIALECTS)}"
    )
    group("--compare", action="store_true", help="add what each of those libraries would say")

    measures.add_to(parser)

    group = parser.add_argument_group("what is written").add_argument
    group("--json", type=Path, metavar="FILE", help="everything")
    group("--csv", type=Path, metavar="FILE", help="a line a class")
    group("--per-image", type=Path, metavar="FILE", help="CSV, a line an image")
    group("--markdown", type=Path, metavar="FILE", help="the report in Markdown")
    group("--html", type=Path, metavar="FILE", help="the report with pictures, in one file")
    group("--worst", type=count, default=8, metavar="N", help="worst images in it; 8 by default")
    group("--images", type=Path, metavar="DIR", help="photographs to show beside them")
    group("--cityscapes-json", type=Path, metavar="FILE", help="in the benchmark's layout")
    group("--state", type=Path, metavar="FILE", help="the counts, for ConfusionMatrix.from_json")
    group("--allow-partial", action="store_true", help="give scores although files failed")
    group("--quiet", action="store_true", help="no report on the terminal, and no progress bar")

    group = parser.add_argument_group("how it runs").add_argument
    group("--jobs", type=whole, default=_cores(), metavar="N", help="threads; one a core")
    group(
        "--max-pixels",
        type=whole,
        default=images.MOST_PIXELS,
        metavar="N",
        help=f"refuse larger pictures; {images.MOST_PIXELS} by default",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Count all pairs, print the report and write the files that were asked for."""
    importlib.import_module("PIL.Image")  # better missed now than at every file
    if arguments.html is not None:
        importlib.import_module("matplotlib.figure")
    files = places(arguments)
    label_map = classes.label_map(arguments.map)
    known = classes.classes_of(arguments, label_map)
    reader = Reader.of(arguments, known, label_map, measures.wanted(arguments, known))
    found = _paired(arguments)
    with images.pixel_limit(arguments.max_pixels):
        outcome = _counted(reader, found, arguments)
        scores, why_none = _scores(outcome, arguments)
        problems = [
            problem
            for name, path in files.items()
            if (problem := written(content(name, outcome, scores, reader, arguments), path))
        ]
    if scores is None:
        left = [shown(path) for name, path in files.items() if name not in ("json", "state")]
        _complain(why_none + (f"; not written: {', '.join(left)}" if left else ""))
    elif not arguments.quiet:
        _print(formats.text(scores, outcome.notes(), outcome.measures))
    if arguments.compare and not arguments.quiet and outcome.usable(arguments.allow_partial):
        _print(f"\n{outcome.cm.compare_dialects()}")
    for problem in problems:
        _complain(problem)
    if outcome.failed and not problems:
        return 1
    return 2 if problems or scores is None else 0


def _paired(arguments: argparse.Namespace) -> Pairing:
    """The pairs; what pairs with nothing is an error unless that was allowed."""
    found = pairing.pair(
        arguments.preds,
        arguments.targets,
        pred_suffixes=arguments.pred_suffix,
        target_suffixes=arguments.target_suffix,
    )
    if arguments.instances is not None:
        found = pairing.with_instances(found, arguments.instances, arguments.instance_suffix)
    missing = pairing.left_over(found)
    if missing and not arguments.allow_missing:
        many = len(found.pairs)
        raise ValueError(
            f"{'; '.join(missing)}. --allow-missing goes on with the {many} that "
            f"pair{'s' if many == 1 else ''}"
        )
    return found


def _counted(reader: Reader, found: Pairing, arguments: argparse.Namespace) -> Outcome:
    """Count every pair; say at once what fails."""
    total, failed = Sum(reader.empty), []
    results = counted(reader.count, found.pairs, arguments.jobs)
    with progress(results, len(found.pairs), arguments.quiet) as (steps, say):
        for result in steps:
            if result.counts is not None:
                total.add(result.counts)
                continue
            failed.append(result)
            if len(failed) <= TOLD:
                say(result.problem)
        if len(failed) > TOLD:
            say(f"and {len(failed) - TOLD} more failed; --json FILE has all")
    cm, also = total.finish()
    return Outcome(cm, failed, found, also)


def _scores(outcome: Outcome, arguments: argparse.Namespace) -> tuple[Scores | None, str]:
    """The scores, or why there are none."""
    if not outcome.usable(arguments.allow_partial):
        failed, rest = len(outcome.failed), len(outcome.cm.images)
        hint = f"; --allow-partial gives those of the other {rest}" if rest else ""
        return None, f"{failed} of {failed + rest} pairs failed, so there are no scores{hint}"
    try:
        return outcome.cm.compute(arguments.dialect), ""
    except DialectError as error:
        return None, f"no scores of {error}; --compare shows who says what"


def _complain(text: str) -> None:
    print(f"segpost: {text}", file=sys.stderr)


def _print(text: str) -> None:
    """To standard output, whatever letters that can show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
