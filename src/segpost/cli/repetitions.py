"""Messages that many files have in common, which are printed once."""

from __future__ import annotations

import re

from segpost._core.text import ErrorText, format_names

WORD = re.compile(r"[^\W\d_]{2,}")
COUNTING_WORDS = {"and", "more", "other", "times"}  # of lists of values


class RepeatedMessages:
    """Collects messages about files, and which of them say the same of another file.

    Messages are the same if they differ in nothing but their numbers and how many they list.

    Examples
    --------
    >>> from segpost._core.text import ErrorText
    >>> from segpost.cli.repetitions import RepeatedMessages
    >>> messages = RepeatedMessages()
    >>> [messages.is_new(ErrorText(name, "2 labels are wrong")) for name in ("a.png", "b.png")]
    [True, False]
    >>> messages.summaries()
    ["the same of 1 file more as of 'a.png': 'b.png'"]
    """

    def __init__(self) -> None:
        self.files: dict[tuple[str, ...], list[str]] = {}  # by the words of the message

    def is_new(self, text: ErrorText) -> bool:
        """Record a message, and return whether it is to be printed now."""
        files = self.files.setdefault(self._kind_of(text), [])
        files.append(text.location)
        return len(files) == 1

    def summaries(self) -> list[str]:
        """Return a line for every message that was repeated: how often, and the first files."""
        return [
            f"the same of {len(rest)} file{'' if len(rest) == 1 else 's'} more as of {first!r}: "
            f"{format_names(rest)}"
            for first, *rest in self.files.values()
            if rest
        ]

    @staticmethod
    def _kind_of(text: ErrorText) -> tuple[str, ...]:
        """Return the words of a message, without numbers and names of files."""
        name = text.location.rpartition("/")[2]
        reason = text.reason.replace(text.location, "").replace(name, "") if name else text.reason
        return tuple(
            word for word in dict.fromkeys(WORD.findall(reason)) if word not in COUNTING_WORDS
        )
