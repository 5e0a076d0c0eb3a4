"""What cannot be appended to is refused, with the name of the node and the cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from append_models import IMAGE, SIZE, Graph
from mutations import mutate

from segpost.runtimes import append_postprocess

onnx: Any = pytest.importorskip("onnx")
pytestmark = [pytest.mark.runtimes, pytest.mark.filterwarnings("default")]

FULL = (1, 5, *SIZE)
Build = Callable[[Graph], None]


def resized(grid: str = "half_pixel", size: Any = SIZE, **attributes: Any) -> Build:
    def build(g: Graph) -> None:
        g.end(g.resize(g.logits(), grid, size, **attributes))

    return build


def behind(word: str, *constants: Any, dtype: int = 1, **attributes: Any) -> Build:
    """An operator behind the resize."""

    def build(g: Graph) -> None:
        tensor = g.resize(g.logits())
        names = [g.constant(value) for value in constants]
        g.end(g.add(word, tensor, *names, **attributes), dtype=dtype, shape=FULL)

    return build


def resized_ids(mode: str) -> Build:
    def build(g: Graph) -> None:
        ids = g.add("Cast", g.add("ArgMax", g.logits(), axis=1, keepdims=1), to=1)
        sizes = g.constant(np.array([1, 1, *SIZE]))
        g.end(g.add("Resize", ids, "", "", sizes, mode=mode))

    return build


def scaled(factor: float, batch: Any = 1) -> Build:
    def build(g: Graph) -> None:
        if batch == "N":
            g.batch, g.sides = "N", ("H", "W")
        scales = g.constant(np.array([1, 1, factor, factor], np.float32))
        g.end(g.add("Resize", g.logits(), "", scales, mode="linear"))

    return build


def masks(g: Graph) -> None:
    chances = g.add("Sigmoid", g.resize(g.logits()))
    g.end(g.add("Greater", chances, g.constant(np.float32(0.5))), dtype=9)


def one_channel_limit(g: Graph) -> None:
    g.classes = 1
    g.end(g.add("Greater", g.resize(g.logits()), g.constant(np.float32(0.7))), dtype=9)


def sum_of_two(g: Graph) -> None:
    g.end(g.add("Add", g.resize(g.logits("a")), g.resize(g.logits("b"))))


def branch(g: Graph) -> None:
    tensor = g.logits()
    g.constant(np.array(FULL), "sizes")
    h = onnx.helper
    node = h.make_node("Resize", [tensor, "", "", "sizes"], ["inner"], mode="linear")
    value = h.make_tensor_value_info("inner", 1, None)
    graph = h.make_graph([node], "inside", [], [value])
    always = g.constant(np.bool_(True))
    g.end(g.add("If", always, then_branch=graph, else_branch=graph), shape=FULL)


def function(g: Graph) -> None:
    h = onnx.helper
    g.domains["local"] = 1
    node = h.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)
    opsets = [h.make_opsetid("", 17)]
    g.functions.append(h.make_function("local", "Head", ["x"], ["y"], [node], opsets))
    g.end(g.add("Head", g.resize(g.logits()), domain="local"), dtype=7, shape=(1, *SIZE))


def foreign_domain(declared: bool) -> Build:
    def build(g: Graph) -> None:
        if declared:
            g.domains["com.acme"] = 1
        source = g.add("Fancy", IMAGE, domain="com.acme")
        g.end(g.resize(g.logits(source=source)))

    return build


def volume(g: Graph) -> None:
    deep = g.add("Unsqueeze", g.logits(), g.constant(np.array([2])))
    g.end(g.add("Resize", deep, "", "", g.constant(np.array([1, 5, 2, *SIZE])), mode="linear"))


def grid_sample(g: Graph) -> None:
    places = g.constant(np.zeros((1, *SIZE, 2), np.float32))
    g.end(g.add("GridSample", g.logits(), places), shape=FULL)


def levels_of_classes(g: Graph) -> None:
    scale, zero = g.constant(np.full(5, 0.1, np.float32)), g.constant(np.zeros(5, np.int8))
    narrow = g.add("QuantizeLinear", g.resize(g.logits()), scale, zero, axis=1)
    g.end(g.add("DequantizeLinear", narrow, scale, zero, axis=1))


def computed_scales(g: Graph) -> None:
    factors = g.add("Sqrt", g.constant(np.array([1, 1, 64, 64], np.float32)))
    g.end(g.add("Resize", g.logits(), "", factors, mode="linear"))


REFUSED: list[tuple[str, Build, str]] = [
    ("cubic", resized(mode="cubic"), "Resize '/Resize' resizes by 'cubic'.*bilinear"),
    ("nearest", resized(mode="nearest"), "Resize '/Resize' takes nearest.*segpost.resize_labels"),
    (
        "grid",
        resized("tf_crop_and_resize"),
        "resizes on the grid 'tf_crop_and_resize'.*with half_pixel",
    ),
    ("antialias", resized(antialias=1), "Resize '/Resize' has antialias"),
    (
        "aspect",
        resized(keep_aspect_ratio_policy="not_larger", axes=[0, 1, 2, 3]),
        r"keeps the aspect ratio \(not_larger\)",
    ),
    ("labels", resized_ids("nearest"), "Resize '/Resize' takes nearest"),
    ("interpolated", resized_ids("linear"), "class ids that Resize '/Resize' interpolates"),
    ("factor", scaled(7.7), "Resize '/Resize' resizes by the factor 7.7, with which 6"),
    ("dynamic", scaled(2.5, "N"), "factor 2.5, with which a side does not become a whole"),
    ("scales", computed_scales, "Resize '/Resize' has scales that the graph computes"),
    ("mul", behind("Mul", np.float32(0.5)), "'output', which Mul '/Mul' makes: pass size="),
    ("two", sum_of_two, "'output', which Add '/Add' makes: pass size="),
    (
        "slice",
        behind("Slice", np.array([0]), np.array([40]), np.array([2])),
        "Slice '/Slice' stands between the resize and the output.*output=",
    ),
    ("reshape", behind("Reshape", np.array([1, 5, -1])), "Reshape '/Reshape' stands between"),
    ("softmax", behind("Softmax", axis=3), "Softmax '/Softmax' works along axis 3"),
    ("argmax", behind("ArgMax", axis=2, dtype=7), "ArgMax '/ArgMax' works along axis 2"),
    (
        "last",
        behind("ArgMax", axis=1, select_last_index=1, dtype=7),
        "ArgMax '/ArgMax' takes the last of equal",
    ),
    ("smallest", behind("ArgMin", axis=1, dtype=7), "ArgMin '/ArgMin' stands between"),
    ("sigmoid", behind("Sigmoid"), "Sigmoid '/Sigmoid' makes 5 masks.*segpost.binarize"),
    ("masks", masks, "Greater '/Greater' compares 5 channels.*segpost.binarize"),
    ("limit", one_channel_limit, "Greater '/Greater' compares logits with 0.7"),
    ("branch", branch, "If '/If' has graphs inside"),
    ("function", function, "Head '/Head' calls a function.*inline_local_functions"),
    ("undeclared", foreign_domain(False), "Fancy '/Fancy' is of the domain 'com.acme'.*declare"),
    ("foreign", foreign_domain(True), "'logits' is not known: Fancy '/Fancy' is no operator"),
    ("volume", volume, r"shape \(1, 5, 1, 6, 9\).*use segpost\.postprocess"),
    ("grid sample", grid_sample, "GridSample '/GridSample' samples at places"),
    ("levels", levels_of_classes, "5 scales, one per class"),
]


@pytest.mark.parametrize(
    ("build", "text"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_refused_with_the_node_and_the_cure(build: Build, text: str) -> None:
    graph = Graph(opset=18)
    build(graph)
    with pytest.raises(ValueError, match=text):
        append_postprocess(graph.model(), check=False)


ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"size": "huge"}, ValueError, "size must be one of 'input', 'image', 'logits'"),
    ({"size": (0, 3)}, ValueError, "size must be at least"),
    ({"size": "image"}, ValueError, 'add "overlay" to want, or pass size="input"'),
    ({"want": "labels"}, TypeError, "want must be a collection"),
    ({"want": ("label",)}, ValueError, "did you mean 'labels'"),
    ({"want": ("color",)}, ValueError, "want has 'color', which needs colors: pass palette="),
    (
        {"want": ("color",), "palette": [[0, 0, 0]]},
        ValueError,
        "palette has 1 colors, and the model has 5 classes",
    ),
    ({"palette": "voc"}, ValueError, "palette is for colors: add"),
    ({"alpha": 2}, ValueError, r"alpha must be in 0\.\.1"),
    ({"alpha": [0.5, 0.5]}, ValueError, "one for each of 1 classes"),
    ({"threshold": 0.5}, ValueError, "'logits' has 5: leave threshold out"),
    ({"grid": "asymmetric"}, ValueError, "grid 'half_pixel', and grid is 'asymmetric'; leave"),
    ({"letterbox": 3}, TypeError, "letterbox must be a segpost.Letterbox"),
    ({"output": "out"}, ValueError, "output must be one of 'output'.*did you mean 'output'"),
    ({"output": 4}, ValueError, "output must be a number from 0 to 0, got 4"),
    ({"nan": "propagate", "standard": True}, ValueError, "nan is not known to standard"),
    (
        {"want": ("overlay",), "palette": "voc", "standard": True},
        ValueError,
        "overlay is not made of standard operators",
    ),
    ({"wants": ()}, TypeError, "wants"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), ARGUMENTS)
def test_arguments_that_contradict(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    graph = Graph()
    resized()(graph)
    with pytest.raises(error, match=text):
        append_postprocess(graph.model(), **{"check": False, **arguments})


def test_confidence_of_probabilities_is_refused() -> None:
    graph = Graph()
    graph.end(graph.resize(graph.add("Softmax", graph.logits(), axis=1)))
    model = graph.model()
    assert append_postprocess(model, check=False).logits == "Softmax_1"
    with pytest.raises(ValueError, match="softmax of a softmax; leave confidence out of want"):
        append_postprocess(model, want=("labels", "confidence"), check=False)


def test_a_model_that_ends_in_segpost_already() -> None:
    graph = Graph()
    resized()(graph)
    made = append_postprocess(graph.model(), check=False)
    with pytest.raises(ValueError, match="made by Argmax 'segpost/Argmax' of segpost already"):
        append_postprocess(made.model, check=False)


def test_old_opsets_have_no_grid_for_standard_operators() -> None:
    graph = Graph(opset=9)
    scales = graph.constant(np.array([1, 1, 8, 8], np.float32))
    graph.end(graph.add("Upsample", graph.logits(), scales, mode="linear"))
    model = graph.model()
    with pytest.raises(ValueError, match=r"opset 9, whose Resize has no grid.*version_converter"):
        append_postprocess(model, standard=True, check=False)


def test_two_nodes_that_make_one_tensor() -> None:
    graph = Graph()
    resized()(graph)
    model = graph.model()
    model.graph.node.append(model.graph.node[0])
    with pytest.raises(ValueError, match="make a tensor of the same name, 'logits'"):
        append_postprocess(model, check=False)


@pytest.mark.parametrize(
    ("model", "error", "text"),
    [
        (3, TypeError, "an onnx.ModelProto or an openvino.Model, got int"),
        (b"", ValueError, "no nodes and outputs"),
        (b"hello world", ValueError, "damaged ONNX file"),
        ("model.pt", ValueError, r"ends in \.onnx or \.xml"),
        ("no/model.onnx", FileNotFoundError, "model.onnx"),
    ],
)
def test_what_is_no_model(model: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        append_postprocess(model)


def test_without_the_runtime_the_error_has_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    graph = Graph()
    resized()(graph)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install onnxruntime\), or pass check=False"):
        append_postprocess(graph.model())
    appended = append_postprocess(graph.model(), check=False)
    assert appended.check is None
    assert "check          none: the labels were not compared" in str(appended)


def test_damaged_files_are_refused_or_give_a_model(tmp_path: Path) -> None:
    """Never another exception, never endless."""
    graph = Graph()
    tensor = graph.add("ArgMax", graph.resize(graph.logits()), axis=1, keepdims=0)
    graph.end(graph.add("Cast", tensor, to=2), dtype=2)
    data = graph.model().SerializeToString()
    path = tmp_path / "model.onnx"
    refused = 0
    cut = [data[:size] for size in range(0, len(data), len(data) // 60)]
    for damaged in [*cut, *mutate(data, 300, seed=5), *mutate(_without_weights(), 600, seed=6)]:
        path.write_bytes(damaged)
        try:
            append_postprocess(path, check=False)
        except (ValueError, TypeError, OSError, MemoryError):
            refused += 1
    assert refused > 300


def _without_weights() -> bytes:
    """A model whose bytes are nearly all nodes."""
    graph = Graph()
    tensor = graph.add("ReduceMean", IMAGE, axes=[1], keepdims=1)
    tensor = graph.add("Concat", tensor, IMAGE, axis=1)
    graph.classes = 4
    graph.end(graph.add("ArgMax", graph.resize(tensor), axis=1, keepdims=0), dtype=7)
    return bytes(graph.model().SerializeToString())
