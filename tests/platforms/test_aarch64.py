"""The wheel of AArch64: its audit, a second build, and its kernels and tests under QEMU.

``SEGPOST_PLATFORMS=FOLDER`` keeps the system and the build in a folder;
``SEGPOST_REQUIRE_PLATFORMS=aarch64`` makes an error of what is missing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platform_cases
import platform_results
import pytest
from platform_needs import require

if TYPE_CHECKING:
    from tools.wheels import emulation

pytestmark = pytest.mark.platforms
ROOT = Path(__file__).resolve().parents[2]
# One file a family of kernels, of those that take the least time and need no torch.
CHOSEN = (
    "tests/color/test_color_operations.py",
    "tests/crf/test_crf_units.py",
    "tests/labels/test_masks.py",
    "tests/metrics/test_panoptic_kernels.py",
    "tests/metrics/test_surface_kernels.py",
    "tests/objects/test_run_kernels.py",
    "tests/pipeline/test_query_kernels.py",
    "tests/spatial/test_merger_region.py",
)
NEAR = 2e-6  # of float32 results: a few roundings
# Of mean fields, where vertices are float32 and not float16, and no product is fused with a sum.
OF_FIELDS = {"x86_64_v2": 1e-2}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> emulation.System:
    """A system with the package of a wheel, which was compiled for it."""
    require("aarch64")
    from tools.wheels import emulation

    kept = os.environ.get("SEGPOST_PLATFORMS")
    folder = Path(kept) / "aarch64" if kept else tmp_path_factory.mktemp("aarch64")
    folder.mkdir(parents=True, exist_ok=True)
    made = emulation.System(folder)
    shutil.rmtree(made.cache / "dist", ignore_errors=True)
    emulation.unpack_wheel(made, emulation.build_wheel(made))
    return made


def emulate(system: emulation.System, *arguments: str | Path) -> str:
    """Run the emulated Python; what it printed."""
    from tools.wheels import emulation

    done = emulation.run_python(system, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_audit_finds_nothing(system: emulation.System) -> None:
    """Tag, size, contents, hashes, symbols, and no folder of this machine."""
    from tools.wheels.audit import audit_all

    files = sorted((system.cache / "dist").iterdir())
    assert len(files) == 3
    assert audit_all(files, [ROOT, system.cache, Path.home(), Path(sys.prefix)]) == []


def test_second_build_has_the_same_bytes(system: emulation.System, tmp_path: Path) -> None:
    """From a folder with another name; objects come from ccache."""
    from tools.wheels.emulation import TARGET
    from tools.wheels.every import build_all
    from tools.wheels.reproduction import list_differences

    if shutil.which("ccache") is None:
        pytest.skip("without ccache this takes minutes: python -m tools.wheels reproduce")
    again = tmp_path / "another name"
    wanted = {TARGET: [system.version]}
    build_all(ROOT, wanted, tmp_path / "dist", again, system.cache)
    assert list_differences(system.cache / "dist", tmp_path / "dist") == []


def is_near(a: np.ndarray, b: np.ndarray, name: str, level: str) -> bool:
    """Whether results are the same as at a level: bytes, or floats up to their rounding."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if name.startswith("results") and name.endswith(platform_cases.OF_BYTES):
        return bool((abs(a.astype(int) - b) <= 1).all())
    if a.dtype.kind != "f":
        return a.tobytes() == b.tobytes()
    if name.startswith(platform_cases.OF_CRF):
        return bool(np.allclose(a, b, rtol=0, atol=OF_FIELDS.get(level, 0)))
    return bool(np.allclose(a, b, rtol=NEAR, atol=NEAR, equal_nan=True))


def test_every_kernel_gives_what_this_processor_gives(
    system: emulation.System, tmp_path: Path
) -> None:
    """Labels, counts, colors, codes and errors are the same bytes at every level of either."""
    from segpost import _cpu

    emulate(system, ROOT / "tests/support/platform_results.py", tmp_path / "neon.npz")
    there = np.load(tmp_path / "neon.npz")
    for level in _cpu.levels():
        here = platform_results.results_at(level)
        assert list(there) == list(here)
        differ = [name for name in here if not is_near(there[name], here[name], name, level)]
        assert not differ


def test_flush_to_zero_of_the_caller_changes_nothing(system: emulation.System) -> None:
    """Kernels have the mode of IEEE 754, in every thread, and the caller's own comes back."""
    assert emulate(system, ROOT / "tests/platforms/flush_to_zero.py") == "True True True True\n"


def test_level_is_neon(system: emulation.System) -> None:
    """The level that `segpost info` names."""
    assert "neon" in emulate(system, "-m", "segpost", "info")


def test_chosen_tests_pass(system: emulation.System) -> None:
    """Those of the native backend in one file a family, against the reference."""
    out = emulate(
        system,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "native"),
        *CHOSEN,
    )
    assert " passed" in out
    assert "neon" not in out.partition("short test summary")[2]
