"""The operator of `segpost.binarize`, for the encodings that are tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor

import segpost
from segpost._core.arguments import Check, NanRule, check_choice
from segpost._core.sampling import Grid
from segpost.torch.registration import define, empty_like, split_shape

ENCODINGS = ("mask", "bits", "labels")  # "rle" is a list


def _empty_masks(
    logits: Tensor,
    *,
    size: Sequence[int] | None = None,
    encoding: str = "mask",
    axis: int = -3,
    class_order: Sequence[int] | None = None,
    **rest: Any,
) -> Tensor:
    check_choice(encoding, "encoding", ENCODINGS)
    batch, classes, grid_size, class_axis = split_shape(logits, axis, 2)
    height, width = grid_size if size is None else size
    if encoding == "labels":
        largest = classes if class_order is None else max(class_order)
        dtype = "uint8" if largest <= 255 else "int32"
        return empty_like(logits, (*batch, height, width), dtype)
    columns = (width + 7) // 8 if encoding == "bits" else width
    shape = (classes, height, columns) if class_axis == -3 else (height, columns, classes)
    return empty_like(logits, (*batch, *shape), "uint8")


def _run_binarize(
    logits: Tensor,
    *,
    threshold: list[float],
    encoding: str = "mask",
    quantization: list[float] | None = None,
    hysteresis: list[float] | None = None,
    **rest: Any,
) -> Tensor:
    check_choice(encoding, "encoding", ENCODINGS)
    masks: Any = segpost.binarize(
        logits,
        threshold=threshold[0] if len(threshold) == 1 else threshold,
        encoding=encoding,  # type: ignore[call-overload]
        quantization=None if quantization is None else tuple(quantization),
        hysteresis=None if hysteresis is None else tuple(hysteresis),
        **rest,
    )
    result: Tensor = masks.contiguous()
    return result


_binarize = define(
    "binarize(Tensor logits, *, float[] threshold, SymInt[]? size=None, str grid='half_pixel', "
    "str encoding='mask', int axis=-3, float[]? quantization=None, float[]? hysteresis=None, "
    "int[]? class_order=None, str nan='raise', str check='sync') -> Tensor",
    _run_binarize,
    _empty_masks,
)


def binarize(
    logits: Tensor,
    *,
    threshold: float | Sequence[float] = 0.5,
    size: Sequence[int] | None = None,
    grid: Grid = "half_pixel",
    encoding: Literal["mask", "bits", "labels"] = "mask",
    axis: int = -3,
    quantization: Sequence[float] | None = None,
    hysteresis: Sequence[float] | None = None,
    class_order: Sequence[int] | None = None,
    nan: NanRule = "raise",
    check: Check = "sync",
) -> Tensor:
    """Run `segpost.binarize` as an operator; its results are tensors, so "rle" is none.

    `hysteresis` is two numbers. Other parameters, result and errors are those of
    `segpost.binarize`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> segpost.torch.binarize(torch.tensor([[[-1.0, 3.0]]]), size=(1, 4))
    tensor([[[0, 0, 1, 1]]], dtype=torch.uint8)
    """
    masks: Tensor = _binarize(
        logits,
        threshold=list(threshold) if isinstance(threshold, Sequence) else [threshold],
        size=size,
        grid=grid,
        encoding=encoding,
        axis=axis,
        quantization=quantization,
        hysteresis=hysteresis,
        class_order=class_order,
        nan=nan,
        check=check,
    )
    return masks
