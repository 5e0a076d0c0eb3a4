"""Facts about this installation, for people."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import segpost

# Modules and the packages that have them. None is imported: torch alone takes seconds.
OPTIONAL_PACKAGES = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "matplotlib": "matplotlib",
    "tqdm": "tqdm",
    "torch": "torch",
    "landlockpy": "landlockpy",
    "pyseccomp": "pyseccomp",
}


def installation_facts(config: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """Return the build configuration as names and readable values.

    Parameters
    ----------
    config : dict, optional
        What `segpost.build_config` returns, if it was called already.
    """
    if config is None:
        config = segpost.build_config()
    simd = "none"
    if config["native"]:
        levels = ", ".join(map(_readable_level, config["simd_levels"]))
        simd = f"{_readable_level(config['simd_level'])} of {levels}"
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


def optional_versions() -> dict[str, str | None]:
    """Return the versions of the packages that some commands use; None where one is missing."""
    return {
        package: _installed_version(module, package)
        for module, package in OPTIONAL_PACKAGES.items()
    }


def _installed_version(module: str, package: str) -> str | None:
    if find_spec(module) is None:
        return None
    try:
        return version(package)
    except PackageNotFoundError:  # there, but not installed by a package manager
        return "of unknown version"


def _readable_level(name: str) -> str:
    return name.replace("x86_64_", "x86-64-")
