"""The code base itself: versions, types, style, and rules nobody should have to remember."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import segpost

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("csrc/**/*.?pp")])


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A tool of this environment, from the root of the repository."""
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


WITHOUT_CUDA = {
    "add_resized",
    "resize_majority",
    "letterbox",
    "boundary_bands",
    "boundary_matches",
    "instance_counts",
    "surface_distances",
    "confusion_strata",
}
COMPILED = ("_cpu", "_cuda")
WITHOUT_EXAMPLE = {"num_threads", "raise_deferred", "set_num_threads", "why_no_cuda"}


def test_versions_agree() -> None:
    """The version is the same in the package and in its metadata."""
    assert segpost.__version__ == version("segpost")


def test_public_names_exist_and_are_documented() -> None:
    """Everything in __all__ is there, with a docstring and an example of it where it computes."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in segpost.__all__:
        thing = getattr(segpost, name)
        assert thing.__doc__, name
        shown = [
            example.source
            for test in finder.find(thing, name, module=False)
            for example in test.examples
        ]
        if callable(thing) and name not in WITHOUT_EXAMPLE:
            assert shown, name
            assert inspect.isclass(thing) or re.search(rf"\b{name}\(", "".join(shown)), name


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_lint_and_format(command: tuple[str, ...]) -> None:
    """ruff is clean."""
    result = run("ruff", *command, "src", "tests", "benches", "examples", "tools")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.types
def test_types() -> None:
    """mypy --strict is clean."""
    result = run("mypy")
    assert result.returncode == 0, result.stdout + result.stderr


def import_compiled(name: str) -> Any:
    """A compiled module; that of CUDA may be segpost-cuda's."""
    from segpost._core.cuda_module import find_cuda

    return pytest.importorskip((name == "_cuda" and find_cuda()) or f"segpost.{name}")


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_modules_have_the_names_of_their_stubs(name: str) -> None:
    """A stub declares what the compiled module has, and nothing else."""
    module = import_compiled(name)
    stub = (ROOT / f"src/segpost/{name}.pyi").read_text()
    names = set(re.findall(r"^(?:(?:def|class) )?(\w+)(?=[(:])", stub, re.MULTILINE)) - {"Array"}
    assert names == {found for found in vars(module) if not found.startswith("_")}


def test_no_file_forbids_what_the_house_forbids() -> None:
    """No OpenMP, no parallel Numba, no silently casting binding, no fast math."""
    forbidden = re.compile(
        r"#pragma omp|parallel *= *True|py::array_t<|fastmath *= *True|-ffast-math"
    )
    for path in SOURCES:
        found = forbidden.search(path.read_text())
        assert not found, f"{path.relative_to(ROOT)}: {found and found.group()}"


def test_backends_have_the_same_operations() -> None:
    """Every backend has each operation of the contract: its parameters and defaults."""
    from segpost._backends import registry
    from segpost._backends.cuda.backend import CudaBackend
    from segpost._core import contract, extensions

    wanted = {name for name in vars(contract.Backend) if not name.startswith("_")}
    for name in registry.BACKENDS:
        if name == "native" and extensions.native_problem():
            continue
        module = CudaBackend if name == "cuda" else registry._load(name)
        for operation in wanted - (WITHOUT_CUDA if name == "cuda" else set()):
            declared = inspect.signature(getattr(contract.Backend, operation))
            parameters = list(declared.parameters.values())
            if name != "cuda":  # a module of functions
                del parameters[0]
            function = getattr(module, operation)
            if inspect.isbuiltin(function):  # compiled: pybind11 writes the names in its docstring
                written = re.findall(r"(\w+): ", (function.__doc__ or "").partition(")")[0])
                assert written == [p.name for p in parameters], (name, operation)
                continue
            assert [
                (p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()
            ] == [(p.name, p.kind, p.default) for p in parameters], (name, operation)
    assert not any(hasattr(CudaBackend, operation) for operation in WITHOUT_CUDA)


def test_packages_do_not_branch_on_devices() -> None:
    """Only the array layer and the backends ask where an array is, or compare device names."""
    branch = re.compile(r"DeviceArray|[=!]= *[\"']cuda[\"']|in \([^)]*[\"']cuda[\"']")
    package = ROOT / "src" / "segpost"
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in ("_core", "_backends"):
            found = branch.search(path.read_text())
            assert not found, f"{path.relative_to(ROOT)}: {found and found.group()}"


@pytest.mark.parametrize("name", COMPILED)
def test_shared_libraries_need_nothing_special(name: str) -> None:
    """No OpenMP runtime and no CUDA library is linked."""
    module = import_compiled(name)
    result = subprocess.run(
        ["ldd", str(module.__file__)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        pytest.skip("no ldd")
    assert "gomp" not in result.stdout
    assert "libcuda" not in result.stdout
