"""The Pythons that have wheels of segpost, and the tags of a wheel."""

from __future__ import annotations

from typing import NamedTuple

from packaging.tags import Tag

from .targets import Target


class Python(NamedTuple):
    """A version of CPython 3, with a global lock or free-threaded."""

    minor: int
    is_free_threaded: bool = False

    @property
    def name(self) -> str:
        """The version as people write it, such as 3.14t."""
        return f"3.{self.minor}{'t' if self.is_free_threaded else ''}"

    @property
    def interpreter(self) -> str:
        """The first part of a tag."""
        return f"cp3{self.minor}"

    @property
    def abi(self) -> str:
        """The second part of a tag, which is also in the names of modules."""
        return f"cp3{self.minor}{'t' if self.is_free_threaded else ''}"

    def module_suffix(self, target: Target) -> str:
        """Return the end of the file name of a module, as this Python loads it."""
        if target.system == "Windows":
            return f".{self.abi}-{target.platforms[0]}.pyd"
        platform = target.multiarch or "darwin"
        return f".cpython-{self.abi.removeprefix('cp')}-{platform}.so"


# Numba has no wheel for free-threaded 3.13.
PYTHONS = (*(Python(minor) for minor in range(10, 15)), Python(14, is_free_threaded=True))


def find_python(name: str) -> Python:
    """Return the Python of a version such as 3.11 or 3.14t.

    Raises
    ------
    ValueError
        If it has no wheels.
    """
    for python in PYTHONS:
        if python.name == name:
            return python
    names = ", ".join(python.name for python in PYTHONS)
    raise ValueError(f"there are no wheels for Python {name!r}: choose from {names}")


def list_pythons(target: Target) -> list[Python]:
    """Return the Pythons that have wheels for a target.

    The last Numba of Intel Macs is for 3.13. Modules for Windows need a library of its Pythons, so
    there is the library of kernels alone.
    """
    if target.system == "Windows":
        return []
    last = 13 if target.name == "macos-x86_64" else PYTHONS[-1].minor
    return [python for python in PYTHONS if python.minor <= last]


def list_tags(python: Python, target: Target) -> list[Tag]:
    """Return the tags of a wheel, one a platform tag of the target."""
    return [Tag(python.interpreter, python.abi, platform) for platform in target.platforms]


def compress_tags(tags: list[Tag]) -> str:
    """Return tags as the name of a wheel has them."""
    parts = [
        list(dict.fromkeys(parts))
        for parts in (
            [tag.interpreter for tag in tags],
            [tag.abi for tag in tags],
            [tag.platform for tag in tags],
        )
    ]
    return "-".join(".".join(part) for part in parts)
