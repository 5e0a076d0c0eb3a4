"""The operator of the labels of query heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

import segpost
from segpost._core.arrays import label_dtype
from segpost.pipeline.queries.inputs import check_head_shapes
from segpost.pipeline.queries.rules import QueryDialect
from segpost.torch.registration import define, empty_like


def _empty_labels(
    class_logits: Tensor, mask_logits: Tensor, *, size: Sequence[int] | None = None, **rest: Any
) -> Tensor:
    check_head_shapes(tuple(class_logits.shape), tuple(mask_logits.shape))
    *batch, _, height, width = mask_logits.shape
    shape = (*batch, *((height, width) if size is None else size))
    return empty_like(mask_logits, shape, label_dtype(class_logits.shape[-1] - 1).__name__)


def _run_semantic(class_logits: Tensor, mask_logits: Tensor, **settings: Any) -> Tensor:
    labels: Tensor = segpost.segment_queries(class_logits, mask_logits, **settings).labels
    return labels.contiguous()


_segment_queries = define(
    "segment_queries(Tensor class_logits, Tensor mask_logits, *, str dialect='mask2former', "
    "SymInt[]? size=None, SymInt[]? input_size=None) -> Tensor",
    _run_semantic,
    _empty_labels,
)


def segment_queries(
    class_logits: Tensor,
    mask_logits: Tensor,
    *,
    dialect: QueryDialect = "mask2former",
    size: Sequence[int] | None = None,
    input_size: Sequence[int] | None = None,
) -> Tensor:
    """Run `segpost.segment_queries` as an operator: the labels of task "semantic".

    Segments are no tensors, so there are no other tasks. Parameters and errors are those of
    `segpost.segment_queries`.

    Examples
    --------
    >>> import torch, segpost.torch
    >>> class_logits = torch.tensor([[9.0, 0, 0], [0, 9, 0]])  # two queries; two classes
    >>> mask_logits = torch.tensor([[[9.0, -9]], [[-9, 9]]])
    >>> segpost.torch.segment_queries(class_logits, mask_logits, dialect="maskformer")
    tensor([[0, 1]], dtype=torch.uint8)
    """
    labels: Tensor = _segment_queries(
        class_logits, mask_logits, dialect=dialect, size=size, input_size=input_size
    )
    return labels
