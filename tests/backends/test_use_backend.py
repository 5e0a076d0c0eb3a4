"""`use_backend` as a block, as a decorator, and as a statement, which has no effect."""

from __future__ import annotations

import pytest

import segpost
from segpost._backends.registry import backend_name


def test_a_statement_has_no_effect() -> None:
    before = backend_name()
    with pytest.warns(segpost.InputWarning, match="write with segpost.use_backend") as caught:
        segpost.use_backend("reference")
    assert caught[0].filename == __file__
    assert backend_name() == before


def test_blocks_and_functions() -> None:
    before = backend_name()
    block = segpost.use_backend("reference")

    @segpost.use_backend("numba")
    def name() -> str:
        """Return the backend inside."""
        return backend_name()

    with block, block:
        assert (backend_name(), name()) == ("reference", "numba")
    assert (backend_name(), name.__doc__) == (before, "Return the backend inside.")
