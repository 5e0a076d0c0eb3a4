"""The options of a run that the content of its outputs depends on: one set of them a folder.

They lie beside the outputs, in a file of one line with a check sum. Every process compares it with
its own options before it writes an item, so that two runs with different options are an error,
also at the same time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segpost
from segpost._core.text import ErrorText, display_path
from segpost.cli.run.journal import BEGINNING, Journal, OutputError, decode_line, encode_line
from segpost.evaluation.class_names import read_class_names
from segpost.files.writing import atomic_write

NAME = f"{BEGINNING}.settings"
OPTIONS = (
    "alpha",
    "axis",
    "convention",
    "crf",
    "decode",
    "grid",
    "key",
    "palette",
    "quantization",
    "size",
    "threshold",
    "volume",
    "want",
)
VOLUME_OPTIONS = ("class_names", "nearest_axis", "overlay_as", "probabilities")
VERSION = "version"  # of segpost: beside the options


@dataclass(frozen=True)
class RunSettings:
    """The options that the content of the outputs depends on.

    Attributes
    ----------
    values : mapping
        Their values by name, as JSON has them, and the version of segpost.
    """

    values: Mapping[str, Any]

    @classmethod
    def of(cls, arguments: argparse.Namespace, want: set[str]) -> RunSettings:
        """Return those of a command that writes these outputs."""
        names = OPTIONS + (VOLUME_OPTIONS if arguments.volume else ())
        values = {name: getattr(arguments, name) for name in names}
        if (class_names := values.get("class_names")) is not None:
            values["class_names"] = read_class_names(class_names).names
        values |= {"want": sorted(want), VERSION: segpost.__version__}
        return cls(json.loads(json.dumps(values)))

    @property
    def sum(self) -> str:
        """A check sum of them, which every line of the journal has."""
        text = json.dumps(self.values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe_difference(self, before: Mapping[str, Any]) -> str:
        """Return the options that were others before, with both values."""
        return ", ".join(
            f"{'segpost' if name == VERSION else f'--{name}'} was {_spell(before.get(name))}, is "
            f"{_spell(value)}"
            for name, value in self.values.items()
            if before.get(name) != value
        )


class SettingsFile:
    """The settings of all processes that write into one folder.

    Parameters
    ----------
    journal : Journal
        Of the folder.
    settings : RunSettings
        Of this process.
    """

    def __init__(self, journal: Journal, settings: RunSettings) -> None:
        self.journal, self.settings = journal, settings
        self.path = journal.folder / NAME
        self._line = encode_line({"settings": settings.values})

    def claim(self, *, overwrite: bool) -> None:
        """Write the settings, where the folder has no outputs of a run with others.

        Parameters
        ----------
        overwrite : bool
            Write them in any case.

        Raises
        ------
        OutputError
            If a run with other options has written outputs that are still there.
        """
        if not overwrite:
            if self._create():
                self._check_journal()
                return
            if self._read() == self._line:
                return
            self.journal.refresh()  # outputs of a process that has begun since
            if any(os.path.lexists(self.journal.folder / n) for n in self.journal.owners):
                self.check()
        with atomic_write(self.path) as temporary:
            temporary.write_bytes(self._line)

    def check(self) -> None:
        """Raise an OutputError if the settings of the folder are others by now."""
        line = self._read()
        if line == self._line:
            return
        fields = decode_line(line) or {}
        before = fields.get("settings")
        raise self._error(before if isinstance(before, dict) else None)

    def _create(self) -> bool:
        """Write the file where there is none, and return whether there was none."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except FileExistsError:
            return False
        with open(descriptor, "wb", buffering=0) as file:
            file.write(self._line)
        return True

    def _check_journal(self) -> None:
        """Refuse a folder without the file, whose journal has outputs of other settings."""
        folder, own = self.journal.folder, self.settings.sum
        for entry in self.journal.entries.values():
            if entry.settings != own and any(os.path.lexists(folder / n) for n in entry.outputs):
                self.path.unlink()
                raise self._error(None)

    def _error(self, before: Mapping[str, Any] | None) -> OutputError:
        """Return the error about the settings of another run, where they are known."""
        difference = "" if before is None else f": {self.settings.describe_difference(before)}"
        return OutputError(
            ErrorText(
                display_path(self.journal.folder),
                f"a run with other options has written here{difference}; choose another --out, "
                "or pass --overwrite",
            )
        )

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:  # removed by hand
            return b""


def _spell(value: Any) -> str:
    """Return a value as it is written on a command line."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return {None: "none", True: "on", False: "off"}.get(value, str(value))
