"""The command line of benches that print a table for each of several works."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benches.harness import measure


def run_works(program: str, works: Iterable[str], run: Callable[[str, int], dict[str, Any]]) -> int:
    """Run the works that the command line names, or all of them.

    `run` gets a name and the number of rounds, prints a table and returns its numbers.
    """
    names = list(works)
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("work", nargs="*", metavar="WORK", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    unknown = [name for name in options.work if name not in names]
    if unknown:
        parser.error(f"WORK is one of {', '.join(names)}, got {unknown[0]!r}")
    measure.one_thread()
    load = os.getloadavg()[0]
    print(f"The quietest of {options.rounds} rounds; the load of this machine is {load:.1f}.")
    results = {name: run(name, options.rounds) for name in options.work or names}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0
