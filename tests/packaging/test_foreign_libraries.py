"""Native code that the system's loader refuses: the reason, the cure, and never a signal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from package_copies import link_package, run_python

from segpost._core.installers import INSTALLERS, PIP
from segpost._core.truncation import promised_bytes

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
FAILURE = """
import json
from segpost._core.extensions import native_failure
print(json.dumps(native_failure()))
"""
ASKED = """
import sys, numpy, segpost
try:
    segpost.argmax(numpy.zeros((2, 2, 2), "f4"))
except RuntimeError as error:
    print(error)
"""
LOGITS = b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }"
LOGITS += b" " * (128 - len(LOGITS) - 1) + b"\n" + bytes(32)
# Modules of a system that is newer, of another Python and of another version.
NEWER = "int made_later(void);\nvoid *PyInit__cpu(void) { return made_later() ? 0 : 0; }\n"
OTHER_PYTHON = """
#include <stdio.h>
void PyErr_SetString(void *, const char *);
extern void *PyExc_ImportError;
void *PyInit__cpu(void) {
    PyErr_SetString(PyExc_ImportError, "Python version mismatch: module was compiled for Python "
                    "2.7, but the interpreter version is incompatible");
    return 0;
}
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the loader of Linux")


@pytest.fixture
def native() -> ModuleType:
    """The module that works here."""
    module: ModuleType = pytest.importorskip("segpost._cpu")
    return module


@pytest.fixture
def package(tmp_path: Path, native: ModuleType) -> Path:
    """A package with copies of the native code, which a test breaks."""
    package = link_package(tmp_path)
    (package / "lib").unlink(missing_ok=True)
    shutil.copytree(Path(native.__file__ or "").parent / "lib", package / "lib")
    shutil.copy(str(native.__file__), package / f"_cpu{SUFFIX}")
    return package


def failure(package: Path) -> tuple[str, str]:
    """Why the native code of a package cannot be loaded, and the cure, from a process that ends."""
    done = run_python(package.parent, "-c", FAILURE)
    assert done.returncode == 0, done.stderr
    reason, cure = json.loads(done.stdout)
    return reason, cure


