"""Fingerprints: what a restored network says beside what it said before."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost._core.device import DeviceContext, context_of

RNG = np.random.default_rng(5)
LOGITS = (RNG.normal(size=(7, 33, 41)) * np.arange(1, 8)[:, None, None]).astype(np.float32)


def compared(before: Any, after: Any, **options: Any) -> Any:
    """Return the comparison of two arrays of logits."""
    taken = [segpost.fingerprint(logits, **options) for logits in (before, after)]
    return taken[0].compare(taken[1])


# --- The probe


def test_the_probe_is_the_same_everywhere() -> None:
    """The bytes of the probe are fixed, so that fingerprints of two machines can be compared."""
    digest = hashlib.sha256(segpost.probe_image((65, 97)).tobytes()).hexdigest()
    assert digest == "7df790af05d5fc2a4411cfb3c43ca94a0595334e36fd9088f71d97fbb5489ddf"


@pytest.mark.parametrize("size", [(513, 513), (64, 200), (200, 64)])
def test_the_probe_is_different_under_every_flip_and_order(size: tuple[int, int]) -> None:
    """Every flip, rotation and order of channels changes the probe, and every channel is rich."""
    image = segpost.probe_image(size).astype(int)
    others = [image[::-1], image[:, ::-1], image[::-1, ::-1], image[..., ::-1]]
    others += [image[..., [1, 0, 2]], image[..., [0, 2, 1]]]
    if size[0] == size[1]:
        others.append(image.transpose(1, 0, 2))
    assert all(np.abs(image - other).mean() > 15 for other in others)
    assert all(len(np.unique(image[..., c])) > 180 for c in range(3))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_a_probe_of_any_size(size: tuple[int, int]) -> None:
    """The probe has any size, tiny ones included."""
    assert segpost.probe_image(size).shape == (*size, 3)


def test_a_probe_of_no_size_is_refused() -> None:
    """A size of 0 is an error."""
    with pytest.raises(ValueError, match="size must be at least"):
        segpost.probe_image((0, 4))


# --- Same, and the same up to rounding


def test_the_same_is_the_same_to_the_bit() -> None:
    """Logits are the same for every class axis, with a batch of one, and after a file."""
    before = segpost.fingerprint(LOGITS)
    for after in (
        segpost.fingerprint(LOGITS.transpose(1, 2, 0), axis=-1),
        segpost.fingerprint(LOGITS[None]),
        segpost.fingerprint(np.asfortranarray(LOGITS)),
        segpost.Fingerprint.from_json(before.to_json()),
    ):
        diff = before.compare(after)
        assert (diff.verdict, diff.ok, diff.findings) == ("same", True, ())
    assert str(diff) == "the same to the bit"


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_another_float_type_is_rounding(dtype: type[Any]) -> None:
    """Logits of another float type are the same up to rounding."""
    noise = np.random.default_rng(0).normal(0, 1e-5, LOGITS.shape)
    diff = compared(LOGITS, (LOGITS + noise).astype(dtype))
    assert (diff.verdict, diff.ok) == ("rounding", True)
    assert 0 < diff.differs < 1e-2


def test_quantized_logits_are_rounding_with_their_scale_only() -> None:
    """int8 logits are the same up to rounding with their quantization, and scaled without."""
    scale = float(np.abs(LOGITS).max() / 127)
    quantized = np.rint(LOGITS / scale).astype(np.int8)
    before = segpost.fingerprint(LOGITS)
    after = segpost.fingerprint(quantized, quantization=(scale, 0))
    assert before.compare(after).verdict == "rounding"
    raw = before.compare(segpost.fingerprint(quantized))
    assert raw.codes == ("scaled",)
    np.testing.assert_allclose(raw.findings[0].evidence["scale"], 1 / scale, rtol=1e-3)


def test_torch_tensors_are_arrays() -> None:
    """torch tensors are read, bfloat16 included, which NumPy does not have."""
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(LOGITS)
    assert compared(LOGITS, tensor).verdict == "same"
    assert compared(LOGITS, tensor.bfloat16()).verdict == "rounding"


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_nothing_is_found_of_the_same(classes: int, height: int, width: int, seed: int) -> None:
    """Logits of any shape have no finding, the same or rounded."""
    logits = np.random.default_rng(seed).normal(size=(classes, height, width)).astype(np.float32)
    before = segpost.fingerprint(logits, stages={"input": logits})
    noisy = logits * np.float32(1 + 1e-6)
    diff = before.compare(segpost.fingerprint(noisy, stages={"input": noisy}))
    assert diff.verdict in ("same", "rounding")
    assert not diff.findings


# --- Kinds of change that the logits show


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6, 0), (0, 2, 1, 3, 4, 5, 6)])
def test_permuted_classes_are_told_with_their_cure(order: tuple[int, ...]) -> None:
    """The cure of permuted classes gives the logits of before."""
    diff = compared(LOGITS, LOGITS[list(order)])
    (found,) = diff.findings
    assert (found.code, found.rank) == ("classes-permuted", "certain")
    line = found.cure.removeprefix("logits = ")
    logits = LOGITS[list(order)]
    np.testing.assert_array_equal(eval(line, {"logits": logits, "np": np}), LOGITS)
    last = [np.moveaxis(one, 0, -1) for one in (LOGITS, logits)]
    (found,) = compared(*last, axis=-1).findings
    line = found.cure.removeprefix("logits = ")
    np.testing.assert_array_equal(eval(line, {"logits": last[1], "np": np}), last[0])


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("class-count", LOGITS[:6]),
        ("logit-size", LOGITS[:, ::2]),
        ("scaled", LOGITS * 2 + 1),
        ("turned", LOGITS[:, :, ::-1]),
        ("turned", LOGITS[:, ::-1]),
        ("turned", LOGITS[:, ::-1, ::-1]),
        ("probabilities", segpost.softmax(LOGITS)),
        ("other", np.random.default_rng(8).normal(size=LOGITS.shape).astype(np.float32)),
    ],
)
def test_what_logits_show_is_certain(code: str, after: Any) -> None:
    """Each change of the logits has its code, and no other."""
    diff = compared(LOGITS, after)
    assert (diff.verdict, diff.codes) == ("changed", (code,))
    assert diff.findings[0].rank == "certain"
    assert not diff.ok


def test_a_square_map_is_transposed_or_turned() -> None:
    """Square logits that are transposed or rotated are found."""
    square = LOGITS[:, :33, :33]
    for after in (square.transpose(0, 2, 1), np.rot90(square, 1, (1, 2))):
        assert compared(square, after).codes == ("turned",)


def test_the_scale_is_the_one_that_was_made() -> None:
    """The cure of scaled logits has the scale and offset that were applied."""
    (found,) = compared(LOGITS, LOGITS * 0.25 - 3).findings
    assert found.evidence["scale"] == pytest.approx(0.25, rel=1e-4)
    assert found.evidence["offset"] == pytest.approx(-3, rel=1e-4)


def test_a_classifier_and_a_detector_have_fingerprints() -> None:
    """Logits (N, C) and class scores (N, boxes, C) have fingerprints."""
    scores = RNG.normal(size=(1, 1000)).astype(np.float32)
    assert compared(scores, scores).verdict == "same"
    assert compared(scores, np.roll(scores, 3, axis=1)).codes == ("classes-permuted",)
    boxes = RNG.normal(size=(2, 300, 80)).astype(np.float32)
    assert compared(boxes, boxes[..., ::-1], axis=-1).codes == ("classes-permuted",)


@pytest.mark.parametrize("masked", [-1e4, -1e9, float(np.finfo(np.float32).min)])
def test_a_masked_class_hides_nothing(masked: float) -> None:
    """A class that is masked by any value does not hide changes of the others."""
    rng = np.random.default_rng(1)
    taken = []
    for _ in range(2):
        logits = rng.normal(size=(24, 32, 32)).astype(np.float32)
        logits[21:] = masked
        taken.append(logits)
    assert compared(*taken).verdict == "changed"
    assert compared(taken[0], taken[0] * np.float32(1 - 1e-6)).verdict == "rounding"


def test_another_shape_of_the_same_values_is_another() -> None:
    """The same values in another shape are another array."""
    flat = LOGITS.reshape(7, 41, 33)
    assert compared(LOGITS, flat).codes == ("logit-size",)
    before = segpost.fingerprint(LOGITS, stages={"input": LOGITS})
    assert before.compare(segpost.fingerprint(LOGITS, stages={"input": flat})).codes == (
        "input-size",
    )


def test_a_single_answer_is_permuted_by_chance_only() -> None:
    """A single output of few classes is not called permuted or probabilities."""
    rng = np.random.default_rng(2)
    for classes in (2, 3, 4):
        for _ in range(40):
            pair = rng.normal(size=(2, 1, classes)).astype(np.float16)
            assert "classes-permuted" not in compared(*pair).codes
            assert "probabilities" not in compared(*pair).codes
    flat = np.full((2, 8, 8), 0.5, np.float32)
    assert "probabilities" not in compared(LOGITS[:2, :8, :8], flat).codes


def test_symmetric_logits_are_not_turned() -> None:
    """Logits of which one pixel differs are not flipped."""
    logits = np.ones((2, 90, 90), np.float32) * np.array([[[1]], [[3]]], np.float32)
    other = logits.copy()
    other[0, 3, 4] = 5
    assert "turned" not in compared(logits, other).codes


def test_autocast_features_are_no_other_head() -> None:
    """Features of bfloat16 do not prove that the head is another."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    features = torch.from_numpy(rng.normal(size=(1, 8, 9, 9)).astype(np.float32))
    coarse = LOGITS * np.float32(1.01)
    before = segpost.fingerprint(LOGITS, stages={"features": features})
    after = segpost.fingerprint(coarse, stages={"features": features.bfloat16()})
    assert "head" not in before.compare(after).codes


