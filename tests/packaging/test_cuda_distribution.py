"""segpost-cuda: what its metadata shares with segpost's, and the extra that installs it."""

from __future__ import annotations

import os
import platform
import re
import runpy
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest

from segpost._core.cuda_module import INSTALL

ROOT = Path(__file__).resolve().parents[2]
OLDER = "0.0.9"


@pytest.fixture(scope="module")
def projects() -> tuple[dict[str, Any], dict[str, Any]]:
    """The files pyproject.toml of segpost and of segpost-cuda."""
    tomllib = pytest.importorskip("tomllib")
    own, other = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
        for folder in (".", "distributions/cuda")
    )
    return own, other


@pytest.fixture(scope="module")
def provide() -> Callable[..., Any]:
    """The function that gives the metadata that both have."""
    pytest.importorskip("tomllib")
    provider = runpy.run_path(str(ROOT / "tools" / "metadata" / "shared_metadata.py"))
    function: Callable[..., Any] = provider["dynamic_metadata"]
    return function


def test_metadata_is_written_once(
    projects: tuple[dict[str, Any], dict[str, Any]], provide: Callable[..., Any]
) -> None:
    """The version, the Pythons and the license are those of segpost, and so is what builds both."""
    own, other = projects
    assert own["build-system"] == other["build-system"]
    fields = other["project"]["dynamic"]
    assert sorted(other["tool"]["scikit-build"]["metadata"]) == sorted(fields)
    shared = {field: provide(field, {}) for field in fields}
    version = own["project"]["version"]
    assert shared.pop("dependencies") == [f"segpost=={version}"]
    classifiers = shared.pop("classifiers")
    assert "Operating System :: POSIX :: Linux" in classifiers
    assert "Operating System :: OS Independent" not in classifiers
    pythons = [line for line in own["project"]["classifiers"] if ":: Python :: 3." in line]
    assert set(pythons) <= {*classifiers}
    assert shared == {field: own["project"][field] for field in shared}
    assert version not in (ROOT / "distributions" / "cuda" / "pyproject.toml").read_text()
    with pytest.raises(ValueError, match="without settings"):
        provide("version", {"input": "file"})


def test_both_builds_take_the_same_options(
    projects: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """From the same variables; the kernels are not optional."""
    own, other = (project["tool"]["scikit-build"]["cmake"]["define"] for project in projects)
    fixed = {name: other.pop(name) for name in [*other] if isinstance(other[name], str)}
    assert fixed == {
        "SEGPOST_CUDA_PACKAGE": "ON",
        "SEGPOST_CUDA": "ON",
        "SEGPOST_REQUIRE_NATIVE": "ON",
    }
    assert other
    assert {name: own[name] for name in other} == other


# Wheels, by pip.


class Environment(NamedTuple):
    """A virtual environment beside that of the tests, and a folder of wheels for it."""

    folder: Path
    wheels: Path

    def run(self, *command: str) -> str:
        """What a command prints; pip sees NumPy and Numba, and no index."""
        own = [*self.folder.glob("lib/python*/site-packages")]
        folders = [*own, *(path for path in sys.path if path.endswith("-packages"))]
        variables = {
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }
        return run(*command, variables=variables)

    def why_no_cuda(self) -> str:
        """What segpost says there."""
        code = "import segpost; print(segpost.why_no_cuda())"
        return self.run("python", "-W", "ignore::RuntimeWarning", "-c", code).strip()


def run(*command: str, folder: Path = ROOT, variables: Mapping[str, str] | None = None) -> str:
    """What a command prints, if it succeeds."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEGPOST_", "PYTHON"))}
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**kept, **(variables or {})},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def build(hook: str, source: Path, folder: Path, **variables: str) -> Path:
    """What the build backend makes of a folder of sources."""
    code = f"import scikit_build_core.build as b; print(b.{hook}({str(folder)!r}))"
    return folder / run(sys.executable, "-c", code, folder=source, variables=variables).split()[-1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """segpost on Numba, and wheels of segpost-cuda without a module: nothing is compiled."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("environment")
    sdist = build("build_sdist", ROOT, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.glob("segpost-*/")
    own = build("build_wheel", source, wheels, SEGPOST_NATIVE="OFF")
    project = source / "pyproject.toml"
    older = re.sub("^version = .*$", f'version = "{OLDER}"', project.read_text(), flags=re.M)
    for text in (project.read_text(), older):
        project.write_text(text)
        build("build_wheel", source / "distributions" / "cuda", wheels, SKBUILD_WHEEL_CMAKE="0")
    run(sys.executable, "-m", "venv", str(folder / "environment"))
    made = Environment(folder / "environment", wheels)
    made.run("pip", "install", "--no-deps", "--ignore-installed", str(own))
    return made


@pytest.mark.packaging
def test_wheel_has_the_version_and_the_license(environment: Environment) -> None:
    """And no other Python, beside the module that is not compiled here."""
    (path,) = environment.wheels.glob(f"segpost_cuda-{OLDER}-*.whl")
    with ZipFile(path) as archive:
        names = {name.partition("dist-info/")[2] or name for name in archive.namelist()}
        text = archive.read("segpost_cuda/__init__.py").decode()
        license_text = archive.read(f"segpost_cuda-{OLDER}.dist-info/licenses/LICENSE").decode()
    assert names == {"segpost_cuda/__init__.py", "METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}
    assert f'__version__ = "{OLDER}"' in text
    assert license_text == (ROOT / "LICENSE").read_text()


@pytest.mark.packaging
@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="the extra installs nothing here",
)
def test_cure_installs_the_version_of_segpost(environment: Environment) -> None:
    """Where there is none, and where there is another one."""
    assert environment.why_no_cuda() == f"segpost-cuda is not installed: {INSTALL}"
    environment.run("pip", "install", "--no-deps", f"segpost-cuda=={OLDER}")
    told = environment.why_no_cuda()
    assert re.fullmatch(rf"segpost-cuda is of version {OLDER}, and segpost of \S+: (.*)", told)
    environment.run("sh", "-c", told.partition(": ")[2])
    assert environment.why_no_cuda().startswith("segpost-cuda has no _cuda.")  # it is a template
    versions = environment.run("pip", "list", "--format=freeze")
    (own,) = re.findall(r"^segpost==(.*)$", versions, re.MULTILINE)
    assert f"\nsegpost-cuda=={own}\n" in versions
