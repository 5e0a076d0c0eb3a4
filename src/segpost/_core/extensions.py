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
