"""The operators of segpost in ONNX Runtime: the bytes of segpost's functions, and its errors."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import numpy as np
import pytest
from conftest import scene
from onnx_operators import make_model, make_session, run, type_of

import segpost

pytest.importorskip("segpost._cpu")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

SIZE = (37, 61)


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def logits() -> np.ndarray:
    """Two images of six classes, with ties."""
    batch = np.stack([3 * scene(6, 9, 13, seed) for seed in (1, 2)]).round()
    return batch.astype(np.float32)


def size_of(height: int, width: int) -> np.ndarray:
    return np.array([height, width], np.int64)


KINDS = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [-3, -1])
def test_argmax_of_every_type(logits: np.ndarray, kind: str, axis: int) -> None:
    """Channels first and last, at the grid's size, odd sizes, and smaller ones."""
    values = (logits - logits.min()).astype(kind)
    values = values if axis == -3 else np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    session = make_session(make_model("Argmax", [values, 7], axis=axis))
    for size in ((9, 13), SIZE, (4, 5), (1, 1)):
        (labels,) = session.run(None, {"x0": values, "x1": size_of(*size)})
        expected = segpost.argmax(values, size=size, axis=axis)
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, expected)


def test_argmax_of_bfloat16(logits: np.ndarray) -> None:
    """The runtime takes bfloat16 as an OrtValue; here a Cast makes it."""
    onnx: Any = importlib.import_module("onnx")

    h = onnx.helper
    nodes = [
        h.make_node("Cast", ["x"], ["b"], to=16),
        h.make_node("Argmax", ["b", "size"], ["y"], domain="segpost"),
    ]
    graph = h.make_graph(
        nodes,
        "bfloat16",
        [h.make_tensor_value_info("x", 1, None), h.make_tensor_value_info("size", 7, [2])],
        [h.make_tensor_value_info("y", 2, None)],
    )
    opsets = [h.make_opsetid("", 17), h.make_opsetid("segpost", 1)]
    model = h.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    (labels,) = make_session(model).run(None, {"x": logits, "size": size_of(*SIZE)})
    np.testing.assert_array_equal(labels, segpost.argmax(logits, size=SIZE))  # they are small


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
def test_grids_and_letterboxes(logits: np.ndarray, grid: Any) -> None:
    box = segpost.Letterbox.fit((37, 61), (64, 64))
    sides = [*box.image_size, *box.input_size, *box.content_size, *box.offset]
    (labels,) = run("Argmax", [logits, size_of(*SIZE)], grid=grid)
    np.testing.assert_array_equal(labels, segpost.argmax(logits, size=SIZE, grid=grid))
    expected = segpost.argmax(logits, letterbox=box, grid=grid)
    for inputs in ([logits], [logits, None], [logits, size_of(*box.image_size)]):
        (labels,) = run("Argmax", inputs, grid=grid, letterbox=sides)
        np.testing.assert_array_equal(labels, expected)


def test_optional_outputs(logits: np.ndarray) -> None:
    """Confidence is computed where the node has a second output, in both modes."""
    for mode in ("exact", "fast"):
        given = [logits, size_of(*SIZE)]
        labels, confidence = run("Argmax", given, 2, confidence_mode=mode)
        seg = segpost.postprocess(
            logits, size=SIZE, confidence_mode=mode, want=("labels", "confidence")
        )
        np.testing.assert_array_equal(labels, seg.labels)
        np.testing.assert_array_equal(confidence, seg.confidence)


def test_sigmoid_heads_and_quantized_logits() -> None:
    rng = np.random.default_rng(3)
    head = rng.normal(size=(2, 1, 9, 13)).astype(np.float32)
    threshold = float(np.float32(0.3))
    labels, confidence = run("Argmax", [head, size_of(*SIZE)], 2, threshold=threshold)
    seg = segpost.postprocess(head, size=SIZE, threshold=threshold, want=("labels", "confidence"))
    np.testing.assert_array_equal(labels, seg.labels)
    np.testing.assert_allclose(confidence, seg.confidence, atol=2e-6)
    values = rng.integers(-128, 128, (1, 5, 9, 13)).astype(np.int8)
    scale = 0.0625, 3
    labels, confidence = run(
        "Argmax", [values, size_of(*SIZE)], 2, quantization=[scale[0], float(scale[1])]
    )
    seg = segpost.postprocess(values, size=SIZE, quantization=scale, want=("labels", "confidence"))
    np.testing.assert_array_equal(labels, seg.labels)
    np.testing.assert_array_equal(confidence, seg.confidence)


