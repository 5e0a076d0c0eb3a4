"""Dense CRFs of arrays on a CUDA device, emulated as in test_device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crf_cases import problem
from fake_devices import Cuda, host

import segpost
from segpost import DenseCRF

P, IMAGE = problem(4, 14, 17)
CRF = DenseCRF(iterations=3)
NEAR = 2e-6

pytestmark = pytest.mark.usefixtures("device")


@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_refined_probabilities_are_on_the_device(method: Any) -> None:
    """Probabilities, labels, changes and energies equal those of the CPU."""
    crf = DenseCRF(iterations=3, method=method)
    np.testing.assert_allclose(host(crf(Cuda(P), Cuda(IMAGE))), crf(P, IMAGE), atol=NEAR)
    there, here = crf.refine(Cuda(P), Cuda(IMAGE), trace=True), crf.refine(P, IMAGE, trace=True)
    np.testing.assert_array_equal(host(there.labels), here.labels)
    np.testing.assert_allclose(there.change, here.change, atol=NEAR)
    np.testing.assert_allclose(there.kl, here.kl, rtol=1e-5)


def test_labels_as_unary() -> None:
    """A label map on the device works as a unary, with pixels of an unknown label."""
    labels = P.argmax(0).astype(np.int64)
    labels[3:5] = 255
    crf = DenseCRF(iterations=2, unary="labels", num_classes=4, unsure=255)
    got = host(crf(Cuda(labels), Cuda(IMAGE)))
    np.testing.assert_allclose(got, crf(labels, IMAGE), atol=NEAR)
    labels[6, 7] = -1
    with pytest.raises(ValueError, match=r"have 1 of 238 values outside 0..3 or 255.* -1 at .6, 7"):
        crf(Cuda(labels), Cuda(IMAGE))


@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "int16", "uint16"])
def test_guides_of_any_kind(kind: str) -> None:
    """The range of a float guide is computed on the device, and far values are moved to zero."""
    guide = (IMAGE.astype(np.float64) * 7 + 4000).astype(kind)
    crf = DenseCRF(iterations=2, bilateral={"sigma_xy": 9, "sigma_rgb": 120, "weight": 4})
    np.testing.assert_allclose(host(crf(Cuda(P), Cuda(guide))), crf(P, guide), atol=5e-5)


def test_bad_input_is_named_as_on_the_cpu() -> None:
    """Errors of probabilities, guides and sizes have the message of the CPU."""
    nan, logits, dark = P.copy(), P * 9 - 3, IMAGE.astype(np.float32)
    nan[2, 3, 4] = np.nan
    dark[5, 6, 1] = np.inf
    cases: list[tuple[Any, Any]] = [(nan, IMAGE), (logits, IMAGE), (P, dark), (P, IMAGE[1:])]
    for p, image in cases:
        with pytest.raises(ValueError, match=r".") as here:
            CRF(p, image)
        with pytest.raises(ValueError, match=r".") as there:
            CRF(Cuda(p), Cuda(image))
        assert str(there.value) == str(here.value)


def test_an_image_elsewhere_is_refused() -> None:
    """Probabilities and an image on different devices are an error."""
    with pytest.raises(TypeError, match="different devices"):
        CRF(Cuda(P), IMAGE)
    with pytest.raises(TypeError, match=r"the (native|numba) backend|different devices"):
        CRF(P, Cuda(IMAGE))


@pytest.mark.parametrize("axis", [-3, -1])
def test_postprocess_refines_on_the_device(axis: int) -> None:
    """Labels, confidence, probabilities and colors are those of the refined probabilities."""
    logits = np.log(P)[:, ::2, ::2]
    logits = np.ascontiguousarray(logits if axis == -3 else logits.transpose(1, 2, 0))
    want: Any = ("labels", "confidence", "probabilities", "color")
    given: dict[str, Any] = {"size": (14, 17), "axis": axis, "palette": "voc", "crf": CRF}
    there = segpost.postprocess(Cuda(logits), image=Cuda(IMAGE), want=want, **given)
    here = segpost.postprocess(logits, image=IMAGE, want=want, **given)
    for name in want:
        one, other = host(getattr(there, name)), getattr(here, name)
        np.testing.assert_allclose(one, other, atol=1e-5, err_msg=name)
