"""Targets that are transposed, beside logits that are resized to their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost


@pytest.mark.parametrize(("height", "width", "stride"), [(40, 60, 8), (60, 40, 4), (33, 65, 8)])
def test_transposed_targets(height: int, width: int, stride: int) -> None:
    """The finding is the transposition, no letterbox, and its cure makes them agree."""
    logits = scene(4, height, width)
    target = segpost.argmax(logits, size=(height * stride, width * stride))
    noise = np.random.default_rng(0).normal(0, 0.3, logits.shape).astype(np.float32)
    wrong = np.ascontiguousarray(target.T)
    diagnosis = segpost.diagnose(logits=logits + noise, target=wrong)
    assert [finding.code for finding in diagnosis.findings] == ["turned"]
    names: dict[str, Any] = {"target": wrong}
    exec(str(diagnosis.findings[0].cure), names)
    np.testing.assert_array_equal(names["target"], target)
    assert not segpost.diagnose(logits=logits + noise, target=names["target"]).findings
    names = {"logits": logits}
    exec(str(diagnosis.findings[0].cure).partition("or ")[2].partition(", with")[0], names)
    again = segpost.argmax(names["logits"], size=wrong.shape)
    assert (again == wrong).mean() > 0.99


def test_targets_of_stretched_images() -> None:
    """A portrait that the network saw as a landscape agrees as it is."""
    logits = scene(4, 40, 60)
    with pytest.warns(segpost.InputWarning, match="different strides"):
        target = segpost.argmax(logits, size=(480, 320))
    assert not segpost.diagnose(logits=logits, target=target).findings