def test_many_classes_are_int32() -> None:
    logits = np.random.default_rng(4).normal(size=(1, 300, 5, 6)).astype(np.float32)
    (labels,) = run("ArgmaxInt32", [logits, size_of(20, 30)])
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, segpost.argmax(logits, size=(20, 30)))
    with pytest.raises(Exception, match=r"segpost\.Argmax: logits have 300 classes.*ArgmaxInt32"):
        run("Argmax", [logits])


def test_nan_wins_where_it_is_propagated(logits: np.ndarray) -> None:
    values = logits.copy()
    values[1, 4, 2, 3] = np.nan
    (labels,) = run("Argmax", [values, size_of(*SIZE)], nan="propagate")
    expected = segpost.argmax(values, size=SIZE, nan="propagate")
    np.testing.assert_array_equal(labels, expected)
    with pytest.raises(Exception, match=r"segpost\.Argmax: logits have 1 NaN, first at image 1, y"):
        run("Argmax", [values, size_of(*SIZE)])


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
def test_colors(logits: np.ndarray, kind: str) -> None:
    rng = np.random.default_rng(5)
    colors = rng.integers(0, 256, (6, 3), np.uint8)
    palette = segpost.Palette(colors)
    labels = segpost.argmax(logits, size=SIZE).astype(kind)
    (color,) = run("Colorize", [labels, colors])
    np.testing.assert_array_equal(color, segpost.colorize(labels, palette))
    image = rng.integers(0, 256, (2, *SIZE, 3), np.uint8)
    for weights in (None, np.array([0.25], np.float32), np.linspace(0, 1, 6, dtype=np.float32)):
        (blended,) = run("Overlay", [image, labels, colors, weights], contour=2)
        alpha: Any = 0.5 if weights is None else [float(weight) for weight in weights]
        alpha = alpha[0] if weights is not None and len(weights) == 1 else alpha
        expected = segpost.overlay(image, labels, palette, alpha=alpha, contour=2)
        np.testing.assert_array_equal(blended, expected)


def test_confusion_matrix(logits: np.ndarray) -> None:
    preds = segpost.argmax(logits)
    target = np.roll(preds, 3, axis=2).astype(np.int64)
    target[0, 0] = 255
    (matrix,) = run("ConfusionMatrix", [preds, target], num_classes=6, ignore_index=[255, 9])
    expected = segpost.confusion_matrix(preds=preds, target=target, num_classes=6, ignore_index=255)
    np.testing.assert_array_equal(matrix, expected)


def test_dense_crf(logits: np.ndarray) -> None:
    probabilities = segpost.softmax(logits)
    image = np.random.default_rng(6).integers(0, 256, (2, 9, 13, 3), np.uint8)
    for name in ("pydensecrf", "deeplab"):
        (refined,) = run("DenseCRF", [probabilities, image], preset=name, iterations=3)
        crf = segpost.DenseCRF.preset(name, iterations=3)
        np.testing.assert_array_equal(refined, crf(probabilities, image))
    (refined,) = run("DenseCRF", [probabilities, image], bilateral_weight=0.0, gaussian_sigma=2.0)
    crf = segpost.DenseCRF(gaussian={"sigma": 2.0, "weight": 3.0}, bilateral=None)
    np.testing.assert_array_equal(refined, crf(probabilities, image))


