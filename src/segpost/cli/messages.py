"""What exceptions and warnings say on a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

NAMED = 3  # files that an error names

# The API's messages name its arguments; here the same things are options.
OPTIONS = {
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+)(, axis=-1)?\)": (
        r"pass --threshold \1"
    ),
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+), (?:axis=-1, )?quantization=.*\)": (
        r"pass --threshold \1 --quantization SCALE ZERO"
    ),
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+), convention=.*\)": (
        r"save the logits before the sigmoid, and pass --threshold \1"
    ),
    r"\bcall segpost\.ConfusionMatrix\(2\)\.update\(preds, target, threshold=([\d.]+).*\)": (
        r"pass --num-classes 2 --threshold \1"
    ),
    r"[;,] (?:or )?(?:pass )?nan=\"propagate\"[^;]*": "",
    r"\baxis=(-\d)": r"--axis \1",
    r"\bsize=\((\d+), (\d+)\)": r"--size \1 \2",
    r"\bquantization=\(scale, zero_point\)": "--quantization SCALE ZERO",
    r"\bthreshold=([\d.]+)": r"--threshold \1",
    r"\bignore_index=(-?\d+)": r"--ignore-index \1",
    r"\bnum_classes is (\d+)": r"--num-classes is \1",
    r"19 classes are trainIds": "--map cityscapes makes trainIds of them",
    r"do the labels start at 1\?": "do the labels start at 1? --map reduce_zero_label shifts them",
}


def sentence(error: BaseException, about: object = None) -> str:
    """What an exception says, on one line; the file first where there is one.

    Parameters
    ----------
    error : BaseException
        The exception.
    about : object, optional
        The file that the exception is about, if it is to be named before it.
    """
    text = str(error)
    where = "" if about is None else str(about)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None and str(error.filename) not in where:
            where += f": {error.filename}" if where else str(error.filename)
    text = as_options(" ".join(text.split())) or type(error).__name__
    return f"{where}: {text}" if where else text


def as_options(text: str) -> str:
    """A message of the API in the words of the command line."""
    for pattern, option in OPTIONS.items():
        text = re.sub(pattern, option, text)
    return text


def named(names: Sequence[str]) -> str:
    """The first few names, and how many there are beyond."""
    few = ", ".join(map(repr, names[:NAMED]))
    return few if len(names) <= NAMED else f"{few} and {len(names) - NAMED} more"


def shown(path: Path) -> str:
    """A path as it is, or quoted where it has control characters."""
    text = str(path)
    return text if text.isprintable() else repr(text)
