"""The command `segpost build-runtime`: operators for a runtime that is installed."""

from __future__ import annotations

import argparse

from segpost.cli.output import print_text
from segpost.cli.parser import CommandParser, format_epilog
from segpost.runtimes.builds import build
from segpost.runtimes.places import RUNTIMES

EXAMPLES = ("segpost build-runtime openvino", "segpost build-runtime torch")


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Compile the operators for a runtime that is installed, into the cache of this user; "
        "segpost.runtimes.library finds them there. It needs CMake and a C++ compiler."
    )
    parser.epilog = format_epilog(EXAMPLES)
    parser.add_argument("name", choices=RUNTIMES, metavar="NAME", help=", ".join(RUNTIMES))
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Build the library and print its path."""
    print_text(str(build(arguments.name)))
    return 0
