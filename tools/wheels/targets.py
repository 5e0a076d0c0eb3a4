"""The platforms of wheels: what the compiler, CMake and a wheel call each of them."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """A platform, under the name that each tool has for it."""

    name: str
    triple: str  # zig's name, with the oldest glibc or system that the code runs on
    system: str  # CMAKE_SYSTEM_NAME
    processor: str  # CMAKE_SYSTEM_PROCESSOR
    platforms: tuple[str, ...]  # the platform tags of its wheels
    multiarch: str = ""  # Debian's name, which is in the names of modules on Linux

    @property
    def library(self) -> str:
        """The file name of the library of kernels."""
        names = {"Linux": "libsegpost.so", "Darwin": "libsegpost.dylib", "Windows": "segpost.dll"}
        return names[self.system]

    @property
    def operators(self) -> str:
        """The file name of the library of operators for ONNX Runtime."""
        return self.library.replace("segpost", "segpost_onnxruntime")


TARGETS = (
    Target(
        "linux-x86_64",
        "x86_64-linux-gnu.2.17",
        "Linux",
        "x86_64",
        ("manylinux_2_17_x86_64", "manylinux2014_x86_64"),
        "x86_64-linux-gnu",
    ),
    Target(
        "linux-aarch64",
        "aarch64-linux-gnu.2.17",
        "Linux",
        "aarch64",
        ("manylinux_2_17_aarch64", "manylinux2014_aarch64"),
        "aarch64-linux-gnu",
    ),
    Target("macos-arm64", "aarch64-macos.11.0", "Darwin", "arm64", ("macosx_11_0_arm64",)),
    Target("macos-x86_64", "x86_64-macos.11.0", "Darwin", "x86_64", ("macosx_11_0_x86_64",)),
    Target("windows-x86_64", "x86_64-windows-gnu", "Windows", "AMD64", ("win_amd64",)),
)


def find_target(name: str) -> Target:
    """Return the target with a name.

    Raises
    ------
    ValueError
        If there is none.
    """
    for target in TARGETS:
        if target.name == name:
            return target
    names = ", ".join(target.name for target in TARGETS)
    raise ValueError(f"there is no target {name!r}: choose from {names}")
