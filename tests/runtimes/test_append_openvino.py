"""OpenVINO models whose graphs end in labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import mutate

import segpost
from segpost.runtimes import append_postprocess

openvino: Any = pytest.importorskip("openvino")
pytestmark = [pytest.mark.runtimes, pytest.mark.filterwarnings("default")]

CLASSES, SIDES, SIZE = 5, (6, 9), (48, 72)
o = openvino.opset13


def network(classes: int = CLASSES, shape: Any = (1, 3, *SIZE)) -> tuple[Any, Any]:
    """An input, and logits of 1/8 of its size."""
    image = o.parameter(openvino.PartialShape(list(shape)), openvino.Type.f32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    weights = np.random.default_rng(0).normal(size=(classes, 3, 8, 8)).astype(np.float32) / 8
    logits = o.convolution(image, o.constant(weights), [8, 8], [0, 0], [0, 0], [1, 1])
    logits.set_friendly_name("logits")
    return image, logits


def resize(
    logits: Any,
    grid: str = "half_pixel",
    size: Any = SIZE,
    mode: str = "linear_onnx",
    **options: Any,
) -> Any:
    node = o.interpolate(
        logits,
        o.constant(np.array(size, np.int64)),
        mode,
        "sizes",
        coordinate_transformation_mode=grid,
        axes=np.array([2, 3], np.int64),
        **options,
    )
    node.set_friendly_name("up")
    return node


def argmax(values: Any, axis: int = 1) -> Any:
    best = o.topk(values, o.constant(np.int32(1)), axis, "max", "value", "i32").output(1)
    return o.squeeze(best, o.constant(np.array([axis])))


def finish(image: Any, *results: Any) -> Any:
    model = openvino.Model(list(results), [image], "network")
    for number, value in enumerate(model.outputs):
        value.get_tensor().set_names({f"out{number}" if number else "out"})
    return model


def run(model: Any, *arrays: Any) -> list[Any]:
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(list(arrays))
    return [np.array(results[value]) for value in compiled.outputs]


def picture(*shape: int) -> Any:
    return np.random.default_rng(3).normal(size=shape or (1, 3, *SIZE)).astype(np.float32)


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("end", ["logits", "softmax", "argmax", "last"])
def test_labels_are_those_of_the_unchanged_model(end: str, grid: str, standard: bool) -> None:
    image, logits = network()
    full = resize(logits, grid)
    last = o.transpose(full, o.constant(np.array([0, 2, 3, 1])))
    result = {
        "logits": full,
        "softmax": o.softmax(full, 1),
        "argmax": o.convert(argmax(full), "i64"),
        "last": argmax(last, 3),
    }[end]
    model = finish(image, result)
    appended = append_postprocess(model, standard=standard)
    assert appended.check is not None
    assert appended.check.against == "the unchanged model"
    assert appended.check.differing <= 2
    assert (appended.size, appended.grid, appended.logits) == (SIZE, grid, "logits")
    assert appended.replaced[0] == "Interpolate 'up'"
    x = picture()
    (labels,), (whole,) = run(appended.model, x), run(model, x)
    assert labels.dtype == np.uint8
    whole = whole if whole.ndim == 3 else whole.argmax(1)
    assert (labels != whole).sum() <= (0 if standard else 2)
    assert [value.get_any_name() for value in appended.model.outputs] == ["labels"]


def test_all_results_and_an_image() -> None:
    image, logits = network(shape=(-1, 3, -1, -1))
    model = finish(image, resize(logits))
    appended = append_postprocess(
        model,
        want=("labels", "confidence", "color", "overlay"),
        size="image",
        palette="voc",
        alpha=0.25,
    )
    assert appended.image == "segpost_image"
    x, photograph = picture(), np.random.default_rng(0).integers(0, 256, (1, 30, 41, 3), np.uint8)
    labels, confidence, color, overlay = run(appended.model, x, photograph)
    (small,) = run(finish(*network()), x)
    seg = segpost.postprocess(
        small[0],
        image=photograph[0],
        palette="voc",
        alpha=0.25,
        want=("labels", "confidence", "color", "overlay"),
    )
    np.testing.assert_array_equal(labels[0], seg.labels)
    np.testing.assert_allclose(confidence[0], seg.confidence, atol=1e-5)
    np.testing.assert_array_equal(color[0], seg.color)
    np.testing.assert_array_equal(overlay[0], seg.overlay)


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("size", [None, "input", (20, 31), "logits"])
def test_dynamic_shapes(size: Any, standard: bool) -> None:
    image, logits = network(shape=(-1, 3, -1, -1))
    sides = o.gather(o.shape_of(image), o.constant(np.array([2, 3])), o.constant(np.int64(0)))
    full = o.interpolate(logits, sides, "linear_onnx", "sizes", axes=np.array([2, 3]))
    model = finish(image, full)
    appended = append_postprocess(model, size=size, standard=standard)
    labels = run(appended.model, picture(2, 3, 64, 56))[0]
    assert labels.shape == (2, *{(20, 31): (20, 31), "logits": (8, 7)}.get(size, (64, 56)))


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("end", ["logits", "greater"])
def test_heads_of_one_channel(end: str, standard: bool) -> None:
    image, logits = network(classes=1)
    full = resize(logits)
    chances = o.greater(o.sigmoid(full), o.constant(np.float32(0.25)))
    model = finish(image, full if end == "logits" else o.convert(chances, "u8"))
    appended = append_postprocess(
        model,
        threshold=0.25 if end == "logits" else None,
        want=("labels", "confidence"),
        standard=standard,
    )
    labels, confidence = run(appended.model, picture())
    assert 0.1 < labels.mean() < 0.9
    assert confidence.min() >= 0.25


@pytest.mark.parametrize("end", ["logits", "stable", "unstable", "last"])
def test_standard_operators_where_classes_tie(end: str) -> None:
    """Half of the pixels have equal logits; a TopK that is not stable takes any of them."""
    image, logits = network(shape=(1, 3, 520, 520))
    full = resize(o.floor(logits), size=(513, 513))
    last = o.transpose(full, o.constant(np.array([0, 2, 3, 1])))
    one = o.constant(np.int32(1))
    best = o.topk(full, one, 1, "max", "value", "i32", stable=True).output(1)
    result = {
        "logits": full,
        "stable": o.squeeze(best, o.constant(np.array([1]))),
        "unstable": argmax(full),
        "last": argmax(last, 3),
    }[end]
    appended = append_postprocess(finish(image, result), standard=True)
    assert appended.check is not None
    assert appended.check.differing == 0


def test_letterbox_and_many_classes() -> None:
    box = segpost.Letterbox.fit((33, 70), SIZE)
    image, logits = network(classes=300)
    appended = append_postprocess(finish(image, resize(logits)), letterbox=box)
    labels = run(appended.model, picture())[0]
    assert labels.dtype == np.int32
    (small,) = run(finish(*network(classes=300)), picture())
    np.testing.assert_array_equal(labels, segpost.argmax(small, letterbox=box))


def test_other_outputs_stay_and_one_is_chosen() -> None:
    image, logits = network()
    aux = o.convolution(
        image, o.constant(np.ones((2, 3, 8, 8), np.float32)), [8, 8], [0, 0], [0, 0], [1, 1]
    )
    model = finish(image, resize(logits), resize(aux))
    with pytest.raises(ValueError, match=r"of which 2 are resized: 'out' by Interpolate .*output="):
        append_postprocess(model)
    appended = append_postprocess(model, output="out1")
    assert appended.other_outputs == ("out",)
    whole, labels = run(appended.model, picture())
    np.testing.assert_array_equal(whole, run(model, picture())[0])
    np.testing.assert_array_equal(labels, run(model, picture())[1].argmax(1))
    assert append_postprocess(model, output=0, check=False).other_outputs == ("out1",)
    with pytest.raises(ValueError, match="output must be a number from 0 to 1, got 5"):
        append_postprocess(model, output=5)


def test_saved_files(tmp_path: Path) -> None:
    """Weights stay float32; a runtime without the operators names them."""
    image, logits = network()
    model = finish(image, resize(logits))
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    for standard in (False, True):
        appended = append_postprocess(tmp_path / "model.xml", standard=standard)
        target = tmp_path / "model.labels.xml"
        appended.save(target)
        core = openvino.Core()
        if not standard:
            with pytest.raises(RuntimeError, match="Cannot create Argmax layer"):
                core.read_model(target)
            operators = pytest.importorskip("segpost.runtimes.openvino_operators")
            for operator in operators.OPERATORS:
                core.add_extension(operator)
        compiled = core.compile_model(target, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        np.testing.assert_array_equal(compiled(picture())[0], run(model, picture())[0].argmax(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.bin",
        "model.labels.bin",
        "model.labels.xml",
        "model.xml",
    ]
    with pytest.raises(ValueError, match=r"ends in \.xml"):
        appended.save(tmp_path / "model.onnx")


def quantized_by_class(full: Any) -> Any:
    low = o.constant(np.full((1, CLASSES, 1, 1), -8, np.float32))
    high = o.constant(np.full((1, CLASSES, 1, 1), 8, np.float32))
    return o.fake_quantize(full, low, high, low, high, 256)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x: resize(x, mode="cubic"), "Interpolate 'up' resizes by 'cubic'"),
        (lambda x: resize(x, mode="nearest"), "Interpolate 'up' takes nearest"),
        (lambda x: resize(x, "tf_half_pixel_for_nn"), "grid 'tf_half_pixel_for_nn'"),
        (lambda x: resize(x, antialias=True), "Interpolate 'up' has antialias"),
        (lambda x: resize(x, pads_begin=[0, 0, 1, 1]), "Interpolate 'up' pads the logits"),
        (lambda x: o.multiply(resize(x), o.constant(np.float32(2))), "which Multiply '.*' makes"),
        (lambda x: o.sigmoid(resize(x)), "Sigmoid '.*' makes 5 masks"),
        (lambda x: o.softmax(resize(x), 3), "Softmax '.*' works along axis 3"),
        (lambda x: quantized_by_class(resize(x)), "FakeQuantize '.*' has one scale for each"),
        (lambda x: x, "does not resize 'logits'"),
        (
            lambda x: o.reshape(resize(x), o.constant(np.array([1, 5, -1])), False),
            "Reshape '.*' stands between the resize and the output",
        ),
    ],
)
def test_refused_with_the_node_and_the_cure(build: Any, text: str) -> None:
    image, logits = network()
    with pytest.raises(ValueError, match=text):
        append_postprocess(finish(image, build(logits)), check=False)


def test_levels_of_a_quantization() -> None:
    image, logits = network()
    low, high = o.constant(np.float32(-8)), o.constant(np.float32(8))
    appended = append_postprocess(
        finish(image, o.fake_quantize(resize(logits), low, high, low, high, 256))
    )
    assert appended.check is not None
    assert appended.check.margin < 16 / 255


def test_compiled_and_appended_models_are_refused() -> None:
    image, logits = network()
    model = finish(image, resize(logits))
    with pytest.raises(TypeError, match=r"model is compiled.*pass the openvino.Model"):
        append_postprocess(openvino.Core().compile_model(model, "CPU"))
    made = append_postprocess(model, check=False)
    with pytest.raises(ValueError, match=r"is made by Argmax .*append to the model before"):
        append_postprocess(made.model, check=False)


def test_damaged_files_are_refused_or_give_a_model(tmp_path: Path) -> None:
    image, logits = network()
    path = tmp_path / "model.xml"
    openvino.save_model(finish(image, argmax(resize(logits))), path)
    data, refused = path.read_bytes(), 0
    for damaged in mutate(data, 200, seed=2):
        path.write_bytes(damaged)
        try:
            append_postprocess(path, check=False)
        except (ValueError, TypeError, OSError, MemoryError):
            refused += 1
    assert refused > 50
    with pytest.raises(FileNotFoundError):
        append_postprocess(tmp_path / "other.xml")
