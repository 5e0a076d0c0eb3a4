"""The CUDA kernels as nvcc makes them: for every architecture, without spills, with wide loads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

import segpost
from segpost._core import cuda_module
from tools.gpu_costs.machine_code import find_tool

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "csrc" / "cuda").glob("*/*.cu"))  # not those of the platform
NVCC = shutil.which("nvcc")
ARCHITECTURE = "sm_90"
WIDE = (
    "argmax_pixels",
    "argmax_confidence",
    "softmax",
    "confusion",
    "palette",
)  # whose fast code paths read 16 bytes at a time

needs_nvcc = pytest.mark.skipif(NVCC is None, reason="no nvcc")


def nvcc(source: Path, *flags: str) -> str:
    """What the compiler says."""
    platform = ROOT / "csrc" / "cuda" / "runtime" / "platform" / "nvidia"
    includes = f"-I{ROOT / 'csrc'}", f"-I{platform}"
    common = "-std=c++17", "-O3", "-fmad=false", f"-arch={ARCHITECTURE}", "-Werror", "all-warnings"
    command = [str(NVCC), *common, *includes, str(source), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def tool(name: str) -> str:
    """A tool of CUDA's."""
    path = find_tool(name)
    if path is None:
        pytest.skip(f"no {name}")
    return path


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Every source as machine code, and what the assembler says of it."""
    folder = tmp_path_factory.mktemp("cubin")

    def compile_one(source: Path) -> tuple[Path, str]:
        made = folder / f"{source.parent.name}-{source.stem}.cubin"
        return made, nvcc(source, "-Xptxas", "-v", "-cubin", "-o", str(made))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(compile_one, SOURCES)
        return {source.stem: result for source, result in zip(SOURCES, made, strict=True)}


@pytest.mark.cuda_build
@needs_nvcc
def test_kernels_spill_no_registers(compiled: dict[str, tuple[Path, str]]) -> None:
    """No kernel keeps registers in memory."""
    for name, (_, said) in compiled.items():
        kernels = re.findall(r"Compiling entry function '(\w+)'", said)
        spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", said)
        assert len(spills) >= len(kernels), name
        assert set(spills) <= {("0", "0")}, (name, kernels, spills)


@pytest.mark.cuda_build
@needs_nvcc
@pytest.mark.parametrize("name", WIDE)
def test_machine_code_reads_16_bytes_at_a_time(
    name: str, compiled: dict[str, tuple[Path, str]]
) -> None:
    """The assembler has left the vector loads as they are, and needs no local memory."""
    command = [tool("nvdisasm"), "-c", str(compiled[name][0])]
    code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"\bLDG\.E\S*\.128\b", code)
    assert not re.search(r"\b(LDL|STL)\b", code)


@pytest.mark.cuda_build
@needs_nvcc
@pytest.mark.parametrize("name", WIDE)
def test_kernels_of_one_pass_read_16_bytes_at_a_time(name: str, tmp_path: Path) -> None:
    """Their PTX has vector loads of four words from global memory."""
    made = tmp_path / f"{name}.ptx"
    (source,) = (source for source in SOURCES if source.stem == name)
    nvcc(source, "-ptx", "-o", str(made))
    assert re.search(r"ld\.global(\.\w+)*\.v4\.[ubf]32", made.read_text())


def test_the_extension_is_built_where_it_was_asked_for() -> None:
    """SEGPOST_CUDA=ON means a CUDA backend in this installation, which imports unharmed."""
    if cuda_module.find_cuda() is None:
        assert os.environ.get("SEGPOST_CUDA") != "ON"
        pytest.skip("built without CUDA")
    problem = segpost.why_no_cuda()
    assert problem is None or "driver" in problem or "device" in problem, problem


@pytest.mark.cuda_build
@needs_nvcc
def test_every_architecture_is_in_the_extension() -> None:
    """Where all architectures were asked for, all are there, and PTX for those to come."""
    if os.environ.get("SEGPOST_CUDA_ARCHITECTURES") != "all":
        pytest.skip("built for one architecture")
    dump = tool("cuobjdump")
    module = cuda_module.cuda_runtime().__file__
    listed = subprocess.run([dump, "-lelf", "-lptx", module], capture_output=True, text=True,
                            check=True).stdout  # fmt: skip
    for architecture in ("75", "80", "86", "89", "90", "100", "120"):
        assert re.search(rf"sm_{architecture}\b.*cubin", listed), architecture
    assert re.search(r"sm_120\b.*ptx", listed)
    assert len(zlib.compress(Path(module).read_bytes())) < 20 << 20  # in a wheel


@pytest.mark.cuda_build
@needs_nvcc
def test_distribution_has_the_module_alone(tmp_path: Path) -> None:
    """segpost-cuda, of the objects of segpost's own build: it loads where there is no driver."""
    if "ccache" not in os.environ.get("CMAKE_CUDA_COMPILER_LAUNCHER", ""):
        pytest.skip("every kernel would be compiled again")
    built = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w"]
    done = subprocess.run([*built, str(tmp_path), str(ROOT / "distributions" / "cuda")],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (wheel,) = tmp_path.glob("segpost_cuda-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    files = {path.name for path in (tmp_path / "installed" / "segpost_cuda").iterdir()}
    assert files == {"__init__.py", f"_cuda{sysconfig.get_config_var('EXT_SUFFIX')}"}
    code = "from segpost_cuda import _cuda; print(_cuda.architectures()); _cuda.device_count()"
    command = [sys.executable, "-c", f"import sys; sys.path.append('installed'); {code}"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    wanted = os.environ.get("SEGPOST_CUDA_ARCHITECTURES", "all")
    assert wanted == "all" or printed.stdout.split() == wanted.split(";")
