"""Masks that are passed as labels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import segpost

MASKS = np.zeros((3, 8, 8), bool)
MASKS[0, 2:5, 2:5] = MASKS[2, 4:, 4:] = True


@pytest.mark.parametrize("masks", [MASKS, MASKS.astype(np.uint8)])
def test_masks_as_labels(masks: Any) -> None:
    """The error names `masks=`, with which there is a region for each."""
    with pytest.raises((TypeError, ValueError), match="masks=labels") as caught:
        segpost.regions(masks)
    assert re.search("masks=labels", str(caught.value))
    assert segpost.regions(masks=masks).labels.tolist() == [0, 2]


def test_one_mask_as_labels() -> None:
    """A boolean map is a mask, or labels 0 and 1, as the error says."""
    with pytest.raises(TypeError, match=r"masks=labels, or labels\.astype\('uint8'\)"):
        segpost.regions(MASKS[0])
    assert segpost.regions(MASKS[0].astype("uint8"), ignore_index=0).areas.tolist() == [9]
