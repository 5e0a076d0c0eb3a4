"""Whether two builds from different folders give the same bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock
from zipfile import ZipFile

from .every import build_all
from .pythons import Python
from .targets import Target


def list_differences(first: Path, second: Path) -> list[str]:
    """Return the files of two folders that differ, and of wheels the members that do."""
    differences = []
    for name in sorted({path.name for folder in (first, second) for path in folder.iterdir()}):
        a, b = first / name, second / name
        if not a.exists() or not b.exists():
            differences.append(f"{name} was built once")
        elif hashlib.sha256(a.read_bytes()).digest() != hashlib.sha256(b.read_bytes()).digest():
            members = list_members(a, b) if a.suffix == ".whl" else ""
            differences.append(f"{name} differs{members}")
    return differences


def list_members(first: Path, second: Path) -> str:
    """Return the members of two wheels that differ, as the end of a sentence."""
    with ZipFile(first) as a, ZipFile(second) as b:
        contents = [{name: archive.read(name) for name in archive.namelist()} for archive in (a, b)]
    names = sorted(contents[0].keys() | contents[1].keys())
    unequal = [name for name in names if contents[0].get(name) != contents[1].get(name)]
    return f" in {', '.join(unequal)}" if unequal else " in its archive"


def build_twice(
    root: Path,
    wanted: Mapping[Target, Sequence[Python]],
    work: Path,
    cache: Path,
    *,
    with_ccache: bool = False,
) -> list[str]:
    """Build the distributions in two folders and return what differs.

    Parameters
    ----------
    root, wanted, cache
        As for :func:`tools.wheels.every.build_all`.
    work : pathlib.Path
        The folder in which both builds are made.
    with_ccache : bool
        Take objects from ccache where it has them: the second build compiles nothing then.
    """
    folders = work / "first", work / "the second, in a folder with another name"
    variables = {} if with_ccache else {"CCACHE_DISABLE": "1"}
    with mock.patch.dict(os.environ, variables):
        for folder in folders:
            build_all(root, wanted, folder / "dist", folder / "work", cache)
    return list_differences(*(folder / "dist" for folder in folders))