def compile_library(source: str, target: Path, *options: str) -> None:
    """Compile C to a library without the system's own."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no cc")
    command = [compiler, "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-x", "none", "-o"]
    subprocess.run([*command, str(target), *options], input=source, text=True, check=True)


def test_copy_is_whole(package: Path) -> None:
    """The tests below can fail: what they break works."""
    assert run_python(package.parent, "-c", FAILURE).stdout == "null\n"


@pytest.mark.parametrize("name", [f"_cpu{SUFFIX}", "lib/libsegpost.so"])
@pytest.mark.parametrize("share", [0.0001, 0.02, 0.5])
def test_file_that_ends_early(package: Path, name: str, share: float) -> None:
    """The loader would map it, and the process would end with SIGBUS."""
    whole = (package / name).read_bytes()
    (package / name).write_bytes(whole[: int(share * len(whole))])
    reason, cure = failure(package)
    assert name in reason
    assert cure == f"The installation is incomplete: {PIP.reinstall}"


def test_length_that_a_head_promises(native: ModuleType) -> None:
    """That of all parts that are mapped; nothing of files of other systems."""
    whole = Path(native.__file__ or "").read_bytes()
    assert 0.5 * len(whole) < promised_bytes(whole[:4096]) <= len(whole)
    assert promised_bytes(whole[:64]) > 64
    assert promised_bytes(b"\xcf\xfa\xed\xfe" + bytes(100)) == 0
    assert promised_bytes(b"\x7fELF") == 0


@pytest.mark.parametrize("name", [f"_cpu{SUFFIX}", "lib/libsegpost.so"])
def test_code_of_another_processor(package: Path, name: str) -> None:
    """A wheel of Arm on x86-64, or the other way round: glibc says that there is no such file."""
    code = bytearray((package / name).read_bytes())
    code[18:20] = b"\x3e\0" if code[18:20] == b"\xb7\0" else b"\xb7\0"  # e_machine
    (package / name).write_bytes(code)
    reason, cure = failure(package)
    assert "cannot open shared object file" in reason
    assert cure.endswith(PIP.reinstall)
    assert "package manager" not in cure


def test_code_of_32_bits(package: Path) -> None:
    """The loader says so."""
    code = bytearray((package / f"_cpu{SUFFIX}").read_bytes())
    code[4] = 1  # ELFCLASS32
    (package / f"_cpu{SUFFIX}").write_bytes(code)
    reason, cure = failure(package)
    assert "wrong ELF class" in reason
    assert cure == f"It is of another processor or system; with this Python: {PIP.reinstall}"


def test_code_of_a_newer_system(package: Path, tmp_path: Path) -> None:
    """It asks for a version of glibc that is not here."""
    versions = tmp_path / "versions"
    versions.write_text("GLIBC_2.999 { made_later; };")
    compile_library(
        "int made_later(void) { return 1; }",
        tmp_path / "libc.so.6",
        "-Wl,-soname,libc.so.6",
        f"-Wl,--version-script,{versions}",
    )
    compile_library(NEWER, package / f"_cpu{SUFFIX}", str(tmp_path / "libc.so.6"))
    reason, cure = failure(package)
    assert "GLIBC_2.999' not found" in reason
    assert cure.endswith(PIP.rebuild)


def test_missing_library_of_the_system(package: Path, tmp_path: Path) -> None:
    """Its name is in the cure."""
    compile_library("int made_later(void) { return 1; }", tmp_path / "libabsent.so.7",
                    "-Wl,-soname,libabsent.so.7")  # fmt: skip
    compile_library(NEWER, package / f"_cpu{SUFFIX}", str(tmp_path / "libabsent.so.7"))
    reason, cure = failure(package)
    assert reason.startswith("libabsent.so.7: cannot open shared object file")
    assert cure == "Install libabsent.so.7 by the system's package manager"


def test_module_of_another_python_under_this_name(package: Path) -> None:
    """As pybind11 refuses it."""
    compile_library(OTHER_PYTHON, package / f"_cpu{SUFFIX}")
    _, cure = failure(package)
    assert cure == f"It is of another Python; with this one: {PIP.reinstall}"


def test_parts_of_two_versions(package: Path, native: ModuleType) -> None:
    """A library that an older installation left behind is not called."""
    library = package / "lib" / "libsegpost.so"
    version = native.version.encode()
    code = library.read_bytes()
    assert code.count(version + b"\0") == 1
    library.write_bytes(code.replace(version + b"\0", b"9" * len(version) + b"\0"))
    reason, cure = failure(package)
    other = "9" * len(version)
    assert reason == f"libsegpost is of version {other}, and _cpu of version {native.version}"
    assert cure == f"Its parts are of two versions: {PIP.reinstall}"


def test_library_without_the_functions_of_this_version(package: Path) -> None:
    """A symbol is missing: the same cure."""
    compile_library("int nothing;", package / "lib" / "libsegpost.so")
    reason, cure = failure(package)
    assert "undefined symbol" in reason
    assert cure == f"Its parts are of two versions: {PIP.reinstall}"


@pytest.mark.parametrize("installer", INSTALLERS)
def test_cure_is_for_what_installed_it(package: Path, installer: str) -> None:
    """pip, uv and conda leave their name with the metadata."""
    folder = package.parent / "segpost-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: segpost\nVersion: 0.1.0\n")
    (folder / "INSTALLER").write_text(f"{installer}\n")
    (package / f"_cpu{SUFFIX}").write_bytes(b"")
    _, cure = failure(package)
    assert cure == f"The installation is incomplete: {INSTALLERS[installer].reinstall}"


BROKEN_NUMBA = (
    ("raise ImportError('Numba needs NumPy 1.26 or less.\\nGot NumPy 2.5.')", "Got NumPy 2.5"),
    ("raise OSError('Could not load shared object file: libllvmlite.so')", "libllvmlite.so"),
    ("import numpy; numpy.no_such_name", "no_such_name"),
)


@pytest.mark.parametrize(("code", "reason"), BROKEN_NUMBA)
def test_numba_that_does_not_fit(package: Path, code: str, reason: str) -> None:
    """The native code works without it; what asks for Numba gets one error with both cures."""
    (package.parent / "numba.py").write_text(code)
    done = run_python(package.parent, "-W", "error", "-c", ASKED)
    assert (done.stdout, done.stderr) == ("", "")
    info = run_python(package.parent, "-W", "error", "-m", "segpost", "info")
    assert info.returncode == 0, info.stderr
    assert "Numba cannot be used, and the native code works without it:" in info.stdout
    assert reason in info.stdout
    assert info.stdout.endswith(f"{PIP.upgrade} numba\n")
    (package / f"_cpu{SUFFIX}").write_bytes(b"")
    done = run_python(package.parent, "-W", "ignore", "-c", ASKED)
    first, second = done.stdout.splitlines()
    assert first.startswith("the numba backend cannot be used (")
    assert reason in first
    assert first.endswith(f"{PIP.upgrade} numba")
    assert second.startswith("The native backend cannot be used either (")
    assert second.endswith(PIP.reinstall)
    (package.parent / "x.npy").write_bytes(LOGITS)
    options = ("-W", "ignore", "-m", "segpost", "run", str(package.parent / "x.npy"), "--out")
    run = run_python(package.parent, *options, str(package.parent / "out"))
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert f"error: {first}\n" in run.stderr
