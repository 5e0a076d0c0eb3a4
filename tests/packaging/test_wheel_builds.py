"""One wheel that zig compiles for this Python: it is built, audited, built again, and imported."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytest.importorskip("auditwheel")
pytest.importorskip("check_wheel_contents")
pytest.importorskip("lief")
pytest.importorskip("twine")
pytest.importorskip("wheel")
pytest.importorskip("ziglang")

from tools.wheels.audit import audit_all
from tools.wheels.every import build_all
from tools.wheels.pythons import Python
from tools.wheels.reproduction import list_differences
from tools.wheels.targets import find_target

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the wheel is of another processor"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the wheel is one of Linux"),
]
ROOT = Path(__file__).resolve().parents[2]
PYTHON = Python(sys.version_info.minor)
# A processor without levels of its own: the kernels are compiled once.
TARGET = find_target("linux-x86_64")._replace(processor="generic")
WANTED = {TARGET: [PYTHON]}
PROGRAM = """
import numpy as np, segpost
logits = np.zeros((3, 4, 4), np.float32)
logits[2] = 1
assert (segpost.argmax(logits, size=(9, 9)) == 2).all()
print(segpost.build_config()["backend"], segpost.build_config()["simd_level"])
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a build in it."""
    folder = tmp_path_factory.mktemp("wheels")
    build_all(ROOT, WANTED, folder / "dist", folder / "work", folder / "cache")
    return folder


def find_wheel(work: Path) -> Path:
    """The wheel with native code."""
    (wheel,) = (work / "dist").glob("*-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    return wheel


def test_audit_has_nothing_to_say(work: Path) -> None:
    """Tag, size, contents, hashes, symbols, and no folder of this machine."""
    files = sorted((work / "dist").iterdir())
    assert len(files) == 3
    assert audit_all(files, [ROOT, work, Path.home(), Path(sys.prefix)]) == []


def test_it_is_imported_and_computes(work: Path, tmp_path: Path) -> None:
    """With the Python that it was built for: native code, no compiler, no other process."""
    with ZipFile(find_wheel(work)) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["native", "portable"], done.stderr


def test_second_build_has_the_same_bytes(work: Path, tmp_path: Path) -> None:
    """From a folder with another name; objects come from ccache."""
    if shutil.which("ccache") is None:
        pytest.skip("without ccache this takes minutes: python -m tools.wheels reproduce")
    build_all(ROOT, WANTED, tmp_path / "dist", tmp_path / "another name", work / "cache")
    assert list_differences(work / "dist", tmp_path / "dist") == []
