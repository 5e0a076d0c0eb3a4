"""`segpost.runtimes.library` and `segpost build-runtime`: paths, and errors with their cure."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import segpost
from segpost.cli import main
from segpost.runtimes import builds, libraries, places


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with native code and no library of operators, and an empty cache."""
    package = tmp_path / "package"
    (package / "lib" / "cmake" / "segpost").mkdir(parents=True)
    for module in (places, libraries):
        monkeypatch.setattr(module, "package_folder", lambda *names: os.path.join(package, *names))
    monkeypatch.setattr(builds, "LIBRARIES", package / "lib")
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path / "cache"))
    return package


def test_a_library_of_the_package_comes_first(elsewhere: Path) -> None:
    path = elsewhere / "lib" / places.file_name("onnxruntime")
    path.touch()
    assert segpost.runtimes.library("onnxruntime") == os.fspath(path)


def test_then_the_one_that_was_built(elsewhere: Path) -> None:
    path = builds.built_path("onnxruntime")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.touch()
    assert segpost.runtimes.library("onnxruntime") == os.fspath(path)


def test_an_unbuilt_library_names_the_command(elsewhere: Path) -> None:
    text = "the operators for onnxruntime are not built .*: segpost build-runtime onnxruntime"
    with pytest.raises(FileNotFoundError, match=text):
        segpost.runtimes.library("onnxruntime")


def test_without_native_code_there_are_none(elsewhere: Path) -> None:
    shutil.rmtree(elsewhere / "lib")
    for call in (segpost.runtimes.library, builds.build):
        with pytest.raises(FileNotFoundError, match=r"no native code, .*: .*pip install"):
            call("onnxruntime")


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("runtime", "torch 2.10 or newer is not installed: pip install torch"),
        ("tools", "cmake, make, g++ not found: a build needs CMake, make or Ninja"),
    ],
)
def test_what_a_build_needs(
    elsewhere: Path, missing: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    against = None if missing == "runtime" else builds.Build((), "any")
    monkeypatch.setitem(builds._BUILDS, "torch", lambda: against)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["build-runtime", "torch"]) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def write_cmake(folder: Path, command: str) -> Path:
    """Write a program in place of CMake, which runs a command and fails."""
    cmake = folder / "cmake"
    cmake.write_text(f"#!/bin/sh\n{command}\nexit 1\n")
    cmake.chmod(0o755)
    return cmake


def test_ninja_builds_where_there_is_no_make(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    cmake = write_cmake(tmp_path, 'echo "error: $*"')
    monkeypatch.delenv("CMAKE_GENERATOR", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "make" else os.fspath(cmake))
    assert main(["build-runtime", "onnxruntime"]) == 2
    assert "-G Ninja" in " ".join(capsys.readouterr().err.split())


def test_a_build_that_fails_says_why(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    """The lines with an error, of what CMake or the compiler printed."""
    cmake = write_cmake(tmp_path, "echo a warning; echo 'x.cpp:3: error: no such type'")
    monkeypatch.setattr(shutil, "which", lambda name: os.fspath(cmake))
    assert main(["build-runtime", "onnxruntime"]) == 2
    said = capsys.readouterr().err
    assert "x.cpp:3: error: no such type" in said
    assert "a warning" not in said


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="name must be one of 'onnxruntime', 'openvino', 'torch'"):
        segpost.runtimes.library("tensorrt")  # type: ignore[arg-type]


def test_an_old_onnxruntime_is_refused() -> None:
    """It has no table of the version that the library asks for: an error, not a crash."""
    pytest.importorskip("segpost._cpu")
    try:
        path = segpost.runtimes.library("onnxruntime")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    text: list[bytes] = []

    def create_status(code: int, message: bytes) -> int:
        text.append(message)
        return 1

    functions = (
        ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)(create_status),
        ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)(lambda version: get_api(version)),
    )
    table = (ctypes.c_void_p * 234)(ctypes.cast(functions[0], ctypes.c_void_p).value)

    def get_api(version: int) -> int | None:
        return ctypes.addressof(table) if version <= 16 else None

    base = (ctypes.c_void_p * 2)(ctypes.cast(functions[1], ctypes.c_void_p).value)
    register = ctypes.CDLL(path).RegisterCustomOps
    register.restype = ctypes.c_void_p
    assert register(None, base) == 1
    assert text == [b"segpost needs ONNX Runtime 1.17 or newer"]
