"""The parser of every command: its own usage on an error, suggestions, and examples in its help."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from segpost._core.text import suggest_name
from segpost.render.text import as_printable

# What other command lines call an option: those here, of which a command may have one.
FOREIGN_OPTIONS: dict[str, tuple[str, ...]] = {
    "boundary": ("measure",),
    "categories": ("class-names",),
    "classes": ("num-classes", "class-names"),
    "colormap": ("palette",),
    "convert-to": ("out",),
    "gt": ("target",),
    "ground-truth": ("target",),
    "ignore-label": ("ignore-index",),
    "mask": ("target", "labels"),
    "metric": ("measure", "fail-under"),
    "metrics": ("measure", "fail-under"),
    "names": ("class-names",),
    "num-workers": ("jobs",),
    "output": ("out", "json", "save"),
    "output-dir": ("out", "run"),
    "out": ("json", "save"),
    "out-dir": ("out", "run"),
    "pred": ("labels",),
    "reduce-zero-label": ("map",),
    "save-dir": ("out",),
    "softmax": ("probabilities",),
    "threads": ("jobs",),
    "workers": ("jobs",),
}


class CommandParser(argparse.ArgumentParser):
    """A parser that refuses unknown options itself, and names the option that is most alike.

    argparse leaves the unknown options of a command to the parser of all commands, whose usage
    does not show them.
    """

    declare: Callable[[CommandParser], None] | None = None  # called when it is first used
    joined_options: Sequence[str] = ()  # whose values are one word: as many numbers as follow
    describe_words: Callable[[Sequence[str]], str] | None = None  # the cure of words too many

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": HelpFormatter, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the arguments, and no unknown ones: they are an error."""
        self.declare_now()
        words = list(sys.argv[1:] if args is None else args)
        for word in words:
            is_end = word == "--" or (self._subparsers is not None and not word.startswith("-"))
            if is_end:  # the options of a command are for its own parser
                break
            if word.startswith("--") and " " not in word:
                self._check_option(word.partition("=")[0])
        words = _join_numbers(words, self.joined_options)
        result, rest = super().parse_known_args(words, namespace)
        if rest:
            cure = "" if self.describe_words is None else self.describe_words(rest)
            self.error(f"unrecognized arguments: {' '.join(rest)}{cure}")
        return result, rest

    def declare_now(self) -> None:
        """Declare the arguments, unless that was done."""
        if self.declare is not None:
            declare, self.declare = self.declare, None
            declare(self)

    def _check_option(self, name: str) -> None:
        """Exit with an error unless an option has this name, or begins with it."""
        options = list(self._option_string_actions)
        if not any(option.startswith(name) for option in options):
            long = [option.removeprefix("--") for option in options if option.startswith("--")]
            word = name.removeprefix("--").replace("_", "-")
            meant = next((one for one in FOREIGN_OPTIONS.get(word, ()) if one in long), None)
            if meant is None:
                question = suggest_name(word, long, 0.75).replace("'", "--", 1).replace("'", "")
            else:
                question = f"; did you mean --{meant}?"
            self.error(f"unrecognized arguments: {name}{question}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise an error unless a value is one of the choices of an argument."""
        if action.choices is None or value in action.choices:
            return
        choices = list(map(str, action.choices))
        raise argparse.ArgumentError(
            action,
            f"invalid choice: {value!r}{suggest_name(value, choices)} (choose from "
            f"{', '.join(choices)})",
        )

    def error(self, message: str) -> NoReturn:
        """Print usage and message, and exit with status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {as_printable(message)}\n")


def _join_numbers(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return words, in which the numbers behind an option are one word."""
    joined: list[str] = []
    remaining = list(words)
    while remaining:
        joined.append(remaining.pop(0))
        if joined[-1] == "--":
            break
        if joined[-1] in options:
            numbers = list(takewhile(str.isdecimal, remaining))
            joined += [" ".join(numbers)] if numbers else []
            del remaining[: len(numbers)]
    return joined + remaining


class HelpFormatter(argparse.HelpFormatter):
    """Wraps paragraphs, and leaves indented lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = [
            part
            if "\n  " in part
            else textwrap.fill(" ".join(part.split()), width, initial_indent=indent)
            for part in text.split("\n\n")
        ]
        return "\n\n".join(paragraphs)


def format_epilog(examples: Sequence[str], *paragraphs: str) -> str:
    """Return the end of a command's help: examples, and paragraphs below them."""
    lines = ["example:" if len(examples) == 1 else "examples:"]
    return "\n\n".join(["\n  ".join([*lines, *examples]), *paragraphs])
