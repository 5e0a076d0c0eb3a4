"""MONAI transforms: activation, inverse of the preprocessing and labels in one pass.

Importing this module imports monai; segpost itself never does.
"""

from segpost._core.public import public_module
from segpost.compat.monai._transforms import PostProcess, PostProcessd

__all__ = ["PostProcess", "PostProcessd"]

public_module(__name__)
