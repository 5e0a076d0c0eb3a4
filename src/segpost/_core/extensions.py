"""The compiled modules, and the reasons why they cannot be used."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any


class BackendError(RuntimeError):
    """A backend that is needed cannot be used; the text has the reason and the cure."""


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
        from segpost._core.installers import find_installer

        warnings.warn(
            f"segpost was built without native code ({reason}): it runs on Numba, which is slower. "
            f"Install a C++ compiler (g++ or clang++), then: {find_installer().rebuild}",
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
        load_native()
    except ImportError as error:
        from segpost._core.load_errors import describe_load_error

        folders = list(sys.modules["segpost"].__path__)
        return describe_load_error(str(error), folders, build_problem())
    return None


def load_native() -> Any:
    """Return the module of the native code.

    Raises
    ------
    ImportError
        If it cannot be loaded; also if its file ends early, where the system's loader would end the
        process.
    """
    if "segpost._cpu" not in sys.modules:
        from segpost._core.truncation import describe_truncation

        problem = describe_truncation(list(sys.modules["segpost"].__path__))
        if problem is not None:
            raise ImportError(problem)
    return importlib.import_module("segpost._cpu")


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
    if backend == "numba":
        return _describe_missing_numba()
    if backend == "cuda":
        from segpost._core.cuda_module import cuda_problem

        reason = cuda_problem()
        return reason and f"the cuda backend cannot be used: {reason}"
    return None


def numba_failure() -> tuple[str, str] | None:
    """Return why Numba cannot be used, and what cures that, or None if it can.

    It is imported, which takes a while. One that does not fit NumPy, or a damaged one, raises
    errors of many kinds.
    """
    try:
        importlib.import_module("numba")
    except Exception as error:
        from segpost._core.installers import find_installer

        upgrade = f"{find_installer().upgrade} numba"
        reason = " ".join(str(error).split()).rstrip(".")
        return reason or type(error).__name__, upgrade
    return None


def _describe_missing_numba() -> str | None:
    """Return why the Numba backend cannot be used, and why the native one cannot either."""
    failure = numba_failure()
    if failure is None:
        return None
    text = "the numba backend cannot be used ({}). {}".format(*failure)
    native = native_failure()
    if native is None:
        return text
    return f"{text}\nThe native backend cannot be used either ({native[0]}). {native[1]}"
