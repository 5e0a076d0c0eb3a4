"""No operation takes more instructions than the committed ones: a guard that needs no clock."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from platform_needs import require

import segpost
from tools.instructions.__main__ import COMMITTED, LEVELS, compiler
from tools.instructions.counting import build_plugin, count_here, list_losses

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of x86-64"),
    pytest.mark.skipif(not segpost.build_config()["native"], reason="there is no native code"),
]


@pytest.mark.parametrize("level", LEVELS)
def test_no_operation_takes_more_instructions(level: str, tmp_path: Path) -> None:
    """After a change that is worth it: ``python -m tools.instructions commit``."""
    require("x86_64")
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    if compiler() not in committed:
        pytest.skip(f"the numbers are of {', '.join(committed)}")
    counts = count_here(build_plugin(tmp_path), level)
    assert counts.keys() == committed[compiler()][level].keys()
    assert list_losses(counts, committed[compiler()][level]) == []


def test_losses_are_listed() -> None:
    committed = {"argmax": 10.0, "softmax": 100.0}
    assert list_losses({"argmax": 11.6, "softmax": 114.0}, committed) == [
        "argmax: 11.6 instructions a pixel, 10.0 are committed"
    ]
