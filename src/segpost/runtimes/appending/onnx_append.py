"""The nodes that replace the tail of an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.runtimes.appending.onnx_graph import GraphBuilder
from segpost.runtimes.appending.onnx_model import DOMAIN, VERSION, OnnxModel
from segpost.runtimes.appending.onnx_standard import add_standard
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan, letterbox_sides
from segpost.runtimes.appending.tail import Tail

IMAGE = "image"  # the input that the overlay is drawn on


def append_nodes(model: OnnxModel, tail: Tail, options: AppendOptions, plan: Plan) -> Plan:
    """Replace the tail of a model, which is changed; return the plan with the new names."""
    onnx, proto = model.onnx, model.proto
    builder = GraphBuilder(onnx, proto)
    own = {word: builder.new_name(f"segpost_{word}") for word in ("labels", *options.want)}
    image = builder.new_name(IMAGE) if options.has_picture else ""
    if image:
        sides = ["N", plan.height or "H", plan.width or "W", 3]
        value = onnx.helper.make_tensor_value_info(image, onnx.TensorProto.UINT8, sides)
        proto.graph.input.append(value)
    size = _add_size(builder, tail, options, plan, image)
    if options.is_standard:
        add_standard(builder, tail, options, plan, size, own)
    else:
        builder.use_domain(DOMAIN, VERSION)
        _add_argmax(builder, tail, options, plan, size, own)
        _add_pictures(builder, options, own, image)
    del proto.graph.output[tail.index]
    if tail.output != tail.head:
        builder.remove_unused(tail.output)
    names = builder.rename({own[word]: word for word in options.want})
    for place, (word, name) in enumerate(zip(options.want, names, strict=True)):
        dtype, sides = plan.describe(word)
        code = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        proto.graph.output.insert(
            tail.index + place, onnx.helper.make_tensor_value_info(name, code, sides)
        )
    return plan.with_names(names, image)


def _add_size(
    builder: GraphBuilder, tail: Tail, options: AppendOptions, plan: Plan, image: str
) -> str:
    """Add the size of the labels (2,) int64; an empty name where it is that of the logits."""
    if options.letterbox is not None or options.size == "logits":
        return ""
    if plan.height is not None and plan.width is not None:
        return builder.constant(np.array([plan.height, plan.width], np.int64))
    if options.size in ("input", "image"):
        name, axes = (image, (1, 2)) if options.size == "image" else plan.source
        return builder.add(
            "Gather",
            [builder.add("Shape", [name]), builder.constant(np.array(axes, np.int64))],
            axis=0,
        )
    own = tail.own
    if own is None:
        return ""
    places = builder.constant(np.array(own.places, np.int64))
    if own.sizes is not None:
        return builder.add("Gather", [own.sizes, places], axis=0)
    sides = builder.add("Gather", [builder.add("Shape", [tail.head]), places], axis=0)
    integer = builder.onnx.TensorProto.INT64
    factors = builder.constant(np.array(own.factors, np.int64))
    return builder.add("Mul", [builder.add("Cast", [sides], to=integer), factors])


def _add_argmax(
    builder: GraphBuilder,
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    size: str,
    names: dict[str, str],
) -> None:
    attributes: dict[str, Any] = {"grid": plan.grid, "axis": tail.class_axis}
    if options.nan != "raise":
        attributes["nan"] = options.nan
    if plan.threshold is not None:
        attributes["threshold"] = plan.threshold
    if options.letterbox is not None:
        attributes["letterbox"] = letterbox_sides(options.letterbox)
    outputs = [names["labels"], *([names["confidence"]] if "confidence" in names else [])]
    inputs = [tail.head, *([size] if size else [])]
    word = "Argmax" if plan.label_dtype == "uint8" else "ArgmaxInt32"
    builder.add(word, inputs, outputs, DOMAIN, **attributes)


def _add_pictures(
    builder: GraphBuilder, options: AppendOptions, names: dict[str, str], image: str
) -> None:
    if options.palette is None:
        return
    palette, labels = builder.constant(options.palette.colors.copy()), names["labels"]
    if "color" in names:
        builder.add("Colorize", [labels, palette], [names["color"]], DOMAIN)
    if "overlay" in names:
        alpha = builder.constant(options.alpha)
        builder.add("Overlay", [image, labels, palette, alpha], [names["overlay"]], DOMAIN)
