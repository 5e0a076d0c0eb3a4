"""binarize: the same claims for every backend."""

from __future__ import annotations

import warnings
from typing import Any

import mask_cases
import numpy as np
import pytest
from conftest import CUDA, FAST, scene, switch
from definitions import definition

import segpost
from segpost._core import rle
from segpost._core.thresholds import cutoffs

ON_CUDA = True

torch = pytest.importorskip("torch")

EXACT_KINDS = ("normal", "ties", "near", "equal", "zeros", "denormal")


def test_the_definition_is_that_of_an_oracle() -> None:
    """Sums of small logits are exact in float64, so no pixel may differ from exact arithmetic."""
    seen = 0
    for case in mask_cases.cases(300):
        if case.name.split()[1] not in EXACT_KINDS or case.logits.kind == "float64":
            continue
        if np.prod(case.size) * case.logits.values.shape[1] > 900:
            continue
        got = definition(mask_cases.report, case)
        np.testing.assert_array_equal(got.masks, mask_cases.oracle(case), err_msg=case.name)
        seen += 1
    assert seen > 10


@pytest.mark.parametrize("backend_name", FAST)
def test_masks_are_those_of_the_definition(backend_name: str) -> None:
    """300 cases in every encoding: not one pixel or count differs."""
    for case in mask_cases.cases(300):
        wanted = definition(mask_cases.report, case)
        for backend in switch(backend_name):
            mask_cases.assert_equal(mask_cases.report(case), wanted, (backend, case.name))


@pytest.mark.parametrize("backend_name", CUDA)
def test_masks_on_devices(backend_name: str) -> None:
    """The same on the kernels of devices."""
    for case in mask_cases.cases(100):
        wanted = definition(mask_cases.report, case)
        for backend in switch(backend_name):
            mask_cases.assert_equal(mask_cases.report(case), wanted, (backend, case.name))


@pytest.mark.slow
def test_ten_thousand_cases() -> None:
    """The same for 10^4 cases."""
    for case in mask_cases.cases(10_000, seed=11):
        with segpost.use_backend("reference"):
            wanted = mask_cases.report(case)
        for name in FAST:
            for backend in switch(name):
                mask_cases.assert_equal(mask_cases.report(case), wanted, (backend, case.name))


@pytest.mark.parametrize("noise", [False, True])
def test_masks_of_scenes(fast_backend: str, noise: bool) -> None:
    """Scenes and noise at a factor that is no integer."""
    logits = scene(5, 24, 70)
    if noise:
        logits = np.random.default_rng(3).normal(size=logits.shape).astype(np.float32)
    wanted = definition(segpost.binarize, logits, size=(163, 500), threshold=0.3)
    np.testing.assert_array_equal(segpost.binarize(logits, size=(163, 500), threshold=0.3), wanted)
    codes = segpost.binarize(logits, size=(163, 500), threshold=0.3, encoding="rle")
    assert codes == [rle.encode_mask(mask) for mask in wanted]
    bits = segpost.binarize(logits, size=(163, 500), threshold=0.3, encoding="bits")
    np.testing.assert_array_equal(bits, np.packbits(wanted, axis=-1))


@pytest.mark.peers
def test_codes_are_those_of_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    logits = scene(4, 20, 31)
    logits[3] = -1
    masks = segpost.binarize(logits, size=(77, 120))
    codes = segpost.binarize(logits, size=(77, 120), encoding="rle")
    assert codes == [coco.encode(np.asfortranarray(mask)) for mask in masks]


def test_a_threshold_is_of_the_sigmoid() -> None:
    """As torch has it, on logits that no rounding decides."""
    logits = torch.from_numpy(scene(3, 16, 20))
    for threshold in (0.5, 0.2, [0.1, 0.5, 0.95]):
        full = torch.nn.functional.interpolate(logits[None].double(), (48, 61), mode="bilinear")[0]
        column = torch.tensor(threshold, dtype=torch.float64).reshape(-1, 1, 1)
        wanted = (full.sigmoid() > column).to(torch.uint8)
        got = segpost.binarize(logits, size=(48, 61), threshold=threshold)
        assert torch.equal(got, wanted)
        array = np.array(threshold)
        assert torch.equal(segpost.binarize(logits, size=(48, 61), threshold=array), wanted)


