"""Labels: from logits to labels and probabilities, of images and volumes.

`argmax` upsamples logits and takes the first index of the largest, exactly as defined in float64;
`softmax` computes probabilities, and `resize_labels` resizes label maps. `segpost.labels.masks`
computes the masks of sigmoid heads, with modules that labels do not need. Outputs that are
probabilities or labels already are read by `segpost.labels.decoded`.
"""

from segpost._core.public import public_module
from segpost.labels.operations import argmax, softmax
from segpost.labels.resizing import resize_labels

__all__ = ["argmax", "resize_labels", "softmax"]

public_module(__name__)
