"""Builds of the package by pip and uv: with a compiler, without one, and with one that fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from segpost._core.installers import INSTALLERS

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = ("c++", "g++", "clang++", "cc", "gcc", "clang", "nvcc")
NATIVE: tuple[str, ...] = (
    "_cpu",
    "lib/libsegpost",
    "include/segpost/capi.h",
    "include/segpost/export.h",
    "lib/pkgconfig/segpost.pc",
)
NATIVE += ("lib/cmake/segpost/segpostConfig.cmake", "lib/cmake/segpost/segpostConfigVersion.cmake")
PYTHON = ("__init__.py", "py.typed", "_cpu.pyi", "capi.pxd", "_backends/numba/__init__.py")

pytestmark = pytest.mark.packaging


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would change a build, and with some variables."""
    flags = ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CMAKE_ARGS")
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("SEGPOST_", "PYTHON")) and name not in flags
    }
    return {**kept, "SEGPOST_CUDA": "OFF", **variables}


def run(
    *command: str, folder: Path = ROOT, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command with what it prints."""
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(variables or {}),
    )


def succeed(*command: str, folder: Path = ROOT, variables: Mapping[str, str] | None = None) -> str:
    """What a command prints, if it succeeds."""
    done = run(*command, folder=folder, variables=variables)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    code = f"from scikit_build_core.build import build_sdist; build_sdist({str(folder)!r})"
    succeed(sys.executable, "-c", code)
    (made,) = folder.iterdir()
    return made


def test_sdist_has_what_a_build_and_the_tests_need(sdist: Path) -> None:
    """Sources, tests and documents, and metadata that no build can change."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        (root,) = {name.partition("/")[0] for name in archive.getnames()}
        file = archive.extractfile(f"{root}/PKG-INFO")
        assert file is not None
        information = file.read().decode()
    wanted: tuple[str, ...] = (
        "CMakeLists.txt",
        "constraints.txt",
        "csrc/cmake/probe/CMakeLists.txt",
        "LICENSE",
    )
    wanted += ("csrc/cmake/probe/level.cpp.in", "csrc/include/segpost/capi.h", "README.md")
    wanted += ("tools/metadata/absolute_links.py", "tests/conftest.py", "src/segpost/py.typed")
    assert set(wanted) <= names
    built = (".so", ".o", ".pyc", "segpostConfig.cmake", "segpost.pc")
    assert [name for name in names if name.endswith(built)] == []
    assert not re.search(r"^Dynamic:", information, re.MULTILINE)
    assert not re.search(r"\]\((?!https?:|#)", information)


class Recorder(NamedTuple):
    """Compilers that write down that they were run, and fail."""

    folder: Path
    record: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which they are the compilers."""
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "CC": str(self.folder / "cc"), "CXX": str(self.folder / "c++")}


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    """Every compiler of this machine, replaced."""
    record, folder = tmp_path / "record.txt", tmp_path / "compilers"
    folder.mkdir()
    for name in COMPILERS:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $@" >> "{record}"\nexit 1\n')
        (folder / name).chmod(0o755)
    return Recorder(folder, record)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "sdist"])
@pytest.mark.parametrize(
    "command",
    [
        ("pip", "download", "--no-deps", "--dest", "downloaded"),
        ("pip", "install", "--dry-run", "-c", str(ROOT / "constraints.txt")),
        ("uv", "pip", "compile", "--no-deps", "--offline", "requirements.in"),
    ],
    ids=["pip download", "pip dry run", "uv pip compile"],
)
def test_metadata_is_read_without_a_compiler(
    command: tuple[str, ...], packed: bool, sdist: Path, recorder: Recorder, tmp_path: Path
) -> None:
    """No compiler is run, and nothing is built, to read what the package depends on."""
    source = sdist if packed else ROOT
    if command[0] == "uv":
        if shutil.which("uv") is None:
            pytest.skip("there is no uv")
        (tmp_path / "requirements.in").write_text(f"segpost @ {source.as_uri()}\n")
        command = (*command, "--no-cache")
    else:
        command = (sys.executable, "-m", *command, str(source))
    printed = succeed(*command, folder=tmp_path, variables=recorder.variables)
    assert "segpost" in printed
    assert not recorder.record.exists(), recorder.record.read_text()


def test_recorded_compilers_are_those_of_a_build(
    sdist: Path, recorder: Recorder, tmp_path: Path
) -> None:
    """The test above can fail: a build runs one of them."""
    arguments = ("wheel", "--no-deps", "--no-cache-dir", "-w", str(tmp_path / "wheels"), str(sdist))
    succeed(sys.executable, "-m", "pip", *arguments, variables=recorder.variables)
    assert recorder.record.exists()


class Environment(NamedTuple):
    """A virtual environment, with a cache of pip's that is its own."""

    folder: Path
    sdist: Path

    def pip(self, command: str, **variables: str) -> None:
        """Run a command of pip's; it finds segpost in the folder of the source distribution."""
        own = {
            "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {self.sdist.parent}".strip(),
            "PIP_CACHE_DIR": str(self.folder / "cache"),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        succeed("sh", "-c", command, variables={**own, **variables})

    @property
    def packages(self) -> Path:
        """The folder of its packages."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python with its packages, and NumPy and Numba from the environment of the tests."""
        path = f"{self.packages}{os.pathsep}{sysconfig.get_path('purelib')}"
        return run(str(self.folder / "bin" / "python"), *arguments, variables={"PYTHONPATH": path})

    def files(self) -> set[str]:
        """What the installed wheel has in the folder of packages."""
        (record,) = self.packages.glob("segpost-*.dist-info/RECORD")
        names = {line.partition(",")[0] for line in record.read_text().splitlines()}
        return {name for name in names if not name.endswith(".pyc")}


@pytest.fixture(scope="module")
def without_native(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which segpost was installed with a C++ compiler that does not work."""
    folder = tmp_path_factory.mktemp("environment")
    succeed(sys.executable, "-m", "venv", str(folder))
    made = Environment(folder, sdist)
    made.pip("pip install --no-deps segpost", CXX="/bin/false")
    return made


class Installed(NamedTuple):
    """What an installation has and says."""

    files: set[str]
    warning: str
    info: str


@pytest.fixture(scope="module")
def fallback(without_native: Environment) -> Installed:
    """The installation without native code, before its cure."""
    code = "import numpy, segpost; print(segpost.argmax(numpy.float32([[[0, 2]], [[1, 1]]])))"
    done = without_native.python("-c", code)
    assert done.stdout == "[[1 0]]\n", done.stderr
    info = without_native.python("-m", "segpost", "info").stdout
    return Installed(without_native.files(), done.stderr, info)


@pytest.fixture(scope="module")
def cured(without_native: Environment, fallback: Installed) -> Installed:
    """The installation after the command that the warning ends with, where a compiler works."""
    if shutil.which("c++") is None:
        pytest.skip("there is no c++")
    cure = re.search(r", then: (pip install .*)$", fallback.warning, re.MULTILINE)
    assert cure is not None, fallback.warning
    assert cure[1] in fallback.info
    without_native.pip(cure[1])
    done = without_native.python("-W", "error", "-c", "import segpost")
    info = without_native.python("-m", "segpost", "info").stdout
    return Installed(without_native.files(), done.stderr, info)


def test_build_without_a_compiler_warns_at_import(fallback: Installed) -> None:
    """It works on Numba, and says why, once."""
    reason = "the C++ compiler /bin/false does not work"
    assert fallback.warning.count("RuntimeWarning: segpost was built without native code") == 1
    assert f"({reason})" in fallback.warning
    assert re.search(r"^native +no$", fallback.info, re.MULTILINE)
    assert reason in fallback.info


def test_cure_that_the_warning_prints_gives_native_code(cured: Installed) -> None:
    """The wheel without native code that pip has kept is not installed again."""
    assert cured.warning == ""
    assert re.search(r"^backend +native \(", cured.info, re.MULTILINE), cured.info
    assert re.search(r"^native +yes$", cured.info, re.MULTILINE)


def test_cure_of_what_uv_has_installed(sdist: Path, tmp_path: Path) -> None:
    """The command that the warning ends with is uv's, and works."""
    if shutil.which("uv") is None:
        pytest.skip("there is no uv")
    succeed(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "environment"))
    made = Environment(tmp_path / "environment", sdist)
    variables = {
        "VIRTUAL_ENV": str(made.folder),
        "UV_FIND_LINKS": str(sdist.parent),
        "SEGPOST_NATIVE": "OFF",
    }
    succeed("uv", "pip", "install", "--no-deps", "segpost", variables=variables)
    warning = made.python("-c", "import segpost").stderr
    cure = re.search(r", then: (uv pip install .*)$", warning, re.MULTILINE)
    assert cure is not None, warning
    assert cure[1] == INSTALLERS["uv"].rebuild
    for command in (cure[1], INSTALLERS["uv"].reinstall):
        assert "segpost==" in succeed("sh", "-c", command, variables=variables)


def test_wheels_have_the_package_and_nothing_else(fallback: Installed, cured: Installed) -> None:
    """Modules, stubs, headers and libraries, or the reason why there are none; no sources but
    those that `segpost build-runtime` compiles.
    """
    for files in (fallback.files, cured.files):
        roots = {name.partition("/")[0] for name in files}
        assert {root for root in roots if not root.endswith(".dist-info")} == {"..", "segpost"}
        assert [name for name in files if name.startswith("..")] == ["../../../bin/segpost"]
        assert {f"segpost/{name}" for name in PYTHON} <= files
        sources = {name for name in files if name.endswith((".cpp", ".cu", ".o", ".a"))}
        assert {name.rpartition("/")[0] for name in sources} <= {"segpost/share/runtimes"}
    marker = "segpost/without_native.txt"
    native = {
        name for name in cured.files if name.startswith(tuple(f"segpost/{n}" for n in NATIVE))
    }
    assert (
        len(native) == len(NATIVE) + 2
    )  # the stub begins with _cpu too, operators with libsegpost
    assert marker not in cured.files
    assert marker in fallback.files
    assert native & fallback.files == {"segpost/_cpu.pyi"}


def wheel(sdist: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A build that is expected to fail."""
    arguments = ("wheel", "--no-deps", "--no-cache-dir", "-w", str(folder / "wheels"), str(sdist))
    done = run(sys.executable, "-m", "pip", *arguments, variables=variables)
    assert done.returncode != 0, done.stdout
    return done


def test_required_native_code_is_an_error_with_the_output_of_the_compiler(
    sdist: Path, tmp_path: Path
) -> None:
    """SEGPOST_REQUIRE_NATIVE=1 never gives a package without native code."""
    compiler = tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho 'this compiler has no licence' >&2\nexit 1\n")
    compiler.chmod(0o755)
    done = wheel(sdist, tmp_path, CXX=str(compiler), SEGPOST_REQUIRE_NATIVE="1")
    printed = done.stdout + done.stderr
    assert "this compiler has no licence" in printed
    assert f"SEGPOST_REQUIRE_NATIVE=1, but the C++ compiler {compiler} does not work" in printed


def test_error_in_the_middle_of_a_build_is_an_error(sdist: Path, tmp_path: Path) -> None:
    """A compiler that works and does not compile the package gives no package on Numba."""
    real = shutil.which("c++")
    if real is None:
        pytest.skip("there is no c++")
    compiler = tmp_path / "compiler"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        "*csrc/capi/*|*csrc/cpu/labels/*) echo 'internal compiler error' >&2; exit 1;;\n"
        f'esac\nexec {real} "$@"\n'
    )
    compiler.chmod(0o755)
    done = wheel(sdist, tmp_path, CXX=str(compiler))
    assert "internal compiler error" in done.stdout + done.stderr
    assert "WITHOUT native code" not in done.stdout + done.stderr
