"""What runtimes hand over: each in the form it has there, made here without the runtime."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import Convention
from segpost._backends.reference.labels import argmax as reference_argmax
from segpost._core.sampling import axes as axes_of
from segpost.runtimes.convention import KINDS

C, H, W = 5, 7, 9


def logits(*lead: int, seed: int = 0) -> np.ndarray:
    """Rich logits, classes first."""
    noise = np.random.default_rng(seed).normal(size=(*lead, C, H, W))
    return noise.astype(np.float32)


def probabilities(values: np.ndarray) -> np.ndarray:
    return np.asarray(segpost.softmax(values))


@dataclass
class Output:
    """A dataclass, as transformers gives it."""

    logits: Any
    loss: Any = None


class Picture:
    """MediaPipe's image: an array behind a method."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def numpy_view(self) -> np.ndarray:
        return self.array


class Named:
    """OpenVINO's key: an output with a set of names."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)


MADE = logits(2)
LAST = np.ascontiguousarray(MADE.transpose(0, 2, 3, 1))
FORMS: dict[str, tuple[str, Any]] = {
    "torchvision": ("torchvision", OrderedDict(out=MADE, aux=MADE[::-1])),
    "smp": ("smp", MADE),
    "transformers": ("transformers", Output(MADE)),
    "transformers as a dict": ("transformers", {"loss": None, "logits": MADE}),
    "mmseg": ("mmseg", SimpleNamespace(seg_logits=SimpleNamespace(data=MADE[0]))),
    "vainf": ("vainf", MADE),
    "kazuto1011": ("kazuto1011", MADE),
    "jfzhang95": ("jfzhang95", MADE),
    "deeplab2": ("deeplab2", {"semantic_logits": LAST, "semantic_pred": LAST.argmax(-1)}),
    "drsleep": ("drsleep", LAST),
    "bonlime": ("bonlime", LAST),
    "keras-hub": ("keras-hub", LAST),
    "jax": ("jax", LAST),
    "onnxruntime": ("onnxruntime", [MADE]),
    "openvino": ("openvino", {Named("logits"): MADE}),
    "litert": ("litert", LAST),
    "tensorrt": ("tensorrt", MADE),
    "jetson-inference": ("jetson-inference", {"output_0": MADE[0]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_logits_of_every_runtime_are_found_and_read_on_the_right_axis(form: str) -> None:
    """The labels are those of the array inside, read as the runtime lays it out."""
    name, output = FORMS[form]
    seg = segpost.postprocess(output, convention=name, want=("labels", "confidence"))  # type: ignore[call-overload]
    one = form in ("mmseg", "jetson-inference")
    expected = MADE[0].argmax(0) if one else MADE.argmax(1)
    np.testing.assert_array_equal(seg.labels, expected)
    top = probabilities(MADE).max(1)
    np.testing.assert_allclose(seg.confidence, top[0] if one else top, atol=1e-6)


def test_every_name_has_a_convention_that_says_what_it_is() -> None:
    """Each entry of the table is valid, and named after itself."""
    for name in Convention.names():
        convention = Convention.named(name)  # type: ignore[arg-type]
        assert convention.name == name
        assert convention.kind in KINDS
    tested = {name for name, _ in FORMS.values()}
    labels = {"tf1-deeplab", "mediapipe", "mediapipe-binary", "coreml", "paddleseg"}
    queries = {"mask2former", "maskformer", "oneformer", "eomt"}
    assert tested | labels | queries == set(Convention.names())


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        ("tf1-deeplab", MADE.argmax(1), MADE.argmax(1)),
        ("tf1-deeplab", {"SemanticPredictions": MADE.argmax(1)}, MADE.argmax(1)),
        ("deeplab2", {"semantic_pred": MADE.argmax(1).astype(np.int32)}, MADE.argmax(1)),
        ("coreml", {"semanticPredictions": MADE[0].argmax(0).astype(np.int32)}, MADE[0].argmax(0)),
        ("paddleseg", [MADE.argmax(1).astype(np.int32)], MADE.argmax(1)),
        ("paddleseg", [MADE.argmax(1)[:, None]], MADE.argmax(1)),
        ("mmseg", SimpleNamespace(pred_sem_seg=SimpleNamespace(data=MADE.argmax(1))), None),
        (
            "mediapipe",
            SimpleNamespace(category_mask=Picture(np.array([[0, 3]], np.uint8))),
            [[0, 3]],
        ),
        (
            "mediapipe-binary",
            SimpleNamespace(category_mask=Picture(np.array([[0, 255]], np.uint8))),
            [[1, 0]],
        ),
    ],
)
def test_labels_of_a_network_pass_as_they_are(name: Any, output: Any, expected: Any) -> None:
    """Nothing is cast, and colors are those of the ids."""
    seg = segpost.postprocess(output, convention=name, palette="voc", want=("labels", "color"))
    expected = MADE.argmax(1) if expected is None else np.asarray(expected)
    np.testing.assert_array_equal(seg.labels, expected)
    np.testing.assert_array_equal(seg.color, segpost.Palette.named("voc").colors[expected])


def test_labels_have_no_confidence() -> None:
    """What only logits can tell is refused, with the cure."""
    labels = MADE.argmax(1)
    for wrong in ({"want": ("confidence",)}, {"crf": "deeplab"}, {"threshold": 0.5}):
        with pytest.raises(ValueError, match=r"is labels.*take the network's logits"):
            segpost.postprocess(labels, convention="tf1-deeplab", **wrong)
    with pytest.raises(ValueError, match=r"cannot be resized to size=\(14, 18\) without loss"):
        segpost.postprocess(labels, convention="tf1-deeplab", size=(14, 18))
    with pytest.raises(TypeError, match=r"must be integers, got dtype float32.*segpost.argmax"):
        segpost.postprocess(MADE, convention="tf1-deeplab")
    with pytest.raises(ValueError, match='"color", which needs palette='):
        segpost.postprocess(labels, convention="tf1-deeplab", want=("color",))


def test_a_letterbox_is_undone_with_a_convention() -> None:
    """Of labels by the nearest; of logits at the input's size the grid plays no part."""
    rng = np.random.default_rng(2)
    box = segpost.Letterbox.fit((20, 37), (32, 32))
    made = rng.normal(size=(1, C, 32, 32)).astype(np.float32)
    labels = segpost.postprocess(made.argmax(1), convention="tf1-deeplab", letterbox=box).labels
    np.testing.assert_array_equal(labels, box.undo_labels(made.argmax(1)))
    seg = segpost.postprocess([made], convention="onnxruntime", letterbox=box)
    np.testing.assert_array_equal(seg.labels, segpost.argmax(made, letterbox=box))
    with pytest.raises(ValueError, match=r"resample \(7, 9\) to \(32, 32\)"):
        segpost.postprocess([MADE], convention="onnxruntime", letterbox=box)


