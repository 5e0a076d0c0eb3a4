"""ONNX models whose graphs end in labels: labels are those of the unchanged model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from append_models import CLASSES, IMAGE, SIDES, SIZE, Graph, image, run

import segpost
from segpost.runtimes import append_postprocess

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.runtimes, pytest.mark.filterwarnings("default")]

GRIDS = ("half_pixel", "align_corners", "asymmetric")
FULL = (1, CLASSES, *SIZE)
Tail = Callable[[Graph, str], tuple[str, int]]


def plain(graph: Graph, tensor: str) -> tuple[str, int]:
    return tensor, 1


def softmax(graph: Graph, tensor: str) -> tuple[str, int]:
    return graph.add("Softmax", tensor, axis=1), 1


def argmax(graph: Graph, tensor: str) -> tuple[str, int]:
    return graph.add("ArgMax", tensor, axis=1, keepdims=0), 7


def argmax_cast(graph: Graph, tensor: str) -> tuple[str, int]:
    best = graph.add("ArgMax", graph.add("Softmax", tensor, axis=1), axis=1, keepdims=1)
    narrow = graph.add("Cast", best, to=2)
    return graph.add("Squeeze", narrow, graph.constant(np.array([1]))), 2


def last_axis(graph: Graph, tensor: str) -> tuple[str, int]:
    last = graph.add("Transpose", tensor, perm=[0, 2, 3, 1])
    return graph.add("ArgMax", last, axis=-1, keepdims=0), 7


def topk(graph: Graph, tensor: str) -> tuple[str, int]:
    one = graph.constant(np.array([1]))
    node = onnx.helper.make_node("TopK", [tensor, one], ["best", "ids"], axis=1, name="/TopK")
    graph.nodes.append(node)
    return graph.add("Squeeze", "ids", one), 7


def transposed(graph: Graph, tensor: str) -> tuple[str, int]:
    return graph.add("Transpose", tensor, perm=[0, 2, 3, 1]), 1


def quantized(graph: Graph, tensor: str, scale: float = 0.05) -> tuple[str, int]:
    step, zero = graph.constant(np.float32(scale)), graph.constant(np.int8(3))
    narrow = graph.add("QuantizeLinear", tensor, step, zero)
    return graph.add("DequantizeLinear", narrow, step, zero), 1


TAILS = (plain, softmax, argmax, argmax_cast, last_axis, topk, transposed)


def build(tail: Tail, grid: str = "half_pixel", size: Any = SIZE, **options: Any) -> Any:
    graph = Graph(**options)
    tensor, dtype = tail(graph, graph.resize(graph.logits(), grid, size))
    graph.end(tensor, dtype=dtype)
    return graph.model()


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("tail", TAILS)
def test_labels_are_those_of_the_unchanged_model(tail: Tail, grid: str, standard: bool) -> None:
    model = build(tail, grid)
    before = model.SerializeToString()
    appended = append_postprocess(model, standard=standard)
    assert model.SerializeToString() == before
    assert appended.check is not None
    assert (appended.check.differing, appended.check.inputs) == (0, 3)
    assert (appended.size, appended.grid, appended.logits) == (SIZE, grid, "logits")
    assert appended.needs_library is not standard
    labels = run(appended.model, image(), library=not standard)[0]
    assert labels.dtype == np.uint8
    whole = run(model, image(), library=False)[0]
    if tail is transposed:
        whole = whole.argmax(3)
    elif whole.ndim == 4:
        whole = whole.argmax(1)
    np.testing.assert_array_equal(labels, whole)
    assert len(np.unique(labels)) == CLASSES
    left = {node.op_type for node in appended.model.graph.node}
    assert "Softmax" not in left
    if not standard:
        assert left == {"Conv", "Constant", "Argmax"}


@pytest.mark.parametrize("standard", [False, True])
def test_confidence_and_color(standard: bool) -> None:
    appended = append_postprocess(
        build(argmax), want=("labels", "confidence", "color"), palette="voc", standard=standard
    )
    assert list(appended.outputs) == ["labels", "confidence", "color"]
    labels, confidence, color = run(appended.model, image(), library=not standard)
    graph = Graph()
    graph.end(graph.logits())
    logits = run(graph.model(), image(), library=False)[0]
    seg = segpost.postprocess(
        logits, size=SIZE, palette="voc", want=("labels", "confidence", "color")
    )
    np.testing.assert_array_equal(labels, seg.labels)
    np.testing.assert_allclose(confidence, seg.confidence, atol=1e-5)
    np.testing.assert_array_equal(color, seg.color)


def test_overlay_of_an_image_of_any_size() -> None:
    model = build(plain, batch="N")
    appended = append_postprocess(
        model, want=("overlay",), size="image", palette="voc", alpha=0.25, output="output"
    )
    assert appended.image == "segpost_image"  # the network has an input of the name image
    picture = np.random.default_rng(1).integers(0, 256, (1, 30, 41, 3), np.uint8)
    (overlay,) = run(appended.model, {**image(), appended.image: picture})
    graph = Graph()
    graph.end(graph.logits())
    logits = run(graph.model(), image(), library=False)[0]
    seg = segpost.postprocess(
        logits[0], image=picture[0], palette="voc", alpha=0.25, want=("overlay",)
    )
    np.testing.assert_array_equal(overlay[0], seg.overlay)


def test_letterbox() -> None:
    box = segpost.Letterbox.fit((33, 70), SIZE)
    appended = append_postprocess(build(plain), letterbox=box)
    assert appended.size == (33, 70)
    assert appended.check is not None
    assert appended.check.against == "segpost.argmax"
    labels = run(appended.model, image())[0]
    graph = Graph()
    graph.end(graph.logits())
    logits = run(graph.model(), image(), library=False)[0]
    np.testing.assert_array_equal(labels, segpost.argmax(logits, letterbox=box))


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("size", [None, "input", (20, 31), "logits"])
def test_dynamic_shapes(size: Any, standard: bool) -> None:
    graph = Graph(batch="N")
    graph.sides = ("H", "W")
    logits = graph.logits()
    shape = graph.add("Shape", IMAGE)
    sides = graph.add("Slice", shape, graph.constant(np.array([2])), graph.constant(np.array([4])))
    ahead = graph.add(
        "Slice",
        graph.add("Shape", logits),
        graph.constant(np.array([0])),
        graph.constant(np.array([2])),
    )
    sizes = graph.add("Concat", ahead, sides, axis=0)
    resized = graph.add("Resize", logits, "", "", sizes, mode="linear")
    graph.end(graph.add("ArgMax", resized, axis=1, keepdims=0), dtype=7)
    appended = append_postprocess(graph.model(), size=size, standard=standard)
    feeds = image(2, 3, 64, 56)
    labels = run(appended.model, feeds, library=not standard)[0]
    expected = {None: (64, 56), "input": (64, 56), (20, 31): (20, 31), "logits": (8, 7)}[size]
    assert labels.shape == (2, *expected)
    if expected == (64, 56):
        np.testing.assert_array_equal(labels, run(graph.model(), feeds, library=False)[0])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("opset", "word"), [(9, "Upsample"), (10, "Resize"), (17, "Resize")])
def test_scales_of_every_opset(opset: int, word: str, dynamic: bool) -> None:
    graph = Graph(opset=opset, batch="N" if dynamic else 1)
    if dynamic:
        graph.sides = ("H", "W")
    scales = graph.constant(np.array([1, 1, 8, 8], np.float32))
    places = ("", scales) if opset >= 11 else (scales,)
    graph.end(graph.add(word, graph.logits(), *places, mode="linear"))
    appended = append_postprocess(graph.model())
    assert appended.grid == ("half_pixel" if opset >= 11 else "asymmetric")
    assert appended.check is not None
    assert appended.check.differing == 0


def test_a_resize_of_channels_last() -> None:
    graph = Graph()
    last = graph.add("Transpose", graph.logits(), perm=[0, 2, 3, 1])
    sizes = graph.constant(np.array([1, 8, 8, 1], np.float32))
    graph.end(graph.add("Resize", last, "", sizes, mode="linear"))
    for standard in (False, True):
        appended = append_postprocess(graph.model(), standard=standard)
        labels = run(appended.model, image(), library=not standard)[0]
        whole = run(graph.model(), image(), library=False)[0].argmax(3)
        np.testing.assert_array_equal(labels, whole)


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("end", ["logits", "sigmoid", "greater", "squeezed", "zero"])
def test_heads_of_one_channel(end: str, standard: bool) -> None:
    graph = Graph(classes=1)
    tensor = graph.resize(graph.logits())
    if end != "logits" and end != "zero":
        tensor = graph.add("Sigmoid", tensor)
    if end == "squeezed":
        tensor = graph.add("Squeeze", tensor, graph.constant(np.array([1])))
    if end in ("greater", "zero"):
        limit = graph.constant(np.float32(0.25 if end == "greater" else 0))
        tensor = graph.add("Cast", graph.add("Greater", tensor, limit), to=2)
    graph.end(tensor, dtype=2 if end in ("greater", "zero") else 1)
    threshold = None if end in ("greater", "zero") else 0.25
    appended = append_postprocess(
        graph.model(), threshold=threshold, standard=standard, want=("labels", "confidence")
    )
    labels, confidence = run(appended.model, image(), library=not standard)
    assert 0.1 < labels.mean() < 0.9
    assert confidence.min() >= 0.25
    if threshold is None:
        whole = run(graph.model(), image(), library=False)[0]
        np.testing.assert_array_equal(labels, whole[:, 0])
        with pytest.raises(ValueError, match=r"threshold is 0\.75, and the model compares with"):
            append_postprocess(graph.model(), threshold=0.75)
    else:
        with pytest.raises(ValueError, match=r"one channel.* pass threshold=0\.5"):
            append_postprocess(graph.model())


def test_quantized_graphs() -> None:
    """Logits that are rounded to levels have ties; labels are those of what was not rounded."""
    appended = append_postprocess(build(quantized))
    assert appended.check is not None
    assert 0 < appended.check.differing - appended.check.clipped < 200
    assert appended.check.margin < 0.05
    assert "QuantizeLinear '/QuantizeLinear'" in appended.replaced
    graph = Graph()
    scale, zero = graph.constant(np.float32(0.02)), graph.constant(np.uint8(128))
    raw = graph.add("QuantizeLinear", graph.logits(), scale, zero)
    resized = graph.resize(raw)
    graph.end(graph.add("DequantizeLinear", resized, scale, zero))
    appended = append_postprocess(graph.model())
    assert appended.check is not None
    assert appended.check.margin <= 2
    assert "uint8 (1, 5, 6, 9)" in str(appended)
    assert f"{appended.check.differing} labels differ from the unchanged model" in str(appended)


def test_levels_that_end_below_the_logits() -> None:
    """Levels up to 1.28 make classes equal whose logits are not; such pixels are counted."""
    report = append_postprocess(build(lambda graph, tensor: quantized(graph, tensor, 0.01))).check
    assert report is not None
    assert 0 < report.clipped <= report.differing
    assert report.margin < 0.01
    assert f"{report.clipped} where logits are beyond the levels" in str(report)


def test_half_precision() -> None:
    graph = Graph()
    half = graph.add("Cast", graph.resize(graph.add("Cast", graph.logits(), to=10)), to=1)
    graph.end(half)
    appended = append_postprocess(graph.model())
    assert appended.check is not None
    assert appended.check.margin < 0.02


def test_other_outputs_stay_and_one_is_chosen() -> None:
    graph = Graph()
    graph.end(graph.resize(graph.logits("main")), "out", shape=FULL)
    graph.end(graph.resize(graph.logits("aux_logits")), "aux", shape=FULL)
    model = graph.model()
    with pytest.raises(
        ValueError,
        match=r"of which 2 are resized: 'out' by Resize '/Resize', 'aux' by .*output=",
    ):
        append_postprocess(model)
    appended = append_postprocess(model, output="aux")
    assert appended.other_outputs == ("out",)
    assert [entry.name for entry in appended.model.graph.output] == ["out", "labels"]
    out, labels = run(appended.model, image())
    whole, aux = run(model, image(), library=False)
    np.testing.assert_array_equal(out, whole)
    np.testing.assert_array_equal(labels, aux.argmax(1))
    assert append_postprocess(model, output=1).outputs == {"labels": "labels"}
    graph = Graph()
    graph.end(graph.resize(graph.logits("main")), "out")
    graph.end(graph.add("GlobalAveragePool", "main"), "scores", shape=(1, CLASSES, 1, 1))
    assert append_postprocess(graph.model()).other_outputs == ("scores",)


def test_an_output_that_is_also_used_elsewhere_stays_in_the_graph() -> None:
    graph = Graph()
    resized = graph.resize(graph.logits())
    graph.end(graph.add("ReduceMax", resized, axes=[1]), "largest", shape=(1, 1, *SIZE))
    graph.end(resized, "out")
    appended = append_postprocess(graph.model(), output="out")
    largest, labels = run(appended.model, image())
    np.testing.assert_array_equal(largest, run(graph.model(), image(), library=False)[0])
    assert labels.shape == (1, *SIZE)


def test_a_tensor_that_a_branch_reads_stays_in_the_graph() -> None:
    """Graphs inside a node read tensors of the graph around it by name."""
    h = onnx.helper
    graph = Graph()
    resized = graph.resize(graph.logits())
    inner = h.make_graph(
        [h.make_node("ReduceMax", ["out"], ["inner"], axes=[1], name="/inner")],
        "inside",
        [],
        [h.make_tensor_value_info("inner", 1, [1, 1, *SIZE])],
    )
    graph.end(resized, "out")
    always = graph.constant(np.bool_(True))
    branch = graph.add("If", always, then_branch=inner, else_branch=inner)
    graph.end(branch, "largest", shape=(1, 1, *SIZE))
    appended = append_postprocess(graph.model(), output="out")
    labels, largest = run(appended.model, image())
    whole, expected = run(graph.model(), image(), library=False)
    np.testing.assert_array_equal(largest, expected)
    np.testing.assert_array_equal(labels, whole.argmax(1))


def test_labels_is_the_name_of_the_output_unless_it_is_taken() -> None:
    graph = Graph()
    graph.end(argmax(graph, graph.resize(graph.logits("labels")))[0], "out", 7)
    appended = append_postprocess(graph.model())
    assert appended.outputs == {"labels": "segpost_labels"}
    graph = Graph()
    graph.end(argmax(graph, graph.resize(graph.logits()))[0], "labels", 7)
    assert append_postprocess(graph.model()).outputs == {"labels": "labels"}


@pytest.mark.parametrize("standard", [False, True])
def test_the_first_of_equal_classes(standard: bool) -> None:
    """Whole logits tie in half of the pixels."""
    graph = Graph()
    graph.end(graph.resize(graph.add("Floor", graph.logits())))
    appended = append_postprocess(graph.model(), standard=standard)
    assert appended.check is not None
    assert appended.check.differing < (1 if standard else 100)


def test_many_classes_are_int32() -> None:
    for standard in (False, True):
        appended = append_postprocess(build(plain, classes=300), standard=standard)
        labels = run(appended.model, image(), library=not standard)[0]
        assert labels.dtype == np.int32


def test_a_model_without_a_resize_needs_size_and_grid() -> None:
    graph = Graph()
    graph.end(softmax(graph, graph.logits())[0])
    model = graph.model()
    with pytest.raises(ValueError, match=r"'logits', which Conv .* makes: pass size="):
        append_postprocess(model, grid="half_pixel")
    with pytest.raises(ValueError, match=r"'logits', which .* makes, so the grid .* pass grid="):
        append_postprocess(model, size=(4, 5))
    appended = append_postprocess(model, size="input", grid="half_pixel")
    assert appended.size == SIZE
    labels = run(appended.model, image())[0]
    graph = Graph()
    graph.end(graph.logits())
    logits = run(graph.model(), image(), library=False)[0]
    np.testing.assert_array_equal(labels, segpost.argmax(logits, size=SIZE))
    small = append_postprocess(model, size="logits")
    assert run(small.model, image())[0].shape == (1, *SIDES)


def test_inputs_of_the_user_are_run_too() -> None:
    model = build(plain)
    appended = append_postprocess(model, inputs=image())
    assert appended.check is not None
    assert appended.check.inputs == 4
    one = image()[IMAGE]
    assert append_postprocess(model, inputs=[one, one]).check.inputs == 5  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"inputs are named 'x', and the model's are 'image'"):
        append_postprocess(model, inputs={"x": one})
    with pytest.raises(ValueError, match=r"cannot run the model on image \(1, 2\).*pass inputs="):
        append_postprocess(model, inputs=np.zeros((1, 2), np.float32))


def test_the_size_of_the_model_may_be_another_ratio_than_that_of_the_logits() -> None:
    appended = append_postprocess(build(plain, size=(37, 53)))
    assert appended.size == (37, 53)
    assert appended.check is not None
    assert appended.check.differing == 0


def test_a_damaged_resize_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of another grid differ by more than rounding."""
    from segpost.runtimes.appending import plan

    monkeypatch.setattr(plan, "_grid", lambda tail, options: "align_corners")
    with pytest.raises(ValueError, match=r"on random input 0 \d+ of 3456 labels .* at image 0, y"):
        append_postprocess(build(plain))
