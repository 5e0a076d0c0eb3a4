"""The examples of every docstring and of the guides run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import segpost

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(segpost.__path__, "segpost.")
    if not module.name.endswith(("._cpu", "._cuda", ".native", ".__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """No example fails; modules whose optional package is missing are skipped."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("segpost"):
            raise
        pytest.skip(f"{error.name} is not installed")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "name", ["checkpoints.md", "scores.md", "pydensecrf.md", "diagnose.md", "runtimes/README.md"]
)
def test_guides(name: str) -> None:
    """The examples of a page of docs/ print what it says."""
    pytest.importorskip("torchmetrics")
    path = Path(__file__).resolve().parents[2] / "docs" / name
    assert doctest.testfile(str(path), module_relative=False).failed == 0