def test_a_mask_of_two_values_is_no_label_map() -> None:
    """The one-channel mask of MediaPipe has its foreground at 0."""
    with pytest.raises(
        ValueError, match=r"a mask holds 0 and 255, but 1 of 2.*first 7 at \[0, 1\]"
    ):
        segpost.postprocess(np.array([[0, 7]], np.uint8), convention="mediapipe-binary")


def test_one_map_a_class_is_stacked() -> None:
    """MediaPipe's confidences come as a list; they are probabilities."""
    made = probabilities(MADE[0])
    output = SimpleNamespace(confidence_masks=[Picture(p) for p in made], category_mask=None)
    seg = segpost.postprocess(output, convention="mediapipe", want=("labels", "confidence"))
    np.testing.assert_array_equal(seg.labels, MADE[0].argmax(0))
    np.testing.assert_allclose(seg.confidence, made.max(0), atol=1e-7)


@pytest.mark.parametrize(
    ("name", "small", "whole"),
    [
        ("torchvision", "half_pixel", "half_pixel"),
        ("smp", "align_corners", "half_pixel"),
        ("transformers", "half_pixel", "half_pixel"),
        ("jfzhang95", "align_corners", "half_pixel"),
        ("drsleep", "asymmetric", "asymmetric"),
        ("bonlime", "align_corners", "half_pixel"),
    ],
)
def test_the_grid_is_that_of_what_remains_to_be_done(name: Any, small: str, whole: str) -> None:
    """An upsampled map is a picture; the small one before it has the network's grid."""
    convention = Convention.named(name)
    values = MADE if convention.axis == -3 else LAST
    output = {"out": values} if name == "torchvision" else values
    output = {"logits": values} if name == "transformers" else output
    for used, grid in ((convention, whole), (convention.before_upsampling(), small)):
        seg = segpost.postprocess(output, convention=used, size=(29, 37))
        expected = np.zeros((2, 29, 37), np.uint8)
        view = segpost._core.contract.Logits(MADE, "float32")
        reference_argmax(view, axes_of((H, W), (29, 37), grid), expected, None, None)
        np.testing.assert_array_equal(seg.labels, expected)
    wrong = {"half_pixel": "align_corners"}.get(small, "half_pixel")
    other = segpost.argmax(MADE, size=(29, 37), grid=wrong)  # type: ignore[call-overload]
    assert (np.asarray(other) != expected).mean() > 0.02  # a wrong grid would be seen here


