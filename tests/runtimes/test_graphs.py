"""What the operators before an output say of it, in each file format alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from graphs import STEPS, Step, litert_schema, onnx_model, openvino_model, split

import segpost
from segpost import Convention
from segpost.runtimes import litert

FORMATS = ("onnx", "openvino", "litert")


@pytest.fixture(params=FORMATS)
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that reads the convention of a chain of operators from a file format."""

    def read_chain(*steps: Step) -> Convention:
        if request.param == "openvino":
            return Convention.from_openvino(openvino_model(steps))
        if request.param == "litert":
            if any(STEPS[split(step)[0]][2] is None for step in steps):
                pytest.skip("TFLite has no such operator")
            schema = litert_schema(steps)
            monkeypatch.setattr(litert, "_import_schema", lambda: schema)
            return Convention.from_litert(b"\0\0\0\0TFL3")
        module, model = onnx_model(steps)
        monkeypatch.setitem(sys.modules, "onnx", module)
        return Convention.from_onnx(model)

    return read_chain


Read = Callable[..., Convention]
BEHIND: list[tuple[Step, ...]] = [
    (),
    ("cast",),
    ("squeeze", "cast"),
    ("unsqueeze", "identity"),
    ("reshape",),
    ("slice", "cast"),
    ("transpose",),
    ("concat",),
    ("quantize",),
    ("quantize", "dequantize"),
    ("cast", "reshape", "slice", "unsqueeze", "transpose"),
]


@pytest.mark.parametrize("behind", BEHIND, ids=str)
@pytest.mark.parametrize("ids", ["argmax", ("topk", 1), "greater"], ids=str)
def test_ids_are_followed_through_what_stands_behind_them(
    read: Read, ids: Step, behind: Sequence[Step]
) -> None:
    """Casts, reshapes, slices, quantization and transposes leave ids what they are."""
    told = read("convolution", "linear", ids, *behind)
    assert told.kind == "labels"
    assert (told.grid, told.upsampled) == ("align_corners", True)
    assert told.head


def test_ids_resized_with_nearest_neighbors_are_ids(read: Read) -> None:
    """On no grid of segpost's, at the size of the output."""
    told = read("convolution", "argmax", "cast", "nearest", "cast")
    assert (told.kind, told.upsampled, told.grid) == ("labels", True, None)


@pytest.mark.parametrize("resize", ["linear", "cubic"])
@pytest.mark.parametrize("behind", [(), ("cast",), ("slice",), ("nearest",)], ids=str)
def test_interpolated_ids_are_refused(read: Read, resize: Step, behind: Sequence[Step]) -> None:
    """Between the ids 2 and 8 lie five others that the network never said."""
    with pytest.raises(ValueError, match=r"class ids that .+ interpolates: .* nearest"):
        read("convolution", "argmax", "cast", resize, *behind)


@pytest.mark.parametrize(
    "behind",
    [
        ("multiply",),
        ("multiply", "cast"),
        ("cast", "multiply", "add"),
        ("select",),
        ("table",),
        ("cast", "linear", "add"),
        ("reshape", "relu", "unsqueeze"),
    ],
    ids=str,
)
def test_ids_that_are_computed_with_are_refused(read: Read, behind: Sequence[Step]) -> None:
    """Colors, offsets and tables of new ids: neither logits nor labels of the network."""
    with pytest.raises(ValueError, match=r"class ids that .+ changes.*make the ids themselves"):
        read("convolution", "argmax", *behind)


def test_several_ids_of_a_pixel_are_no_label_map(read: Read) -> None:
    """Unless the first of them is taken."""
    with pytest.raises(ValueError, match="ids of the 3 best classes"):
        read("convolution", ("topk", 3), "cast")
    assert read("convolution", ("topk", 3), "slice").kind == "labels"


@pytest.mark.parametrize(
    ("steps", "kind", "upsampled"),
    [
        (("convolution",), "logits", False),
        (("convolution", "linear"), "logits", True),
        (("convolution", "relu", "add", "linear", "cast"), "logits", True),
        (("argmax", "convolution", "multiply", "linear"), "logits", True),  # inside the network
        (("argmax", "convolution", "linear", "add"), "logits", False),
        (("sigmoid", "multiply", "linear"), "logits", True),  # an activation
        (("convolution", "linear", "softmax"), "probabilities", True),
        (("convolution", "softmax", "linear"), "probabilities", True),
        (("convolution", "sigmoid", "slice"), "probabilities", False),
        (("convolution", "linear", "slice"), "logits", False),
        (("greater", "multiply", "add"), "logits", False),  # a mask inside the network
    ],
    ids=str,
)
def test_what_is_no_id_is_read_as_before(
    read: Read, steps: Sequence[Step], kind: str, upsampled: bool
) -> None:
    """Operators of the network itself are no reason for an error."""
    told = read("convolution", *steps)
    assert (told.kind, told.upsampled) == (kind, upsampled)


def test_values_of_topk_are_no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first output holds logits."""
    module, model = onnx_model(("convolution", ("topk", 1)))
    model.graph.output[0].name = "values 1"
    monkeypatch.setitem(sys.modules, "onnx", module)
    assert Convention.from_onnx(model).kind == "logits"


def test_the_grid_of_an_old_resize(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before opset 11 a Resize has one grid, and does not name it."""
    module, model = onnx_model(("convolution", "linear"))
    model.graph.node[-1].attribute[1].name = "another attribute"
    monkeypatch.setitem(sys.modules, "onnx", module)
    assert Convention.from_onnx(model).grid == "half_pixel"
    model.opset_import[0].version = 10
    assert Convention.from_onnx(model).grid == "asymmetric"


