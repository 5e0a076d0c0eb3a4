"""A backend has the operations that its modules define, each once."""

from __future__ import annotations

from types import ModuleType

import pytest

from segpost._backends.operations import collect_operations


def module(name: str, **members: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made


def test_operations_are_those_of_the_contract() -> None:
    """Other functions of a module are left out, and one object may be in several modules."""
    one = module("one", argmax=print, helper=len)
    assert collect_operations(one, module("two", argmax=print, softmax=max)) == {
        "argmax": print,
        "softmax": max,
    }


def test_a_helper_cannot_replace_an_operation() -> None:
    """Two functions of one name are refused: the later module would win without a word."""
    with pytest.raises(ValueError, match="two has a softmax beside that of another module"):
        collect_operations(module("one", softmax=max), module("two", softmax=min))
