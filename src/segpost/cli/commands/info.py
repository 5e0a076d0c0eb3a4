"""The command `segpost info`: versions, backend, SIMD level and threads of this installation."""

from __future__ import annotations

import argparse
import json

import segpost
from segpost._core.extensions import numba_failure
from segpost.cli.installation import installation_facts, missing_packages, optional_versions
from segpost.cli.output import print_text
from segpost.cli.parser import CommandParser, format_epilog
from segpost.render.tables import Table, format_text
from segpost.runtimes.table import ALIASES

EXAMPLES = ("segpost info --json", "segpost info --conventions")


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = "Say what this installation consists of."
    parser.epilog = format_epilog(EXAMPLES)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--conventions", action="store_true", help="list the names of --convention, and no versions"
    )
    parser.set_defaults(command=run)


def _conventions() -> Table:
    """Return the conventions, with their other names and what their outputs are."""
    rows: list[tuple[str, ...]] = []
    for name in segpost.Convention.names():
        convention = segpost.Convention.named(name)  # type: ignore[arg-type]
        aliases = ", ".join(alias for alias, target in ALIASES.items() if target == name)
        grid = convention.grid or "not known"
        upsampled = "yes" if convention.upsampled else "no"
        rows.append((name, aliases, convention.kind, str(convention.axis), grid, upsampled))
    head = ("convention", "also", "output", "class axis", "grid", "upsampled")
    return Table("", head, rows, words=len(head))


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration."""
    if arguments.conventions:
        print_text(format_text([_conventions()]))
        return 0
    config = segpost.build_config()
    cuda, numba = segpost.why_no_cuda(), numba_failure()
    versions = optional_versions()
    missing = missing_packages()
    if arguments.json:
        facts = {
            **config,
            "numba_problem": numba and numba[0],
            "numba_cure": numba and numba[1],
            "cuda_problem": cuda,
            "optional": versions,
            "missing": missing,
        }
        print(json.dumps(facts, indent=2))
        return 0
    for name, value in installation_facts(config):
        _print_fact(name, value)
    _print_fact("CUDA", f"yes ({config['cuda_from']})" if cuda is None else f"no: {cuda}")
    installed = [f"{name} {version}" for name, version in versions.items() if version]
    _print_fact("optional", ", ".join(installed) or "none found")
    title = "missing"
    for command, packages in missing.items():
        _print_fact(title, f"{', '.join(packages)}: {command}")
        title = ""
    if config["native_problem"] is not None:
        print(
            f"\nThe native code cannot be loaded: {config['native_problem']}.\n"
            f"{config['native_cure']}"
        )
    if numba is not None:
        needed = ", and the native code works without it" if config["native"] else ""
        print(f"\nNumba cannot be used{needed}: {numba[0]}.\n{numba[1]}")
    return 0


def _print_fact(name: str, value: str) -> None:
    print(f"{name:<10} {value}")
