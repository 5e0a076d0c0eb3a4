"""segpost.dll, compiled for Windows and run by wine: the bytes and the errors of this platform.

``SEGPOST_PLATFORMS=FOLDER`` keeps the builds in a folder; ``SEGPOST_REQUIRE_PLATFORMS=windows``
makes an error of what is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from capi_calls import read_results, write_settings
from capi_results import LEVELS, Here, run_here
from platform_needs import require

from tools.wheels import wine

pytestmark = pytest.mark.platforms
SYSTEM = re.compile(r"kernel32\.dll|ntdll\.dll|api-ms-win-[\w-]+\.dll|msvcrt\.dll", re.IGNORECASE)


class Windows(NamedTuple):
    """A build of the library, and how programs are run."""

    wine: Path
    prefix: Path
    library: Path
    compilers: tuple[Path, Path]  # of C and of C++
    program: Path

    def run(self, command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a program in a folder."""
        return wine.run_program(self.wine, self.prefix, self.library, command, folder)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    """The cases, and their results on this platform."""
    return run_here(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """The library and the program that makes the calls, compiled by zig."""
    require("windows")
    found = wine.find_wine()
    assert found is not None
    kept = os.environ.get("SEGPOST_PLATFORMS")
    folder = Path(kept) / "windows" if kept else tmp_path_factory.mktemp("windows")
    library = wine.build_library(folder)
    compilers = folder / "compiler" / "clang", folder / "compiler" / "clang++"
    wine.build_program(library, compilers, folder / "capi_calls.exe")
    return Windows(found, folder / "prefix", library, compilers, folder / "capi_calls.exe")


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("level", LEVELS)
def test_windows_gives_the_bytes_of_this_platform(
    here: Here, windows: Windows, level: str, threads: int
) -> None:
    """Every function of the interface, with every SIMD level of the processor."""
    command: list[str | Path] = [windows.program]
    command += [write_settings(here.calls, level, threads), "reports.txt"]
    done = windows.run(command, here.calls.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    results = read_results(here.calls)
    wanted = here.results(level, threads)
    assert results.library == wanted.library
    assert results.reports == wanted.reports
    names = {name: case.name for case in here.cases for name in case.outputs}
    assert results.files.keys() == wanted.files.keys()
    different = {name for name, made in results.files.items() if made != wanted.files[name]}
    assert {names.get(name, name) for name in different} == set()


def test_the_library_needs_the_system_alone(windows: Windows) -> None:
    """The runtime of C++ is in it, and it exports what is meant to be."""
    library = windows.library / "lib" / "segpost.dll"
    assert (windows.library / "lib" / "segpost.lib").is_file()
    listing = subprocess.run(
        ["objdump", "-p", library], capture_output=True, text=True, check=True
    ).stdout
    needed = re.findall(r"DLL Name: (\S+)", listing)
    assert needed
    assert [name for name in needed if not SYSTEM.fullmatch(name)] == []
    names = listing.partition("[Ordinal/Name Pointer] Table")[2]
    exported = re.findall(r"^\s*\[ *\d+\].* (\S+)$", names, re.MULTILINE)
    assert "segpost_get_api" in exported
    assert [name for name in exported if "segpost" not in name] == []


def test_threads_survive_that_the_library_is_unloaded(windows: Windows, tmp_path: Path) -> None:
    """A program that loads it again and again ends well."""
    wine.build_unloader(windows.library, windows.compilers[0], tmp_path / "unload.exe")
    done = windows.run([tmp_path / "unload.exe", "segpost.dll"], tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "unloaded 10 times"), done.stderr
