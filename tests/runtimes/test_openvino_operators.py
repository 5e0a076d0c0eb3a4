"""The operators of segpost in OpenVINO, in Python and in C++: segpost's bytes, saved and loaded."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

pytest.importorskip("segpost._cpu")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

SIZE = (37, 61)
BOX = segpost.Letterbox.fit(SIZE, (64, 64))
LETTERBOX = [*BOX.image_size, *BOX.input_size, *BOX.content_size, *BOX.offset]


@pytest.fixture(scope="module")
def operators() -> Any:
    """The module of the operators in Python."""
    pytest.importorskip("openvino")
    from segpost.runtimes import openvino_operators

    return openvino_operators


@pytest.fixture(scope="module")
def logits() -> np.ndarray:
    """Two images of six classes, with ties."""
    batch = np.stack([3 * scene(6, 9, 13, seed) for seed in (1, 2)]).round()
    return batch.astype(np.float32)


def parameters(arrays: list[np.ndarray]) -> list[Any]:
    """Inputs of dynamic shapes."""
    opset13: Any = importlib.import_module("openvino.opset13")

    return [opset13.parameter([-1] * array.ndim, array.dtype) for array in arrays]


def run_saved(
    node: Any, inputs: list[Any], arrays: list[Any], folder: Path, *extensions: Any
) -> Any:
    """The outputs of a graph of one operator, after it was saved and read."""
    openvino: Any = importlib.import_module("openvino")

    path = folder / "model.xml"
    openvino.save_model(openvino.Model(node.outputs(), inputs, "operator"), path)
    core = openvino.Core()
    for extension in extensions or (type(node),):
        core.add_extension(extension)
    results = core.compile_model(core.read_model(path), "CPU")(arrays)
    return [np.asarray(results[i]) for i in range(len(node.outputs()))]


def cases(logits: np.ndarray) -> dict[str, tuple[str, list[np.ndarray], dict[str, Any], list[Any]]]:
    """An operator, its inputs and attributes, and what segpost's functions give."""
    rng = np.random.default_rng(5)
    size = np.array(SIZE)
    labels = np.asarray(segpost.argmax(logits, size=SIZE))
    target = np.roll(labels, 3, axis=2)
    target[0, 0] = 255
    image = rng.integers(0, 256, (2, *SIZE, 3), np.uint8)
    small = rng.integers(0, 256, (2, 9, 13, 3), np.uint8)
    colors = rng.integers(0, 256, (6, 3), np.uint8)
    palette = segpost.Palette(colors)
    head = rng.normal(size=(2, 1, 9, 13)).astype(np.float32)
    quantized = rng.integers(-128, 128, (1, 5, 9, 13)).astype(np.int8)
    last = np.ascontiguousarray(logits.transpose(0, 2, 3, 1))
    many = rng.normal(size=(1, 300, 4, 5)).astype(np.float32)
    spread = np.asarray(segpost.softmax(logits))
    both: Any = ("labels", "confidence")
    exact = segpost.postprocess(logits, size=SIZE, want=both)
    sigmoid = segpost.postprocess(head, size=SIZE, threshold=0.25, want=both)
    scaled = segpost.postprocess(quantized, size=SIZE, quantization=(0.5, 3), want=both)
    crf = segpost.DenseCRF(
        iterations=2, gaussian={"sigma": 1.0, "weight": 2.0}, bilateral=None, quality="fast"
    )
    counts = segpost.confusion_matrix(preds=labels, target=target, num_classes=6, ignore_index=255)
    aligned = segpost.argmax(logits, size=SIZE, grid="align_corners")
    deeplab = segpost.DenseCRF.preset("deeplab", iterations=2)(spread, small)
    fast = {"iterations": 2, "gaussian_sigma": 1.0, "gaussian_weight": 2.0, "quality": "fast",
            "bilateral_weight": 0.0}  # fmt: skip
    return {
        "labels": ("Argmax", [logits, size], {}, [labels]),
        "grid": ("Argmax", [logits], {}, [segpost.argmax(logits)]),
        "align_corners": ("Argmax", [logits, size], {"grid": "align_corners"}, [aligned]),
        "channels last": ("Argmax", [last, size], {"axis": -1}, [labels]),
        "letterbox": ("Argmax", [logits], {"letterbox": LETTERBOX},
                      [segpost.argmax(logits, letterbox=BOX)]),
        "int32": ("ArgmaxInt32", [logits, size], {}, [labels.astype(np.int32)]),
        "many classes": ("ArgmaxInt32", [many], {}, [segpost.argmax(many)]),
        "confidence": ("Argmax", [logits, size], {"confidence": True},
                       [exact.labels, exact.confidence]),
        "threshold": ("Argmax", [head, size], {"threshold": 0.25, "confidence": True},
                      [sigmoid.labels, sigmoid.confidence]),
        "quantization": ("Argmax", [quantized, size],
                         {"quantization": [0.5, 3.0], "confidence": True},
                         [scaled.labels, scaled.confidence]),
        "color": ("Colorize", [labels, colors], {}, [segpost.colorize(labels, palette)]),
        "overlay": ("Overlay", [image, labels, colors], {},
                    [segpost.overlay(image, labels, palette)]),
        "alpha": ("Overlay", [image, labels, colors, np.array([0.25], np.float32)], {"contour": 1},
                  [segpost.overlay(image, labels, palette, alpha=0.25, contour=1)]),
        "counts": ("ConfusionMatrix", [labels, target], {"num_classes": 6, "ignore_index": [255]},
                   [counts]),
        "deeplab": ("DenseCRF", [spread, small], {"preset": "deeplab", "iterations": 2}, [deeplab]),
        "terms": ("DenseCRF", [spread, small], fast, [crf(spread, small)]),
    }  # fmt: skip


