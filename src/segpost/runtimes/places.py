"""Where the libraries of operators are in the package."""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

RuntimeName = Literal["onnxruntime", "openvino", "torch"]
RUNTIMES: tuple[str, ...] = get_args(RuntimeName)


def file_name(name: str) -> str:
    """Return the name of a library's file on this system."""
    suffix = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
    return f"{'' if sys.platform == 'win32' else 'lib'}segpost_{name}{suffix}"


def package_folder(*names: str) -> str:
    """Return a path in the package."""
    return os.path.join(os.path.dirname(os.path.dirname(__file__)), *names)


def check_native() -> None:
    """Refuse an installation without the library that all operators call."""
    if not os.path.isdir(package_folder("lib", "cmake", "segpost")):
        from segpost._core.installers import find_installer

        raise FileNotFoundError(
            "this installation has no native code, which the operators of runtimes call: "
            f"{find_installer().rebuild}"
        )
