"""`python -m benches.runtimes.operators`: graphs that end in labels, by standard operators or ours.

Logits to labels of uint8, one image: Resize, ArgMax and Cast of ONNX Runtime; Interpolate, TopK and
Convert of OpenVINO; interpolate and argmax of torch, eager and by AOTInductor (`--aoti`, which
compiles for minutes). CPU time of the process, one thread; rounds are interleaved. "scene" are
drawn regions, "noise" are blocks of 8 x 8 logits with noise of 1.5, "independent" is noise alone.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import measure, scenes, works
from benches.harness.jobs import Absent, Contender, need
from segpost.runtimes import library

Graph = Callable[[], np.ndarray]


class Sizes(NamedTuple):
    """The logits' classes and grid, and the size of the labels."""

    classes: int
    grid: tuple[int, int]
    size: tuple[int, int]


class Pair(NamedTuple):
    """The same labels by standard operators and by segpost's."""

    runtime: str
    standard: Graph
    ours: Graph


SIZES = (Sizes(19, (128, 256), (1024, 2048)), Sizes(21, (65, 65), (513, 513)))


def logits_of(kind: str, sizes: Sizes) -> np.ndarray:
    """Logits (1, C, h, w)."""
    classes, (height, width) = sizes.classes, sizes.grid
    if kind == "scene":
        return scenes.scene(classes, height, width, regions=28, objects=28, poles=9, seed=2)[None]
    if kind == "independent":
        return scenes.iid(classes, height, width)[None]
    rng = np.random.default_rng(0)
    small = rng.normal(size=(classes, -(-height // 8), -(-width // 8)))
    blocks = small.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    noisy = 3 * blocks + 1.5 * rng.normal(size=blocks.shape)
    return noisy.astype(np.float32)[None]


def onnxruntime_pairs(sizes: Sizes, logits: np.ndarray) -> Iterator[Pair]:
    """Resize, ArgMax and Cast, and Argmax."""
    onnx, runtime = need("onnx"), need("onnxruntime")
    h = onnx.helper
    constants = {
        "full": np.array([1, sizes.classes, *sizes.size]),
        "size": np.array(sizes.size),
    }
    resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    graphs = (
        [
            h.make_node("Resize", ["x", "", "", "full"], ["r"], **resize),
            h.make_node("ArgMax", ["r"], ["a"], axis=1, keepdims=0),
            h.make_node("Cast", ["a"], ["y"], to=2),
        ],
        [h.make_node("Argmax", ["x", "size"], ["y"], domain="segpost")],
    )
    calls: list[Graph] = []
    for nodes in graphs:
        graph = h.make_graph(
            nodes,
            "labels",
            [h.make_tensor_value_info("x", 1, logits.shape)],
            [h.make_tensor_value_info("y", 2, [1, *sizes.size])],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        opsets = [h.make_opsetid("", 17), h.make_opsetid("segpost", 1)]
        model = h.make_model(graph, opset_imports=opsets, ir_version=8)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.register_custom_ops_library(library("onnxruntime"))
        session = runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        calls.append(partial(run_session, session, logits))
    yield Pair("ONNX Runtime", *calls)


def run_session(session: Any, logits: np.ndarray) -> np.ndarray:
    """The labels of ONNX Runtime."""
    labels: np.ndarray = session.run(None, {"x": logits})[0]
    return labels


def openvino_pairs(sizes: Sizes, logits: np.ndarray) -> Iterator[Pair]:
    """Interpolate, TopK and Convert, and Argmax in Python and in C++."""
    ov = need("openvino")
    ops = importlib.import_module("openvino.opset13")
    operators = importlib.import_module("segpost.runtimes.openvino_operators")

    def compiled(core: Any, model: Any) -> Graph:
        config = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY",
                  "INFERENCE_PRECISION_HINT": "f32"}  # fmt: skip
        request = core.compile_model(model, "CPU", config).create_infer_request()
        tensor = ov.Tensor(logits)

        def run() -> np.ndarray:
            request.infer([tensor])
            labels: np.ndarray = request.get_output_tensor(0).data
            return labels

        return run

    x = ops.parameter(list(logits.shape), np.float32)
    resized = ops.interpolate(
        x, np.array(sizes.size), "linear_onnx", "sizes", axes=np.array([2, 3])
    )
    top = ops.topk(resized, np.int32(1), 1, "max", "none")
    labels = ops.convert(ops.squeeze(top.output(1), np.array([1])), "u8")
    standard = compiled(ov.Core(), ov.Model([labels.output(0)], [x], "standard"))
    x = ops.parameter(list(logits.shape), np.float32)
    node = operators.Argmax(x, ops.constant(np.array(sizes.size)))
    model = ov.Model([node.output(0)], [x], "segpost")
    yield Pair("OpenVINO, Python", standard, compiled(ov.Core(), model))
    try:
        path_of_library = library("openvino")
    except FileNotFoundError as error:
        print(f"left out: {error}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.xml")
        ov.save_model(model, path)
        core = ov.Core()
        core.add_extension(path_of_library)
        read = core.read_model(path)
        yield Pair("OpenVINO, C++", standard, compiled(core, read))


def torch_pairs(sizes: Sizes, logits: np.ndarray, folder: Path | None) -> Iterator[Pair]:
    """Interpolate and argmax, and segpost's operator; compiled where there is a folder for it."""
    torch = need("torch")
    operators = importlib.import_module("segpost.torch")
    x = torch.from_numpy(logits)

    class Standard(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            full = torch.nn.functional.interpolate(x, size=sizes.size, mode="bilinear")
            return full.argmax(1).to(torch.uint8)

    class Ours(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return operators.argmax(x, size=sizes.size)

    def call(function: Any) -> Graph:
        def run() -> np.ndarray:
            with torch.no_grad():
                labels: np.ndarray = function(x).numpy()
            return labels

        return run

    yield Pair("torch, eager", call(Standard()), call(Ours()))
    if folder is None:
        return
    packages = []
    for module in (Standard(), Ours()):
        path = folder / f"{type(module).__name__}-{sizes.classes}.pt2"
        if not path.exists():
            program = torch.export.export(module, (x,))
            torch._inductor.aoti_compile_and_package(program, package_path=str(path))
        packages.append(torch._inductor.aoti_load_package(str(path)))
    yield Pair("AOTInductor", call(packages[0]), call(packages[1]))


def pairs(
    sizes: Sizes, logits: np.ndarray, folder: Path | None, runtimes: list[str]
) -> Iterator[Pair]:
    """All runtimes that are installed and have segpost's operators."""
    made = {
        "onnxruntime": onnxruntime_pairs(sizes, logits),
        "openvino": openvino_pairs(sizes, logits),
        "torch": torch_pairs(sizes, logits, folder),
    }
    for name in runtimes:
        try:
            yield from made[name]
        except (FileNotFoundError, Absent) as error:
            print(f"left out: {error}", file=sys.stderr)


def call_once(graph: Graph) -> tuple[np.ndarray]:
    """The outputs of a graph, as a contender gives them."""
    return (graph(),)


def main() -> int:
    """Print the table."""
    parser = works.make_parser("python -m benches.runtimes.operators", 9)
    parser.add_argument("--aoti", type=Path, metavar="FOLDER", help="compile, and keep packages")
    parser.add_argument("--only", nargs="*", choices=("onnxruntime", "openvino", "torch"))
    options = parser.parse_args()
    measure.one_thread()
    chosen = options.only or ["onnxruntime", "openvino", "torch"]
    installed = [name for name in chosen if importlib.util.find_spec(name)]
    print(f"{works.load()}\n")
    print("| runtime | logits | labels of | standard, ms | segpost, ms | ratio | differ |")
    print("|---|---|---|--:|--:|--:|--:|")
    ratios: dict[str, float] = {}
    for sizes in SIZES:
        for kind in ("scene", "noise", "independent"):
            logits = logits_of(kind, sizes)
            for pair in pairs(sizes, logits, options.aoti, installed):
                standard, ours = pair.standard(), pair.ours()
                differing = int((standard != ours).sum())
                assert np.array_equal(ours, segpost.argmax(logits, size=sizes.size))
                slow, fast = measure.interleave(
                    [
                        Contender("standard", partial(call_once, pair.standard)),
                        Contender("segpost", partial(call_once, pair.ours)),
                    ],
                    options.rounds,
                )
                where = f"{sizes.classes} x {sizes.size[0]} x {sizes.size[1]}"
                ratios[f"{pair.runtime}, {kind}, {where}"] = slow.ms / fast.ms
                print(
                    f"| {pair.runtime} | {kind} | {where} | {slow.ms:.1f} | {fast.ms:.2f} | "
                    f"{slow.ms / fast.ms:.1f} | {differing} |",
                    flush=True,
                )
    works.write_numbers(options.json, ratios)
    return 0


if __name__ == "__main__":
    sys.exit(main())
