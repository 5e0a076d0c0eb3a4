"""Gates of the command line: their options, the baseline, and what a missed one prints."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from segpost import ConfusionMatrix
from segpost._core.text import display_path
from segpost.cli.options import file_path
from segpost.cli.progress import print_error
from segpost.cli.states import read_measures, read_state
from segpost.metrics.base import Accumulator
from segpost.metrics.comparability import check_comparable
from segpost.metrics.conventions import MetricConvention
from segpost.metrics.gates import Gate, GateKind, GateResult
from segpost.metrics.measure import Measure
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.report.measures import measured_scores
from segpost.metrics.score_names import score_named
from segpost.metrics.values import ScoreValues
from segpost.render.text import as_printable

MISSED = 3  # the exit status
ANNOTATIONS = ("github", "none")
DEFAULT_SCORE = "miou"  # of a limit without a name


class Gates(NamedTuple):
    """The gates of a command, and what drops are measured from."""

    gates: tuple[Gate, ...] = ()
    baseline: ConfusionMatrix | None = None
    measures: tuple[Measure, ...] = ()  # of the baseline

    def results(
        self,
        scores: ScoreValues | None,
        baseline: ScoreValues | None,
        measures: Sequence[Accumulator] = (),
    ) -> list[GateResult]:
        """Return what scores, and measures beside them, say of each gate; all miss without them."""
        if scores is None:
            return [GateResult(gate, math.nan, math.nan) for gate in self.gates]
        measured, before = (
            measured_scores(some, scores.class_names) for some in (measures, self.measures)
        )
        before = {**dict.fromkeys(measured, math.nan), **before}
        return [gate.check(scores, baseline, measured, before) for gate in self.gates]


def add_gates(parser: argparse.ArgumentParser, *, has_baseline: bool) -> None:
    """Declare the options; with `has_baseline` the command compares with one in any case."""
    add = parser.add_argument_group("gates: exit status 3 where one is missed").add_argument
    add(
        "--fail-under",
        type=_score_limit,
        action="append",
        default=[],
        metavar="SCORE=X",
        help="least score, such as miou=0.7 or iou.road=0.9 (repeatable); X alone is of miou",
    )
    add(
        "--max-drop",
        type=_drop_limit,
        action="append",
        default=[],
        metavar="SCORE=X",
        help="how far a score may lie below the baseline's, such as miou=0.005 (repeatable)",
    )
    if not has_baseline:
        add(
            "--baseline",
            type=file_path,
            metavar="FILE",
            help="what --max-drop compares with: the --state of another run",
        )
    add("--junit", type=file_path, metavar="FILE", help="JUnit's XML, a test case a gate")
    add(
        "--annotate",
        choices=ANNOTATIONS,
        help="print missed gates as annotations, too; github where GITHUB_ACTIONS is true",
    )


def gates_from(
    arguments: argparse.Namespace, cm: ConfusionMatrix, measures: Sequence[Accumulator] = ()
) -> Gates:
    """Return the gates of arguments, and read the baseline.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of `add_gates`.
    cm : ConfusionMatrix
        A matrix with the settings of the run, which may be empty.
    measures : sequence of Accumulator
        The measures beside it.

    Raises
    ------
    ValueError, OSError
        If there is no such score, or the baseline cannot be used.
    """
    path = arguments.baseline
    if bool(arguments.max_drop) != (path is not None):
        present, missing = "--max-drop SCORE=X", "--baseline FILE"
        if path is not None:
            present, missing = missing, present
        raise ValueError(f"{present} needs {missing}")
    gates = named_gates(arguments, cm, measures)
    if path is None:
        return Gates(gates)
    baseline = read_state(path)
    check_comparable(baseline, cm, (display_path(path), "this run"))
    if not baseline.is_complete:
        print_error(f"warning: the baseline {display_path(path)} is incomplete")
    return Gates(gates, baseline, read_measures(path, measures))


def named_gates(
    arguments: argparse.Namespace, cm: ConfusionMatrix, measures: Sequence[Accumulator] = ()
) -> tuple[Gate, ...]:
    """Return the gates of arguments, whose scores exist.

    Raises
    ------
    ValueError
        If there is no such score, or no gate for an output.
    """
    gates = _named_gates("fail_under", arguments.fail_under, cm, measures)
    gates += _named_gates("max_drop", arguments.max_drop, cm, measures)
    if arguments.junit is not None and not gates:
        raise ValueError("--junit FILE needs a gate: --fail-under or --max-drop")
    return tuple(gates)


def describe_other_images(baseline: ConfusionMatrix, cm: ConfusionMatrix) -> str:
    """Return a warning where a baseline is of other images, empty where it is not."""
    ours, others = ({image.id for image in one.images} for one in (cm, baseline))
    if ours == others or not (ours and others):
        return ""
    return (
        f"warning: the baseline has {len(others - ours)} images that this run has not, and this "
        f"run {len(ours - others)} others: a drop may be theirs"
    )


def print_missed(results: Iterable[GateResult], annotate: str | None) -> bool:
    """Print the gates that are missed on standard error, and return whether there is one."""
    missed = [result for result in results if result.is_missed]
    in_github = os.environ.get("GITHUB_ACTIONS") == "true"
    for result in missed:
        sentence = as_printable(f"gate missed: {_as_option(result.gate)}: {result.describe()}")
        print_error(sentence)
        if annotate == "github" or (annotate is None and in_github):
            print(f"::error title=segpost::{_escape_command(sentence)}", file=sys.stderr)
    return bool(missed)


def _named_gates(
    kind: GateKind,
    limits: Sequence[tuple[str, float]],
    cm: ConfusionMatrix,
    measures: Sequence[Accumulator],
) -> list[Gate]:
    """Return gates whose scores exist."""
    policy = AveragingPolicy(invalid_preds=cm.invalid_preds)
    scores = ScoreValues(cm.sums().snapshot(), MetricConvention.own(policy))
    measured = measured_scores(measures, scores.class_names)
    gates = []
    for name, limit in limits:
        try:
            score_named(scores, name, measured)
        except ValueError as error:
            raise ValueError(f"--{kind.replace('_', '-')}: {error}") from None
        gates.append(Gate(kind, name, limit))
    return gates


def _as_option(gate: Gate) -> str:
    return f"--{gate.kind.replace('_', '-')} {gate.score}={gate.limit:g}"


def _escape_command(text: str) -> str:
    """Return the text of an annotation; a percent sign begins an escape there."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _limit_in(least: float) -> Callable[[str], tuple[str, float]]:
    """Return a function that reads SCORE=X with X in `least`..1."""

    def read(text: str) -> tuple[str, float]:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"takes SCORE=X, such as miou=0.7, got {text!r}"
            ) from None
        if not least <= number <= 1:
            percent = "; scores are shares: 0.7, not 70" if 1 < number <= 100 else ""
            raise argparse.ArgumentTypeError(f"X must be in {least:g}..1, got {value}{percent}")
        return name or DEFAULT_SCORE, number

    return read


_score_limit = _limit_in(-1.0)  # kappa and mcc may be negative
_drop_limit = _limit_in(0.0)
