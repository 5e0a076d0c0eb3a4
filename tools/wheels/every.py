"""All distributions of a version: source distribution, pure wheel, and wheels of targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .build import build_binaries
from .packing import pack_wheel
from .pythons import Python
from .sources import build_pure_wheel, build_sdist, find_epoch, unpack_sdist
from .targets import Target


def build_all(
    root: Path,
    wanted: Mapping[Target, Sequence[Python]],
    dist: Path,
    work: Path,
    cache: Path,
) -> list[Path]:
    """Build the distributions of a repository, every wheel from the source distribution.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    wanted : mapping
        The Pythons of each target.
    dist : pathlib.Path
        Where distributions are put.
    work : pathlib.Path
        Where sources are unpacked and compiled.
    cache : pathlib.Path
        Where compilers and headers are kept.
    """
    epoch = find_epoch(root)
    sdist = build_sdist(root, dist, epoch)
    source = unpack_sdist(sdist, work / "source")
    pure = build_pure_wheel(source, dist, epoch)
    made = [sdist, pure]
    for target, pythons in wanted.items():
        built = build_binaries(source, target, pythons, work / target.name, cache)
        for python, binaries in built.items():
            made.append(pack_wheel(pure, binaries, python, target, dist, epoch))
            print(made[-1].name, flush=True)
    return made
