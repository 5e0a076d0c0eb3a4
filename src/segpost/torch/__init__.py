"""segpost inside of ``torch.compile`` and ``torch.export``: its operations as torch operators.

Each function here is the one of `segpost` with its name, as one node of a graph, for tensors alone,
on the CPU or a CUDA device. A compiled network with its post-processing has no graph break, an
exported one can be saved. Who loads it imports this module first.

What goes into an operator is what a graph can hold: a palette or a CRF is a name, or the text that
`as_text` makes of it. None of them has a gradient: results of integers do not need one, and with
the others ``backward`` (or compiling for it) raises RuntimeError. Call them under
``torch.no_grad()``.

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

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from segpost.color.palette import Palette
from segpost.crf.model import DenseCRF
from segpost.torch import operators

__all__ = [
    "argmax",
    "as_text",
    "colorize",
    "confusion_matrix",
    "dense_crf",
    "overlay",
    "postprocess",
    "softmax",
]


def as_text(settings: Palette | DenseCRF) -> str:
    """A palette or a CRF as text, which an operator takes where it takes a name.

    Make it before the model is compiled or exported, in its ``__init__`` for example.

    Parameters
    ----------
    settings : Palette or DenseCRF
        Names of classes are left out.

    Raises
    ------
    ValueError
        For a CRF with a guide of its own: a text holds no arrays.
    TypeError
        For anything else.

    Examples
    --------
    >>> import torch, segpost, segpost.torch
    >>> palette = segpost.torch.as_text(segpost.Palette([(0, 0, 0), (255, 0, 0)]))
    >>> segpost.torch.colorize(torch.tensor([[0, 1]]), palette)
    tensor([[[  0,   0,   0],
             [255,   0,   0]]], dtype=torch.uint8)
    """
    return operators.as_text(settings)


def argmax(
    logits: Tensor,
    *,
    axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: str = "half_pixel",
    nan: str = "raise",
    check: str = "sync",
) -> Tensor:
    """`segpost.argmax` as an operator.

    Parameters
    ----------
    logits, axis, size, grid, nan, check
        As there.

    Returns
    -------
    labels : tensor of shape (H, W) or (N, H, W), with D before H for volumes
        uint8 for up to 256 classes, int32 beyond.

    Raises
    ------
    ValueError, TypeError
        As there; for shapes and axes while the graph is made, for values when it runs.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.argmax(torch.tensor([[[4.0, 0, 0, 0]], [[0.0, 1, 2, 3]]]), size=(1, 8))
    tensor([[0, 0, 0, 1, 1, 1, 1, 1]], dtype=torch.uint8)
    """
    made: Tensor = operators.argmax(logits, axis=axis, size=size, grid=grid, nan=nan, check=check)
    return made


def softmax(logits: Tensor, *, axis: int = -3, nan: str = "raise", check: str = "sync") -> Tensor:
    """`segpost.softmax` as an operator, without a gradient.

    Parameters
    ----------
    logits, axis, nan, check
        As there.

    Returns
    -------
    probabilities : float32 tensor of the shape of `logits`

    Raises
    ------
    ValueError, TypeError
        As there.
    RuntimeError
        When its gradient is asked for.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.softmax(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """
    made: Tensor = operators.softmax(logits, axis=axis, nan=nan, check=check)
    return made


def colorize(labels: Tensor, palette: str, *, check: str = "sync") -> Tensor:
    """`segpost.colorize` as an operator.

    Parameters
    ----------
    labels, check
        As there.
    palette : str
        The name of one, or a text of `as_text`.

    Returns
    -------
    color : uint8 tensor of shape (..., H, W, 3)

    Raises
    ------
    ValueError, TypeError
        As there.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.colorize(torch.tensor([[15]]), "voc")
    tensor([[[192, 128, 128]]], dtype=torch.uint8)
    """
    made: Tensor = operators.colorize(labels, palette, check=check)
    return made


def overlay(
    image: Tensor,
    labels: Tensor,
    palette: str,
    *,
    alpha: float | Sequence[float] = 0.5,
    contour: int = 0,
    check: str = "sync",
) -> Tensor:
    """`segpost.overlay` as an operator.

    Parameters
    ----------
    image, labels, alpha, contour, check
        As there.
    palette : str
        The name of one, or a text of `as_text`.

    Returns
    -------
    picture : uint8 tensor of the shape of `image`

    Raises
    ------
    ValueError, TypeError
        As there.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> image = torch.full((1, 1, 3), 100, dtype=torch.uint8)
    >>> segpost.torch.overlay(image, torch.tensor([[15]]), "voc")
    tensor([[[146, 114, 114]]], dtype=torch.uint8)
    """
    made: Tensor = operators.overlay(
        image, labels, palette, alpha=_weights(alpha), contour=contour, check=check
    )
    return made


def _weights(alpha: float | Sequence[float]) -> list[float]:
    """What a schema has for one number or several."""
    return list(alpha) if isinstance(alpha, (list, tuple)) else [alpha]  # type: ignore[list-item]


def confusion_matrix(
    preds: Tensor,
    target: Tensor,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = None,
    axis: int = -3,
    grid: str = "half_pixel",
    check: str = "sync",
) -> Tensor:
    """`segpost.confusion_matrix` as an operator.

    Parameters
    ----------
    preds, target, num_classes, ignore_index, axis, grid, check
        As there.

    Returns
    -------
    matrix : int64 tensor of shape (K, K)
        Rows are the target's classes, columns the predicted ones.

    Raises
    ------
    ValueError, TypeError
        As there.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> target, preds = torch.tensor([[0, 0, 1, 255]]), torch.tensor([[0, 1, 1, 1]])
    >>> segpost.torch.confusion_matrix(preds, target, num_classes=2, ignore_index=255)
    tensor([[1, 1],
            [0, 1]])
    """
    ignored = [] if ignore_index is None else ignore_index
    made: Tensor = operators.confusion_matrix(
        preds,
        target,
        num_classes=num_classes,
        ignore_index=list(ignored) if isinstance(ignored, Iterable) else [ignored],
        axis=axis,
        grid=grid,
        check=check,
    )
    return made


def dense_crf(
    probabilities: Tensor, image: Tensor | None = None, *, crf: str = "pydensecrf"
) -> Tensor:
    """`segpost.dense_crf` as an operator, without a gradient.

    Parameters
    ----------
    probabilities, image
        As there.
    crf : str
        The name of a preset, or a text of `as_text`. Left out, it has the settings of
        `segpost.dense_crf`.

    Returns
    -------
    probabilities : float32 tensor of the shape of `probabilities`

    Raises
    ------
    ValueError, TypeError
        As there.
    RuntimeError
        When its gradient is asked for.

    Examples
    --------
    >>> import torch, segpost, segpost.torch
    >>> crf = segpost.torch.as_text(segpost.DenseCRF(iterations=2, bilateral=None))
    >>> segpost.torch.dense_crf(torch.full((2, 4, 4), 0.5), crf=crf)[0, 0]
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    made: Tensor = operators.dense_crf(probabilities, image, crf=crf)
    return made


def postprocess(
    logits: Tensor,
    *,
    axis: int = -3,
    size: Sequence[int] | None = None,
    grid: str = "half_pixel",
    image: Tensor | None = None,
    palette: str | None = None,
    alpha: float | Sequence[float] = 0.5,
    crf: str | None = None,
    threshold: float | None = None,
    quantization: Sequence[float] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Sequence[str] = ("labels",),
) -> tuple[Tensor, ...]:
    """`segpost.postprocess` as an operator; its results are a tuple.

    Parameters
    ----------
    logits, axis, size, grid, image, alpha, threshold, quantization, confidence_mode, \
confidence_dtype, nan, check
        As there.
    palette, crf : str, optional
        The name of one, or a text of `as_text`.
    want : sequence of {"labels", "confidence", "probabilities", "color", "overlay"}
        What to make, each once. "overlay" needs `image`, and both it and "color" need `palette`.

    Returns
    -------
    made : tuple of tensors
        In the order of `want`, of the shapes and types that are said there.

    Raises
    ------
    ValueError, TypeError
        As there, and for a name that is in `want` twice.
    RuntimeError
        When the gradient of a confidence or of probabilities is asked for.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> logits = torch.zeros(21, 2, 2)
    >>> logits[15, :, 1] = 9
    >>> wanted = ("labels", "color")
    >>> labels, color = segpost.torch.postprocess(logits, size=(4, 4), palette="voc", want=wanted)
    >>> labels[0], color[0, -1]
    (tensor([ 0, 15, 15, 15], dtype=torch.uint8), tensor([192, 128, 128], dtype=torch.uint8))
    """
    made: list[Tensor] = operators.postprocess(
        logits,
        image,
        axis=axis,
        size=size,
        grid=grid,
        palette=palette,
        alpha=_weights(alpha),
        crf=crf,
        threshold=threshold,
        quantization=quantization,
        confidence_mode=confidence_mode,
        confidence_dtype=confidence_dtype,
        nan=nan,
        check=check,
        want=want,
    )
    return tuple(made)