WRONG_ATTRIBUTES: list[tuple[str, dict[str, Any], str]] = [
    ("Argmax", {"axis": 1}, "axis must be -3 or -1, got 1"),
    ("Argmax", {"axis": 1.0}, "attribute axis must be an integer"),
    ("Argmax", {"grid": "cubic"}, "grid must be one of half_pixel, .*, got 'cubic'"),
    ("Argmax", {"grid": 3}, "attribute grid must be a string"),
    ("Argmax", {"nan": "ignore"}, "nan must be one of raise, propagate"),
    ("Argmax", {"threshold": 1.5}, "threshold is a probability between 0 and 1"),
    ("Argmax", {"threshold": 1}, "attribute threshold must be a float"),
    ("Argmax", {"quantization": [1.0]}, r"quantization must be \(scale, zero_point\), got 1"),
    ("Argmax", {"quantization": [-1.0, 0.0]}, "a positive scale"),
    ("Argmax", {"quantization": [1, 0]}, "attribute quantization must be a list of floats"),
    ("Argmax", {"letterbox": [1, 2, 3]}, "letterbox must be the 8 integers.*got 3"),
    ("Argmax", {"letterbox": [1.0] * 8}, "attribute letterbox must be a list of integers"),
    ("Argmax", {"confidence_mode": "best"}, "confidence_mode must be one of exact, fast"),
    ("Overlay", {"contour": "wide"}, "attribute contour must be an integer"),
    ("ConfusionMatrix", {}, "num_classes is missing"),
    ("ConfusionMatrix", {"num_classes": 0}, "num_classes must be in 1..16384, got 0"),
    ("ConfusionMatrix", {"num_classes": 3, "ignore_index": 255}, "must be a list of integers"),
    ("DenseCRF", {"preset": "none"}, "preset must be one of pydensecrf, deeplab, got 'none'"),
    ("DenseCRF", {"iterations": 0}, "iterations must be in 1..100000, got 0"),
    ("DenseCRF", {"gaussian_sigma": -1.0}, "gaussian_sigma must be positive"),
    ("DenseCRF", {"bilateral_weight": -1.0}, "bilateral_weight must not be negative"),
    ("DenseCRF", {"quality": "best"}, "quality must be one of default, fast, high, exact"),
]
INPUT_TYPES = {
    "Argmax": [1],
    "Overlay": [2, 2, 2],
    "ConfusionMatrix": [2, 2],
    "DenseCRF": [1, 2],
}


@pytest.mark.parametrize(("name", "attributes", "text"), WRONG_ATTRIBUTES)
def test_wrong_attributes_stop_the_session(name: str, attributes: Any, text: str) -> None:
    with pytest.raises(Exception, match=rf"segpost\.{name}: .*{text}"):
        make_session(make_model(name, INPUT_TYPES[name], **attributes))


def wrong_inputs() -> list[tuple[str, list[Any], dict[str, Any], str]]:
    logits = np.zeros((1, 3, 4, 5), np.float32)
    labels = np.zeros((1, 4, 5), np.uint8)
    image = np.zeros((1, 4, 5, 3), np.uint8)
    colors = np.zeros((2, 3), np.uint8)
    box = {"letterbox": [30, 60, 64, 64, 32, 65, 16, 0]}
    return [
        ("Argmax", [logits[0]], {}, r"logits must be \(N, C, h, w\), got 3 dimensions"),
        ("Argmax", [logits[None]], {}, "logits must have at most 4 dimensions, got 5"),
        ("Argmax", [logits > 0], {}, "logits has elements of ONNX type 9"),
        ("Argmax", [logits.astype(np.int64)], {}, "logits must be of dtype float32, .*got int64"),
        ("Argmax", [logits[:, :1]], {}, "a sigmoid head needs"),
        ("Argmax", [logits], {"threshold": 0.5}, "threshold is for logits of one class, got 3"),
        ("Argmax", [logits], {"quantization": [1.0, 2.0]}, "quantization is for integer logits"),
        ("Argmax", [logits], box, "does not lie in its input"),
        ("Argmax", [logits, size_of(0, 5)], {}, r"size must be .* at least 1, got 0 x 5"),
        ("Argmax", [logits, size_of(2**40, 5)], {}, r"size must be .*1099511627776 x 5"),
        ("Argmax", [logits, np.ones(3, np.int64)], {}, r"size must be \(2,\)"),
        ("Argmax", [logits[:, :0]], {}, "no classes"),
        ("Colorize", [labels + 2, colors], {}, "20 values outside 0..1, first at image 0, y 0"),
        ("Colorize", [labels, colors[:, :2]], {}, r"palette must be \(K, 3\), got \(2, 2\)"),
        ("Colorize", [labels[0], colors], {}, r"labels must be \(N, H, W\), got 2 dimensions"),
        ("Overlay", [image[:, :3], labels, colors], {}, "must have the labels' pixels"),
        ("Overlay", [image, labels, colors, np.array([2], np.float32)], {}, "alpha must be in"),
        ("Overlay", [image, labels, colors, np.array([], np.float32)], {}, "alpha is empty"),
        ("Overlay", [image, labels, colors], {"contour": 65}, "contour must be in 0..64"),
        ("ConfusionMatrix", [labels, labels + 7], {"num_classes": 7}, "target has 20 values out"),
        ("ConfusionMatrix", [labels + 7, labels], {"num_classes": 7}, "preds have 20 values out"),
        ("ConfusionMatrix", [labels, labels[:, 1:]], {"num_classes": 7}, "differ in shape"),
        ("DenseCRF", [logits + 2, image], {}, "values outside 0..1"),
        ("DenseCRF", [logits + 0.5, image[:0]], {}, "image has 0 images, probabilities have 1"),
        ("DenseCRF", [logits + 0.5, image[:, 1:]], {}, "image must be"),
    ]  # fmt: skip


