"""Definitions of operators in ``torch.ops.segpost``: schema, computation, and empty results."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from segpost._core import arguments

# libsegpost_torch.so defines the same operators for programs without Python. Loaded before this
# module it gets these implementations; loaded later it reads this variable and defines nothing.
os.environ["SEGPOST_TORCH_PROCESS"] = str(os.getpid())
_library = torch.library.Library("segpost", "FRAGMENT")  # type: ignore[no-untyped-call]
# Error counts are read on the CPU, which is impossible inside a CUDA graph.
_TAGS = (torch.Tag.pt2_compliant_tag, torch.Tag.cudagraph_unsafe)


def define(
    schema: str,
    run: Callable[..., Any],
    empty: Callable[..., Any],
    *,
    has_float_result: bool = False,
) -> Callable[..., Any]:
    """Define an operator: `run` computes it, and `empty` makes results of the same shapes."""
    name = schema.partition("(")[0]
    key = "CompositeExplicitAutograd"
    if hasattr(torch.ops.segpost, name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a kernel is overridden
            _library.impl(name, run, key, allow_override=True)  # type: ignore[no-untyped-call]
    else:
        _library.define(schema, tags=_TAGS)  # type: ignore[no-untyped-call]
        _library.impl(name, run, key)  # type: ignore[no-untyped-call]
    torch.library.register_fake(f"segpost::{name}", empty, lib=_library)
    if has_float_result:

        def refuse(context: Any, *gradients: Any) -> NoReturn:
            raise RuntimeError(
                f"segpost.torch.{name} has no gradient: call it under torch.no_grad(), "
                "or on logits.detach()"
            )

        torch.library.register_autograd(f"segpost::{name}", refuse, lib=_library)
    operator: Callable[..., Any] = getattr(torch.ops.segpost, name).default
    return operator


def empty_like(like: Tensor, shape: Sequence[Any], dtype: str) -> Tensor:
    """Return a result without values."""
    return like.new_empty(tuple(shape), dtype=getattr(torch, dtype))


def split_shape(logits: Tensor, axis: int, spatial: int) -> tuple[Any, Any, Any, int]:
    """Return the batch shape, the number of classes, the spatial shape and the class axis."""
    shape = tuple(logits.shape)
    class_axis = arguments.resolve_class_axis(shape, axis, spatial)
    batch = shape[: len(shape) - spatial - 1]
    size = shape[-spatial:] if class_axis != -1 else shape[-1 - spatial : -1]
    return batch, shape[class_axis], size, class_axis
