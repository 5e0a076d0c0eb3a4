"""The nodes that replace the tail of an OpenVINO model."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.runtimes.appending.openvino_model import OpenvinoModel
from segpost.runtimes.appending.openvino_standard import add_standard
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan, letterbox_sides
from segpost.runtimes.appending.tail import Tail

IMAGE = "image"  # the input that the overlay is drawn on


def append_nodes(
    model: OpenvinoModel, tail: Tail, options: AppendOptions, plan: Plan
) -> tuple[Any, Plan]:
    """Return a model with new nodes in the place of the tail, and the plan with their names."""
    openvino, copy = model.openvino, model.copy
    taken = {name for value in (*copy.inputs, *copy.outputs) for name in value.get_names()}
    parameters = list(copy.get_parameters())
    image, image_name = None, ""
    if options.has_picture:
        image_name = IMAGE if IMAGE not in taken else f"segpost_{IMAGE}"
        sides = [-1, plan.height or -1, plan.width or -1, 3]
        image = openvino.opset13.parameter(
            openvino.PartialShape(sides), openvino.Type.u8, name=image_name
        )
        image.output(0).get_tensor().set_names({image_name})
        parameters.append(image)
    size = _add_size(openvino, model, tail, options, plan, image)
    if options.is_standard:
        nodes = add_standard(openvino, model, tail, options, plan, size)
    else:
        nodes = _add_operators(openvino, tail, options, plan, size, image)
    results, names = [], []
    taken -= {tail.output}
    for index, result in enumerate(copy.get_results()):
        if index == tail.index:
            for word in options.want:
                name = word if word not in taken else f"segpost_{word}"
                nodes[word].get_tensor().set_names({name})
                results.append(openvino.opset13.result(nodes[word]))
                names.append(name)
        else:
            results.append(result)
    appended = openvino.Model(results, list(copy.get_sinks()), parameters, copy.get_friendly_name())
    return appended, plan.with_names(tuple(names), image_name)


def _add_size(
    openvino: Any, model: OpenvinoModel, tail: Tail, options: AppendOptions, plan: Plan, image: Any
) -> Any:
    """Return the size of the labels (2,) int64; None where it is that of the logits."""
    o = openvino.opset13
    if options.letterbox is not None or options.size == "logits":
        return None
    if plan.height is not None and plan.width is not None:
        return o.constant(np.array([plan.height, plan.width], np.int64))
    if options.size == "image":
        return _sides_of(o, image, (1, 2))
    if options.size == "input":
        name, axes = plan.source
        entry = next(e for e in model.copy.inputs if e.get_node().get_friendly_name() == name)
        return _sides_of(o, entry, axes)
    if tail.own is None:
        return None
    if tail.own.sizes is not None:
        places = o.constant(np.array(tail.own.places, np.int64))
        sizes = o.gather(tail.own.sizes, places, o.constant(np.int64(0)))
        return o.convert(sizes, "i64")
    factors = o.constant(np.array(tail.own.factors, np.int64))
    return o.multiply(_sides_of(o, tail.head, tail.own.places), factors)


def _sides_of(o: Any, value: Any, axes: tuple[int, int]) -> Any:
    shape = o.shape_of(value, "i64")
    return o.gather(shape, o.constant(np.array(axes, np.int64)), o.constant(np.int64(0)))


def _add_operators(
    openvino: Any, tail: Tail, options: AppendOptions, plan: Plan, size: Any, image: Any
) -> dict[str, Any]:
    """Add operators of segpost, in Python: the runtime calls them without an extension."""
    from segpost.runtimes import openvino_operators as operators

    o = openvino.opset13
    inputs = [tail.head] if size is None else [tail.head, size]
    has_confidence = "confidence" in options.want
    attributes: dict[str, Any] = {"grid": plan.grid, "axis": tail.class_axis, "nan": options.nan}
    if plan.threshold is not None:
        attributes["threshold"] = plan.threshold
    if options.letterbox is not None:
        attributes["letterbox"] = letterbox_sides(options.letterbox)
    is_small = plan.label_dtype == "uint8"
    kind = operators.Argmax if is_small else operators.ArgmaxInt32
    argmax = kind(*inputs, confidence=has_confidence, **attributes)
    nodes = {"labels": argmax.output(0)}
    if has_confidence:
        nodes["confidence"] = argmax.output(1)
    if options.palette is not None:
        palette = o.constant(options.palette.colors.copy())
        if "color" in options.want:
            nodes["color"] = operators.Colorize(nodes["labels"], palette).output(0)
        if "overlay" in options.want:
            alpha = o.constant(options.alpha)
            overlay = operators.Overlay(image, nodes["labels"], palette, alpha)
            nodes["overlay"] = overlay.output(0)
    return nodes
