"""The examples of every docstring run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import segpost

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(segpost.__path__, "segpost.")
    if not module.name.endswith(("._cpu", "._native", ".__main__"))
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
