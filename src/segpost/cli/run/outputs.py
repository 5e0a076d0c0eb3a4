"""The folder of the outputs of `segpost run`: all files of an item or none, and no other's."""

from __future__ import annotations

import itertools
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from segpost._core.text import ErrorText, describe_error, display_path
from segpost.cli.run.journal import (
    BEGINNING,
    ENDING,
    Entry,
    FileSum,
    Journal,
    OutputError,
    sum_of_file,
)
from segpost.cli.run.settings import RunSettings, SettingsFile
from segpost.files.temporary import remove_dead_temporaries, temporary_path
from segpost.files.writing import check_writable, replace_file


class OutputFolder:
    """Writes the files of items into one folder.

    Parameters
    ----------
    journal : Journal
        Of the folder, which is made if missing.
    settings : RunSettings
        The options.
    inputs : iterable of Path
        Files that are never written over.
    overwrite : bool
        Whether files may be replaced that are not those of a run, or of one with other options.
    resume : bool
        Whether the run goes on after a former one.
    """

    def __init__(
        self,
        journal: Journal,
        settings: RunSettings,
        inputs: Iterable[Path] = (),
        *,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.folder, self.journal = journal.folder, journal
        self.settings = settings.sum
        self.overwrite, self.resume = overwrite, resume
        self.written = 0  # files
        self._inputs = inputs
        self._settings_file = SettingsFile(journal, settings)
        self._staging = temporary_path(self.folder)
        self._counter = itertools.count()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the folder, test that it can be written to, and remove what is temporary at last.

        Raises
        ------
        OutputError
            If nothing can be written into the folder, or a run with other options has.
        """
        with _output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_dead_temporaries(self.folder)
            check_writable(self.folder / self.journal.path.name)
            self.journal.refresh()
            self._settings_file.claim(overwrite=self.overwrite)
            self._staging.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def check(self, names: Iterable[str]) -> None:
        """Raise an OutputError for the first of these files that may not be written.

        Parameters
        ----------
        names : iterable of str
            Paths below the folder.
        """
        for name in names:
            if os.path.lexists(self.folder / name):
                self._check_existing(name)

    def is_done(self, item: str, inputs: Mapping[str, FileSum]) -> bool:
        """Return whether the outputs of an item are there, made of these inputs and settings."""
        entry = self.journal.entries.get(item)
        if entry is None or entry.settings != self.settings:
            return False
        if sorted(entry.inputs.values()) != sorted(inputs.values()):
            return False
        try:
            return all(sum_of_file(self.folder / n) == s for n, s in entry.outputs.items())
        except OSError:
            return False

    def write(
        self,
        item: str,
        inputs: Mapping[str, FileSum],
        save: Callable[[Path], Sequence[str]],
    ) -> Sequence[str]:
        """Write the files of an item, and return their paths below the folder.

        Parameters
        ----------
        item : str
            The name of the files, without kind and ending.
        inputs : dict of str to FileSum
            What the item was made of.
        save : function of a folder
            Writes the files into it and returns their names, such as ``["labels.png"]``.

        Raises
        ------
        OutputError
            If a file cannot be written; `save` raises its other errors.
        """
        stage = self._staging / str(next(self._counter))
        with _output_errors(self.folder / item):
            stage.mkdir()
        try:
            with _output_errors(self.folder / item):
                sources = {f"{item}.{name}": stage / name for name in save(stage)}
                self.check(sources)
                outputs = {name: sum_of_file(source) for name, source in sources.items()}
                self._settings_file.check()
                self.journal.append(Entry(item, self.settings, dict(inputs), outputs))
                for name, source in sources.items():
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    replace_file(source, self.folder / name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        self.written += len(sources)
        return list(sources)

    @cached_property
    def _input_identities(self) -> set[tuple[int, int]]:
        return {_identity(path) for path in self._inputs if path.exists()}

    def _check_existing(self, name: str) -> None:
        """Raise an OutputError if a file that is there may not be written over."""
        path = self.folder / name
        if path.exists() and _identity(path) in self._input_identities:
            raise OutputError(ErrorText(display_path(path), "it is an input; choose another --out"))
        if self.overwrite or name in self.journal.owners:
            return
        self.journal.refresh()  # another process may have written it
        if name in self.journal.owners:
            return
        reason = "no run has written it"
        if self.resume:
            journal = f"{BEGINNING}*{ENDING}"
            reason = f"no journal ({journal}) says what it was made of, so it cannot be left out"
        raise OutputError(
            ErrorText(
                display_path(path),
                f"it is there, and {reason}; choose another --out, or pass --overwrite",
            )
        )


def check_collisions(names: Iterable[tuple[str, Path]]) -> None:
    """Raise a ValueError if files of two items had one name, also where case does not count.

    Parameters
    ----------
    names : iterable of tuple
        The name of every item, and its file.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for name, path in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        other = seen.setdefault(key, (name, path))
        if other == (name, path):
            continue
        reason = "" if other[0] == name else ", where upper and lower case are the same"
        raise ValueError(
            f"{display_path(other[1])} and {display_path(path)} would both write "
            f"{display_path(Path(name))}.*{reason}; rename one of them, choose by --glob, or "
            "take two --out"
        )


def _identity(path: Path) -> tuple[int, int]:
    """Return the same numbers for all paths of one file."""
    status = path.stat()
    return status.st_dev, status.st_ino


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Make an OutputError of an OSError; temporary files have the name of what they become."""
    try:
        yield
    except OSError as error:
        reason = describe_error(OSError(error.errno, error.strerror) if error.errno else error)
        raise OutputError(reason._replace(location=display_path(path))) from error