def test_the_ends_of_the_probabilities() -> None:
    logits = np.array([[[-np.inf, -1e30, 0, 1e30, np.inf]]], np.float32)
    for threshold, which in ((0, "every"), (1, "no")):
        with pytest.warns(segpost.InputWarning, match=f"sets {which} pixel.*pass threshold=0.5"):
            mask = segpost.binarize(logits, threshold=threshold)
        assert mask.tolist() == [[[0, *[1 - threshold] * 4]]]
    two = segpost.binarize(np.concatenate([logits, logits]), threshold=[0, 1])
    assert two.tolist() == [[[0, 1, 1, 1, 1]], [[0, 0, 0, 0, 0]]]
    assert segpost.binarize(logits).tolist() == [[[0, 0, 0, 1, 1]]]


def test_cutoffs_are_rounded_down() -> None:
    """No float64 lies between a cutoff and the real number; 0.5 is exactly 0."""
    assert cutoffs([0.5, 0.0, 1.0], None).tolist() == [0.0, -np.inf, np.inf]
    for t in (0.3, 0.7, 1e-12):
        cutoff = float(cutoffs([t], None)[0])
        assert cutoff == pytest.approx(np.log(t / (1 - t)), rel=1e-15)
        v = np.array([[[cutoff, np.nextafter(cutoff, np.inf), -1, 2]]], np.float64)
        assert segpost.binarize(v, threshold=t)[0, 0, :2].tolist() == [0, 1]


def test_quantized_logits_are_those_of_their_real_values() -> None:
    random = np.random.default_rng(1)
    for dtype in (np.int8, np.uint8):
        raw = random.integers(0, 127, (3, 9, 8)).astype(dtype)
        real = 0.1 * (raw.astype(np.float64) - 60)
        got = segpost.binarize(raw, size=(30, 31), threshold=0.7, quantization=(0.1, 60))
        np.testing.assert_array_equal(got, segpost.binarize(real, size=(30, 31), threshold=0.7))


def test_channels_last_and_batches() -> None:
    logits = np.random.default_rng(2).normal(size=(2, 6, 7, 3)).astype(np.float32)
    first = np.ascontiguousarray(logits.transpose(0, 3, 1, 2))
    masks = segpost.binarize(first, size=(20, 21))
    assert masks.shape == (2, 3, 20, 21)
    got = segpost.binarize(logits, size=(20, 21), axis=-1)
    np.testing.assert_array_equal(got, masks.transpose(0, 2, 3, 1))
    one = segpost.binarize(logits[0], size=(20, 21), axis=-1)
    np.testing.assert_array_equal(one, masks[0].transpose(1, 2, 0))
    out = np.empty((2, 20, 21, 3), np.uint8)
    assert segpost.binarize(logits, size=(20, 21), axis=-1, out=out) is out
    np.testing.assert_array_equal(out, got)
    bits = segpost.binarize(logits, size=(20, 21), axis=-1, encoding="bits")
    np.testing.assert_array_equal(bits, np.packbits(got, axis=2))
    codes = segpost.binarize(logits, size=(20, 21), axis=-1, encoding="rle")
    assert codes == [[rle.encode_mask(mask) for mask in image] for image in masks]


