"""Checkpoints: a comparison of names, shapes, dtypes and values that loads nothing.

`compare_checkpoints` reads both sides (`files`, `safetensors`, `sandbox`), matches their tensors by
name (`matching`), and returns findings about names (`names`) and values (`values`).
"""

from segpost.checkpoints.compare import CheckpointDiff, compare_checkpoints

__all__ = ["CheckpointDiff", "compare_checkpoints"]
