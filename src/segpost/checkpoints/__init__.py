"""Checkpoints: a comparison of names, shapes, dtypes and values that loads nothing.

`compare_checkpoints` reads both sides (`files`, `safetensors`, `sandbox`, `keras`), and matches
their tensors as the framework would (`matching`, `loader`), under other names where shapes or
values prove them (`renaming`, `alignment`, `spelling`). What still does not match is explained
(`harmless`, `encodings`, `quantization`, `adapters`, `averages`, `shapes`), and what loads all the
same is written as a line of code (`recipe`). The findings are about `names` and `values`.
"""

from segpost.checkpoints.compare import CheckpointDiff, compare_checkpoints

__all__ = ["CheckpointDiff", "compare_checkpoints"]
