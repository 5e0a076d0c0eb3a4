"""LiteRT with XNNPACK: the same steps as a graph, one thread; logits channels last."""

from __future__ import annotations

import importlib

import numpy as np

from benches.harness.jobs import Job, Outputs, Run, contender, need
from benches.harness.litert_graph import Graph


def graph(job: Job) -> bytes:
    """Logits to the outputs, in the order of the parts."""
    made, size, classes = Graph(), job.shape, len(job.logits)
    logits = made.tensor((1, *job.logits.shape[1:], classes), "float32")
    made.graph.inputs = [logits]
    full = logits if job.size is None else made.resize(logits, size, classes)
    best = made.arg_max(full, size)
    outputs = {"labels": made.cast_to_bytes(best, size)}
    if "color" in job.parts:
        palette = made.constant(job.colors)
        shape, options = (1, *size, 3), "GatherOptions"
        outputs["color"] = made.append(
            "GATHER", [palette, best], shape, "uint8", options=options, version=2, axis=0
        )
    if "confidence" in job.parts:
        axis, one = made.constant(np.array([3], np.int32)), "ReducerOptions"
        powers = made.append(
            "SOFTMAX", [full], (1, *size, classes), options="SoftmaxOptions", beta=1.0
        )
        outputs["confidence"] = made.append("REDUCE_MAX", [powers, axis], (1, *size), options=one)
    made.graph.outputs = [outputs[part] for part in job.parts]
    return made.content()


def pipeline(job: Job) -> Run:
    """The graph in an interpreter; logits are written once, outputs are views of its memory."""
    need("ai_edge_litert")
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter(
        model_content=graph(job), num_threads=1
    )
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    interpreter.set_tensor(
        source["index"], np.ascontiguousarray(job.logits.transpose(1, 2, 0))[None]
    )
    views = [interpreter.tensor(one["index"]) for one in interpreter.get_output_details()]

    def run() -> Outputs:
        interpreter.invoke()
        return tuple(view()[0] for view in views)

    return run


@contender("LiteRT: RESIZE_BILINEAR, ARG_MAX", "labels")
def labels(job: Job) -> Run:
    return pipeline(job)


@contender("LiteRT: RESIZE_BILINEAR, ARG_MAX, GATHER", "labels+color")
def labels_color(job: Job) -> Run:
    return pipeline(job)


@contender("LiteRT: RESIZE_BILINEAR, SOFTMAX, ARG_MAX, GATHER", "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)
