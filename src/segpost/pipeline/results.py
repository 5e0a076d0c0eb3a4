"""The names of the results of `postprocess`."""

from __future__ import annotations

from typing import Literal, get_args

Want = Literal["labels", "confidence", "probabilities", "color", "overlay", "regions"]
OUTPUTS: tuple[str, ...] = get_args(Want)
ARRAYS = tuple(name for name in OUTPUTS if name != "regions")
