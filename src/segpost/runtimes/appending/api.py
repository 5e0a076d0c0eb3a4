"""A model in, and the model whose graph ends in labels out, whatever the file format."""

from __future__ import annotations

import os
from os import PathLike
from typing import Any

from segpost.runtimes.appending.check import check_labels
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import make_plan
from segpost.runtimes.appending.report import make_result
from segpost.runtimes.appending.result import AppendedModel, CheckReport


def append_to(
    model: Any, options: AppendOptions, output: str | int | None, inputs: Any, check: bool
) -> AppendedModel:
    """Replace the tail of a model of any format, and compare the labels."""
    is_path = isinstance(model, (str, PathLike))
    ending = os.path.splitext(os.fspath(model))[1].lower() if is_path else ""
    if hasattr(model, "get_ops") or hasattr(model, "create_infer_request") or ending == ".xml":
        return _append_openvino(model, options, output, inputs, check)
    if ending == ".onnx" or hasattr(model, "opset_import") or isinstance(model, (bytes, bytearray)):
        return _append_onnx(model, options, output, inputs, check)
    if is_path:
        raise ValueError(
            f"model must be a file that ends in .onnx or .xml (OpenVINO), got {os.fspath(model)!r}"
        )
    raise TypeError(
        "model must be the path of a file, an onnx.ModelProto or an openvino.Model, got "
        f"{type(model).__name__}"
    )


def _append_onnx(
    model: Any, options: AppendOptions, output: str | int | None, inputs: Any, check: bool
) -> AppendedModel:
    from segpost.runtimes.appending.onnx_append import append_nodes
    from segpost.runtimes.appending.onnx_files import check_model
    from segpost.runtimes.appending.onnx_model import input_shapes, load_model, read_tail
    from segpost.runtimes.appending.onnx_runs import OnnxRuns

    before = load_model(model)
    tail = read_tail(before, output)
    plan = make_plan(tail, options, input_shapes(before))
    after = before.copy()
    plan = append_nodes(after, tail, options, plan)
    if not after.has_external_data:  # else they are looked at where it is saved
        check_model(after.proto)
    report: CheckReport | None = None
    if check:
        from segpost.runtimes.libraries import library

        path = None if options.is_standard else library("onnxruntime")
        run, checked, checked_plan = after, options.with_labels(), plan
        if checked.want != options.want:
            run = before.copy()
            checked_plan = append_nodes(run, tail, checked, plan)
        runs = OnnxRuns(before, run, tail, checked.want, checked_plan, path)
        report = check_labels(runs, tail, checked, checked_plan, inputs)
    folder = before.folder if after.has_external_data else None
    return make_result(after.proto, "onnxruntime", tail, options, plan, report, folder)


def _append_openvino(
    model: Any, options: AppendOptions, output: str | int | None, inputs: Any, check: bool
) -> AppendedModel:
    from segpost.runtimes.appending.openvino_append import append_nodes
    from segpost.runtimes.appending.openvino_model import input_shapes, load_model, read_tail
    from segpost.runtimes.appending.openvino_runs import OpenvinoRuns

    loaded = load_model(model)
    tail = read_tail(loaded, output)
    plan = make_plan(tail, options, input_shapes(loaded))
    appended, plan = append_nodes(loaded, tail, options, plan)
    report: CheckReport | None = None
    if check:
        run, checked, checked_plan = appended, options.with_labels(), plan
        if checked.want != options.want:
            run, checked_plan = append_nodes(loaded, tail, checked, plan)
        runs = OpenvinoRuns(loaded, run, tail, checked.want, checked_plan)
        report = check_labels(runs, tail, checked, checked_plan, inputs)
    return make_result(appended, "openvino", tail, options, plan, report, None)