def test_labels_follow_the_order_of_the_classes() -> None:
    """The rule of nnU-Net's regions: later classes cover earlier ones."""
    logits = scene(4, 9, 11)
    masks = segpost.binarize(logits, size=(33, 40), threshold=0.2)
    for order in ((1, 2, 3, 4), (3, 1, 2, 1), (7, 300, 0, 2)):
        wanted = np.zeros((33, 40), np.int64)
        for mask, label in zip(masks, order, strict=True):
            wanted[mask == 1] = label
        options: dict[str, Any] = {"size": (33, 40), "threshold": 0.2, "encoding": "labels"}
        got = segpost.binarize(logits, class_order=order, **options)
        assert got.dtype == (np.uint8 if max(order) < 256 else np.int32)
        np.testing.assert_array_equal(got, wanted)
    default = segpost.binarize(logits, **options)
    np.testing.assert_array_equal(
        default, segpost.binarize(logits, class_order=(1, 2, 3, 4), **options)
    )


def test_a_letterbox_and_a_scale() -> None:
    box = segpost.Letterbox.fit((30, 50), (64, 64))
    logits = scene(2, 16, 16)
    got = segpost.binarize(logits, letterbox=box)
    two = np.stack([np.zeros_like(logits[0]), logits[0]])
    np.testing.assert_array_equal(got[0], segpost.argmax(two, letterbox=box))
    np.testing.assert_array_equal(
        segpost.binarize(logits, scale=2.5)[0], segpost.argmax(two, scale=2.5)
    )


