"""The CPU kernels under sanitizers: the tests of the kernels report nothing.

``SEGPOST_SANITIZED=FOLDER pytest -m sanitizers`` keeps the builds in a folder, so that the next run
compiles only what has changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulated.build import compiler

ROOT = Path(__file__).resolve().parents[2]
KERNELS = (
    *("labels", "metrics", "color", "spatial", "objects", "crf", "pipeline"),
    *("native/test_capi_arguments.py", "native/test_records.py"),
)
THREADS = (
    "native/test_ctrl_c.py", "native/test_process.py", "native/test_process_resources.py",
    "metrics/test_threads.py", "crf", "spatial", "objects",
)  # fmt: skip
# What is killed, forked or limited in its memory, and what compiles: the sanitizers are in the way.
LEFT_OUT = (
    "not fork and not dataloader and not signal and not interrupt and not memory and not daemon "
    "and not rss and not numba"
)
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0",  # Python frees little at its end
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1",
}
pytestmark = [
    pytest.mark.sanitizers,
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(
        compiler() is None or shutil.which("cmake") is None, reason="no C++ compiler, or no CMake"
    ),
]


def build(sanitizers: str, folder: Path) -> Path:
    """A copy of the package whose native code is under sanitizers; its parent is for PYTHONPATH."""
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    settings = {
        "CMAKE_BUILD_TYPE": "RelWithDebInfo",
        "SEGPOST_SANITIZE": sanitizers,
        "SEGPOST_REQUIRE_NATIVE": "ON",
        "SEGPOST_CUDA": "OFF",
        "Python_EXECUTABLE": sys.executable,
    }
    options = [f"-D{name}={value}" for name, value in settings.items()]
    package = folder / "src" / "segpost"
    shutil.copytree(
        ROOT / "src" / "segpost",
        package,
        ignore=shutil.ignore_patterns("*.so", "lib", "include", "__pycache__"),
        dirs_exist_ok=True,
    )
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(folder / "build"), *options, *launcher],
        ["cmake", "--build", str(folder / "build"), "--parallel", str(os.cpu_count() or 1)],
        ["cmake", "--install", str(folder / "build"), "--prefix", str(package.parent)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return package


@pytest.mark.parametrize(
    ("sanitizers", "libraries", "tests", "threads"),
    [
        ("address,undefined", ("libasan.so", "libubsan.so"), KERNELS, "2"),
        ("thread", ("libtsan.so",), THREADS, "4"),
    ],
    ids=["address,undefined", "thread"],
)
def test_kernels_under_sanitizers(
    sanitizers: str,
    libraries: tuple[str, ...],
    tests: tuple[str, ...],
    threads: str,
    tmp_path: Path,
) -> None:
    """Every test of the native backend passes, and no sanitizer ends its process."""
    preloaded = [
        subprocess.check_output([str(compiler()), f"-print-file-name={name}"], text=True).strip()
        for name in libraries
    ]
    if not all(os.path.isabs(path) for path in preloaded):
        pytest.skip("no sanitizers")
    kept = os.environ.get("SEGPOST_SANITIZED")
    package = build(sanitizers, Path(kept or tmp_path) / sanitizers.replace(",", "-"))
    # The sanitizers of threads know fixed places of memory only.
    fixed = ["setarch", platform.machine(), "-R"] if shutil.which("setarch") else []
    command = [
        *(*fixed, sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
        *("-k", f"native and {LEFT_OUT}", *(str(ROOT / "tests" / name) for name in tests)),
    ]
    variables = {
        **os.environ,
        **OPTIONS,
        "LD_PRELOAD": " ".join(preloaded),
        "PYTHONPATH": str(package.parent),
        "SEGPOST_NUM_THREADS": threads,
    }
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=variables, cwd=ROOT
    )
    text = result.stdout + result.stderr
    assert result.returncode == 0, text[-6000:]
    assert "runtime error" not in text
    library = (package / "lib" / "libsegpost.so").read_bytes()
    assert f"__{libraries[0][3:7]}_init".encode() in library
