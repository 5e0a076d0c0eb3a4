"""`python -m benches.runtimes.orders`: orders of standard operators that end in labels.

Logits to labels of uint8, one image, in ONNX Runtime and OpenVINO: classes first or last, before
or after the resize, by ArgMax, TopK or reductions. `append_postprocess(standard=True)` takes the
fastest order of equal labels. CPU time of the process, one thread; rounds are interleaved.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benches.harness import measure, works
from benches.harness.jobs import Contender, need
from benches.runtimes.operators import SIZES, Sizes, logits_of

Graph = Callable[[], Any]
LAST = [0, 2, 3, 1]  # of (N, C, h, w)


class Order(NamedTuple):
    """One order of operators."""

    runtime: str
    words: str
    run: Graph


def onnxruntime_orders(sizes: Sizes, logits: np.ndarray) -> Iterator[Order]:
    """Resize, ArgMax or TopK, Transpose and Cast."""
    onnx = need("onnx")
    h = onnx.helper
    resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    first = h.make_node("Resize", ["x", "", "", "first"], ["r"], **resize)
    before = h.make_node("Transpose", ["x"], ["t"], perm=LAST)
    last = h.make_node("Resize", ["t", "", "", "last"], ["r"], **resize)
    after = h.make_node("Transpose", ["r"], ["u"], perm=LAST)
    orders = {
        "Resize, ArgMax": [first, h.make_node("ArgMax", ["r"], ["a"], axis=1, keepdims=0)],
        "Resize, TopK": [
            first,
            h.make_node("TopK", ["r", "one"], ["v", "i"], axis=1),
            h.make_node("Squeeze", ["i", "one"], ["a"]),
        ],
        "Resize, Transpose, ArgMax": [
            first,
            after,
            h.make_node("ArgMax", ["u"], ["a"], axis=3, keepdims=0),
        ],
        "Transpose, Resize, ArgMax": [
            before,
            last,
            h.make_node("ArgMax", ["r"], ["a"], axis=3, keepdims=0),
        ],
        "Transpose, Resize, TopK": [
            before,
            last,
            h.make_node("TopK", ["r", "one"], ["v", "i"], axis=3),
            h.make_node("Squeeze", ["i", "three"], ["a"]),
        ],
    }
    for words, nodes in orders.items():
        yield Order("ONNX Runtime", words, _session(onnx, nodes, sizes, logits))


def _session(onnx: Any, nodes: list[Any], sizes: Sizes, logits: np.ndarray) -> Graph:
    runtime, h = need("onnxruntime"), onnx.helper
    constants = {
        "first": np.array([1, sizes.classes, *sizes.size]),
        "last": np.array([1, *sizes.size, sizes.classes]),
        "one": np.array([1]),
        "three": np.array([3]),
    }
    graph = h.make_graph(
        [*nodes, h.make_node("Cast", ["a"], ["y"], to=2)],
        "labels",
        [h.make_tensor_value_info("x", 1, logits.shape)],
        [h.make_tensor_value_info("y", 2, [1, *sizes.size])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: np.asarray(session.run(None, {"x": logits})[0])


def openvino_orders(sizes: Sizes, logits: np.ndarray) -> Iterator[Order]:
    """Interpolate, TopK, Transpose and Convert."""
    ov = need("openvino")
    ops = importlib.import_module("openvino.opset13")

    def order(words: str, build: Callable[[Any], Any]) -> Order:
        x = ops.parameter(list(logits.shape), np.float32)
        labels = ops.convert(build(x), "u8")
        config = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        compiled = ov.Core().compile_model(ov.Model([labels.output(0)], [x]), "CPU", config)
        return Order("OpenVINO", words, lambda: np.asarray(compiled([logits])[0]))

    def larger(value: Any, axes: list[int]) -> Any:
        size = np.array(sizes.size)
        return ops.interpolate(value, size, "linear_onnx", "sizes", axes=np.array(axes))

    def top(values: Any, axis: int, stable: bool = True) -> Any:
        best = ops.topk(values, np.int32(1), axis, "max", "value", "i32", stable=stable)
        return ops.squeeze(best.output(1), np.array([axis]))

    def first_best(values: Any) -> Any:
        axis, classes = np.array([1]), np.arange(sizes.classes, dtype=np.float32)
        is_best = ops.equal(values, ops.reduce_max(values, axis, True))
        ids = ops.select(is_best, classes.reshape(1, -1, 1, 1), np.float32(sizes.classes))
        return ops.reduce_min(ids, axis, False)

    last = np.array(LAST)
    yield order("Interpolate, stable TopK", lambda x: top(larger(x, [2, 3]), 1))
    yield order(
        "Interpolate, Transpose, stable TopK",
        lambda x: top(ops.transpose(larger(x, [2, 3]), last), 3),
    )
    yield order(
        "Transpose, Interpolate, stable TopK",
        lambda x: top(larger(ops.transpose(x, last), [1, 2]), 3),
    )
    yield order(
        "Interpolate, ReduceMax, Equal, Select, ReduceMin",
        lambda x: first_best(larger(x, [2, 3])),
    )
    yield order(
        "Interpolate, TopK, which is not stable", lambda x: top(larger(x, [2, 3]), 1, False)
    )


def main() -> int:
    """Print a table of both runtimes."""
    parser = argparse.ArgumentParser(prog="python -m benches.runtimes.orders")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    measure.one_thread()
    print(f"{works.load()}\n")
    print("| runtime | logits | labels of | order | ms | first order / this one | differ |")
    print("|---|---|---|---|--:|--:|--:|")
    for sizes in SIZES:
        for kind in ("scene", "noise"):
            logits = logits_of(kind, sizes)
            for package, orders in (
                ("onnxruntime", onnxruntime_orders),
                ("openvino", openvino_orders),
            ):
                if importlib.util.find_spec(package):
                    _print(
                        f"{kind} | {sizes.classes} x {sizes.size}", [*orders(sizes, logits)], rounds
                    )
    return 0


def _print(where: str, orders: list[Order], rounds: int) -> None:
    """Print a row for each order; the first one is the usual one."""
    usual = orders[0].run()
    timings = measure.interleave([Contender(one.words, one.run) for one in orders], rounds)
    for order, timing in zip(orders, timings, strict=True):
        differing = int((order.run() != usual).sum())
        print(
            f"| {order.runtime} | {where} | {order.words} | {timing.ms:.1f} | "
            f"{timings[0].ms / timing.ms:.2f} | {differing} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
