"""Scores of an outcome, the files that a command writes of them, and its exit status."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from segpost import ConfusionMatrix, Scores
from segpost._core.text import MAX_NAMES, display_path
from segpost.cli.evaluation.outputs import WITHOUT_SCORES, file_content, write_or_describe
from segpost.cli.evaluation.subject import Subject
from segpost.cli.gates import MISSED, Gates, describe_other_images, print_missed
from segpost.cli.origin import describe_origin
from segpost.cli.output import is_stdout, print_text
from segpost.cli.progress import print_error
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.reading import PairReader
from segpost.files.images import limit_pixels
from segpost.files.tensors import LOGITS_SUFFIXES
from segpost.metrics.dialects import DialectError
from segpost.metrics.gates import GateResult
from segpost.metrics.report import formats
from segpost.render.tables import format_text, in_percent

MAX_LISTED = 1 + MAX_NAMES  # failures that are named
OF_LOGITS = ("axis", "grid", "threshold", "key")


def report(
    outcome: Outcome,
    reader: PairReader,
    sources: Mapping[str, Path],
    facts: Mapping[str, str],
    outputs: Mapping[str, Path],
    gates: Gates,
    arguments: argparse.Namespace,
) -> int:
    """Print the report, write the files that the arguments name, and return the exit status.

    Parameters
    ----------
    outcome : Outcome
        What was counted.
    reader : PairReader
        Reads the images of the HTML report.
    sources : mapping of str to Path
        `preds` and `targets`.
    facts : mapping of str to str
        Options that the scores depend on.
    outputs : mapping of str to Path
        What `check_outputs` returned.
    gates : Gates
        What the scores must keep.
    arguments : argparse.Namespace
        The arguments of `add_scoring` and `add_outputs`.
    """
    is_reported = not arguments.quiet and not any(map(is_stdout, outputs.values()))
    with limit_pixels(reader.options.max_pixels):
        scores, reason = _compute_scores(outcome, arguments)
        results = _check_gates(gates, scores, outcome, arguments)
        subject = _subject(outcome, reader, sources, facts, arguments)
        problems = []
        for name, path in outputs.items():
            content = file_content(name, outcome, scores, reader, subject, results, arguments)
            if content is not None and (problem := write_or_describe(path, content)):
                problems.append(problem)
    if scores is None:
        left = [display_path(path) for name, path in outputs.items() if name not in WITHOUT_SCORES]
        print_error(reason + (f"; not written: {', '.join(left)}" if left else ""))
    elif is_reported:
        print_text(
            formats.text(scores, outcome.notes(), outcome.measures, percent=arguments.percent)
        )
    if arguments.compare and is_reported and outcome.has_scores(arguments.allow_partial):
        table = outcome.cm.compare_dialects().table()
        shown = in_percent(table) if arguments.percent else table
        print_text(f"\n{format_text([shown])}")
    for problem in problems:
        print_error(problem)
    is_missed = scores is not None and print_missed(results, arguments.annotate)
    if problems:
        return 2
    if is_missed:
        return MISSED
    if outcome.failed or not outcome.has_all_shards:
        return 1
    return 2 if scores is None else 0


def _compute_scores(outcome: Outcome, arguments: argparse.Namespace) -> tuple[Scores | None, str]:
    """Return the scores, or the reason why there are none."""
    if not outcome.has_scores(arguments.allow_partial):
        failed, rest = len(outcome.failed), len(outcome.cm.images)
        hint = f"; --allow-partial gives those of the other {rest}" if rest else ""
        what = f"{failed} of {failed + rest} pairs failed"
        if outcome.coverage is not None:
            what = "; ".join(outcome.coverage.describe())
            hint = f"; --allow-partial gives those of the {rest}" if rest else ""
        return None, f"{what}, so there are no scores{hint}"
    try:
        return _scores_of(outcome.cm, arguments), ""
    except DialectError as error:
        return None, f"no scores of {error}; --compare shows who says what"


def _scores_of(cm: ConfusionMatrix, arguments: argparse.Namespace) -> Scores:
    """Return the scores of a matrix by the convention that the arguments choose."""
    exclude = [int(name) if name.isdecimal() else name for name in arguments.exclude]
    return cm.compute(arguments.dialect, exclude=exclude)


def _check_gates(
    gates: Gates, scores: Scores | None, outcome: Outcome, arguments: argparse.Namespace
) -> list[GateResult]:
    """Return what the scores say of the gates, and warn of a baseline of other images."""
    if scores is None or gates.baseline is None:
        return gates.results(scores, None, outcome.measures)
    warning = describe_other_images(gates.baseline, outcome.cm)
    if warning:
        print_error(warning)
    return gates.results(scores, _scores_of(gates.baseline, arguments), outcome.measures)


def _subject(
    outcome: Outcome,
    reader: PairReader,
    sources: Mapping[str, Path],
    facts: Mapping[str, str],
    arguments: argparse.Namespace,
) -> Subject:
    """Return what the HTML report is about."""
    ignored = outcome.cm.settings()["ignore_index"]
    values = {"void": ", ".join(map(str, ignored)) or "none"}
    values |= {name.replace("_", " "): value for name, value in facts.items()}
    if arguments.html is not None and any(
        pair.preds.suffix.lower() in LOGITS_SUFFIXES for pair in outcome.pairing.pairs
    ):
        options = {name: getattr(reader.options, name) for name in OF_LOGITS}
        values |= {name: str(value) for name, value in options.items() if value is not None}
    return Subject(
        sources["preds"],
        sources["targets"],
        outcome,
        values,
        arguments.worst,
        arguments.images,
        arguments.compare,
        None if arguments.html is None else describe_origin(arguments),
    )
