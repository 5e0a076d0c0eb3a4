"""AArch64 under QEMU: the level neon compiled here, beside this processor, and its own tests.

The system is fetched into a folder of pytest, or into that of SEGPOST_EMULATION, where it is kept.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import platform_cases
import platform_results
import pytest

from tools.wheels import emulation

pytestmark = pytest.mark.platforms
TESTS = Path(__file__).resolve().parents[1]
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
OF_FIELDS = 5e-6  # of mean fields, whose steps carry roundings on


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> emulation.System:
    """A system with segpost, compiled for it."""
    programs = ("apt-get", "dpkg", "cmake", "ninja", "qemu-aarch64")
    missing = [name for name in programs if shutil.which(name) is None]
    missing += [] if importlib.util.find_spec("ziglang") else ["ziglang"]
    if missing:
        is_required = "aarch64" in os.environ.get("SEGPOST_REQUIRE_PLATFORMS", "").split(",")
        (pytest.fail if is_required else pytest.skip)(f"there is no {', no '.join(missing)}")
    kept = os.environ.get("SEGPOST_EMULATION")
    made = emulation.System(Path(kept) if kept else tmp_path_factory.mktemp("aarch64"))
    emulation.build(made)
    return made


def emulate(system: emulation.System, *arguments: str | Path) -> str:
    """Run the emulated Python; what it printed."""
    done = subprocess.run(
        [system.python, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS / 'support'}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def is_near(a: np.ndarray, b: np.ndarray, name: str) -> bool:
    """Whether results are the same: bytes, or floats up to their rounding."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if name.startswith("results") and name.endswith(platform_cases.OF_BYTES):
        return bool((abs(a.astype(int) - b) <= 1).all())
    if a.dtype.kind != "f":
        return a.tobytes() == b.tobytes()
    error = OF_FIELDS if name.startswith(platform_cases.OF_CRF) else NEAR
    return bool(np.allclose(a, b, rtol=NEAR, atol=error, equal_nan=True))


def test_every_kernel_gives_what_this_processor_gives(
    system: emulation.System, tmp_path: Path
) -> None:
    """Labels, counts, colors, codes and errors are the same bytes at every level of either."""
    from segpost import _cpu

    emulate(system, TESTS / "support/platform_results.py", tmp_path / "neon.npz")
    there = np.load(tmp_path / "neon.npz")
    for level in _cpu.levels():
        here = platform_results.results_at(level)
        assert list(there) == list(here)
        differ = [name for name in here if not is_near(there[name], here[name], name)]
        assert not differ


def test_flush_to_zero_of_the_caller_changes_nothing(system: emulation.System) -> None:
    """Kernels have the mode of IEEE 754, in every thread, and the caller's own comes back."""
    assert emulate(system, TESTS / "platforms/flush_to_zero.py") == "True True True True\n"


def test_level_is_neon(system: emulation.System) -> None:
    """The level that `segpost info` names."""
    assert "neon" in emulate(system, "-m", "segpost", "info")


def test_chosen_tests_pass(system: emulation.System) -> None:
    """Those of the native backend in one file a family, against the reference."""
    out = emulate(
        system,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "-k", "native"),
        *CHOSEN,
    )
    assert " passed" in out
    assert "neon" not in out.partition("short test summary")[2]
