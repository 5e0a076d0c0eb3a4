"""Native code that is there and does not load: why, and what cures it."""

from __future__ import annotations

import json
import shutil
import sysconfig
from pathlib import Path

import pytest
from package_copies import link_package, run_python

from segpost._core.installers import PIP
from segpost._core.load_errors import describe_load_error

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
BACKEND = "import segpost; print(segpost.build_config()['backend'])"


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("/lib/libc.so.6: version `GLIBC_2.38' not found (required by _cpu.so)", PIP.rebuild),
        ("libstdc++.so.6: version `GLIBCXX_3.4.32' not found", PIP.rebuild),
        ("_cpu.so: wrong ELF class: ELFCLASS32", PIP.reinstall),
        ("dlopen(_cpu.so): mach-o file, but is an incompatible architecture (have 'x86_64', need "
         "'arm64')", PIP.reinstall),
        ("DLL load failed while importing _cpu: %1 is not a valid Win32 application.",
         PIP.reinstall),
        ("_cpu.so: undefined symbol: segpost_get_api", PIP.reinstall),
        ("libsegpost is of version 0.1.0, and _cpu of version 0.2.0", PIP.reinstall),
        ("Python version mismatch: module was compiled for Python 3.11, but", PIP.reinstall),
        ("dynamic module does not define module export function (PyInit__cpu)", PIP.reinstall),
        ("/usr/lib/segpost/_cpu.so: cannot open shared object file: No such file", PIP.reinstall),
        ("/usr/lib/segpost/lib/libsegpost.so: cannot read file data", PIP.reinstall),
        ("libsegpost.so: cannot open shared object file: No such file or directory", PIP.reinstall),
        ("dlopen(_cpu.so): Library not loaded: @rpath/libsegpost.dylib", PIP.reinstall),
        ("libgcc_s.so.1: cannot open shared object file: No such file", "Install libgcc_s.so.1 by"),
        ("dlopen: Library not loaded: /usr/lib/libc++.1.dylib", "Install /usr/lib/libc++.1.dylib"),
        ("DLL load failed while importing _cpu: The specified module could not", "Visual C++"),
        ("this processor has none of the SIMD levels of this build: x86_64_v2", "model host"),
        ("something that nobody has seen", PIP.rebuild),
    ],
)  # fmt: skip
def test_what_a_loader_says_has_a_cure(message: str, cure: str) -> None:
    """The reason is what it says; the cure is of that reason."""
    failure = describe_load_error(message, [], None)
    assert failure.reason == message
    assert cure in failure.cure
    assert "{" not in failure.cure


def test_reason_of_a_build_without_native_code_goes_first() -> None:
    """Why it was built so is known; what the loader says is not asked."""
    failure = describe_load_error("No module named 'segpost._cpu'", [], "no C++ compiler was found")
    assert failure.reason == "segpost was built without it: no C++ compiler was found"
    assert failure.cure.endswith(PIP.rebuild)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package without native code."""
    return link_package(tmp_path)


def test_code_of_another_python_is_named(package: Path) -> None:
    """Both names; Numba is used, a warning says so once, and `info` repeats it."""
    (package / "_cpu.cpython-39-mips-linux-gnu.so").write_bytes(b"")
    done = run_python(package.parent, "-c", BACKEND)
    reason = f"it is in _cpu.cpython-39-mips-linux-gnu.so, and this Python loads _cpu{SUFFIX}"
    assert done.stdout == "numba\n", done.stderr
    assert done.stderr.count("RuntimeWarning: the native code of segpost cannot be loaded") == 1
    assert f"({reason}): it runs on Numba" in done.stderr
    info = run_python(package.parent, "-W", "ignore", "-m", "segpost", "info").stdout
    assert "numba (the native code cannot be loaded)" in info
    assert f"cannot be loaded: {reason}." in info
    assert info.endswith(f"{PIP.reinstall}\n")


def test_damaged_code_and_a_missing_library_are_told_apart(package: Path) -> None:
    """By the system's own loader."""
    native = pytest.importorskip("segpost._cpu").__file__
    (package / "lib").unlink(missing_ok=True)
    shutil.copy(native, package)
    program = (
        "import json; from segpost._core.extensions import native_failure as f; "
        "print(json.dumps(f()))"
    )
    reason, cure = json.loads(run_python(package.parent, "-c", program).stdout)
    assert "libsegpost" in reason
    assert cure == f"The installation is incomplete: {PIP.reinstall}"
    copied = package / Path(native).name
    copied.write_bytes(b"\x7fELF")
    reason, cure = json.loads(run_python(package.parent, "-c", program).stdout)
    assert copied.name in reason
    assert cure == f"The installation is incomplete: {PIP.reinstall}"


def test_backend_that_is_asked_for_is_an_error_with_the_cure(package: Path) -> None:
    """SEGPOST_BACKEND and use_backend do not fall back."""
    (package / f"_cpu{SUFFIX}").write_bytes(b"this is no library")
    program = "import segpost\nwith segpost.use_backend('native'): pass"
    done = run_python(package.parent, "-c", program)
    line = done.stderr.splitlines()[-1]
    assert line.startswith("segpost._core.extensions.BackendError: the native backend cannot be ")
    assert line.endswith(PIP.reinstall)
