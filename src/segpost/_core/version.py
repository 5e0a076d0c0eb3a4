"""The version of segpost."""

from __future__ import annotations

UNKNOWN = "0+unknown"


def package_version() -> str:
    """Return the version of segpost in the metadata of its installation.

    A checkout that was never installed has no metadata: its version is `UNKNOWN`.
    """
    from importlib.metadata import PackageNotFoundError, version  # slow to import, rarely needed

    try:
        return version("segpost")
    except PackageNotFoundError:
        return UNKNOWN
