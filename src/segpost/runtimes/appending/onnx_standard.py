"""Standard ONNX operators in the order that is fastest in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.runtimes.appending.onnx_graph import GraphBuilder
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail
from segpost.runtimes.onnx import FIRST_WITH_GRIDS, GraphReader

AXES_ARE_INPUTS = 13  # the opset from which on Squeeze takes axes as an input


def add_standard(
    builder: GraphBuilder,
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    size: str,
    names: dict[str, str],
) -> None:
    """Add a resize of logits with the classes last, and an argmax along the last axis.

    The small logits are transposed, not the large ones. ONNX Runtime resizes and compares values
    that are adjacent, which took less than half the time of channels first, with equal labels.
    """
    labels, opset = names["labels"], GraphReader(builder.onnx, builder.model).opset
    if opset < FIRST_WITH_GRIDS:
        raise ValueError(
            f"the model is of opset {opset}, whose Resize has no grid; convert it with "
            f"onnx.version_converter.convert_version(model, {FIRST_WITH_GRIDS}), or leave "
            "standard out"
        )
    if options.nan != "raise":
        raise ValueError("nan is not known to standard operators: leave nan or standard out")
    logits = tail.head
    if tail.class_axis == -3:
        logits = builder.add("Transpose", [logits], perm=[0, 2, 3, 1])
    if size:
        logits = _add_resize(builder, logits, size, plan)
    as_type = builder.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(plan.label_dtype))
    chances = ""
    if plan.threshold is not None:
        chances = builder.add("Sigmoid", [_squeeze(builder, logits, opset)])
        limit = builder.constant(np.array(plan.threshold, _float_type(tail)))
        is_one = builder.add("Greater", [chances, limit])
        builder.add("Cast", [is_one], [labels], to=as_type)
    else:
        ids = builder.add("ArgMax", [logits], axis=3, keepdims=0)
        builder.add("Cast", [ids], [labels], to=as_type)
    if "confidence" in names:
        _add_confidence(builder, logits, chances, labels, opset, names["confidence"])
    if "color" in names and options.palette is not None:
        palette = builder.constant(options.palette.colors.copy())
        ids = builder.add("Cast", [labels], to=builder.onnx.TensorProto.INT32)
        builder.add("Gather", [palette, ids], [names["color"]], axis=0)


def _add_resize(builder: GraphBuilder, logits: str, size: str, plan: Plan) -> str:
    shape = builder.add("Shape", [logits])
    batch = builder.add("Gather", [shape, builder.constant(np.array([0], np.int64))], axis=0)
    classes = builder.add("Gather", [shape, builder.constant(np.array([3], np.int64))], axis=0)
    sizes = builder.add("Concat", [batch, size, classes], axis=0)
    nothing = builder.constant(np.zeros(0, np.float32))
    return builder.add(
        "Resize",
        [logits, nothing, nothing, sizes],
        mode="linear",
        coordinate_transformation_mode=plan.grid,
    )


def _add_confidence(
    builder: GraphBuilder, logits: str, chances: str, labels: str, opset: int, output: str
) -> None:
    """Add the largest probability of a pixel; of one channel that of the label."""
    single = builder.onnx.TensorProto.FLOAT
    if chances:
        chances = builder.add("Cast", [chances], to=single)
        rest = builder.add("Sub", [builder.constant(np.array(1, np.float32)), chances])
        is_one = builder.add("Cast", [labels], to=builder.onnx.TensorProto.BOOL)
        builder.add("Where", [is_one, chances, rest], [output])
        return
    wide = builder.add("Cast", [logits], to=single)
    softmax = builder.add("Softmax", [wide], axis=3)
    reduction: dict[str, Any] = {"axes": [3]} if opset < 18 else {}
    axes = [] if opset < 18 else [builder.constant(np.array([3], np.int64))]
    builder.add("ReduceMax", [softmax, *axes], [output], keepdims=0, **reduction)


def _squeeze(builder: GraphBuilder, tensor: str, opset: int) -> str:
    if opset < AXES_ARE_INPUTS:
        return builder.add("Squeeze", [tensor], axes=[3])
    return builder.add("Squeeze", [tensor, builder.constant(np.array([3], np.int64))])


def _float_type(tail: Tail) -> Any:
    return np.float16 if tail.dtype == "float16" else np.float32
