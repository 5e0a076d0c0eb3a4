"""postprocess(..., crf=...) of volumes: everything follows from the refined probabilities."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost import DenseCRF

VOLUME = np.random.default_rng(4).normal(0, 2, (3, 5, 6, 7)).astype(np.float32)
SCAN = np.random.default_rng(5).normal(0, 30, (9, 11, 10)).astype(np.float32)
OF_VOLUMES = DenseCRF(
    volume=True,
    iterations=3,
    gaussian={"sigma": (1, 2, 2), "weight": 2},
    bilateral={"sigma_xy": (2, 4, 4), "sigma_rgb": 20, "weight": 4},
)
OF_VOLUME_PROBABILITIES: Any = (
    *("labels", "confidence", "probabilities", "entropy", "margin", "topk"),
)


def test_volumes_are_made_of_the_refined_probabilities(backend: str) -> None:
    """Upsampled, softmaxed, refined; then every other result of that. Batches, labels last."""
    options: dict[str, Any] = {"size": SCAN.shape, "want": OF_VOLUME_PROBABILITIES}
    plain = segpost.postprocess(VOLUME, **options)
    seg = segpost.postprocess(VOLUME, **options, image=SCAN, crf=OF_VOLUMES)
    wanted = OF_VOLUMES(plain.probabilities, SCAN)
    assert_allclose(seg.probabilities, wanted, rtol=0, atol=1e-6)
    assert_array_equal(seg.labels, seg.probabilities.argmax(0))
    assert_array_equal(seg.confidence, seg.probabilities.max(0))
    assert_array_equal(seg.topk.labels[0], seg.labels)
    assert_allclose(seg.margin, np.diff(np.sort(seg.probabilities, 0)[-2:], axis=0)[0], atol=1e-6)
    assert (seg.labels != plain.labels).any()
    assert seg.volume
    only = segpost.postprocess(VOLUME, size=SCAN.shape, image=SCAN[..., None], crf=OF_VOLUMES)
    assert_array_equal(only.labels, seg.labels)
    assert only.probabilities is None
    stack, scans = np.stack([VOLUME[::-1], VOLUME]), np.stack([SCAN[::-1], SCAN])
    batch = segpost.postprocess(stack, **options, image=scans, crf=OF_VOLUMES)
    last = segpost.postprocess(
        np.moveaxis(stack, 1, -1), axis=-1, **options, image=scans, crf=OF_VOLUMES
    )
    assert_array_equal(np.moveaxis(last.probabilities, -1, 1), batch.probabilities)
    for name in OF_VOLUME_PROBABILITIES[:-1]:
        assert_array_equal(getattr(batch[1], name), getattr(seg, name))


def test_volumes_of_other_logits() -> None:
    """Quantized ones, and probabilities of nnU-Net's files, refined as they are."""
    smooth = DenseCRF(volume=True, bilateral=None)
    raw = np.random.default_rng(1).integers(-100, 100, (3, 4, 5, 6)).astype(np.int8)
    want: Any = ("labels", "probabilities")
    got = segpost.postprocess(
        raw, volume=True, quantization=(0.05, 4), crf=smooth, want=want, nan="propagate"
    )
    shares = segpost.softmax(0.05 * (raw.astype(np.float32) - 4), volume=True)
    assert_allclose(got.probabilities, smooth(shares), rtol=0, atol=1e-6)
    convention = segpost.Convention(kind="probabilities")
    again = segpost.postprocess(shares, volume=True, crf=smooth, convention=convention, want=want)
    assert_allclose(again.probabilities, got.probabilities, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="get no other size"):
        segpost.postprocess(shares, size=(8, 9, 10), crf=smooth, convention=convention)


def test_bad_crf_of_volumes() -> None:
    """Presets and CRFs of images are refused; the printed cure runs."""
    with pytest.raises(ValueError, match="preset of photographs") as caught:
        segpost.postprocess(VOLUME, size=SCAN.shape, image=SCAN, crf="deeplab")
    code = re.search(r"segpost\.DenseCRF\(.*\)", str(caught.value))
    assert code
    crf = eval(code[0], {"segpost": segpost})
    assert segpost.postprocess(VOLUME, size=SCAN.shape, image=SCAN, crf=crf).volume
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"crf": DenseCRF()},
            r"crf has volume=False, and the logits are volumes: pass seg",
        ),
        ({"crf": OF_VOLUMES, "image": SCAN[1:]}, "does not fit probabilities"),
        ({"crf": OF_VOLUMES}, "image"),
    ]
    for options, message in cases:
        with pytest.raises(ValueError, match=message):
            segpost.postprocess(VOLUME, size=SCAN.shape, **options)
