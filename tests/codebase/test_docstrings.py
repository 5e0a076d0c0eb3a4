"""The examples of every docstring run and print what they say."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import segpost


@cache
def classes_in(file: str) -> frozenset[str]:
    """The classes that a file defines."""
    body = ast.parse(Path(file).read_text()).body
    return frozenset(node.name for node in body if isinstance(node, ast.ClassDef))


class Finder(doctest.DocTestFinder):
    """Finds the examples of a class in the module that defines it.

    Public classes name `segpost` as their module.
    """

    def _from_module(self, module: object, object: Any) -> bool:
        if inspect.isclass(object) and object.__module__ == "segpost":
            return object.__name__ in classes_in(getattr(module, "__file__", ""))
        return bool(super()._from_module(module, inspect.unwrap(object)))  # type: ignore[misc]


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
    runner = doctest.DocTestRunner()
    for test in Finder().find(module, name):
        runner.run(test)
    assert runner.summarize().failed == 0


def test_examples_of_public_classes_are_found() -> None:
    """The finder sees the examples of every public class, and of its methods."""
    optional = ("torch", "openvino_operators")
    names = [name for name in MODULES if not any(part in name for part in optional)]
    found = {test.name for name in names for test in examples_of(name)}
    for name in segpost.__all__:
        thing = getattr(segpost, name)
        if inspect.isclass(thing) and ">>>" in (thing.__doc__ or ""):
            assert any(test.endswith(f".{name}") for test in found), name
    assert "segpost.metrics.matrix.ConfusionMatrix" in found


def examples_of(name: str) -> list[doctest.DocTest]:
    """The examples of a module."""
    return Finder(exclude_empty=True).find(importlib.import_module(name), name)
