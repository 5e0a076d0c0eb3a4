"""Facts about this installation, for people."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import segpost
from segpost.cli.packages import EXTRAS, PACKAGE_OF, install_command

# Packages of systems on which others cannot be installed.
_SYSTEMS = {"landlockpy": "linux", "pyseccomp": "linux"}


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
        ("platform", config["platform"]),
        ("wheel", f"{config['wheel']}, {config['wheel_tag'] or 'not installed: sources'}"),
        ("backend", f"{config['backend']} ({config['backend_reason']})"),
        ("native", "yes" if config["native"] else "no"),
        ("SIMD", simd),
        ("compiler", config["compiler"] or "none"),
        ("threads", f"{config['threads']} ({_threads_reason()})"),
        ("numpy", config["numpy"]),
        ("numba", config["numba"] or "none"),
    ]


def _threads_reason() -> str:
    if os.environ.get("SEGPOST_NUM_THREADS"):
        return "SEGPOST_NUM_THREADS"
    return f"this machine has {os.cpu_count() or 1} processors"


def optional_modules() -> list[str]:
    """Return the modules that some commands use, and that this system can have."""
    modules = [module for extra in EXTRAS.values() for module in extra]
    return [
        module
        for module in [*modules, "torch"]
        if _SYSTEMS.get(module, sys.platform) == sys.platform
    ]


def optional_versions() -> dict[str, str | None]:
    """Return the versions of the packages that some commands use; None where one is missing.

    None is imported: torch alone takes seconds.
    """
    return {
        PACKAGE_OF.get(module, module): _installed_version(module) for module in optional_modules()
    }


def missing_packages() -> dict[str, list[str]]:
    """Return commands, and the missing packages that each installs."""
    cures: dict[str, list[str]] = {}
    for module in optional_modules():
        if _installed_version(module) is None:
            cures.setdefault(install_command(module), []).append(PACKAGE_OF.get(module, module))
    return cures


def _installed_version(module: str) -> str | None:
    if find_spec(module) is None:
        return None
    try:
        return version(PACKAGE_OF.get(module, module))
    except PackageNotFoundError:  # there, but not installed by a package manager
        return "of unknown version"


def _readable_level(name: str) -> str:
    return name.replace("x86_64_", "x86-64-")