# --- The input and what was declared


IMAGE = segpost.probe_image((64, 80)).astype(np.float32).transpose(2, 0, 1) / 255


@pytest.mark.parametrize(
    ("codes", "after"),
    [
        (("channel-order",), IMAGE[::-1]),
        (("normalization",), IMAGE * 255),
        (("normalization",), IMAGE * 2 - 1),
        (("normalization",), IMAGE - np.array([[[0.485]], [[0.456]], [[0.406]]], np.float32)),
        (("channel-order", "normalization"), IMAGE[::-1] * 255),
        (("input-turned",), IMAGE[:, :, ::-1]),
        (("input-size",), IMAGE[:, ::2, ::2]),
        (("input-changed",), np.sqrt(IMAGE)),
    ],
)
def test_what_became_of_the_preprocessing_is_certain(codes: tuple[str, ...], after: Any) -> None:
    """A change of the input is certain, and nothing is said of the logits that follow from it."""
    before = segpost.fingerprint(LOGITS, stages={"input": IMAGE})
    now = segpost.fingerprint(LOGITS[::-1] ** 2, stages={"input": np.ascontiguousarray(after)})
    diff = before.compare(now)
    assert diff.codes == codes
    assert {found.rank for found in diff.findings} == {"certain"}


def test_the_normalization_is_measured() -> None:
    """The evidence has the scale and offset of every channel."""
    std = np.array([0.2, 0.3, 0.4], np.float32)[:, None, None]
    before = segpost.fingerprint(LOGITS, stages={"input": IMAGE})
    (found,) = before.compare(segpost.fingerprint(LOGITS, stages={"input": IMAGE / std})).findings
    np.testing.assert_allclose(found.evidence["scale"], [5, 1 / 0.3, 2.5], rtol=1e-3)
    np.testing.assert_allclose(found.evidence["offset"], 0, atol=1e-3)


