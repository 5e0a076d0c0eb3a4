"""What the tests of other platforms need of this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import NamedTuple

import pytest

from tools.wheels.wine import PATH


class Needs(NamedTuple):
    """What the tests of a platform need of this machine."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]


AUDIT = ("auditwheel", "check_wheel_contents", "lief", "packaging", "twine", "wheel")
NEEDS = {
    "aarch64": Needs(
        ("apt-get", "dpkg", "cmake", "ninja", "qemu-aarch64"), ("pybind11", "ziglang", *AUDIT)
    ),
    "x86_64": Needs(("cc", "qemu-x86_64"), ()),
    "windows": Needs(("cmake", "ninja", "wine64"), ("ziglang",)),
}


def require(name: str) -> None:
    """Skip a test where its platform needs what is missing; fail if the platform is required.

    ``SEGPOST_REQUIRE_PLATFORMS=aarch64,windows,x86_64`` requires platforms.
    """
    programs, packages = NEEDS[name]
    missing = [program for program in programs if shutil.which(program, path=PATH) is None]
    missing += [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        is_required = name in os.environ.get("SEGPOST_REQUIRE_PLATFORMS", "").split(",")
        (pytest.fail if is_required else pytest.skip)(f"there is no {', no '.join(missing)}")
