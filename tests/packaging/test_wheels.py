"""The wheels that `python -m tools.wheels` builds: their tags, how they are packed, their audit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest
from packaging import tags
from packaging.utils import parse_wheel_filename

pytest.importorskip("wheel.wheelfile")
from tools.wheels import headers, packing, pythons, targets
from tools.wheels.compiler import COMPILER

ROOT = Path(__file__).resolve().parents[2]
LINUX, MAC = targets.find_target("linux-x86_64"), targets.find_target("macos-arm64")
EPOCH = "1700000000"
WHEEL_FILE = "Wheel-Version: 1.0\nGenerator: a build\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"

each_python = pytest.mark.parametrize("python", pythons.PYTHONS, ids=lambda python: python.name)


def list_platforms(target: targets.Target) -> list[str]:
    """The platform tags of a machine, as `packaging` lists them for pip."""
    if target.system == "Darwin":
        return list(tags.mac_platforms((15, 0), target.processor))
    if target.system == "Windows":
        return ["win_amd64"]
    names = [f"manylinux_2_{minor}_{target.processor}" for minor in range(39, 16, -1)]
    return [*names, f"manylinux2014_{target.processor}"]


@each_python
@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name)
def test_pip_takes_the_tags(python: pythons.Python, target: targets.Target) -> None:
    """Each tag of a wheel is one of those of its Python on its platform."""
    name = f"segpost-0.1.0-{pythons.compress_tags(pythons.list_tags(python, target))}.whl"
    _, _, _, read = parse_wheel_filename(name)
    accepted = tags.cpython_tags((3, python.minor), [python.abi], list_platforms(target))
    assert read == set(pythons.list_tags(python, target))
    assert read <= set(accepted)


@each_python
def test_this_python_loads_modules_of_that_name(python: pythons.Python) -> None:
    """The suffix is that of the interpreter that runs here, where it is the one."""
    from importlib.machinery import EXTENSION_SUFFIXES

    if sys.version_info[:2] != (3, python.minor) or python.is_free_threaded:
        assert python.module_suffix(LINUX) not in EXTENSION_SUFFIXES
    elif sys.platform == "linux" and "x86_64" in EXTENSION_SUFFIXES[0]:
        assert python.module_suffix(LINUX) == EXTENSION_SUFFIXES[0]


def test_pythons_are_those_of_cibuildwheel() -> None:
    """One list of versions, but for what Numba has no wheel for on Intel Macs."""
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    names = [python.abi for python in pythons.PYTHONS]
    assert settings["build"].split() == [f"{name}-*" for name in names]
    intel = pythons.list_pythons(targets.find_target("macos-x86_64"))
    assert [python.name for python in intel] == ["3.10", "3.11", "3.12", "3.13"]
    assert "cp314*-macosx_x86_64" in settings["skip"]
    assert pythons.list_pythons(targets.find_target("windows-x86_64")) == []


def test_names_that_there_are_not() -> None:
    """The error has those that there are."""
    with pytest.raises(ValueError, match=r"no target 'linux': choose from linux-x86_64, "):
        targets.find_target("linux")
    with pytest.raises(ValueError, match=r"no wheels for Python '3\.9': choose from 3\.10, "):
        pythons.find_python("3.9")


def test_compiler_knows_the_levels(tmp_path: Path) -> None:
    """Levels of x86-64 are written as zig writes them; all other arguments stay as they are."""
    if shutil.which("sh") is None:
        pytest.skip("there is no shell")
    script = tmp_path / "clang++"
    script.write_text(COMPILER.format(zig="printf '%s\\n'", command="c++", triple="a-b"))
    words = ["-march=x86-64-v3", "a b", "-march=armv8-a", "", '-Da="-march=x86-64-v2"']
    done = subprocess.run(["sh", str(script), *words], capture_output=True, text=True, check=True)
    wanted = ["c++", "-target", "a-b", "-march=x86_64_v3", *words[1:]]
    assert done.stdout.split("\n")[:-1] == wanted


@pytest.mark.parametrize(
    ("name", "target", "has", "has_not"),
    [
        ("3.14t", LINUX, "#define Py_GIL_DISABLED 1", "PTHREAD"),
        ("3.14", LINUX, "#undef Py_GIL_DISABLED", "#define"),
        ("3.11", MAC, "#undef PTHREAD_KEY_T_IS_COMPATIBLE_WITH_INT", "#define Py_GIL_DISABLED"),
    ],
)
def test_changes_of_pyconfig(name: str, target: targets.Target, has: str, has_not: str) -> None:
    """Only what differs: a free-threaded Python, and macOS."""
    text = headers.change_config(pythons.find_python(name), target)
    assert has in text
    assert has_not not in text


@pytest.fixture
def pure(tmp_path: Path) -> Path:
    """A pure wheel of two files."""
    path = tmp_path / "segpost-0.1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("segpost/__init__.py", "")
        archive.writestr(f"segpost/{packing.NO_NATIVE}", "why")
        archive.writestr("segpost-0.1.0.dist-info/WHEEL", WHEEL_FILE)
        archive.writestr("segpost-0.1.0.dist-info/METADATA", "Name: segpost\n")
        archive.writestr("segpost-0.1.0.dist-info/RECORD", "old")
    return path


def load_audit() -> ModuleType:
    """The module that needs a reader of binaries."""
    pytest.importorskip("lief")
    from tools.wheels import audit

    return audit


def pack(pure: Path, folder: Path, python: pythons.Python, content: bytes = b"module") -> Path:
    """A wheel with a module that is no binary."""
    module = folder / "binaries" / "segpost" / f"_cpu{python.module_suffix(LINUX)}"
    module.parent.mkdir(parents=True)
    module.write_bytes(content)
    return packing.pack_wheel(pure, folder / "binaries", python, LINUX, folder / "dist", EPOCH)


def test_wheel_is_the_pure_one_with_binaries(pure: Path, tmp_path: Path) -> None:
    """Without the file that says that there are none; RECORD has every file."""
    python = pythons.find_python("3.14t")
    made = pack(pure, tmp_path / "a", python)
    end = "manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    assert made.name == f"segpost-0.1.0-cp314-cp314t-{end}"
    with ZipFile(made) as archive:
        names = archive.namelist()
        text = archive.read("segpost-0.1.0.dist-info/WHEEL").decode()
        record = archive.read("segpost-0.1.0.dist-info/RECORD").decode()
        mode = archive.getinfo("segpost/_cpu.cpython-314t-x86_64-linux-gnu.so").external_attr >> 16
    assert f"segpost/{packing.NO_NATIVE}" not in names
    assert {line.partition(",")[0] for line in record.splitlines()} == set(names)
    assert text.splitlines()[:3] == WHEEL_FILE.replace("true", "false").splitlines()[:3]
    written = [line.removeprefix("Tag: ") for line in text.splitlines() if line.startswith("Tag")]
    assert written == [str(tag) for tag in pythons.list_tags(python, LINUX)]
    assert mode & 0o777 == 0o755


def test_wheel_has_the_same_bytes_again(pure: Path, tmp_path: Path) -> None:
    """In another folder, later, and of files with other rights."""
    python = pythons.find_python("3.11")
    first = pack(pure, tmp_path / "a", python)
    (tmp_path / "longer" / "b").mkdir(parents=True, mode=0o700)
    second = pack(pure, tmp_path / "longer" / "b", python)
    assert first.read_bytes() == second.read_bytes()


def test_audit_says_what_is_wrong(pure: Path, tmp_path: Path) -> None:
    """A library that is missing, a folder of this machine, and too many bytes."""
    audit = load_audit()
    python = pythons.find_python("3.12")
    wheel = pack(pure, tmp_path, python, f"in {tmp_path}/source".encode())
    assert audit.find_platform(wheel) == (python, LINUX)
    binaries = audit.read_binaries(wheel)
    assert list(audit.check_names(binaries, python, LINUX)) == [
        "segpost/lib/libsegpost.so is missing",
        "segpost/lib/libsegpost_onnxruntime.so is missing",
    ]
    (problem,) = audit.check_paths(binaries, [tmp_path, tmp_path / "elsewhere"])
    assert problem == f"segpost/_cpu.cpython-312-x86_64-linux-gnu.so names {tmp_path}"
    assert list(audit.check_record(wheel)) == list(audit.check_size(wheel)) == []
    with wheel.open("ab") as file:
        file.write(bytes(audit.MOST_BYTES))
    assert len(list(audit.check_size(wheel))) == 1


def test_differences_are_named(pure: Path, tmp_path: Path) -> None:
    """By file and member."""
    from tools.wheels.reproduction import list_differences

    python = pythons.find_python("3.12")
    first = pack(pure, tmp_path / "a", python)
    pack(pure, tmp_path / "b", python, b"another")
    module = f"segpost/_cpu{python.module_suffix(LINUX)}"
    record = "segpost-0.1.0.dist-info/RECORD"
    folders = tmp_path / "a" / "dist", tmp_path / "b" / "dist"
    assert list_differences(*folders) == [f"{first.name} differs in {record}, {module}"]
    (folders[1] / "more.tar.gz").touch()
    assert "more.tar.gz was built once" in list_differences(*folders)