@pytest.mark.parametrize(
    ("code", "was", "now"),
    [
        ("preprocessing-declared", {"mean": [0.5, 0.5]}, {"mean": np.array([0.25, 0.5])}),
        ("grid-declared", "half_pixel", "align_corners"),
        ("palette-declared", "voc", "cityscapes"),
        ("class-names-declared", list("abcdefg"), list("abcdegf")),
    ],
)
def test_what_was_declared_is_compared(code: str, was: Any, now: Any) -> None:
    """Recorded settings are compared where both fingerprints have them."""
    name = code.removesuffix("-declared").replace("-", "_")
    a, b = (segpost.fingerprint(LOGITS, **{name: value}) for value in (was, now))
    named = ("class-names-declared",) if name == "palette" else ()  # which palettes bring
    diff = a.compare(b)
    assert (diff.verdict, diff.ok) == ("same", False)
    assert {*diff.codes} == {code, *named}
    assert segpost.fingerprint(LOGITS).compare(b).ok
    assert a.compare(a).ok


# --- What is kept


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    """A file of some tens of kilobytes holds the whole fingerprint."""
    path = tmp_path / "net.fingerprint.json"
    taken = segpost.fingerprint(
        LOGITS, stages={"input": IMAGE}, grid="align_corners", preprocessing={"mean": [1, 2, 3]}
    )
    taken.save(path)
    assert path.stat().st_size < 64_000
    again = segpost.Fingerprint.load(path)
    assert again.to_json() == taken.to_json() == path.read_text()
    assert again.compare(taken).verdict == "same"


# --- The command


def test_names_with_braces_stand_in_messages_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage on a device: its name is no place for the device's."""
    device = DeviceContext("cuda", 1, 0, np.empty)
    logits, stage = np.zeros((2, 3, 4), np.float32), np.zeros((2, 5, 6), np.float32)
    monkeypatch.setattr(
        "segpost._core.validation.context_of",
        lambda array: device if array.shape == stage.shape else context_of(array),
    )
    name = "{}{device}"
    with pytest.raises(
        TypeError, match=re.escape(f"stages[{name!r}] must be in memory of the CPU")
    ):
        segpost.fingerprint(logits, stages={name: stage})
