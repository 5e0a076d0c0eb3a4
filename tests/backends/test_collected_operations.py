"""The operations of a backend are those that its modules define."""

from __future__ import annotations

from types import ModuleType

import pytest

from segpost._backends.operations import OPERATIONS, collect_operations
from segpost._backends.registry import BACKENDS, _load
from segpost._core import extensions


def module_of(name: str, **functions: object) -> ModuleType:
    """A module that defines functions."""
    module = ModuleType(name)
    for function in functions.values():
        function.__module__ = name
    vars(module).update(functions)
    return module


def test_imported_names_are_no_operations() -> None:
    """A helper that a module imports may have the name of an operation."""
    labels = module_of("labels", softmax=lambda: "labels")
    crf = module_of("crf", dense_crf=lambda: "crf")
    vars(crf)["softmax"] = lambda: "of another module"
    operations = collect_operations(labels, crf)
    assert {name: operations[name]() for name in operations} == {
        "softmax": "labels",
        "dense_crf": "crf",
    }


def test_an_operation_is_defined_once() -> None:
    """Two modules that define one operation are an error, whatever their order."""
    modules = [module_of(name, softmax=lambda: None) for name in ("labels", "crf")]
    for order in (modules, modules[::-1]):
        with pytest.raises(ImportError, match="defines softmax, as another module does"):
            collect_operations(*order)


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "cuda"])
def test_operations_are_functions_of_labels_not_of_the_crf(name: str) -> None:
    """The softmax of a backend takes logits: the CRF's helpers are not among its operations."""
    if name == "native" and extensions.native_problem() is not None:
        pytest.skip("no native backend")
    backend = _load(name)
    assert set(OPERATIONS) <= set(dir(backend))
    for operation in OPERATIONS:
        assert ".crf" not in getattr(backend, operation).__module__ or operation == "dense_crf"
