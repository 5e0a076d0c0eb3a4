"""Text of error messages: lists of names, paths and exceptions, each on one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

MAX_NAMES = 3  # names that a message lists before it counts the rest
MIN_PREFIX = 3  # letters from which the beginning of a name is recognized
MAX_SUGGESTED = 80  # letters of a value that is compared with names

# What a damaged or unsuitable file can raise; any other exception is a defect of this package.
FILE_ERRORS = (ValueError, TypeError, OSError, MemoryError)


class ErrorText(NamedTuple):
    """The reason of an exception, on one line, and the file that it is about.

    Attributes
    ----------
    location : str
        The file, empty where the exception names none.
    reason : str
        What is wrong.
    """

    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}" if self.location else self.reason


def describe_error(error: BaseException, about: object = "") -> ErrorText:
    """Return what an exception says, on one line, and the file that it is about.

    Parameters
    ----------
    error : BaseException
        The exception. Of an `OSError` the reason is the system's, and the file is its `filename`.
    about : object, optional
        The file that the caller was working on.

    Examples
    --------
    >>> from segpost._core.text import describe_error
    >>> str(describe_error(ValueError("it is empty"), "a.png"))
    'a.png: it is empty'
    """
    location, reason = str(about), str(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
        if error.filename is not None and str(error.filename) not in location:
            location += f": {error.filename}" if location else str(error.filename)
    return ErrorText(location, " ".join(reason.split()) or type(error).__name__)


def format_names(names: Sequence[str]) -> str:
    """Return the first `MAX_NAMES` names in quotes, and how many more there are.

    Examples
    --------
    >>> from segpost._core.text import format_names
    >>> format_names(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    listed = ", ".join(map(repr, names[:MAX_NAMES]))
    return listed if len(names) <= MAX_NAMES else f"{listed} and {len(names) - MAX_NAMES} more"


def suggest_name(value: object, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a question about the known name that is most like a value, empty without one.

    A name is like a value if it begins with it, or differs from it in few letters: those that they
    share are at least `cutoff` of both.

    Examples
    --------
    >>> from segpost._core.text import suggest_name
    >>> suggest_name("label", ["labels", "confidence"])
    "; did you mean 'labels'?"
    """
    if not isinstance(value, str) or len(value) > MAX_SUGGESTED:
        return ""
    import difflib  # slow to import, and needed here only

    names = {_plain_name(name): name for name in choices}
    word = _plain_name(value)
    beginning = word[:-1] if len(word) > MIN_PREFIX + 1 and word.endswith("s") else word  # plural
    longer = [name for name in names if len(word) >= MIN_PREFIX and name.startswith(beginning)]
    matches = sorted(longer, key=len) or difflib.get_close_matches(word, names, 1, cutoff)
    return f"; did you mean {names[matches[0]]!r}?" if matches else ""


def _plain_name(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def display_path(path: Path) -> str:
    """Return a path as text, in quotes and escaped where it has control characters."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def as_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object as a dictionary, and refuse a key that is there twice.

    It is the `object_pairs_hook` of the json module, which keeps the last value otherwise.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(k for k in keys if keys.count(k) > 1)!r} is there twice")
    return result
