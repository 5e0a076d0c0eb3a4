"""The compiled modules, and the reasons why they cannot be used."""

from __future__ import annotations

import importlib
from typing import Any


def native_problem() -> str | None:
    """Return why the native backend cannot be used, or None if it can."""
    try:
        importlib.import_module("segpost._cpu")
    except ImportError as error:
        return str(error)
    return None


def problem(backend: str) -> str | None:
    """Return why a backend cannot be used and what cures that, or None if it can."""
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
    """Return the extension module of CUDA; importing it does not load the driver."""
    return importlib.import_module("segpost._cuda")


def cuda_problem() -> str | None:
    """Return why the CUDA backend cannot be used, or None if it can."""
    try:
        count, problem = cuda_runtime().device_count()
    except ImportError as error:
        return f"it is not in this installation: {error}"
    return None if count else str(problem)
