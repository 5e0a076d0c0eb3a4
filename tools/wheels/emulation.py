"""A Linux system of AArch64 in a folder, whose Python QEMU runs: builds and tests of segpost in it.

    python -m tools.wheels.emulation CACHE install
    python -m tools.wheels.emulation CACHE build
    python -m tools.wheels.emulation CACHE test tests/labels -k native

The first fetches the system of Debian and the wheels, the second compiles segpost for it, the third
runs pytest in it; each does first what comes before it. It needs Debian or Ubuntu with `qemu-user`,
`cmake`, `ninja` and the package `ziglang`. The machine's own packages stay as they are: apt has its
state in the folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .compiler import find_launcher, write_toolchain
from .targets import find_target

ROOT = Path(__file__).resolve().parents[2]
# Beside Python itself: what the wheels of NumPy and Numba load of a system.
LIBRARIES = ("python3", "libstdc++6", "zlib1g", "libgomp1")
WHEELS = (
    "numpy",
    "numba",
    "pybind11",
    "pytest>=8",
    "pytest-benchmark>=5",
    "pytest-timeout>=2.3",
    "pytest-xdist",
    "hypothesis>=6.100",
    "ml-dtypes>=0.4",
    "pillow>=10.1",
    "matplotlib>=3.8",
    "tqdm>=4.60",
)


@dataclass(frozen=True)
class System:
    """The folders of one cache."""

    cache: Path

    @property
    def root(self) -> Path:
        """What is / to an emulated program that asks for a file which is there."""
        return self.cache / "system"

    @property
    def wheels(self) -> Path:
        """Python packages, for PYTHONPATH."""
        return self.cache / "wheels"

    @property
    def headers(self) -> Path:
        """Headers of Python, and of nothing else: they would hide those of the compiler."""
        return self.cache / "headers"

    @property
    def package(self) -> Path:
        """A folder with the package segpost as it is installed, for PYTHONPATH."""
        return self.cache / "package"

    @property
    def python(self) -> Path:
        """A script that runs the emulated Python; it is `sys.executable` there too."""
        return self.cache / "python"

    @property
    def version(self) -> str:
        """Of the Python, such as 3.11."""
        return (self.root / "usr/bin/python3").resolve().name.removeprefix("python")


def run(*command: str | Path, **variables: str) -> None:
    """Run a command, its environment with some more variables, and print it."""
    print("+", *command, flush=True)
    subprocess.run(command, check=True, env={**os.environ, **variables})


def fetch_system(system: System) -> None:
    """Unpack Debian's Python for AArch64, and what it needs, into `system.root`."""
    state = system.cache / "apt"
    (state / "lists/partial").mkdir(parents=True, exist_ok=True)
    (state / "archives/partial").mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = (
        "APT::Architecture=arm64",
        "APT::Architectures::=arm64",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
        f"Dir::State={state}",
        f"Dir::State::lists={state}/lists",
        f"Dir::State::status={state}/status",
        f"Dir::Cache={state}",
        f"Dir::Cache::archives={state}/archives",
        "Dir::Etc::sourceparts=/etc/apt/sources.list.d",
        "Debug::NoLocking=true",
    )
    apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    run(*apt, "update")
    run(*apt, "--download-only", "--yes", "install", *LIBRARIES)
    for archive in sorted((state / "archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", archive, system.root], check=True)
    headers = state / "headers"
    headers.mkdir(exist_ok=True)
    name = f"libpython{system.version}-dev"
    print("+ apt-get download", name, flush=True)
    subprocess.run([*apt, "download", name], check=True, cwd=headers)
    for archive in headers.glob("*.deb"):
        subprocess.run(["dpkg", "-x", archive, system.headers], check=True)


def fetch_wheels(system: System) -> None:
    """Unpack wheels for AArch64, chosen by the pip of this Python."""
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade"),
        *("--target", system.wheels, "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", system.version, "--platform", "manylinux_2_28_aarch64"),
        *("--platform", "manylinux2014_aarch64", *WHEELS),
    )
    # A child of a test starts the script again: the kernel cannot start the emulated program.
    (system.wheels / "sitecustomize.py").write_text(
        f"import sys\nsys.executable = {str(system.python)!r}\n"
    )


def write_script(system: System) -> None:
    """Write the script that runs the emulated Python."""
    emulator = shutil.which("qemu-aarch64")
    if emulator is None:
        raise SystemExit("there is no qemu-aarch64; Debian has it in the package qemu-user")
    python = system.root / f"usr/bin/python{system.version}"
    system.python.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="$PYTHONPATH:{system.package}:{system.wheels}" '
        f'exec {emulator} -L {system.root} {python} "$@"\n'
    )
    system.python.chmod(0o755)


def install(system: System) -> None:
    """Make the system, unless it is there."""
    if not system.python.exists():
        fetch_system(system)
        fetch_wheels(system)
        write_script(system)


def build(system: System) -> None:
    """Compile segpost for the system: the package as it is installed, in `system.package`."""
    install(system)
    folder = system.cache / "build"
    # FindPython asks the emulated Python, which knows its own version and suffix.
    include = system.headers / "usr/include"
    toolchain = write_toolchain(find_target("linux-aarch64"), system.cache / "compiler")
    run(
        *("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"),
        *(f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", "-DCMAKE_CROSSCOMPILING_EMULATOR=env"),
        *find_launcher(),
        *("-DSEGPOST_WERROR=ON", "-DSEGPOST_REQUIRE_NATIVE=ON", "-DSEGPOST_CUDA=OFF"),
        f"-DCMAKE_CXX_FLAGS=-isystem {include}",
        f"-DPython_EXECUTABLE={system.python}",
        f"-DPython_INCLUDE_DIR={include}/python{system.version}",
    )
    run("cmake", "--build", folder, "--parallel", str(os.cpu_count() or 1))
    shutil.rmtree(system.package, ignore_errors=True)
    ours = shutil.ignore_patterns("*.so", "lib", "include", "__pycache__")
    shutil.copytree(ROOT / "src/segpost", system.package / "segpost", ignore=ours)
    run("cmake", "--install", folder, "--prefix", system.package)


def test(system: System, arguments: list[str]) -> int:
    """Run pytest in the system, of the tests of this repository; its exit status."""
    if not (system.package / "segpost").exists():
        build(system)
    command: list[str | Path] = [system.python, "-m", "pytest", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("action", choices=("install", "build", "test"))
    chosen, rest = parser.parse_known_args()
    system = System(chosen.cache.resolve())
    system.cache.mkdir(parents=True, exist_ok=True)
    if chosen.action == "test":
        return test(system, rest)
    (install if chosen.action == "install" else build)(system)
    return 0


if __name__ == "__main__":
    sys.exit(main())
