"""Build and check the distributions of a version, from the root of the repository.

    python -m tools.wheels                build all that can be built here, audit it, test it
    python -m tools.wheels build audit --target linux-x86_64 --python 3.11
    python -m tools.wheels test           the wheels that Pythons of this machine can run
    python -m tools.wheels aarch64        the wheel of AArch64, by QEMU
    python -m tools.wheels windows        the library of Windows, by wine
    python -m tools.wheels reproduce      build twice, and compare the bytes
    python -m tools.wheels pure           the source distribution and the pure wheel alone

The exit status is 0 if nothing is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from .audit import audit_all
from .every import build_all
from .headers import HeadersMissing
from .installed import list_runnable, test_wheel
from .platforms import NAMES, test_platform
from .pythons import PYTHONS, Python, find_python, list_pythons
from .reproduction import build_twice
from .sources import CommandFailed
from .targets import TARGETS, Target, find_target

ROOT = Path(__file__).resolve().parents[2]


class Job(NamedTuple):
    """What the commands work on."""

    wanted: dict[Target, list[Python]]
    dist: Path  # where distributions are put
    work: Path  # where they are made
    cache: Path  # what is kept between builds: compilers, headers

    @property
    def files(self) -> list[Path]:
        """The distributions that there are."""
        return sorted([*self.dist.glob("segpost-*.tar.gz"), *self.dist.glob("segpost-*.whl")])


def pure(job: Job) -> list[str]:
    """Build the source distribution and the pure wheel."""
    build_all(ROOT, {}, job.dist, job.work, job.cache)
    return []


def build(job: Job) -> list[str]:
    """Build all distributions."""
    build_all(ROOT, job.wanted, job.dist, job.work, job.cache)
    return []


def audit(job: Job) -> list[str]:
    """Return what is wrong with the distributions."""
    folders = [ROOT, job.work, job.cache, Path.home(), Path(sys.prefix)]
    return audit_all(job.files, folders)


def test(job: Job) -> list[str]:
    """Test wheels in new environments, and return which of them fail."""
    problems = []
    for wheel, program in list_runnable([file for file in job.files if file.suffix == ".whl"]):
        try:
            output = test_wheel(ROOT, wheel, program, job.work / "tests" / wheel.name.split("-")[3])
        except CommandFailed as error:
            problems.append(f"{wheel.name}: {error}")
        else:
            print(f"{wheel.name}: {output.strip().splitlines()[-1]}", flush=True)
    return problems


def reproduce(job: Job) -> list[str]:
    """Build twice, and return what differs."""
    return build_twice(ROOT, job.wanted, job.work / "reproduction", job.cache)


def aarch64(job: Job) -> list[str]:
    """Test the wheel of AArch64 under QEMU."""
    return test_platform(ROOT, "aarch64", job.work / "platforms")


def windows(job: Job) -> list[str]:
    """Test the library of Windows under wine."""
    return test_platform(ROOT, "windows", job.work / "platforms")


COMMANDS: dict[str, Callable[[Job], list[str]]] = {
    "pure": pure,
    "build": build,
    "audit": audit,
    "test": test,
    "aarch64": aarch64,
    "windows": windows,
    "reproduce": reproduce,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run commands and return the exit status."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "segpost-wheels"
    parser = argparse.ArgumentParser(
        prog="python -m tools.wheels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}")
    parser.add_argument("--target", action="append", metavar="NAME", help="one of the targets")
    parser.add_argument("--python", action="append", metavar="VERSION", help="one of the Pythons")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where wheels are put")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "wheels")
    parser.add_argument("--cache", type=Path, default=default, help="compilers and headers")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.commands if name not in COMMANDS]
    if unknown:
        parser.error(f"there is no command {', '.join(unknown)}: choose from {', '.join(COMMANDS)}")
    try:
        targets = [find_target(name) for name in options.target or [t.name for t in TARGETS]]
        chosen = [find_python(name) for name in options.python or [p.name for p in PYTHONS]]
    except ValueError as error:
        parser.error(str(error))
    wanted = {
        target: pythons
        for target in targets
        if (pythons := [python for python in list_pythons(target) if python in chosen])
    }
    job = Job(wanted, options.dist.resolve(), options.work.resolve(), options.cache.resolve())
    for name in options.commands or ("build", "audit", "test", *NAMES):
        try:
            problems = COMMANDS[name](job)
        except (CommandFailed, HeadersMissing) as error:
            problems = [str(error)]
        print(f"{name}: {len(problems)} problems", *problems, sep="\n", flush=True)
        if problems:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
