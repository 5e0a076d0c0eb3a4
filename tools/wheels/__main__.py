"""Build and check the distributions of a version, from the root of the repository.

python -m tools.wheels                                     build all that can be built, check it
python -m tools.wheels build --target linux-x86_64 --python 3.11
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .every import build_all
from .pythons import PYTHONS, find_python, list_pythons
from .targets import TARGETS, find_target

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheels", description=__doc__)
    parser.add_argument("command", choices=["build"])
    parser.add_argument("--target", action="append", metavar="TARGET")
    parser.add_argument("--python", action="append", metavar="VERSION")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "wheels")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "segpost-wheels")
    options = parser.parse_args(arguments)
    targets = [find_target(name) for name in options.target or [t.name for t in TARGETS]]
    chosen = [find_python(name) for name in options.python or [p.name for p in PYTHONS]]
    wanted = {
        target: [python for python in list_pythons(target) if python in chosen]
        for target in targets
    }
    build_all(ROOT, wanted, options.dist, options.work, options.cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())
