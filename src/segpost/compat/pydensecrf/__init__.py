"""The interface of pydensecrf: `densecrf`, `utils` and `eigen` under the names they have there."""

from segpost.compat.pydensecrf import densecrf, eigen, utils

__all__ = ["densecrf", "eigen", "utils"]
