"""docs/contributing/gpu-costs.md is that of its numbers, and they are those of the kernels."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulated.build import compiler

from tools.gpu_costs import device
from tools.gpu_costs.__main__ import PAGE, read_numbers
from tools.gpu_costs.__main__ import compiler as nvcc_version
from tools.gpu_costs.machine_code import (
    CUDA,
    describe_kernels,
    find_tool,
    read_instructions,
    read_resources,
)
from tools.gpu_costs.model import cost_of
from tools.gpu_costs.page import write_page

ROOT = Path(__file__).resolve().parents[2]
BOUNDS = r"(?:__launch_bounds__\((?:[^()]|\([^()]*\))*\)\s*)?"
KERNEL = re.compile(rf"__global__ void\s+{BOUNDS}(\w+)\(")
LOOP = """\
.text._Z4copyPf:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
.L_x_0:
        /*0010*/                   LDG.E.EF.128 R4, desc[UR4][R2.64] ;
        /*0020*/                   LDG.E.128 R8, desc[UR4][R2.64+0x10] ;
        /*0030*/                   ATOMS.ADD RZ, [R1], R2 ;
        /*0040*/              @!P0 BRA `(.L_x_0) ;
        /*0050*/                   EXIT ;
.L_x_1:
        /*0060*/                   BRA `(.L_x_1);
        /*0070*/                   NOP;
"""
SAID = """\
ptxas info    : Compiling entry function '_Z4copyPf' for 'sm_90'
ptxas info    : Function properties for _Z4copyPf
    16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 16 bytes cumulative stack size, 2048 bytes smem
ptxas info    : Compile time = 4.4 ms
"""


def test_page_is_that_of_the_numbers() -> None:
    """Every row of the page comes from the committed numbers."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == write_page(read_numbers()), "run python -m tools.gpu_costs page"


def test_every_kernel_is_described_and_none_spills() -> None:
    """The numbers have the kernels of the sources."""
    kernels = read_numbers()["kernels"]
    described = {(one["file"], re.split("[<(]", name)[0]) for name, one in kernels.items()}
    written = {
        (str(source.relative_to(CUDA)), name)
        for source in CUDA.glob("*/*.cu")
        for name in KERNEL.findall(source.read_text(encoding="utf-8"))
    }
    assert described == written, "run python -m tools.gpu_costs commit"
    assert not [name for name, one in kernels.items() if one["spills"]]


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "share"),
    [
        (256, 32, 0, 1),
        (256, 40, 0, 0.75),
        (256, 64, 0, 0.5),
        (1024, 64, 0, 0.5),
        (128, 255, 0, 0.125),
        (32, 16, 0, 0.5),
        (256, 32, 100 << 10, 0.25),
        (256, 32, 12288, 1),
    ],
)
def test_occupancy(threads: int, registers: int, shared: int, share: float) -> None:
    """By registers, shared memory, threads and blocks of a processor."""
    assert device.occupancy(threads, registers, shared) == share


def test_machine_code_is_read() -> None:
    """Loops, wide loads, atomics, and what the assembler says of memory."""
    ((_, code),) = read_instructions(LOOP)
    assert (code["instructions"], code["loop"], code["loop_loads"]) == (7, 4, 2)
    assert (code["shared_atomics"], code["global_atomics"]) == (1, 0)
    ((name, resources),) = read_resources(SAID)
    assert name == "_Z4copyPf"
    assert resources == {"registers": 40, "shared": 2048, "stack": 16, "spills": 12}


def test_the_largest_part_decides() -> None:
    """Bytes of a large launch, the launch of a small one, and a wait."""
    work = {"name": "f", "threads": 256, "blocks": 4096, "launches": 1, "size": 0, "atomics": 0}
    large = cost_of({**work, "read": 4_300_000_000, "written": 0, "touched_by_blocks": 0}, {})
    assert large.bottleneck == "bytes"
    assert large.seconds == pytest.approx(1e-3)
    small = {**work, "blocks": 4, "read": 4096, "written": 0, "touched_by_blocks": 4096}
    assert cost_of(small, {}).bottleneck == "launch, latency"
    assert cost_of({**small, "name": "download", "threads": 0}, {}).bottleneck == "wait of the CPU"


@pytest.mark.cuda_build
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
def test_numbers_are_of_this_machine_code(tmp_path: Path) -> None:
    """Registers, shared memory and instructions of a subject are those of a fresh compilation.

    `python -m tools.gpu_costs code` compares those of all.
    """
    numbers = read_numbers()
    if nvcc_version() != numbers["nvcc"]:
        pytest.skip(f"the numbers are of nvcc {numbers['nvcc']}")
    if find_tool("nvdisasm") is None:
        pytest.skip("no nvdisasm")
    committed = {
        name: one for name, one in numbers["kernels"].items() if one["file"].startswith("color/")
    }
    assert len(committed) > 3
    now = describe_kernels(tmp_path, "color")
    assert now == committed, "run python -m tools.gpu_costs commit"


@pytest.mark.emulated
@pytest.mark.skipif(compiler() is None or shutil.which("nm") is None, reason="no C++ compiler")
def test_numbers_are_of_these_launches() -> None:
    """Some calls launch the committed kernels, in as many blocks, and move as many bytes."""
    pytest.importorskip("PIL")
    titles = ("labels, upsampled", "colorize", "confusion of labels", "regions of labels")
    command = [sys.executable, "-m", "tools.gpu_costs", "launches", *titles]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
