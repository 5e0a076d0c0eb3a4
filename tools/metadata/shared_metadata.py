"""The metadata of segpost-cuda: the version of segpost, which it needs, and what both have."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # scikit-build-core needs it, too

ROOT = Path(__file__).resolve().parents[2]
OF_BOTH = ("Development Status ::", "Intended Audience ::", "Programming Language ::")
OWN = ["Environment :: GPU :: NVIDIA CUDA", "Operating System :: POSIX :: Linux"]


def dynamic_metadata(field: str, settings: Mapping[str, Any]) -> Any:
    """Return a field of the project; scikit-build-core calls this.

    Parameters
    ----------
    field : str
        The name of the field in the table [project].
    settings : mapping
        The settings of this provider in pyproject.toml; there are none.
    """
    if settings:
        raise ValueError(f"this provides metadata without settings, got {settings!r}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if field == "dependencies":
        return [f"segpost=={project['version']}"]
    if field == "classifiers":
        return OWN + [line for line in project[field] if line.startswith(OF_BOTH)]
    return project[field]
