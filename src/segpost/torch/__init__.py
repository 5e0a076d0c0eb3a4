"""segpost inside of ``torch.compile`` and ``torch.export``: its operations as torch operators.

Each function is the one of `segpost` with the same name, for tensors on the CPU or a CUDA device,
as one node of a graph (``torch.ops.segpost``). So a compiled model with its post-processing has no
graph break, and an exported one can be saved; import this module before loading it.

A graph holds no Python objects, so a palette or a CRF is a name, or the text that `as_text` makes
of it. The operators are not differentiable: where a result is of floats, ``backward`` (or compiling
for it) raises RuntimeError. Call them under ``torch.no_grad()``.

Importing this module imports torch; segpost itself never does.

Examples
--------
>>> import torch, segpost.torch
>>> class WithLabels(torch.nn.Module):
...     def __init__(self, network):
...         super().__init__()
...         self.network = network
...     def forward(self, image):
...         return segpost.torch.argmax(self.network(image), size=image.shape[-2:])
>>> model = WithLabels(torch.nn.Conv2d(3, 21, 8, stride=8)).eval()
>>> program = torch.export.export(model, (torch.zeros(1, 3, 32, 40),))
>>> labels = program.module()(torch.zeros(1, 3, 32, 40))
>>> labels.shape, labels.dtype
(torch.Size([1, 32, 40]), torch.uint8)
"""

from segpost._core.public import public_module
from segpost.torch.masks import binarize
from segpost.torch.operators import (
    argmax,
    colorize,
    confusion_matrix,
    dense_crf,
    overlay,
    postprocess,
    softmax,
)
from segpost.torch.queries import segment_queries
from segpost.torch.settings import as_text

__all__ = [
    "argmax",
    "as_text",
    "binarize",
    "colorize",
    "confusion_matrix",
    "dense_crf",
    "overlay",
    "postprocess",
    "segment_queries",
    "softmax",
]

public_module(__name__)
