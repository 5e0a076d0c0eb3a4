"""Standard OpenVINO operators that end in labels, in the fastest order of equal labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.runtimes.appending.openvino_model import OpenvinoModel
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail


def add_standard(
    openvino: Any,
    model: OpenvinoModel,
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    size: Any,
) -> dict[str, Any]:
    """Add a resize with the classes first, and the first class whose logit is the largest.

    TopK of OpenVINO takes the first of equal logits only where it is stable, and is then slower
    than reductions. Labels of a model whose own TopK is not stable stay its own.
    """
    if options.nan != "raise":
        raise ValueError("nan is not known to standard operators: leave nan or standard out")
    o = openvino.opset13
    logits = _resize(o, tail, options, plan, size)
    as_type = {"uint8": "u8", "int32": "i32"}[plan.label_dtype]
    axis, nodes = o.constant(np.array([1], np.int64)), {}
    if plan.threshold is not None:
        chances = o.squeeze(o.sigmoid(logits), axis)
        is_one = o.greater(chances, o.constant(np.float32(plan.threshold)))
        nodes["labels"] = o.convert(is_one, as_type)
        if "confidence" in options.want:
            rest = o.subtract(o.constant(np.float32(1)), chances)
            nodes["confidence"] = o.select(is_one, chances, rest)
    else:
        if options.size is None and has_unstable_ids(tail):
            ids = _as_maps(o, model.copy.get_results()[tail.index].input_value(0), tail)
        else:
            ids = _first_best(o, logits, tail, axis)
        nodes["labels"] = o.convert(ids, as_type)
        if "confidence" in options.want:
            nodes["confidence"] = o.reduce_max(o.softmax(logits, 1), axis, False)
    if "color" in options.want and options.palette is not None:
        palette = o.constant(options.palette.colors.copy())
        places = o.convert(nodes["labels"], "i32")
        nodes["color"] = o.gather(palette, places, o.constant(np.int64(0)))
    return {word: node.output(0) for word, node in nodes.items()}


def has_unstable_ids(tail: Tail) -> bool:
    """Return whether the model has a TopK that may take any of equal logits."""
    nodes = [operator.node for operator in tail.operators if operator.kind == "argmax"]
    return any(not node.get_attributes().get("stable", False) for node in nodes)


def _resize(o: Any, tail: Tail, options: AppendOptions, plan: Plan, size: Any) -> Any:
    """Return the logits (N, C, H, W) of the size of the labels."""
    if options.size is None and tail.class_axis == -3 and tail.resize is not None:
        return tail.operators[-1].product
    logits = tail.head
    if tail.class_axis == -1:
        logits = o.transpose(logits, o.constant(np.array([0, 3, 1, 2], np.int64)))
    if size is None:
        return logits
    return o.interpolate(
        logits,
        size,
        "linear_onnx",
        "sizes",
        coordinate_transformation_mode=plan.grid,
        axes=np.array([2, 3], np.int64),
    )


def _first_best(o: Any, logits: Any, tail: Tail, axis: Any) -> Any:
    """Return the first class whose logit is the largest, as floats (N, H, W)."""
    classes = np.arange(tail.classes or 0, dtype=np.float32).reshape(1, -1, 1, 1)
    is_best = o.equal(logits, o.reduce_max(logits, axis, True))
    none = o.constant(np.float32(classes.size))
    return o.reduce_min(o.select(is_best, o.constant(classes), none), axis, False)


def _as_maps(o: Any, ids: Any, tail: Tail) -> Any:
    """Return the class ids of the model as (N, H, W)."""
    singles = [place for place, axis in enumerate(tail.layout) if axis == "1"]
    if singles:
        ids = o.squeeze(ids, o.constant(np.array(singles, np.int64)))
    layout = [axis for axis in tail.layout if axis != "1"]
    if "N" not in layout:
        ids, layout = o.unsqueeze(ids, o.constant(np.array([0], np.int64))), ["N", *layout]
    order = [layout.index(axis) for axis in "NHW"]
    if order == [0, 1, 2]:
        return ids
    return o.transpose(ids, o.constant(np.array(order, np.int64)))
