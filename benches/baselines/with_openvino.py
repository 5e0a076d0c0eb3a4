"""OpenVINO: the same steps at the end of a graph, one thread, on memory that is shared with NumPy.

TopK over planes is the fastest of its orders: `python -m benches.runtimes.orders` has others.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benches.harness.jobs import ALPHA, Absent, Job, Outputs, Run, contender, need

LABELS = "OpenVINO: Interpolate, TopK"
COLORS = "OpenVINO: Interpolate, TopK, Gather"
CONFIDENCE = "OpenVINO: Interpolate, TopK, Exp, ReduceSum, Gather"
CONFIG = {
    "INFERENCE_NUM_THREADS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",
}


def graph(job: Job, inputs: list[Any]) -> dict[str, Any]:
    """The nodes of the outputs, by part; `inputs` are the logits and the image."""
    ops = importlib.import_module("openvino.opset13")
    axis = 1 if job.axis == -3 else 3
    full = ops.convert(inputs[0], "f32")
    if job.size is not None:
        axes = np.array([2, 3] if axis == 1 else [1, 2])
        full = ops.interpolate(full, np.array(job.size), "linear_onnx", "sizes", axes=axes)
    top = ops.topk(full, np.int32(1), axis, "max", "none", "i32")
    label = ops.squeeze(top.output(1), np.array([axis]))
    made = {"labels": ops.convert(label, "u8")}
    if "confidence" in job.parts:  # less than half the time of SoftMax
        powers = ops.exp(ops.subtract(full, top.output(0)))
        made["confidence"] = ops.divide(np.float32(1), ops.reduce_sum(powers, np.array([axis])))
    if "color" in job.parts:
        made["color"] = ops.gather(ops.constant(job.colors), label, np.int32(0))
    if "overlay" in job.parts:
        palette = job.colors.astype(np.float32) * np.float32(ALPHA)
        color = ops.gather(ops.constant(palette), label, np.int32(0))
        faded = ops.multiply(ops.convert(inputs[1], "f32"), np.float32(1 - ALPHA))
        made["overlay"] = ops.convert(ops.round(ops.add(faded, color), "half_to_even"), "u8")
    return made


def pipeline(job: Job) -> Run:
    """The graph, compiled, with its inputs in place."""
    ov = need("openvino")
    if job.kind == "bfloat16":
        raise Absent("NumPy has no array of bfloat16 to share")
    ops = importlib.import_module("openvino.opset13")
    arrays = [np.ascontiguousarray(job.typed_logits)[None]]
    if "overlay" in job.parts:
        arrays.append(job.image[None])
    inputs = [ops.parameter(list(array.shape), array.dtype) for array in arrays]
    nodes = graph(job, inputs)
    model = ov.Model([nodes[part].output(0) for part in job.parts], inputs, "postprocess")
    request = ov.Core().compile_model(model, "CPU", CONFIG).create_infer_request()
    for k, array in enumerate(arrays):
        request.set_input_tensor(k, ov.Tensor(array, shared_memory=True))

    def run() -> Outputs:
        request.infer()
        return tuple(request.get_output_tensor(k).data[0] for k in range(len(job.parts)))

    return run


@contender(LABELS, "labels")
def labels(job: Job) -> Run:
    return pipeline(job)


@contender(COLORS, "labels+color")
def labels_color(job: Job) -> Run:
    return pipeline(job)


@contender(CONFIDENCE, "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)


@contender("OpenVINO: Interpolate, TopK, Gather, blend", "labels+overlay")
def labels_overlay(job: Job) -> Run:
    return pipeline(job)
