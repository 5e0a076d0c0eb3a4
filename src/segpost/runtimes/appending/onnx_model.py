"""ONNX models: the file, the output that is read, and its tail."""

from __future__ import annotations

import os
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.text import describe_error, display_path, suggest_name
from segpost.runtimes.appending.onnx_steps import name_node, own_size, read_step
from segpost.runtimes.appending.steps import fix_sides
from segpost.runtimes.appending.tail import Tail, find_tail, understand
from segpost.runtimes.graph import import_package, refuse_damage
from segpost.runtimes.onnx import OWN_DOMAINS, GraphReader, trace_tensor

DOMAIN, VERSION = "segpost", 1  # of the operators that are appended
MOST_BYTES = 256  # of a size, of axes or of scales
DTYPES = {
    "float": "float32",
    "double": "float64",
    **{
        name: name
        for name in ("float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32")
    },
}


class OnnxModel(NamedTuple):
    """A model, and where its file is."""

    onnx: Any
    proto: Any
    folder: Path | None  # of the file, in which external data are; None of a model in memory

    @property
    def has_external_data(self) -> bool:
        """Whether weights are in files of their own."""
        external = self.onnx.TensorProto.EXTERNAL
        return any(tensor.data_location == external for tensor in self.proto.graph.initializer)

    def copy(self) -> OnnxModel:
        """Return the same model, whose graph may be changed."""
        proto = self.onnx.ModelProto()
        proto.CopyFrom(self.proto)
        return self._replace(proto=proto)


def input_shapes(model: OnnxModel) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the inputs that are no weights."""
    weights = {tensor.name for tensor in model.proto.graph.initializer}
    return {
        entry.name: _sides(entry.type.tensor_type)
        for entry in model.proto.graph.input
        if entry.name not in weights
    }


def load_model(model: Any) -> OnnxModel:
    """Return an ONNX model of a path, of bytes or of an `onnx.ModelProto`; it is a copy.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    onnx = import_package("onnx", "onnx", "an ONNX file")
    folder = None
    is_file = isinstance(model, (str, PathLike))
    file = f"model {display_path(Path(os.fspath(model)))}" if is_file else "model"
    with refuse_damage("ONNX", file):
        if is_file:
            path = Path(os.fspath(model))
            folder = path.resolve().parent
            proto = onnx.load(str(path), load_external_data=False)
            _load_small_tensors(onnx, proto, folder)
        elif isinstance(model, (bytes, bytearray)):
            proto = onnx.load_model_from_string(bytes(model))
        else:
            proto = onnx.ModelProto()
            proto.CopyFrom(model)
        if not proto.graph.node or not proto.graph.output:
            raise ValueError(
                f"{file} has no nodes and outputs: the file is cut, or is no ONNX model"
            )
        _check_names(proto)
        _check_domains(proto)
    return OnnxModel(onnx, proto, folder)


def _load_small_tensors(onnx: Any, proto: Any, folder: Path) -> None:
    """Read what is too small for a weight out of other files: sizes, axes and scales."""
    for tensor in proto.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if not entries or int(entries.get("length", MOST_BYTES + 1)) > MOST_BYTES:
            continue
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, onnx.checker.ValidationError) as error:
            raise ValueError(
                f"tensor {tensor.name!r} is in the file {entries.get('location')!r} beside the "
                f"model, which cannot be read: {describe_error(error).reason}"
            ) from None
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def read_tail(model: OnnxModel, output: str | int | None) -> Tail:
    """Return the tail of an output, which is chosen where only one has a resize."""
    proto = model.proto
    names = [entry.name for entry in proto.graph.output]
    name = _choose_output(model, names, output)
    with refuse_damage("ONNX"):
        trace = trace_tensor(model.onnx, proto, name)
        shapes = _read_shapes(model)
    reader = GraphReader(model.onnx, proto)
    operators = trace.operators
    if operators[0].node is not None:
        _refuse_own(name, operators[0].node)
    last = find_tail(operators)
    if last < 0:
        _refuse_functions(proto, operators[0].node)
        head = name
    else:
        head = operators[last].source
    if head not in shapes:
        foreign = [node for node in proto.graph.node if node.domain not in OWN_DOMAINS]
        reason = f": {name_node(foreign[0])} is no operator of ONNX" if foreign else ""
        raise ValueError(
            f"the shape of the logits {head!r} is not known{reason}; add it to the model's "
            "value_info, in which onnx.shape_inference does not find it"
        )
    dtype, shape = shapes[head]
    if dtype not in DTYPES:
        raise ValueError(
            f"the logits {head!r} are of {dtype or 'an unknown type'}, which is not one of "
            f"{', '.join(DTYPES.values())}; make numbers an output"
        )
    node = operators[last].node if last >= 0 and operators[last].kind == "resize" else None
    others = tuple(other for other in names if other != name)
    tail = understand(
        operators,
        lambda operator: read_step(reader, operator),
        shape,
        output=name,
        index=names.index(name),
        head=head,
        head_name=head,
        dtype=DTYPES[dtype],
        others=others,
        maker="" if last + 1 >= len(operators) else operators[last + 1].name,
    )
    if node is None:
        return tail
    own = own_size(reader, node, name_node(node), shape)
    result = shapes.get(node.output[0], ("", ()))[1]
    return replace(tail, own=fix_sides(own, result, tail.spatial))