@pytest.mark.parametrize("case", range(len(wrong_inputs())))
def test_wrong_inputs_are_the_runtimes_errors(case: int) -> None:
    name, inputs, attributes, text = wrong_inputs()[case]
    with pytest.raises(Exception, match=rf"segpost\.{name}: .*{text}"):
        run(name, inputs, **attributes)


def test_no_images_give_no_labels() -> None:
    (labels,) = run("Argmax", [np.zeros((0, 3, 4, 5), np.float32), size_of(7, 8)])
    assert labels.shape == (0, 7, 8)


def test_sessions_and_threads_at_the_same_time(logits: np.ndarray) -> None:
    """Two sessions, four threads: each result is that of one thread."""
    model = make_model("Argmax", [type_of(logits), 7], 2)
    sessions = [make_session(model) for _ in range(2)]
    sizes = [(20 + i, 90 - i) for i in range(16)]
    expected = [segpost.argmax(logits, size=size) for size in sizes]
    wrong: list[int] = []

    def work(part: int) -> None:
        for i in range(part, 16, 4):
            feeds = {"x0": logits, "x1": size_of(*sizes[i])}
            labels, _ = sessions[i % 2].run(None, feeds)
            if not np.array_equal(labels, expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_graph_of_several_operators(logits: np.ndarray) -> None:
    """From logits to an overlay, with the size of the image computed in the graph."""
    onnx: Any = importlib.import_module("onnx")

    h = onnx.helper
    colors = np.random.default_rng(7).integers(0, 256, (6, 3), np.uint8)
    image = np.random.default_rng(8).integers(0, 256, (2, *SIZE, 3), np.uint8)
    nodes = [
        h.make_node("Shape", ["image"], ["shape"]),
        h.make_node("Slice", ["shape", "one", "three"], ["size"]),
        h.make_node("Argmax", ["logits", "size"], ["labels"], domain="segpost"),
        h.make_node("Overlay", ["image", "labels", "colors"], ["blended"], domain="segpost"),
    ]
    constants = {"one": np.array([1]), "three": np.array([3]), "colors": colors}
    graph = h.make_graph(
        nodes,
        "overlay",
        [
            h.make_tensor_value_info("image", 2, ["n", "h", "w", 3]),
            h.make_tensor_value_info("logits", 1, ["n", 6, "y", "x"]),
        ],
        [h.make_tensor_value_info("blended", 2, ["n", "h", "w", 3])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [h.make_opsetid("", 17), h.make_opsetid("segpost", 1)]
    model = h.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    (blended,) = make_session(model).run(None, {"image": image, "logits": logits})
    labels = segpost.argmax(logits, size=SIZE)
    expected = segpost.overlay(image, labels, segpost.Palette(colors))
    np.testing.assert_array_equal(blended, expected)
