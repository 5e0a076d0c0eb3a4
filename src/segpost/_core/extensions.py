"""The compiled modules, and whether they can be used."""

from __future__ import annotations

import importlib
from typing import Any


def native_problem() -> str | None:
    """Why the native backend cannot be used, or None if it can."""
    try:
        importlib.import_module("segpost._cpu")
    except ImportError as error:
        return str(error)
    return None


def problem(backend: str) -> str | None:
    """Say why a backend cannot be used and what cures it, or None if it can."""
    if backend == "native":
        missing = native_problem()
        return missing and (
            f"the native backend is not in this installation ({missing}); reinstall segpost where "
            "a C++ compiler works, with SEGPOST_REQUIRE_NATIVE=1 to see why it does not build"
        )
    if backend == "cuda":
        missing = cuda_problem()
        return missing and f"the cuda backend cannot be used: {missing}"
    return None


def cuda_runtime() -> Any:
    """The extension module that runs kernels; the driver is not touched before it is asked."""
    return importlib.import_module("segpost._cuda")


def cuda_problem() -> str | None:
    """Why the CUDA backend cannot be used, or None if it can."""
    try:
        count, problem = cuda_runtime().device_count()
    except ImportError as error:
        return f"it is not in this installation: {error}"
    return None if count else str(problem)