def test_a_grid_that_nobody_knows_is_asked_for() -> None:
    """ONNX Runtime gives arrays; how they lie only the file knows."""
    segpost.postprocess([MADE], convention="onnxruntime")
    with pytest.raises(ValueError, match="grid must be given to resample"):
        segpost.postprocess([MADE], convention="onnxruntime", size=(14, 18))
    seg = segpost.postprocess([MADE], convention="onnxruntime", size=(14, 18), grid="asymmetric")
    expected = segpost.argmax(MADE, size=(14, 18), grid="asymmetric")
    np.testing.assert_array_equal(seg.labels, expected)


def test_what_contradicts_a_convention_is_refused_with_the_cure() -> None:
    """Explicit arguments may repeat a convention, not bend it."""
    same = segpost.postprocess(MADE, convention="smp", axis=-3, grid="half_pixel")
    np.testing.assert_array_equal(same.labels, MADE.argmax(1))
    with pytest.raises(ValueError, match=r"axis=-1 does not agree.*'smp', which says -3"):
        segpost.postprocess(MADE, convention="smp", axis=-1)
    with pytest.raises(ValueError, match=r"convention\.before_upsampling\(\)"):
        segpost.postprocess(MADE, convention="smp", grid="align_corners")
    told = Convention(axis=-1, quantization=(0.5, 3))
    with pytest.raises(ValueError, match=r"quantization=\(1\.0, 0\) does not agree"):
        segpost.postprocess(LAST.astype(np.int8), convention=told, quantization=(1.0, 0))


def test_what_is_not_there_is_named() -> None:
    """An output of another runtime says which one it looks like."""
    with pytest.raises(ValueError, match=r"'scores', 'boxes'.*looks for 'out'"):
        segpost.postprocess({"scores": MADE, "boxes": MADE}, convention="torchvision")
    with pytest.raises(ValueError, match=r"convention='transformers' would fit"):
        segpost.postprocess({"logits": MADE, "past": MADE}, convention="torchvision")
    with pytest.raises(ValueError, match=r"list of 2 arrays of shapes \[\(2, 5, 7, 9\)"):
        segpost.postprocess([MADE, MADE], convention="onnxruntime")
    with pytest.raises(
        TypeError, match=r"of type SimpleNamespace, in which convention 'smp' finds no"
    ):
        segpost.postprocess(SimpleNamespace(x=1), convention="smp")
    with pytest.raises(ValueError, match=r"convention must be one of 'torchvision'.*got 'caffe'"):
        segpost.postprocess(MADE, convention="caffe")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="convention must be a Convention or a name, got 3"):
        segpost.postprocess(MADE, convention=3)  # type: ignore[call-overload]


def test_fields_that_mean_nothing_are_refused() -> None:
    """A convention is checked when it is made."""
    for wrong in (
        {"kind": "scores"},
        {"axis": 1},
        {"grid": "nearest"},
        {"outputs": (("out", "scores"),)},
        {"foreground": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))[:6]):
            Convention(**wrong)


READY = Convention(name="ready", kind="probabilities")


def test_probabilities_are_not_softened_again(backend: str) -> None:
    """Labels, confidence and probabilities are those that came in."""
    made = probabilities(MADE)
    want: Any = ("labels", "confidence", "probabilities")
    seg = segpost.postprocess(made, convention=READY, want=want)
    np.testing.assert_array_equal(seg.labels, made.argmax(1))
    np.testing.assert_array_equal(seg.confidence, made.max(1))
    np.testing.assert_array_equal(seg.probabilities, made)
    rated = segpost.postprocess(
        made, convention=READY, confidence_dtype="uint8", want=("confidence",)
    )
    np.testing.assert_array_equal(rated.confidence, np.rint(255 * made.max(1)))


