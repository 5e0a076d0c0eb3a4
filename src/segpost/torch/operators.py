"""The operators of ``torch.ops.segpost``, and the functions that call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

import segpost
from segpost._core import arguments
from segpost._core.arguments import Check, NanRule
from segpost._core.arrays import label_dtype
from segpost._core.sampling import Grid
from segpost.pipeline.decoding import Decoding
from segpost.pipeline.options import ConfidenceDtype, ConfidenceMode, ProbabilitiesDtype
from segpost.pipeline.results import OUTPUTS, TopK, Want
from segpost.torch.registration import define, empty_like, split_shape
from segpost.torch.settings import parse_crf, parse_palette

OPERATOR_OUTPUTS = tuple(name for name in OUTPUTS if name != "regions")


def _as_list(alpha: float | Sequence[float]) -> list[float]:
    """Return one weight or several as a list, which the schemas have for both."""
    return list(alpha) if isinstance(alpha, (list, tuple)) else [alpha]  # type: ignore[list-item]


def _from_list(alpha: list[float]) -> float | list[float]:
    """Return a list of one weight as the weight of all classes."""
    return alpha[0] if len(alpha) == 1 else alpha


def _empty_labels(
    logits: Tensor, *, axis: int | None = None, size: Sequence[int] | None = None, **rest: Any
) -> Tensor:
    spatial = 3 if axis == -4 or (size is not None and len(size) == 3) else 2
    batch, classes, grid_size, _ = split_shape(
        logits, -1 - spatial if axis is None else axis, spatial
    )
    shape = (*batch, *(grid_size if size is None else size))
    return empty_like(logits, shape, label_dtype(classes).__name__)


_argmax = define(
    "argmax(Tensor logits, *, int? axis=None, SymInt[]? size=None, str grid='half_pixel', "
    "str nan='raise', str check='sync') -> Tensor",
    segpost.argmax,
    _empty_labels,
)


def argmax(
    logits: Tensor,
    *,
    axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: Grid = "half_pixel",
    nan: NanRule = "raise",
    check: Check = "sync",
) -> Tensor:
    """Run `segpost.argmax` as an operator.

    Parameters, result and errors are those of `segpost.argmax`. Errors of shapes and axes are
    raised while the graph is made, those of values when it runs.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.argmax(torch.tensor([[[4.0, 0, 0, 0]], [[0.0, 1, 2, 3]]]), size=(1, 8))
    tensor([[0, 0, 0, 1, 1, 1, 1, 1]], dtype=torch.uint8)
    """
    labels: Tensor = _argmax(logits, axis=axis, size=size, grid=grid, nan=nan, check=check)
    return labels


_softmax = define(
    "softmax(Tensor logits, *, int axis=-3, str nan='raise', str check='sync') -> Tensor",
    segpost.softmax,
    lambda logits, **rest: empty_like(logits, logits.shape, "float32"),
    has_float_result=True,
)


def softmax(
    logits: Tensor, *, axis: int = -3, nan: NanRule = "raise", check: Check = "sync"
) -> Tensor:
    """Run `segpost.softmax` as an operator; it is not differentiable.

    Parameters, result and errors are those of `segpost.softmax`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.softmax(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """
    probabilities: Tensor = _softmax(logits, axis=axis, nan=nan, check=check)
    return probabilities


_colorize = define(
    "colorize(Tensor labels, str palette, *, str check='sync') -> Tensor",
    lambda labels, palette, **rest: segpost.colorize(labels, parse_palette(palette), **rest),
    lambda labels, palette, **rest: empty_like(labels, (*labels.shape, 3), "uint8"),
)


def colorize(labels: Tensor, palette: str, *, check: Check = "sync") -> Tensor:
    """Run `segpost.colorize` as an operator; the palette is a name, or a text of `as_text`.

    Other parameters, result and errors are those of `segpost.colorize`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.colorize(torch.tensor([[15]]), "voc")
    tensor([[[192, 128, 128]]], dtype=torch.uint8)
    """
    color: Tensor = _colorize(labels, palette, check=check)
    return color


def _image_shape(image: Tensor) -> tuple[Any, ...]:
    """Return (..., H, W) of an image, whose channels are last or first."""
    shape = tuple(image.shape)
    return shape[:-1] if shape[-1] == 3 else (*shape[:-3], *shape[-2:])


def _run_overlay(
    image: Tensor, labels: Tensor, palette: str, *, alpha: list[float], **rest: Any
) -> Any:
    return segpost.overlay(image, labels, parse_palette(palette), alpha=_from_list(alpha), **rest)


_overlay = define(
    "overlay(Tensor image, Tensor labels, str palette, *, float[] alpha, int contour=0, "
    "str check='sync') -> Tensor",
    _run_overlay,
    lambda image, labels, palette, **rest: empty_like(image, (*_image_shape(image), 3), "uint8"),
)


def overlay(
    image: Tensor,
    labels: Tensor,
    palette: str,
    *,
    alpha: float | Sequence[float] = 0.5,
    contour: int = 0,
    check: Check = "sync",
) -> Tensor:
    """Run `segpost.overlay` as an operator; the palette is a name, or a text of `as_text`.

    Other parameters, result and errors are those of `segpost.overlay`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> image = torch.full((1, 1, 3), 100, dtype=torch.uint8)
    >>> segpost.torch.overlay(image, torch.tensor([[15]]), "voc")
    tensor([[[146, 114, 114]]], dtype=torch.uint8)
    """
    blended: Tensor = _overlay(
        image, labels, palette, alpha=_as_list(alpha), contour=contour, check=check
    )
    return blended


_confusion_matrix = define(
    "confusion_matrix(Tensor preds, Tensor target, *, int num_classes, int[] ignore_index=[], "
    "int axis=-3, str grid='half_pixel', str check='sync') -> Tensor",
    segpost.confusion_matrix,
    lambda preds, target, *, num_classes, **rest: empty_like(
        target, (num_classes, num_classes), "int64"
    ),
)


def confusion_matrix(
    preds: Tensor,
    target: Tensor,
    *,
    num_classes: int,
    ignore_index: int | Iterable[int] | None = None,
    axis: int = -3,
    grid: Grid = "half_pixel",
    check: Check = "sync",
) -> Tensor:
    """Run `segpost.confusion_matrix` as an operator.

    Parameters, result and errors are those of `segpost.confusion_matrix`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> target, preds = torch.tensor([[0, 0, 1, 255]]), torch.tensor([[0, 1, 1, 1]])
    >>> segpost.torch.confusion_matrix(preds, target, num_classes=2, ignore_index=255)
    tensor([[1, 1],
            [0, 1]])
    """
    ignored = [] if ignore_index is None else ignore_index
    matrix: Tensor = _confusion_matrix(
        preds,
        target,
        num_classes=num_classes,
        ignore_index=list(ignored) if isinstance(ignored, Iterable) else [ignored],
        axis=axis,
        grid=grid,
        check=check,
    )
    return matrix


def _empty_refined(probabilities: Tensor, image: Tensor | None = None, *, crf: str) -> Tensor:
    model, shape = parse_crf(crf), list(probabilities.shape)
    if model.unary == "labels":
        is_last = model.axis in (-1, len(shape))
        class_axis = len(shape) if is_last else len(shape) - (3 if model.volume else 2)
        shape.insert(class_axis, model.num_classes or 0)
    return empty_like(probabilities, shape, "float32")


def _run_dense_crf(probabilities: Tensor, image: Tensor | None = None, *, crf: str) -> Tensor:
    return parse_crf(crf)(probabilities, image).contiguous()


_dense_crf = define(
    "dense_crf(Tensor probabilities, Tensor? image=None, *, str crf) -> Tensor",
    _run_dense_crf,
    _empty_refined,
    has_float_result=True,
)


def dense_crf(
    probabilities: Tensor, image: Tensor | None = None, *, crf: str = "pydensecrf"
) -> Tensor:
    """Run `segpost.dense_crf` as an operator; it is not differentiable.

    `crf` is the name of a preset, or a text of `as_text`; the default has the settings of
    `segpost.dense_crf`. Other parameters, result and errors are those of `segpost.dense_crf`.

    Examples
    --------
    >>> import torch, segpost, segpost.torch
    >>> crf = segpost.torch.as_text(segpost.DenseCRF(iterations=2, bilateral=None))
    >>> segpost.torch.dense_crf(torch.full((2, 4, 4), 0.5), crf=crf)[0, 0]
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    refined: Tensor = _dense_crf(probabilities, image, crf=crf)
    return refined


def _empty_results(
    logits: Tensor,
    image: Tensor | None = None,
    *,
    axis: int = -3,
    size: Sequence[int] | None = None,
    threshold: float | None = None,
    confidence_dtype: ConfidenceDtype = "float32",
    probabilities_dtype: ProbabilitiesDtype = "float32",
    topk: int = 3,
    want: Sequence[Want],
    **rest: Any,
) -> list[Tensor]:
    batch, classes, grid_size, class_axis = split_shape(logits, axis, 2)
    if size is None:
        size = grid_size if image is None else _image_shape(image)[-2:]
    size = tuple(size)
    label_type = label_dtype(classes if threshold is None else 2).__name__
    planes = (classes, *size) if class_axis == -3 else (*size, classes)
    layouts: dict[str, list[tuple[tuple[Any, ...], str]]] = {
        "labels": [(size, label_type)],
        "confidence": [(size, confidence_dtype)],
        "probabilities": [(planes, probabilities_dtype)],
        "color": [((*size, 3), "uint8")],
        "overlay": [((*size, 3), "uint8")],
        "entropy": [(size, "float32")],
        "margin": [(size, "float32")],
        "topk": [((topk, *size), label_type), ((topk, *size), probabilities_dtype)],
    }
    return [
        empty_like(logits, (*batch, *shape), dtype)
        for name in _check_want(want)
        for shape, dtype in layouts[name]
    ]


def _check_want(want: Sequence[Want]) -> Sequence[Want]:
    """Refuse a result that is wanted twice: the results of an operator share no memory."""
    if len(arguments.as_choices(want, "want", OPERATOR_OUTPUTS)) != len(want):
        raise ValueError(f"want has a name twice: {list(want)}")
    return want


def _run_postprocess(
    logits: Tensor,
    image: Tensor | None = None,
    *,
    palette: str | None = None,
    alpha: list[float],
    crf: str | None = None,
    want: list[Want],
    **rest: Any,
) -> list[Tensor]:
    segmentation = segpost.postprocess(
        logits,
        image=image,
        palette=None if palette is None else parse_palette(palette),
        alpha=_from_list(alpha),
        crf=None if crf is None else parse_crf(crf),
        want=_check_want(want),
        **rest,
    )
    results = (getattr(segmentation, name) for name in want)
    tensors = (one for result in results for one in _as_tensors(result))
    return [tensor.contiguous() for tensor in tensors]


def _as_tensors(result: Tensor | TopK) -> tuple[Tensor, ...]:
    """Return the tensors of a result, of which "topk" has two."""
    return tuple(result) if isinstance(result, TopK) else (result,)


_postprocess = define(
    "postprocess(Tensor logits, Tensor? image=None, *, int axis=-3, SymInt[]? size=None, "
    "str grid='half_pixel', str? palette=None, float[] alpha, str? crf=None, "
    "float? threshold=None, str decode='argmax', float[]? quantization=None, "
    "str confidence_mode='exact', str confidence_dtype='float32', "
    "str probabilities_dtype='float32', int topk=3, str nan='raise', str check='sync', "
    "str[] want) -> Tensor[]",
    _run_postprocess,
    _empty_results,
    has_float_result=True,
)


def postprocess(
    logits: Tensor,
    *,
    axis: int = -3,
    size: Sequence[int] | None = None,
    grid: Grid = "half_pixel",
    image: Tensor | None = None,
    palette: str | None = None,
    alpha: float | Sequence[float] = 0.5,
    crf: str | None = None,
    threshold: float | None = None,
    decode: Decoding = "argmax",
    quantization: Sequence[float] | None = None,
    confidence_mode: ConfidenceMode = "exact",
    confidence_dtype: ConfidenceDtype = "float32",
    probabilities_dtype: ProbabilitiesDtype = "float32",
    topk: int = 3,
    nan: NanRule = "raise",
    check: Check = "sync",
    want: Sequence[Want] = ("labels",),
) -> tuple[Tensor, ...]:
    """Run `segpost.postprocess` as an operator; it is not differentiable.

    The results are a tuple in the order of `want`, which has each name once; "topk" gives two, its
    labels and its probabilities, and "regions" are no tensors. `palette` and `crf` are names, or
    texts of `as_text`. Other parameters and errors are those of `segpost.postprocess`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> logits = torch.zeros(21, 2, 2)
    >>> logits[15, :, 1] = 9
    >>> want = ("labels", "color")
    >>> labels, color = segpost.torch.postprocess(logits, size=(4, 4), palette="voc", want=want)
    >>> labels[0], color[0, -1]
    (tensor([ 0, 15, 15, 15], dtype=torch.uint8), tensor([192, 128, 128], dtype=torch.uint8))
    """
    results: list[Tensor] = _postprocess(
        logits,
        image,
        axis=axis,
        size=size,
        grid=grid,
        palette=palette,
        alpha=_as_list(alpha),
        crf=crf,
        threshold=threshold,
        decode=decode,
        quantization=quantization,
        confidence_mode=confidence_mode,
        confidence_dtype=confidence_dtype,
        probabilities_dtype=probabilities_dtype,
        topk=topk,
        nan=nan,
        check=check,
        want=want,
    )
    return tuple(results)
