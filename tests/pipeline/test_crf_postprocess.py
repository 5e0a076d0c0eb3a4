"""postprocess(..., crf=...): everything follows from the refined probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from crf_cases import problem
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost import DenseCRF, Palette

ON_CUDA = True

WANTED: Any = ("labels", "confidence", "probabilities", "color", "overlay")
IMAGE = problem(5, 24, 30)[1]
LOGITS = scene(5, 6, 8)
OPTIONS: dict[str, Any] = {"size": (24, 30), "image": IMAGE, "palette": Palette.distinct(5)}


@pytest.mark.parametrize("crf", ["deeplab", DenseCRF(iterations=3, axis=-1)])
def test_everything_is_made_of_the_refined_probabilities(backend: str, crf: Any) -> None:
    """Upsampled, softmaxed, refined; then labels, confidence and pictures of that."""
    plain = segpost.postprocess(LOGITS, **OPTIONS, want=WANTED)
    seg = segpost.postprocess(LOGITS, **OPTIONS, crf=crf, want=WANTED)
    described = DenseCRF.preset(crf) if isinstance(crf, str) else DenseCRF(iterations=3)  # type: ignore[arg-type]
    wanted = described(plain.probabilities, IMAGE)
    assert_allclose(seg.probabilities, wanted, rtol=0, atol=1e-6)
    assert_array_equal(seg.labels, seg.probabilities.argmax(0))
    assert_array_equal(seg.confidence, seg.probabilities.max(0))
    palette = OPTIONS["palette"]
    assert_array_equal(seg.color, segpost.colorize(seg.labels, palette))
    assert_array_equal(seg.overlay, segpost.overlay(IMAGE, seg.labels, palette))
    assert (seg.labels != plain.labels).any()
    only = segpost.postprocess(LOGITS, **OPTIONS, crf=crf)
    assert_array_equal(only.labels, seg.labels)
    assert only.probabilities is None


def test_batches_and_labels_last(backend: str) -> None:
    """A batch is its images; labels last change the layout alone."""
    logits = np.stack([scene(5, 6, 8, seed) for seed in range(2)])
    options = {**OPTIONS, "image": np.stack([IMAGE, IMAGE[::-1]]), "want": WANTED}
    batch = segpost.postprocess(logits, **options, crf="pydensecrf")
    last = segpost.postprocess(np.moveaxis(logits, 1, -1), axis=-1, **options, crf="pydensecrf")
    assert_array_equal(np.moveaxis(last.probabilities, -1, 1), batch.probabilities)
    one = segpost.postprocess(logits[1], **{**options, "image": IMAGE[::-1]}, crf="pydensecrf")
    for name in WANTED:
        assert_array_equal(getattr(batch[1], name), getattr(one, name))


def test_other_logits(backend: str) -> None:
    """Quantized logits, no upsampling, no image where none is read, no pixels."""
    raw = np.random.default_rng(1).integers(-100, 100, (3, 9, 10)).astype(np.int8)
    crf = DenseCRF(bilateral=None)
    got = segpost.postprocess(raw, quantization=(0.05, 4), crf=crf, want=WANTED[:3])
    wanted = crf(segpost.softmax(0.05 * (raw.astype(np.float32) - 4)))
    assert_allclose(got.probabilities, wanted, rtol=0, atol=1e-5)
    with pytest.raises(TypeError, match=r"logits are int8: for crf pass quantization="):
        segpost.postprocess(raw, crf=crf)
    empty = segpost.postprocess(np.zeros((3, 0, 4), np.float32), crf=crf)
    assert empty.labels.shape == (0, 4)


@pytest.mark.parametrize(
    ("logits", "options", "error", "message"),
    [
        (LOGITS, {"crf": "voc"}, ValueError, "crf must be one of 'pydensecrf', 'deeplab'"),
        (LOGITS, {"crf": 10}, TypeError, "crf must be a DenseCRF or the name of a preset, got 10"),
        (LOGITS, {"crf": DenseCRF(unary="logits")}, ValueError, "crf has unary='logits', but post"),
        (LOGITS, {"crf": DenseCRF(volume=True)}, ValueError, "crf has volume=True"),
        (LOGITS[:1], {"crf": "deeplab", "threshold": 0.5}, ValueError, "np.stack"),
        (LOGITS, {"crf": "deeplab", "image": None}, ValueError, "image is missing"),
        (LOGITS * np.nan, {"crf": "deeplab"}, ValueError, "logits have 240 NaN"),
        (LOGITS * np.nan, {"crf": "deeplab", "nan": "propagate"}, ValueError, "3600 NaN"),
    ],
)
def test_what_does_not_fit(
    backend: str, logits: np.ndarray, options: dict[str, Any], error: Any, message: str
) -> None:
    """Each is named."""
    with pytest.raises(error, match=message):
        segpost.postprocess(logits, **{**OPTIONS, **options})