def _choose_output(model: OnnxModel, names: list[str], output: str | int | None) -> str:
    """Return the name of the output: the one that is named, or the only one with a resize."""
    if isinstance(output, str) and output not in names:
        raise ValueError(
            f"output must be one of {', '.join(map(repr, names))}, got {output!r}"
            f"{suggest_name(output, names)}"
        )
    if isinstance(output, str):
        return output
    if output is not None:
        if isinstance(output, bool) or not 0 <= output < len(names):
            raise ValueError(f"output must be a number from 0 to {len(names) - 1}, got {output!r}")
        return names[output]
    if len(names) == 1:
        return names[0]
    makers = {tensor: node for node in model.proto.graph.node for tensor in node.output}
    for name in names:
        if name in makers:
            _refuse_own(name, makers[name])
    candidates = []
    for name in names:
        try:
            operators = trace_tensor(model.onnx, model.proto, name).operators
        except ValueError:
            continue
        last = find_tail(operators)
        if last >= 0 and operators[last].kind == "resize":
            candidates.append((name, name_node(operators[last].node)))
    if len(candidates) == 1:
        return candidates[0][0]
    ends = ", ".join(f"{name!r} by {node}" for name, node in candidates)
    raise ValueError(
        f"the model has {len(names)} outputs, {', '.join(map(repr, names))}, of which "
        f"{len(candidates)} are resized{': ' + ends if ends else ''}; choose with output="
    )


def _refuse_own(output: str, node: Any) -> None:
    """Raise an error where an output is made by an operator of segpost."""
    if node.domain == DOMAIN:
        raise ValueError(
            f"output {output!r} is made by {name_node(node)} of segpost already; append to the "
            "model before that"
        )


def _check_names(proto: Any) -> None:
    """Raise an error where two nodes make a tensor of one name: it has no meaning."""
    makers: dict[str, Any] = {}
    for node in proto.graph.node:
        for name in node.output:
            if name and name in makers:
                raise ValueError(
                    f"model is damaged: {name_node(makers[name])} and {name_node(node)} make a "
                    f"tensor of the same name, {name!r}; export it anew"
                )
            makers[name] = node


def _check_domains(proto: Any) -> None:
    """Raise an error where a node is of a domain of operators that the model does not declare."""
    declared = {entry.domain for entry in proto.opset_import} | set(OWN_DOMAINS)
    for node in proto.graph.node:
        if node.domain not in declared:
            raise ValueError(
                f"{name_node(node)} is of the domain {node.domain!r}, which the model does not "
                "declare; add it to opset_import, or export the model anew"
            )


def _refuse_functions(proto: Any, node: Any) -> None:
    """Raise an error where an output is made by what segpost does not look into."""
    if node is None:
        return
    if any(one.name == node.op_type and one.domain == node.domain for one in proto.functions):
        raise ValueError(
            f"{name_node(node)} calls a function of the model, which segpost does not look into; "
            "write it out with onnx.inliner.inline_local_functions(model)"
        )
    if any(attribute.HasField("g") for attribute in node.attribute):
        raise ValueError(
            f"{name_node(node)} has graphs inside, which segpost does not look into; export the "
            "model without a branch or a loop behind the logits"
        )


def _read_shapes(model: OnnxModel) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Return the element type and the shape of every tensor that has them."""
    onnx = model.onnx
    try:
        proto = onnx.shape_inference.infer_shapes(model.proto, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(
            f"model is damaged: its shapes contradict: {' '.join(str(error).split())[:300]}"
        ) from None
    shapes = {}
    for entries in (proto.graph.input, proto.graph.value_info, proto.graph.output):
        for entry in entries:
            tensor = entry.type.tensor_type
            if not tensor.HasField("shape"):
                continue
            dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
            shapes[entry.name] = (dtype, _sides(tensor))
    return shapes


def _sides(tensor: Any) -> tuple[int | None, ...]:
    """Return the sides of a tensor; None for those that are not fixed."""
    return tuple(
        side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None
        for side in tensor.shape.dim
    )
