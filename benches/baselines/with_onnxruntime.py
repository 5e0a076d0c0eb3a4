"""ONNX Runtime: the same steps as a graph, one thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.harness.jobs import ALPHA, Job, Outputs, Run, contender, need

OPSET = 18
SOFTMAX = "onnxruntime: Resize, Softmax, ArgMax, Gather"
POWERS = "onnxruntime: Resize, ReduceMax, Exp, ReduceSum, ArgMax, Gather"


def model_of(nodes: list[Any], inputs: dict[str, Any], outputs: list[str], constants: Any) -> bytes:
    """A graph as a file; `inputs` are example arrays by name."""
    onnx = need("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        nodes,
        "postprocess",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def session(model: bytes) -> Any:
    """A session of one thread."""
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def graph(job: Job, *, softmax: bool = True) -> tuple[bytes, dict[str, Any]]:
    """Resize, a confidence, ArgMax, Gather, and the blend; and what it reads.

    The confidence is ReduceMax of Softmax, or 1 over the sum of the powers of what is below the
    largest, which has no full array of quotients.
    """
    node = need("onnx").helper.make_node
    feed: dict[str, Any] = {"logits": job.typed_logits[None]}
    axis = 1 if job.axis == -3 else 3
    constants: dict[str, Any] = {"palette": job.colors}
    nodes, full = [], "logits"
    if job.size is not None:
        constants["sizes"] = np.array([1, len(job.logits), *job.size], np.int64)
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        nodes.append(node("Resize", ["logits", "", "", "sizes"], ["full"], **mode))
        full = "full"
    nodes.append(node("ArgMax", [full], ["labels"], axis=axis, keepdims=0))
    if "confidence" in job.parts:
        constants["axes"] = np.array([axis], np.int64)
        if softmax:
            nodes.append(node("Softmax", [full], ["probabilities"], axis=axis))
            nodes.append(node("ReduceMax", ["probabilities", "axes"], ["confidence"], keepdims=0))
        else:
            nodes += [
                node("ReduceMax", [full, "axes"], ["top"], keepdims=1),
                node("Sub", [full, "top"], ["below"]),
                node("Exp", ["below"], ["powers"]),
                node("ReduceSum", ["powers", "axes"], ["sum"], keepdims=0),
                node("Reciprocal", ["sum"], ["confidence"]),
            ]
    if "color" in job.parts:
        nodes.append(node("Gather", ["palette", "labels"], ["color"]))
    if "overlay" in job.parts:
        feed["image"] = job.image[None]
        constants["palette"] = job.colors.astype(np.float32) * np.float32(ALPHA)
        constants["rest"] = np.array(1 - ALPHA, np.float32)
        nodes += [
            node("Gather", ["palette", "labels"], ["color"]),
            node("Cast", ["image"], ["pixels"], to=1),
            node("Mul", ["pixels", "rest"], ["faded"]),
            node("Add", ["faded", "color"], ["mixed"]),
            node("Round", ["mixed"], ["rounded"]),
            node("Cast", ["rounded"], ["overlay"], to=2),
        ]
    return model_of(nodes, feed, list(job.parts), constants), feed


def pipeline(job: Job, *, softmax: bool = True) -> Run:
    """The graph in a session."""
    model, feed = graph(job, softmax=softmax)
    run_graph, wanted = session(model).run, list(job.parts)

    def run() -> Outputs:
        return tuple(array[0] for array in run_graph(wanted, feed))

    return run


@contender("onnxruntime: Resize, ArgMax", "labels")
def labels(job: Job) -> Run:
    return pipeline(job)


@contender("onnxruntime: Resize, ArgMax, Gather", "labels+color")
def labels_color(job: Job) -> Run:
    return pipeline(job)


@contender(SOFTMAX, "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)


@contender(POWERS, "labels+confidence+color")
def labels_powers_color(job: Job) -> Run:
    return pipeline(job, softmax=False)


@contender("onnxruntime: Resize, ArgMax, Gather, blend", "labels+overlay")
def labels_overlay(job: Job) -> Run:
    return pipeline(job)


@contender("onnxruntime: Softmax(axis=1)", "softmax")
def softmax(job: Job) -> Run:
    node = need("onnx").helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)
    feed = {"logits": job.logits[None]}
    run_graph = session(model_of([node], feed, ["probabilities"], {})).run
    return lambda: (run_graph(None, feed)[0][0],)
