"""The compiled modules, and the reasons why they cannot be used."""

from __future__ import annotations

import importlib
import os
import sys
import warnings


def build_problem() -> str | None:
    """Return why segpost was built without native code, or None if nothing says that it was.

    Such a build installs the file that is read here; a checkout that was not built has none.
    """
    for folder in sys.modules["segpost"].__path__:  # of an editable installation: two folders
        path = os.path.join(folder, "without_native.txt")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read().strip()
    return None


def warn_without_native() -> None:
    """Warn if segpost was built without native code; to be called by the package's `__init__`."""
    reason = build_problem()
    if reason is not None:
        from segpost._core.load_errors import REBUILD

        warnings.warn(
            f"segpost was built without native code ({reason}): it runs on Numba, which is slower. "
            f"Install a C++ compiler (g++ or clang++), then: {REBUILD}",
            RuntimeWarning,
            stacklevel=3,
        )


def refuse_subinterpreter() -> None:
    """Raise an ImportError in a sub-interpreter; to be called by the package's `__init__`.

    NumPy and the native code belong to one interpreter: before Python 3.12 a module of pybind11
    that another one imports waits for ever.
    """
    for name in ("_interpreters", "_xxsubinterpreters"):  # of Python 3.13, and of those before
        try:
            interpreters = importlib.import_module(name)
        except ImportError:
            continue
        if interpreters.get_current() != interpreters.get_main():
            raise ImportError(
                "segpost cannot be imported in a sub-interpreter, since NumPy and its native code "
                "cannot: import it in the main interpreter, which is the one of mod_wsgi's "
                "applications with WSGIApplicationGroup %{GLOBAL}"
            )
        return


def find_library_on_windows() -> None:
    """Have Windows look for segpost.dll in the package; to be called by its `__init__`."""
    if hasattr(os, "add_dll_directory"):
        for folder in sys.modules["segpost"].__path__:
            path = os.path.join(folder, "lib")
            if os.path.isdir(path):
                os.add_dll_directory(os.path.abspath(path))


def native_failure() -> tuple[str, str] | None:
    """Return why the native code cannot be loaded, and what cures that, or None if it can."""
    try:
        importlib.import_module("segpost._cpu")
    except ImportError as error:
        from segpost._core.load_errors import describe_load_error

        folders = list(sys.modules["segpost"].__path__)
        return describe_load_error(str(error), folders, build_problem())
    return None


def native_problem() -> str | None:
    """Return why the native backend cannot be used, or None if it can."""
    failure = native_failure()
    return None if failure is None else failure[0]


def warn_of_broken_native() -> None:
    """Warn if native code is there and does not load; to be called where Numba takes its place.

    A checkout that was not built has none, and does not warn.
    """
    failure = native_failure()
    if failure is None or build_problem() is not None:
        return
    from segpost._core.load_errors import native_modules

    reason, cure = failure
    if native_modules(list(sys.modules["segpost"].__path__)):
        warnings.warn(
            f"the native code of segpost cannot be loaded ({reason}): it runs on Numba, "
            f"which is slower. {cure}",
            RuntimeWarning,
            stacklevel=2,
        )


def problem(backend: str) -> str | None:
    """Return why a backend cannot be used and what cures that, or None if it can."""
    if backend == "native":
        failure = native_failure()
        return failure and "the native backend cannot be used ({}). {}".format(*failure)
    if backend == "cuda":
        from segpost._core.cuda_module import cuda_problem

        reason = cuda_problem()
        return reason and f"the cuda backend cannot be used: {reason}"
    return None