@pytest.mark.parametrize("grid", segpost._core.sampling.GRIDS)
def test_probabilities_are_interpolated_as_they_are(grid: Any, backend: str) -> None:
    """Upsampled they stay what torch makes of them, and the confidence is the label's."""
    torch = pytest.importorskip("torch")
    made = probabilities(MADE)
    told = replace(READY, grid=grid)
    want: Any = ("labels", "confidence", "probabilities")
    seg = segpost.postprocess(made, convention=told, size=(23, 31), want=want)
    if grid != "asymmetric":
        theirs = torch.nn.functional.interpolate(
            torch.from_numpy(made), (23, 31), mode="bilinear", align_corners=grid == "align_corners"
        ).numpy()
        np.testing.assert_allclose(seg.probabilities, theirs, atol=1e-6)
    np.testing.assert_allclose(seg.probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(seg.confidence, seg.probabilities.max(1), atol=1e-6)
    picked = np.take_along_axis(seg.probabilities, seg.labels[:, None].astype(int), 1)[:, 0]
    np.testing.assert_allclose(seg.confidence, picked, atol=1e-6)


def test_probabilities_channels_last_keep_their_axis() -> None:
    """What comes out has the class axis where it came in."""
    made = np.ascontiguousarray(probabilities(MADE).transpose(0, 2, 3, 1))
    told = replace(READY, axis=-1)
    seg = segpost.postprocess(made, convention=told, want=("probabilities",))
    np.testing.assert_array_equal(seg.probabilities, made)


def test_a_sigmoid_that_has_been_taken_meets_its_threshold_as_it_is() -> None:
    """One channel of probabilities is compared with the threshold, not with its logit."""
    made = np.array([[[[0.2, 0.6, 0.9]]]], np.float32)
    want: Any = ("labels", "confidence")
    seg = segpost.postprocess(made, convention=READY, threshold=0.7, want=want)
    np.testing.assert_array_equal(seg.labels, [[[0, 0, 1]]])
    np.testing.assert_allclose(seg.confidence, [[[0.8, 0.4, 0.9]]], atol=1e-7)


def test_quantized_probabilities_have_their_scale() -> None:
    """A network that ends in softmax gives uint8 in steps of 1/256."""
    made = np.rint(255 * probabilities(MADE)).astype(np.uint8)
    told = replace(READY, quantization=(1 / 256, 0.0))
    seg = segpost.postprocess(made, convention=told, want=("labels", "confidence"))
    np.testing.assert_array_equal(seg.labels, made.argmax(1))
    np.testing.assert_allclose(seg.confidence, made.max(1) / 256, atol=1e-7)


def test_probabilities_feed_the_crf() -> None:
    """The CRF refines those that came in."""
    made = probabilities(MADE)
    image = np.random.default_rng(1).integers(0, 256, (2, H, W, 3), dtype=np.uint8)
    want: Any = ("probabilities",)
    seg = segpost.postprocess(made, convention=READY, image=image, crf="deeplab", want=want)
    expected = segpost.dense_crf(made, image, **CRF)
    np.testing.assert_allclose(seg.probabilities, expected, atol=1e-6)


CRF: dict[str, Any] = {
    "gaussian": {"sigma": 1.0, "weight": 3.0},
    "bilateral": {"sigma_xy": 67.0, "sigma_rgb": 3.0, "weight": 4.0},
}


def test_logits_and_probabilities_are_not_mistaken_for_each_other() -> None:
    """Both ways round it is an error that says what to pass."""
    with pytest.raises(ValueError, match=r"outside 0\.\.1, first .* at image 0, class 0"):
        segpost.postprocess(MADE, convention=READY)
    made = probabilities(MADE)
    with pytest.raises(ValueError, match=r"probabilities already.*kind='probabilities'"):
        segpost.postprocess(made, convention="smp", want=("confidence",))
    hot = np.eye(C, dtype=np.float32)[MADE.argmax(1)].transpose(0, 3, 1, 2)
    with pytest.warns(segpost.InputWarning, match="as one-hot labels do"):  # may be anything
        segpost.postprocess(hot, convention="smp", want=("confidence",))
    labels = segpost.postprocess(made, convention="smp").labels  # the same either way
    np.testing.assert_array_equal(labels, made.argmax(1))
