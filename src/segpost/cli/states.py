"""Saved states of confusion matrices that the command line reads."""

from __future__ import annotations

from pathlib import Path

from segpost import ConfusionMatrix
from segpost.cli.messages import describe_cli_error


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
