"""OpenVINO models: the file, the output that is read, and its tail."""

from __future__ import annotations

import os
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

from segpost._core.text import suggest_name
from segpost.runtimes.appending.openvino_steps import TYPES, name_node, own_size, read_step
from segpost.runtimes.appending.steps import fix_sides
from segpost.runtimes.appending.tail import Tail, find_tail, understand
from segpost.runtimes.graph import Trace, import_package, refuse_damage
from segpost.runtimes.openvino import trace_result

INTEGERS = {
    "i8": "int8",
    "u8": "uint8",
    "i16": "int16",
    "u16": "uint16",
    "i32": "int32",
    "u32": "uint32",
}


class OpenvinoModel(NamedTuple):
    """A model, and its copy, whose nodes the new graph shares."""

    openvino: Any
    unchanged: Any
    copy: Any


def load_model(model: Any) -> OpenvinoModel:
    """Return an OpenVINO model of a path or of an `openvino.Model`.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    openvino = import_package("openvino", "openvino", "an OpenVINO model")
    if isinstance(model, (str, PathLike)):
        path = os.fspath(model)
        if not os.path.exists(path):
            raise FileNotFoundError(2, os.strerror(2), path)
        with refuse_damage("OpenVINO"):
            try:
                model = openvino.Core().read_model(path)
            except RuntimeError as error:
                raise ValueError(
                    f"OpenVINO refuses the model: {' '.join(str(error).split())[:300]}"
                ) from error
    if not hasattr(model, "clone"):
        trace_result(model, 0)  # which says what a compiled model is
    return OpenvinoModel(openvino, model, model.clone())


def input_shapes(model: OpenvinoModel) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the inputs, by the names of their nodes."""
    return {
        entry.get_node().get_friendly_name(): _sides(entry.get_partial_shape())
        for entry in model.copy.inputs
    }


def read_tail(model: OpenvinoModel, output: str | int | None) -> Tail:
    """Return the tail of an output, which is chosen where only one has a resize."""
    names = [_name_output(value, i) for i, value in enumerate(model.copy.outputs)]
    index = _choose_output(model, names, output)
    trace = trace_result(model.copy, index)
    node = model.copy.get_results()[index].input_value(0).get_node()
    if node.get_type_info().version_id == "extension":
        raise ValueError(
            f"output {names[index]!r} is made by {name_node(node)}, which is no operator of "
            "OpenVINO; append to the model before that"
        )
    operators = trace.operators
    last = find_tail(operators)
    head = operators[last].source if last >= 0 else model.copy.outputs[index]
    if last < 0 and head.get_node().get_type_name() == "Result":
        head = head.get_node().input_value(0)
    shape = _sides(head.get_partial_shape())
    word = head.get_element_type().get_type_name()
    dtypes = {**TYPES, **INTEGERS}
    if word not in dtypes:
        raise ValueError(
            f"the logits {head.get_node().get_friendly_name()!r} are of {word}, which is not one "
            f"of {', '.join(dtypes)}; make numbers an output"
        )
    resize = operators[last].node if last >= 0 and operators[last].kind == "resize" else None
    tail = understand(
        operators,
        read_step,
        shape,
        output=names[index],
        index=index,
        head=head,
        maker=name_node(head.get_node()),
        head_name=head.get_node().get_friendly_name(),
        dtype=dtypes[word],
        others=tuple(name for i, name in enumerate(names) if i != index),
    )
    if resize is None:
        return tail
    own = own_size(resize, name_node(resize), shape)
    result = _sides(resize.output(0).get_partial_shape())
    return replace(tail, own=fix_sides(own, result, tail.spatial))


def _choose_output(model: OpenvinoModel, names: list[str], output: str | int | None) -> int:
    """Return the index of the output: that which is named, or the only one with a resize."""
    if isinstance(output, str):
        if output not in names:
            raise ValueError(
                f"output must be one of {', '.join(map(repr, names))}, got {output!r}"
                f"{suggest_name(output, names)}"
            )
        return names.index(output)
    if output is not None:
        if isinstance(output, bool) or not 0 <= output < len(names):
            raise ValueError(f"output must be a number from 0 to {len(names) - 1}, got {output!r}")
        return output
    if len(names) == 1:
        return 0
    candidates = []
    for index in range(len(names)):
        try:
            trace: Trace = trace_result(model.copy, index)
        except ValueError:
            continue
        last = find_tail(trace.operators)
        if last >= 0 and trace.operators[last].kind == "resize":
            candidates.append((index, trace.operators[last].name))
    if len(candidates) == 1:
        return candidates[0][0]
    ends = ", ".join(f"{names[i]!r} by {node}" for i, node in candidates)
    raise ValueError(
        f"the model has {len(names)} outputs, {', '.join(map(repr, names))}, of which "
        f"{len(candidates)} are resized{': ' + ends if ends else ''}; choose with output="
    )


def _name_output(value: Any, index: int) -> str:
    """Return the name of an output; models converted from torch have none."""
    return min(value.get_names(), default=f"output {index}")


def _sides(shape: Any) -> tuple[int | None, ...]:
    """Return the sides of a shape; None for those that are not fixed."""
    if shape.rank.is_dynamic:
        return ()
    return tuple(side.get_length() if side.is_static else None for side in shape)
