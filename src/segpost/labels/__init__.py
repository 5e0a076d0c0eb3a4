"""Labels: from logits to labels and probabilities, of images and volumes.

`argmax` upsamples logits and takes the first index of the largest, exactly as defined in float64;
`softmax` computes probabilities; `binarize` computes the masks of sigmoid heads. Outputs that are
probabilities or labels already are read by `segpost.labels.decoded`.
"""

from segpost.labels.masks import binarize
from segpost.labels.operations import argmax, softmax

__all__ = ["argmax", "binarize", "softmax"]