def test_operators_of_other_domains_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Resize of somebody else may do anything."""
    module, model = onnx_model(("convolution", "linear"))
    model.graph.node[-1].domain = "com.acme"
    monkeypatch.setitem(sys.modules, "onnx", module)
    assert Convention.from_onnx(model).grid is None


def test_a_quantized_output_has_its_scale_and_zero_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX has them beside QuantizeLinear; one scale per class cannot be compared."""
    module, model = onnx_model(("convolution", "linear", "quantize", "identity"))
    monkeypatch.setitem(sys.modules, "onnx", module)
    assert Convention.from_onnx(model).quantization == (0.25, 3.0)
    module, other = onnx_model(("convolution", "quantize", "dequantize"))
    assert Convention.from_onnx(other).quantization is None
    model.graph.initializer[0].value = np.full(3, 0.25)
    with pytest.raises(ValueError, match="3 scales, one per class"):
        Convention.from_onnx(model)


IDS = np.random.default_rng(0).integers(0, 19, (2, 6, 8))
LABELS = Convention(name="ids", kind="labels")


@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "uint8", "int64", "bool"])
def test_ids_of_every_type_are_labels(kind: str) -> None:
    """Whole numbers as floats are cast exactly, booleans are 0 and 1; integers stay as they are."""
    ids = (IDS % 2 if kind == "bool" else IDS).astype(kind)
    seg = segpost.postprocess(ids, convention=LABELS, palette="voc", want=("labels", "color"))
    np.testing.assert_array_equal(seg.labels, ids)
    assert seg.labels.dtype == (kind if kind in ("uint8", "int64") else np.int32)
    np.testing.assert_array_equal(seg.color, segpost.Palette.named("voc").colors[ids.astype(int)])


def test_ids_of_torch_in_bfloat16_come_back_as_torch() -> None:
    """In the caller's library."""
    torch = pytest.importorskip("torch")
    labels = segpost.postprocess(torch.from_numpy(IDS).bfloat16(), convention=LABELS).labels
    assert labels.dtype == torch.int32
    np.testing.assert_array_equal(labels, IDS)


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf, 1e-3, 3e9])
def test_floats_that_are_no_ids_are_refused(value: float) -> None:
    """What was interpolated, or never was a label map."""
    ids = IDS.astype(np.float32)
    ids[1, 2, 3] = value
    text = r"must be integers, got dtype float32, of which 1 of 96 .* at \[1, 2, 3\]: .*nearest"
    with pytest.raises(TypeError, match=text):
        segpost.postprocess(ids, convention=LABELS)


def test_quantized_ids_are_dequantized() -> None:
    """By the convention's scale, to whole numbers again."""
    told = Convention(name="ids", kind="labels", quantization=(0.5, 4))
    raw = (2 * IDS + 4).astype(np.uint8)
    np.testing.assert_array_equal(segpost.postprocess(raw, convention=told).labels, IDS)
    with pytest.raises(TypeError, match="no whole numbers"):
        segpost.postprocess(raw + np.uint8(1), convention=told)


LOGITS = np.random.default_rng(1).normal(size=(5, 6, 8)).astype(np.float32)
RAW = np.random.default_rng(2).integers(-128, 128, (5, 6, 8)).astype(np.int8)


@pytest.mark.parametrize("none", [(0.0, 0), (0, 0), [0.0, 0.0], (np.float32(0), np.int64(0))])
def test_a_scale_and_zero_point_of_zero_are_no_quantization(none: Any) -> None:
    """Runtimes say so of an output of floats."""
    want: Any = ("labels", "confidence")
    seg = segpost.postprocess(LOGITS, quantization=none, want=want)
    expected = segpost.postprocess(LOGITS, want=want)
    np.testing.assert_array_equal(seg.labels, expected.labels)
    np.testing.assert_array_equal(seg.confidence, expected.confidence)
    assert Convention(quantization=none).quantization is None
    with pytest.raises(TypeError, match="pass quantization="):
        segpost.postprocess(RAW, quantization=none, want=want)


@pytest.mark.parametrize(
    ("pair", "cure"),
    [
        ((3, 0.05), r"they are exchanged, pass \(0\.05, 3\)"),
        ((-128, 0.05), r"they are exchanged, pass \(0\.05, -128\)"),
        ((0, 0.05), r"they are exchanged, pass \(0\.05, 0\)"),
        ((0.05, 0.5), "zero_point must be a whole number"),
        ((-0.05, 3), "scale must be positive"),
        ((0.0, 3), "scale must be positive"),
        ((float("nan"), 0), "scale must be positive"),
    ],
)
def test_exchanged_pairs_are_refused_with_the_cure(pair: Any, cure: str) -> None:
    """A zero point is a whole number, and a scale is positive."""
    with pytest.raises(ValueError, match=cure):
        segpost.postprocess(RAW, quantization=pair, want=("confidence",))
    with pytest.raises(ValueError, match=cure):
        Convention(quantization=pair)
