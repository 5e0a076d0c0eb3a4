"""Saved states of confusion matrices that the command line reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segpost import ConfusionMatrix
from segpost.cli.messages import describe_cli_error
from segpost.metrics.base import Accumulator
from segpost.metrics.measure import Measure


def read_state(path: Path) -> ConfusionMatrix:
    """Return the confusion matrix of a file that ``segpost evaluate --state`` has written.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, or holds no such state.
    """
    try:
        return ConfusionMatrix.from_json(path.read_bytes())
    except ValueError as error:
        cure = "; segpost evaluate --state FILE writes one" if "not a saved" in str(error) else ""
        raise ValueError(f"{describe_cli_error(error, path)}{cure}") from None


def read_measures(path: Path, measures: Sequence[Accumulator]) -> tuple[Measure, ...]:
    """Return the states of such measures that stand beside the matrix in its file.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, or a state is damaged.
    """
    content, states = path.read_bytes(), []
    for measure in measures:
        if not isinstance(measure, Measure):
            continue
        try:
            states.append(type(measure).from_json(content))
        except ValueError as error:
            if "not a saved" not in str(error):
                raise ValueError(describe_cli_error(error, path)) from None
    return tuple(states)
