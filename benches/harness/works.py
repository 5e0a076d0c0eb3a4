"""The command line of benches that print a table for each of several works."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches.harness import measure

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "runtimes"


def make_parser(program: str, rounds: int) -> argparse.ArgumentParser:
    """What every command has: the number of rounds, and a file for its numbers."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    return parser


def write_numbers(path: Path | None, numbers: Any) -> None:
    """Write the numbers where the command line names a file."""
    if path is not None:
        path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def load() -> str:
    """A line that says how busy the machine is."""
    return f"load of the machine: {os.getloadavg()[0]:.1f}"


def example_networks() -> Any:
    """The module of examples/runtimes that makes networks; those beside it can be imported then."""
    sys.argv = sys.argv[:1]  # the examples have arguments of their own
    sys.path.insert(0, str(EXAMPLES))
    module = importlib.import_module("stand_in")
    module.declare_operators()
    return module


def run_works(program: str, works: Iterable[str], run: Callable[[str, int], dict[str, Any]]) -> int:
    """Run the works that the command line names, or all of them.

    `run` gets a name and the number of rounds, prints a table and returns its numbers.
    """
    names = list(works)
    parser = make_parser(program, 5)
    parser.add_argument("work", nargs="*", metavar="WORK", help=", ".join(names))
    options = parser.parse_args()
    unknown = [name for name in options.work if name not in names]
    if unknown:
        parser.error(f"WORK is one of {', '.join(names)}, got {unknown[0]!r}")
    measure.one_thread()
    print(f"The quietest of {options.rounds} rounds; {load()}.")
    results = {name: run(name, options.rounds) for name in options.work or names}
    write_numbers(options.json, results)
    return 0
