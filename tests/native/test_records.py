"""Python and compiled code agree on the fields of the contract's records, or nothing is loaded."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import segpost
from segpost._core import contract

native: Any = pytest.importorskip("segpost._backends.native")
_cpu = native._cpu

RECORDS = [
    kind
    for kind in vars(contract).values()
    if isinstance(kind, type) and issubclass(kind, tuple) and kind.__module__ == contract.__name__
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_swapped_fields_are_refused(record: Any) -> None:
    """Two fields that change places are an error that names the record and both orders."""
    name, fields = record.__name__, list(record._fields)
    swapped = type(name, (tuple,), {"_fields": (fields[1], fields[0], *fields[2:])})
    other = SimpleNamespace(**{**vars(contract), name: swapped})
    with pytest.raises(RuntimeError, match=rf"reads {name} as \({', '.join(fields)}\), but"):
        _cpu.bind_records(other)
    with segpost.use_backend("native"):  # what was bound before is still in use
        assert segpost.argmax(np.array([[[1.0]], [[2.0]]])).tolist() == [[1]]


def test_the_backend_checks_records_when_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that the registry imports does not import with another order of fields."""

    class Logits(NamedTuple):
        values: Any
        kind: str
        zero_point: float
        scale: float
        threshold: float | None
        origin: tuple[int, int]

    monkeypatch.setattr(contract, "Logits", Logits)
    with pytest.raises(RuntimeError, match="reads Logits as"):
        importlib.reload(native)


def test_only_the_contract_s_records_are_read() -> None:
    """A tuple with the same values is a TypeError, not a read of foreign memory."""
    with segpost.use_backend("native"):
        given = contract.Logits(np.zeros((1, 2, 1, 1), np.float32), "float32")
        labels = np.empty((1, 1, 1), np.uint8)
        assert isinstance(_cpu.argmax(given, None, labels), contract.LogitErrors)
        with pytest.raises(TypeError):
            _cpu.argmax(tuple(given), None, labels)
