"""The interface of pydensecrf: `densecrf`, `utils` and `eigen` under the names they have there."""

from segpost._core.public import public_module
from segpost.compat.pydensecrf import densecrf, eigen, utils

__all__ = ["densecrf", "eigen", "utils"]

public_module(__name__)