NAMES = list(cases(np.zeros((2, 6, 9, 13), np.float32)))


@pytest.mark.parametrize("name", NAMES)
def test_python_operators(operators: Any, logits: np.ndarray, name: str, tmp_path: Path) -> None:
    title, arrays, attributes, expected = cases(logits)[name]
    inputs = parameters(arrays)
    node = getattr(operators, title)(*inputs, **attributes)
    results = run_saved(node, inputs, arrays, tmp_path)
    assert len(results) == len(expected)
    for result, right in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, right)


def test_the_operators_built_in_cpp(operators: Any, logits: np.ndarray, tmp_path: Path) -> None:
    """The same saved graphs, by the library that `segpost build-runtime openvino` builds."""
    library = built("openvino")
    for name, (title, arrays, attributes, expected) in cases(logits).items():
        inputs = parameters(arrays)
        node = getattr(operators, title)(*inputs, **attributes)
        results = run_saved(node, inputs, arrays, tmp_path, library)
        for result, right in zip(results, expected, strict=True):
            if name == "threshold" and result.dtype == np.float32:
                np.testing.assert_allclose(result, right, atol=2e-6)
            else:
                np.testing.assert_array_equal(result, right, err_msg=name)


def built(name: str) -> str:
    """The path of a library, which is built where it is missing."""
    from segpost.runtimes.builds import build

    try:
        return segpost.runtimes.library(name)  # type: ignore[arg-type]
    except FileNotFoundError:
        try:
            return str(build(name))
        except FileNotFoundError as error:
            pytest.skip(str(error))


def test_a_constant_size_is_a_static_shape(operators: Any) -> None:
    openvino: Any = importlib.import_module("openvino")
    opset13: Any = importlib.import_module("openvino.opset13")

    logits = opset13.parameter([2, 6, 9, 13], np.float32)
    size = opset13.constant(np.array(SIZE), dtype=np.int64)
    shapes = [
        ([2, *SIZE], operators.Argmax(logits, size)),
        ([2, 9, 13], operators.Argmax(logits)),
        ([2, 37, 61], operators.Argmax(logits, letterbox=LETTERBOX)),
        ([2, -1, -1], operators.Argmax(logits, opset13.parameter([2], np.int64))),
    ]
    for shape, node in shapes:
        assert node.output(0).partial_shape == openvino.PartialShape(shape)
        assert len(node.outputs()) == 1


def test_half_precision_has_the_same_labels(operators: Any, logits: np.ndarray) -> None:
    """bfloat16, which NumPy does not have, and float16: the logits are small integers."""
    openvino: Any = importlib.import_module("openvino")
    opset13: Any = importlib.import_module("openvino.opset13")

    for kind in ("bf16", "f16"):
        x = opset13.parameter([-1, 6, -1, -1], np.float32)
        node = operators.Argmax(opset13.convert(x, kind), opset13.constant(np.array(SIZE)))
        model = openvino.Model([node.output(0)], [x], "half")
        labels = openvino.compile_model(model, "CPU")(logits)[0]
        np.testing.assert_array_equal(labels, segpost.argmax(logits, size=SIZE))


@pytest.mark.parametrize(
    ("name", "attributes", "text"),
    [
        ("Argmax", {"grod": "half_pixel"}, r"segpost\.Argmax: attribute grod is unknown"),
        ("Argmax", {"axis": 2}, r"segpost\.Argmax: axis must be -3 or -1, got 2"),
        ("Argmax", {"letterbox": [1, 2]}, r"segpost\.Argmax: letterbox must be 8 integers, got 2"),
        ("ConfusionMatrix", {}, r"segpost\.ConfusionMatrix: num_classes is missing"),
    ],
)  # fmt: skip
def test_wrong_attributes(operators: Any, name: str, attributes: Any, text: str) -> None:
    logits = np.zeros((1, 3, 4, 5), np.float32)
    with pytest.raises(Exception, match=text):
        getattr(operators, name)(*parameters([logits] * (1 + (name != "Argmax"))), **attributes)


@pytest.mark.parametrize("in_cpp", [False, True])
def test_wrong_values(operators: Any, logits: np.ndarray, in_cpp: bool, tmp_path: Path) -> None:
    """The runtime's exception has the operator and segpost's sentence."""
    bad = logits.copy()
    bad[1, 2, 3, 4] = np.nan
    many = np.zeros((1, 257, 2, 2), np.float32)
    labels = np.full((1, 2, 2), 6, np.uint8)
    wrong: list[tuple[str, list[np.ndarray], dict[str, Any], str]] = [
        ("Argmax", [bad], {}, "logits have 1 NaN.* first at image 1, .*y 3, x 4"),
        ("Argmax", [many], {}, "257 classes.*use ArgmaxInt32"),
        ("Argmax", [logits], {"grid": "cubic"}, "grid must be one of"),
        ("Argmax", [logits, np.array([0, 4])], {}, "size must be"),
        ("Colorize", [labels, np.zeros((6, 3), np.uint8)], {}, "4 .*outside|outside.* 4 |6"),
        ("ConfusionMatrix", [labels, labels], {"num_classes": 6}, "target"),
    ]  # fmt: skip
    extensions = (built("openvino"),) if in_cpp else ()
    for name, arrays, attributes, text in wrong:
        inputs = parameters(arrays)
        node = getattr(operators, name)(*inputs, **attributes)
        with pytest.raises(RuntimeError, match=rf"segpost\.{name}: .*({text})"):
            run_saved(node, inputs, arrays, tmp_path, *extensions)
