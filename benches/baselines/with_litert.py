"""LiteRT with XNNPACK: the same steps as a graph, one thread; logits channels last."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.harness.jobs import Job, Outputs, Run, contender, need
from benches.harness.litert_graph import Graph


def sum_of_powers(made: Graph, full: int, size: tuple[int, int], classes: int) -> int:
    """1 / sum(exp(x - max)) over the classes: the largest probability, without the others."""
    axis, one = made.constant(np.array([3], np.int32)), made.constant(np.ones(1, np.float32))
    pixels, every = (1, *size, 1), (1, *size, classes)
    kept: dict[str, Any] = {"options": "ReducerOptions", "keepDims": True}
    top = made.append("REDUCE_MAX", [full, axis], pixels, **kept)
    below = made.append("SUB", [full, top], every, options="SubOptions")
    powers = made.append("EXP", [below], every, options="ExpOptions")
    total = made.append("SUM", [powers, axis], (1, *size), options="ReducerOptions")
    return made.append("DIV", [one, total], (1, *size), options="DivOptions")


def top_of_softmax(made: Graph, full: int, size: tuple[int, int], classes: int) -> int:
    """The largest of all probabilities."""
    axis = made.constant(np.array([3], np.int32))
    every = made.append("SOFTMAX", [full], (1, *size, classes), options="SoftmaxOptions", beta=1.0)
    return made.append("REDUCE_MAX", [every, axis], (1, *size), options="ReducerOptions")


def graph(job: Job, confidence: Callable[..., int]) -> bytes:
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
        outputs["confidence"] = confidence(made, full, size, classes)
    made.graph.outputs = [outputs[part] for part in job.parts]
    return made.content()


def pipeline(job: Job, confidence: Callable[..., int] = sum_of_powers) -> Run:
    """The graph in an interpreter; logits are written once, outputs are views of its memory."""
    need("ai_edge_litert")
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter(
        model_content=graph(job, confidence), num_threads=1
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
def labels_softmax_color(job: Job) -> Run:
    return pipeline(job, top_of_softmax)


@contender("LiteRT: RESIZE_BILINEAR, EXP, SUM, ARG_MAX, GATHER", "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)
