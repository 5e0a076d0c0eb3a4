"""The module of CUDA: which one is taken, and what is said where there is none that can be used."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from fake_devices import Cuda

import segpost
from segpost._backends import registry
from segpost._core import cuda_module
from segpost._core.installers import find_installer
from segpost._core.version import UNKNOWN
from segpost.cli import main

RUNTIME = """
def device_count(): return {devices}, {problem!r}
def capability(device): return {capabilities}[device]
def architectures(): return {architectures!r}
"""
BUILD = f"with nvcc: SEGPOST_CUDA=ON {find_installer().rebuild}"
WSL = ", such as that of WSL 2"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a segpost-cuda whose module is Python code; before that there is none.

    The backend of this installation, if it has one, is not seen.
    """

    def find_here(name: str) -> ModuleSpec | None:
        spec = find_spec(name)
        return spec if spec and str(spec.origin).startswith(str(tmp_path)) else None

    def forget() -> None:
        cuda_module.cuda_runtime.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "segpost_cuda"]:
            del sys.modules[name]

    monkeypatch.setattr(cuda_module, "find_spec", find_here)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(cuda_module, "package_version", lambda: "1.2.0")

    def install(version: str = "1.2.0", code: str | None = None, **facts: Any) -> None:
        facts = {"devices": 1, "problem": None, "capabilities": [90], **facts}
        facts.setdefault("architectures", "75-real 90-real 120")
        package = tmp_path / "segpost_cuda"
        package.mkdir()
        (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
        if code != "":
            (package / "_cuda.py").write_text(RUNTIME.format(**facts) if code is None else code)
        importlib.invalidate_caches()
        forget()

    forget()
    yield install
    forget()


def test_module_of_the_distribution_is_found(install: Install) -> None:
    """And nothing is loaded before it is used."""
    install()
    assert cuda_module.find_cuda() == "segpost_cuda._cuda"
    assert cuda_module.describe_cuda() == "segpost-cuda 1.2.0"
    assert "segpost_cuda._cuda" not in sys.modules
    assert cuda_module.cuda_problem() is None
    assert cuda_module.cuda_runtime().__name__ == "segpost_cuda._cuda"
    assert segpost.cuda_available()


def test_build_with_cuda_goes_first(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was made of the sources of this segpost; the version of another one does not matter."""
    install("0.9.0")
    own = ModuleType("segpost._cuda")
    own.__spec__ = ModuleSpec("segpost._cuda", None, origin=str(tmp_path))
    own.device_count = lambda: (0, "no driver")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "segpost._cuda", own)
    assert cuda_module.describe_cuda() == "segpost"
    assert segpost.build_config()["wheel"] == "compiled with CUDA"
    assert segpost.why_no_cuda() == "no driver"


@pytest.mark.parametrize(
    ("system", "machine", "sentence"),
    [
        ("linux", "x86_64", 'segpost-cuda is not installed: pip install "segpost[cuda]"'),
        ("linux", "aarch64", 'segpost-cuda is not installed: pip install "segpost[cuda]"'),
        ("linux", "ppc64le", f"there is no segpost-cuda for ppc64le; {BUILD}"),
        ("darwin", "arm64", "segpost uses CUDA on Linux alone, and this is Darwin"),
        ("win32", "AMD64", f"segpost uses CUDA on Linux alone{WSL}, and this is Windows"),
    ],
)
@pytest.mark.usefixtures("install")
def test_missing_module(
    system: str, machine: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is a cure where it installs something."""
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    names = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    monkeypatch.setattr(platform, "system", lambda: names[system])
    assert segpost.why_no_cuda() == sentence
    assert cuda_module.describe_cuda() is None
    with pytest.raises(TypeError) as error:
        segpost.argmax(Cuda(np.zeros((2, 3, 3), np.float32)))
    assert f"segpost has no CUDA backend here ({sentence}); copy it to" in str(error.value)
    with pytest.raises(RuntimeError) as unusable, segpost.use_backend("cuda"):
        pass
    assert str(unusable.value) == f"the cuda backend cannot be used: {sentence}"


@pytest.mark.parametrize("version", ["1.1.9", "1.3.0"])
def test_other_version_is_not_loaded(install: Install, version: str) -> None:
    """An older one and a newer one: the sentence has both versions."""
    install(version, "raise AssertionError")
    told = (
        f'segpost-cuda is of version {version}, and segpost of 1.2.0: pip install "segpost[cuda]"'
    )
    assert segpost.why_no_cuda() == told


def test_other_version_of_a_platform_without_wheels(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was built from source, and is again."""
    install("1.1.0")
    monkeypatch.setattr(platform, "machine", lambda: "ppc64le")
    problem = segpost.why_no_cuda()
    assert problem is not None
    assert problem.endswith(f"and segpost of 1.2.0: {BUILD}")


def test_checkout_that_was_not_installed_has_no_version(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known that could differ."""
    install()
    monkeypatch.setattr(cuda_module, "package_version", lambda: UNKNOWN)
    assert segpost.why_no_cuda() is None


def test_module_of_another_python(install: Install) -> None:
    """pip thinks that the extra is installed: the cure installs it again."""
    install(code="")
    suffix = EXTENSION_SUFFIXES[0]
    assert segpost.why_no_cuda() == (
        f"segpost-cuda has no _cuda{suffix}, which this Python loads: {cuda_module.REINSTALL}"
    )


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("_cuda.so: undefined symbol: PyObject", f"install it again: {cuda_module.REINSTALL}"),
        ("libc.so.6: version `GLIBC_2.28' not found", BUILD),
    ],
)
def test_module_that_does_not_load(install: Install, message: str, cure: str) -> None:
    """What the loader says, and what helps against it."""
    install(code=f"raise ImportError({message!r})")
    told = f"segpost_cuda._cuda does not load: {message}; {cure}"
    assert segpost.why_no_cuda() == told


def test_missing_driver_is_told_by_the_module(install: Install) -> None:
    """No package cures that."""
    install(devices=0, problem="no NVIDIA driver is installed")
    assert segpost.why_no_cuda() == "no NVIDIA driver is installed"


def test_device_without_code(install: Install) -> None:
    """A device of two that has code is enough, but for an array on the other one."""
    install(devices=2, capabilities=[70, 90])
    assert segpost.why_no_cuda() is None
    assert cuda_module.cuda_problem(1) is None
    assert cuda_module.cuda_problem(0) == (
        "there is no code for compute capability 7.0 in segpost-cuda 1.2.0, which was built for "
        f"75-real 90-real 120; {BUILD}"
    )


@pytest.mark.parametrize(
    ("architectures", "runs", "fails"),
    [
        ("75-real 80-real 120", (75, 80, 86, 89, 120, 121), (70, 90, 103)),
        ("75", (75, 80, 120), (70,)),  # machine code and PTX
        ("90-real", (90,), (80, 89, 100)),
        ("80-virtual", (80, 90, 120), (75,)),
        ("90a-real", (75, 90), ()),  # not read: what CUDA says counts
        ("native", (75, 90), ()),
        ("", (0, 75), ()),
    ],
)
def test_code_runs_on_devices(
    architectures: str, runs: tuple[int, ...], fails: tuple[int, ...]
) -> None:
    """Machine code within a major version, PTX on everything newer."""
    built = architectures.split()
    assert all(cuda_module.has_code(built, version) for version in runs)
    assert not any(cuda_module.has_code(built, version) for version in fails)


def test_info_says_where_the_module_is_from(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or why there is none."""
    main(["info"])
    assert 'CUDA       no: segpost-cuda is not installed: pip install "segpost[cuda]"\n' in (
        capsys.readouterr().out
    )
    install()
    main(["info"])
    assert "CUDA       yes (segpost-cuda 1.2.0)\n" in capsys.readouterr().out
    config = segpost.build_config()
    assert (config["cuda"], config["cuda_from"]) == (True, "segpost-cuda 1.2.0")
    assert "CUDA" not in config["wheel"]


def test_extra_pins_the_version_of_this_package() -> None:
    """On the platforms on which it is named as a cure."""
    tomllib = pytest.importorskip("tomllib")
    path = Path(__file__).resolve().parents[2] / "pyproject.toml"
    project = tomllib.loads(path.read_text())["project"]
    (line,) = project["optional-dependencies"]["cuda"]
    name, _, marker = line.partition("; ")
    assert name == f"segpost-cuda=={project['version']}"
    evaluate = pytest.importorskip("packaging.markers").Marker(marker).evaluate
    for system, machine, published in (
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("linux", "ppc64le", False),
        ("darwin", "x86_64", False),
        ("win32", "AMD64", False),
    ):
        assert evaluate({"sys_platform": system, "platform_machine": machine}) == published


@pytest.fixture(autouse=True)
def _no_loaded_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_loaded", {})
