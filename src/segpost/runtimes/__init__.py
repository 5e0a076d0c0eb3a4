"""Runtimes: the output formats of frameworks, exporters and well-known repositories.

`Convention` describes the output of a model: which entry holds the result, whether it is logits,
probabilities or labels, where the class axis is, and on which grid it was sampled.
`Convention.named` knows the formats of the runtimes and repositories in `Convention.names`;
`Convention.from_onnx`, `from_openvino` and `from_litert` read the format from a model file.
`append_postprocess` makes a model whose graph ends in labels, and `library` is the path of the
operators that a runtime loads for it.
"""

from segpost._core.public import public_module
from segpost.runtimes.append import append_postprocess
from segpost.runtimes.convention import Convention, as_convention
from segpost.runtimes.libraries import library

__all__ = ["Convention", "append_postprocess", "as_convention", "library"]

public_module(__name__)
