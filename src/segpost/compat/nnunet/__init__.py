"""nnU-Net's export of predictions under its own names, and `install`, which puts it into nnunetv2.

Nothing is imported from nnunetv2 but by `install`: the functions read the objects they get.
"""

from segpost._core.public import public_module
from segpost.compat.nnunet._export import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    convert_probabilities_to_segmentation,
    export_prediction_from_logits,
)
from segpost.compat.nnunet._installation import Installation, install

__all__ = [
    "Installation",
    "convert_predicted_logits_to_segmentation_with_correct_shape",
    "convert_probabilities_to_segmentation",
    "export_prediction_from_logits",
    "install",
]

public_module(__name__)
