"""Headers of a Python to compile against: of one on this machine, or of a package of Debian.

Nothing is installed: packages are fetched and unpacked below a folder of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .pythons import Python
from .targets import Target

# The suite of Debian that has a Python, by the Python's minor version.
SUITES = {11: "bookworm", 13: "trixie", 14: "sid"}
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
ASK = """
import json, sysconfig
names = "include", "platinclude"
print(json.dumps([sysconfig.get_python_version(), *map(sysconfig.get_path, names)]))
"""
# What differs in pyconfig.h from that of Linux, so far as extension modules see it.
CHANGES: Mapping[str, Mapping[str, str | None]] = {
    "Linux": {"HAVE_CRYPT_H": None},
    "Darwin": {
        "HAVE_CRYPT_H": None,
        "PTHREAD_KEY_T_IS_COMPATIBLE_WITH_INT": None,
        "SIZEOF_PTHREAD_KEY_T": "8",
    },
}


class HeadersMissing(Exception):
    """There are no headers of a Python here; the text says which."""


def find_headers(python: Python, target: Target, cache: Path) -> Path:
    """Return a folder with the headers of a Python for a target.

    Parameters
    ----------
    python, target
        What the headers are for.
    cache : pathlib.Path
        A folder in which headers are kept.

    Raises
    ------
    HeadersMissing
        If no Python of this machine and no package has them.
    """
    folder = cache / "headers" / f"{python.name}-{target.system}"
    if not (folder / "complete").exists():
        include, config = find_installed(python.minor) or fetch_from_debian(python.minor, cache)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(include, folder)
        text = config.read_text(encoding="utf-8") + change_config(python, target)
        (folder / "pyconfig.h").write_text(text, encoding="utf-8")
        (folder / "complete").touch()
    return folder


def change_config(python: Python, target: Target) -> str:
    """Return what is appended to the pyconfig.h of a Python with a global lock, on Linux x86-64."""
    changes = dict(CHANGES.get(target.system, {}))
    changes["Py_GIL_DISABLED"] = "1" if python.is_free_threaded else None
    lines = []
    for name, value in changes.items():
        lines.append(f"#undef {name}")
        if value is not None:
            lines.append(f"#define {name} {value}")
    return "\n" + "\n".join(lines) + "\n"


def list_programs(python: Python) -> Iterator[str]:
    """Iterate over the programs on this machine that may be a Python."""
    found = shutil.which(f"python{python.name}")
    if found:
        yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob(f"versions/3.{python.minor}.*/bin/python{python.name}")))


def find_installed(minor: int) -> tuple[Path, Path] | None:
    """Return the headers of a Python of this machine, and its pyconfig.h, if it has them."""
    for program in list_programs(Python(minor)):
        command = [program, "-I", "-c", ASK]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            continue
        version, include, platform = json.loads(done.stdout)
        if version == f"3.{minor}" and Path(include, "Python.h").exists():
            return Path(include), find_config(Path(include), Path(platform), version)
    return None


def find_config(include: Path, platform: Path, version: str) -> Path:
    """Return the pyconfig.h that has the values: Debian's includes another one."""
    beside = sorted(include.parent.glob(f"*-linux-gnu/python{version}/pyconfig.h"))
    return beside[0] if beside else platform / "pyconfig.h"


def fetch_from_debian(minor: int, cache: Path) -> tuple[Path, Path]:
    """Fetch the package with the headers of a Python, and return them and its pyconfig.h."""
    suite = SUITES.get(minor)
    if suite is None:
        raise HeadersMissing(f"this machine has no Python 3.{minor} with headers, nor has Debian")
    folder = cache / "debian" / suite
    unpacked = folder / f"python3.{minor}"
    include = unpacked / "usr" / "include" / f"python3.{minor}"
    if not (include / "Python.h").exists():
        try:
            package = download(f"libpython3.{minor}-dev:amd64", suite, folder)
            subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise HeadersMissing(f"Debian's headers of Python 3.{minor}: {error}") from error
    return include, find_config(include, include, f"3.{minor}")


def download(package: str, suite: str, folder: Path) -> Path:
    """Fetch a package of a suite of Debian, by an apt that knows nothing but this suite."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc/apt", "dpkg"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "dpkg" / "status").touch()
    source = f"deb [signed-by={KEYS}] {find_mirror()} {suite} main\n"
    (folder / "etc" / "apt" / "sources.list").write_text(source, encoding="utf-8")
    options = [
        f"Dir={folder.resolve()}",
        "Dir::State=state",
        "Dir::Cache=cache",
        "Dir::Etc=etc/apt",
        f"Dir::State::status={folder.resolve()}/dpkg/status",
        "APT::Architecture=amd64",
        "APT::Architectures=amd64",
        "APT::Sandbox::User=root",
        "Acquire::Check-Valid-Until=false",
        "Acquire::Languages=none",
    ]
    apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    subprocess.run([*apt, "update"], check=True)
    fresh = Path(tempfile.mkdtemp(dir=folder))
    subprocess.run([*apt, "download", package], check=True, cwd=fresh)
    return next(fresh.iterdir())


def find_mirror() -> str:
    """Return where this machine's apt finds Debian."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    addresses = [line for line in done.stdout.split() if "security" not in line]
    if not addresses:
        raise HeadersMissing("apt of this machine knows no archive of Debian")
    return addresses[0]
