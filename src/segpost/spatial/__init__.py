"""Spatial: where the pixels of an image lie in a network's input, and in its output.

`Letterbox` is the geometry of a resize with padding; `windows` and `Merger` are sliding-window
inference and test-time augmentation. `segpost.spatial.resampling` plans how logits are resampled to
the size of a result.
"""

from typing import Any

from segpost.spatial.letterbox import Letterbox
from segpost.spatial.tiling import windows

__all__ = ["Letterbox", "Merger", "windows"]


def __getattr__(name: str) -> Any:
    """Import `Merger` when it is first used: what only resamples logits does not need it."""
    if name != "Merger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from segpost.spatial.merger import Merger

    return Merger
