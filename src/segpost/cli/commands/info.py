"""`segpost info`: what this installation is made of."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import segpost

# Module names and the packages that bring them; none is imported, torch alone takes seconds.
OPTIONAL = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "matplotlib": "matplotlib",
    "tqdm": "tqdm",
    "torch": "torch",
}


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "info",
        help="versions, backend, SIMD level and threads of this installation",
        description="Say what this installation is made of.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the configuration."""
    config = segpost.build_config()
    packages = optional_packages()
    if arguments.json:
        print(json.dumps({**config, "optional": packages}, indent=2))
        return 0
    for name, value in lines(config):
        print(f"{name:<10} {value}")
    found = [f"{name} {number}" for name, number in packages.items() if number]
    missing = [name for name, number in packages.items() if not number]
    print(f"{'optional':<10} {', '.join(found) or 'none found'}")
    if missing:
        print(f"{'missing':<10} {', '.join(missing)}")
    if config["native_problem"] is not None:
        print(
            f"\nThe native code cannot be loaded: {config['native_problem']}.\n"
            "To get it, install a C++ compiler (g++ or clang++) and install segpost again:\n"
            "  pip install --force-reinstall --no-cache-dir --no-deps segpost"
        )
    return 0


def lines(config: dict[str, Any]) -> list[tuple[str, str]]:
    """The configuration as names and readable values."""
    simd = "none"
    if config["native"]:
        levels = ", ".join(map(_level, config["simd_levels"]))
        simd = f"{_level(config['simd_level'])} of {levels}"
    return [
        ("segpost", config["segpost"]),
        ("python", f"{config['python']} on {config['machine']}"),
        ("backend", config["backend"]),
        ("native", "yes" if config["native"] else "no"),
        ("SIMD", simd),
        ("compiler", config["compiler"] or "none"),
        ("threads", str(config["threads"])),
        ("numpy", config["numpy"]),
        ("numba", config["numba"]),
    ]


def optional_packages() -> dict[str, str | None]:
    """Versions of the packages that some commands use; None where one is missing."""
    return {package: _version(module, package) for module, package in OPTIONAL.items()}


def _version(module: str, package: str) -> str | None:
    if find_spec(module) is None:
        return None
    try:
        return version(package)
    except PackageNotFoundError:  # found, but not installed by a package manager
        return "of unknown version"


def _level(name: str) -> str:
    return name.replace("x86_64_", "x86-64-")
