"""A Linux system of AArch64 in a folder, whose Python QEMU runs: the wheel for it, and its tests.

    python -m tools.wheels.emulation CACHE [ARGUMENT ...]

builds the wheel of linux-aarch64 for that Python, unpacks it, and runs pytest with the arguments,
such as `-k native`. It needs Debian or Ubuntu with `qemu-user`, and what `tools.wheels` needs. The
machine's own packages stay as they are: apt has its state in the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from .every import build_all
from .pythons import Python, find_python
from .targets import find_target

ROOT = Path(__file__).resolve().parents[2]
TARGET = find_target("linux-aarch64")
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
    def package(self) -> Path:
        """A folder with the package segpost, as its wheel has it, for PYTHONPATH."""
        return self.cache / "package"

    @property
    def python(self) -> Path:
        """A script that runs the emulated Python; it is `sys.executable` there too."""
        return self.cache / "python"

    @property
    def version(self) -> Python:
        """The version of the Python."""
        return find_python(os.readlink(self.root / "usr/bin/python3").removeprefix("python"))


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


def fetch_wheels(system: System) -> None:
    """Unpack wheels for AArch64, chosen by the pip of this Python."""
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade"),
        *("--target", system.wheels, "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", system.version.name, "--platform", "manylinux_2_28_aarch64"),
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
    python = system.root / f"usr/bin/python{system.version.name}"
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


def build_wheel(system: System) -> Path:
    """Build the wheel for the Python of a system, and return its file.

    The source distribution and the pure wheel lie beside it.
    """
    install(system)
    wanted = {TARGET: [system.version]}
    return build_all(ROOT, wanted, system.cache / "dist", system.cache / "work", system.cache)[-1]


def unpack_wheel(system: System, wheel: Path) -> None:
    """Put the package of a wheel where the Python of a system finds it."""
    shutil.rmtree(system.package, ignore_errors=True)
    with ZipFile(wheel) as archive:
        archive.extractall(system.package)


def run_python(system: System, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the emulated Python in the root of the repository; tests find their modules."""
    tests = ROOT / "tests"
    variables = {**os.environ, "PYTHONPATH": f"{tests}:{tests / 'support'}"}
    command = [system.python, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )


def main() -> int:
    """Run pytest in the system, and return its exit status."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    system = System(Path(sys.argv[1]).resolve())
    system.cache.mkdir(parents=True, exist_ok=True)
    unpack_wheel(system, build_wheel(system))
    command = [str(system.python), "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[2:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
