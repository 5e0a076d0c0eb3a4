"""The CUDA kernels on the CPU: blocks in any order, and nothing beside the memory they got."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import on_device
import pytest
from emulated.build import compiler

from segpost._core.device import to_host

TESTS = Path(__file__).resolve().parents[1]
CASES = TESTS / "support" / "cases_on_device.py"
pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler")


def run(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The small cases, in a process of their own."""
    command = [sys.executable, str(CASES), on_device.EMULATED, *flags]
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


@pytest.mark.emulated
def test_the_order_of_blocks_and_threads_does_not_matter() -> None:
    """Blocks and threads that run in the opposite order give the same, and CRFs the same bytes."""
    done = run()
    assert done.stdout.startswith("same"), done.stderr[-2000:]
    turned = run(SEGPOST_EMULATED_ORDER="reversed")
    assert turned.stdout == done.stdout, turned.stderr[-2000:]


@pytest.mark.sanitizers
def test_kernels_stay_in_their_memory() -> None:
    """Address and undefined-behaviour sanitizers find nothing."""
    names = ("libasan.so", "libubsan.so")
    found = [
        subprocess.check_output([str(compiler()), f"-print-file-name={name}"], text=True).strip()
        for name in names
    ]
    if not all(os.path.isabs(path) for path in found):
        pytest.skip("no sanitizers")
    flags = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
    done = run(*flags, LD_PRELOAD=" ".join(found), ASAN_OPTIONS="detect_leaks=0")
    assert done.stdout.startswith("same"), done.stderr[-4000:]


@pytest.mark.emulated
def test_a_device_array_has_the_strides_of_its_host() -> None:
    """What the other tests give to the kernels is laid out as what they were given."""
    there = on_device.backend(on_device.EMULATED).there
    base = np.arange(240, dtype=np.int16).reshape(2, 10, 12)
    for view in (base, base[:, ::-1, ::3], base.transpose(2, 0, 1), base[:, 1:1]):
        copy = there(view)
        assert copy.strides == view.strides
        np.testing.assert_array_equal(to_host(copy), view)
