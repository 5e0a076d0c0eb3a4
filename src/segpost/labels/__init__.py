"""Labels: from logits to labels and probabilities, of images and volumes.

`argmax` upsamples logits and takes the first index of the largest, exactly as defined in float64;
`softmax` computes probabilities; `binarize` computes the masks of sigmoid heads; `resize_labels`
resizes label maps. Outputs that are probabilities or labels already are read by
`segpost.labels.decoded`.
"""

from segpost.labels.masks import binarize
from segpost.labels.operations import argmax, softmax
from segpost.labels.resizing import resize_labels

__all__ = ["argmax", "binarize", "resize_labels", "softmax"]