def flood(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Grow `high` in `low` until nothing changes."""
    mask = high.copy()
    while True:
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        grown &= low
        if (grown == mask).all():
            return mask
        mask = grown


@pytest.mark.parametrize("encoding", ["mask", "bits", "rle", "labels"])
def test_hysteresis_keeps_what_touches_a_high_pixel(encoding: Any) -> None:
    random = np.random.default_rng(4)
    for shape, size in (((3, 6, 9), (41, 50)), ((2, 2, 1), (1, 30)), ((1, 30, 30), (30, 30))):
        logits = random.normal(size=shape).astype(np.float32)
        low, high = (segpost.binarize(logits, size=size, threshold=t) for t in (0.5, 0.75))
        wanted = np.stack([flood(a, b) for a, b in zip(low, high, strict=True)])
        got = segpost.binarize(logits, size=size, hysteresis=(0.5, 0.75), encoding=encoding)
        if encoding == "rle":
            assert got == [rle.encode_mask(mask) for mask in wanted]
            continue
        if encoding == "bits":
            wanted = np.packbits(wanted, axis=-1)
        elif encoding == "labels":
            wanted = np.max(wanted * np.arange(1, len(wanted) + 1)[:, None, None], axis=0)
        np.testing.assert_array_equal(got, wanted)


def test_nan_and_infinities() -> None:
    logits = np.zeros((2, 3, 4), np.float32)
    logits[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"1 NaN of 24 .* image 0, class 1, y 2, x 0"):
        segpost.binarize(logits)
    masks = segpost.binarize(logits + 1, nan="propagate")
    assert masks.sum() == 23
    assert masks[1, 2, 0] == 0
    meet = np.array([[[np.inf, -np.inf]]], np.float32)
    with pytest.raises(ValueError, match=r"no answer at 2 of 4 pixels of 1 masks, .* x 1: infin"):
        segpost.binarize(meet, size=(1, 4))
    assert segpost.binarize(meet, size=(1, 4), nan="propagate").tolist() == [[[1, 0, 0, 0]]]


def test_empty_inputs() -> None:
    none = np.zeros((0, 4, 5), np.float32)
    assert segpost.binarize(none, size=(8, 9)).shape == (0, 8, 9)
    assert segpost.binarize(none, encoding="rle") == []
    flat = np.zeros((2, 0, 5), np.float32)
    assert segpost.binarize(flat).shape == (2, 0, 5)
    assert segpost.binarize(flat, encoding="labels").shape == (0, 5)
    assert segpost.binarize(flat, encoding="rle")[1] == {"size": [0, 5], "counts": b"0"}


LOGITS = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 9


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"threshold": 1.5}, ValueError, r"threshold is a probability in 0..1, got 1.5"),
        ({"threshold": float("nan")}, ValueError, r"threshold is a probability"),
        (
            {
                "threshold": [
                    0.5,
                    -2,
                ]
            },
            ValueError,
            r"1 of 2 values are outside, first -2.0 at \[1\]",
        ),
        ({"threshold": [0.5]}, ValueError, r"one for each of 2 classes, got 1"),
        ({"threshold": [[0.5, 0.5]]}, ValueError, r"array of shape \(1, 2\)"),
        ({"threshold": "high"}, TypeError, r"threshold must be a number"),
        ({"threshold": True}, TypeError, r"threshold must be a number"),
        ({"hysteresis": 0.5}, ValueError, r"hysteresis must be \(low, high\), got 0.5"),
        (
            {"hysteresis": (0.7, 0.5)},
            ValueError,
            r"above high for 2 of 2 classes, first 0.7",
        ),
        ({"hysteresis": (0.2, 7)}, ValueError, r"hysteresis' high threshold is a probability"),
        ({"hysteresis": (0.2, 0.7), "threshold": 0.4}, ValueError, r"exclude each other"),
        ({"encoding": "png"}, ValueError, r"encoding must be one of"),
        ({"class_order": (1, 2)}, ValueError, r'class_order is for encoding="labels"'),
        ({"class_order": (1,), "encoding": "labels"}, ValueError, r"each of 2 classes, got 1"),
        ({"class_order": (1, -1), "encoding": "labels"}, ValueError, r"1 of 2 labels outside"),
        ({"class_order": (1, 0.5), "encoding": "labels"}, TypeError, r"sequence of integers"),
        ({"encoding": "rle", "out": np.empty(1, np.uint8)}, ValueError, r"out is for arrays"),
        ({"out": np.empty((2, 3, 4), bool)}, TypeError, r"out must have dtype uint8"),
        ({"quantization": (0.1, 3)}, TypeError, r"quantization is for integer logits"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        segpost.binarize(LOGITS, **arguments)


def test_integers_need_a_quantization() -> None:
    with pytest.raises(TypeError, match=r"logits are int8: pass quantization=\(scale"):
        segpost.binarize(LOGITS.astype(np.int8))


def test_probabilities_are_suspicious() -> None:
    with pytest.warns(segpost.InputWarning, match=r"lie in 0..1, as after a sigmoid, .*np.log"):
        segpost.binarize(1 / (1 + np.exp(-LOGITS)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segpost.binarize(LOGITS)


def test_out_and_the_callers_arrays() -> None:
    out = np.full((2, 6, 16), 9, np.uint8)[:, :, ::2]
    assert segpost.binarize(LOGITS, size=(6, 8), out=out) is out
    np.testing.assert_array_equal(out, segpost.binarize(LOGITS, size=(6, 8)))
    half = torch.from_numpy(LOGITS).to(torch.bfloat16)
    got = segpost.binarize(half, size=(6, 8))
    assert isinstance(got, torch.Tensor)
    np.testing.assert_array_equal(got.numpy(), segpost.binarize(half.float().numpy(), size=(6, 8)))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_masks_of_label_maps(kind: str) -> None:
    """All labels above 0 would be one mask; the printed comparison has one a label."""
    labels = np.random.default_rng(5).integers(0, 4, (1, 12, 13)).astype(kind)
    with pytest.warns(segpost.InputWarning, match="whole numbers from 0 to 3") as caught:
        segpost.binarize(labels)
    assert [warning.filename for warning in caught] == [__file__]
    code = str(caught[0].message).rpartition("compare them, ")[2]
    masks = eval(code, {"np": np, "labels": labels[0], "classes": 4})
    np.testing.assert_array_equal(masks.argmax(0), labels[0])
    segpost.binarize(labels - 1.5)
    segpost.binarize((labels > 1).astype(kind) * 2 - 1)
