"""dense_crf and DenseCRF: errors name the argument, count bad values, and locate the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crf_cases import problem

import segpost
from segpost import DenseCRF
from segpost._backends import registry

ON_CUDA = True

P, IMAGE = problem()
BATCH = np.stack([P] * 3), np.stack([IMAGE] * 3)
NAN, INF = float("nan"), float("inf")


def gaussian(**changed: Any) -> dict[str, Any]:
    """Settings with a changed Gaussian term."""
    return {"gaussian": {"sigma": 3.0, "weight": 3.0, **changed}}


def bilateral(**changed: Any) -> dict[str, Any]:
    """Settings with a changed bilateral term."""
    return {"bilateral": {"sigma_xy": 80.0, "sigma_rgb": 13.0, "weight": 10.0, **changed}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (gaussian(sigma=0), r"^gaussian's sigma must be positive, got 0;"),
        (gaussian(sigma=-1.0), "gaussian's sigma must be positive, got -1.0"),
        (gaussian(sigma=NAN), "gaussian's sigma must be finite, got nan"),
        (gaussian(sigma=(3, INF)), "gaussian's sigma must be finite, got inf"),
        (gaussian(sigma=1e-40), r"gaussian's sigma must be in 1e-30..1e\+30, got 1e-40"),
        (gaussian(sigma=(1, 2, 3)), r"gaussian's sigma must be one number or 2 numbers \(y, x\)"),
        (gaussian(weight=NAN), "gaussian's weight must be finite, got nan"),
        (gaussian(weight=-INF), "gaussian's weight must be finite, got -inf"),
        (gaussian(weight=1e9), r"gaussian's weight must be in -1e\+06..1e\+06, got 10+"),
        (gaussian(sxy=3), "gaussian has an unknown key 'sxy'; it takes 'sigma', 'weight', 'compat"),
        (gaussian(guide=IMAGE), "gaussian has an unknown key 'guide'"),
        ({"gaussian": {"sigma": 3}}, "gaussian lacks 'weight'; it takes 'sigma'"),
        (
            {"gaussian": [{"sigma": 1, "weight": 1}, {"sigma": 0, "weight": 1}]},
            r"gaussian\[1\]'s sigma must be positive",
        ),
        (gaussian(normalization="rows"), "gaussian's normalization must be one of 'symmetric'"),
        (bilateral(sigma_xy=0.0), "bilateral's sigma_xy must be positive"),
        (bilateral(sigma_rgb=(3, 3, 0)), "bilateral's sigma_rgb must be positive"),
        (bilateral(sigma_rgb=()), "bilateral's sigma_rgb must be one number or one a channel"),
        (bilateral(compatibility=np.ones((2, 3))), r"shape \(L,\) or \(L, L\), got \(2, 3\)"),
        ({"compatibility": [[0, NAN], [1, 0]]}, r"compatibility has 1 of 4 .* nan at \[0, 1\]"),
        ({"compatibility": "diagonal"}, "compatibility must be 'potts', a vector or a matrix"),
        ({"normalization": "after"}, "normalization must be one of 'symmetric', 'row'"),
        ({"iterations": -1}, "iterations must be at least 0"),
        ({"iterations": 2**31}, r"iterations must be at least 0 and below 2\*\*31"),
        ({"tolerance": -1e-3}, "tolerance must be at least 0, got -0.001"),
        ({"tolerance": NAN}, "tolerance must be finite, got nan"),
        ({"clamp": -1e-5}, "clamp must be in 0..1, got -1e-05"),
        ({"clamp": NAN}, "clamp must be finite"),
        ({"method": "brute"}, "method must be one of 'lattice', 'exact', got 'brute'"),
        ({"quality": "best"}, "quality must be one of 'fast', 'default', 'high', got 'best'"),
        ({"unary": "softmax"}, "unary must be one of 'probabilities', 'logits'"),
        ({"unary": "labels"}, "unary='labels' needs num_classes="),
        ({"unary": "labels", "num_classes": 1}, "num_classes must be at least 2"),
        ({"unary": "labels", "num_classes": 2, "certainty": 0}, "certainty must be above 0"),
        ({"unary": "labels", "num_classes": 2, "certainty": 70}, "certainty must be in 0..1"),
        ({"num_classes": 4}, "num_classes is for unary='labels', but unary is 'probabilities'"),
        ({"unsure": 0}, "unsure is for unary='labels'"),
    ],
)
def test_bad_settings_are_refused_when_they_are_given(
    settings: dict[str, Any], message: str
) -> None:
    """The constructor refuses bad settings, before any array is read."""
    with pytest.raises(ValueError, match=message):
        DenseCRF(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (gaussian(sigma=True), "gaussian's sigma must be a number, got True"),
        (gaussian(sigma=None), "gaussian's sigma must be a number, got None"),
        (gaussian(sigma="3"), "gaussian's sigma must be a number, got '3'"),
        (gaussian(weight=None), "gaussian's weight must be a number, got None"),
        (bilateral(sigma_rgb=(3, True, 3)), "bilateral's sigma_rgb must be a number, got True"),
        ({"gaussian": 3}, "gaussian must be a mapping, a sequence of mappings or None, got 3"),
        ({"bilateral": ["sigma_xy"]}, "bilateral must be a mapping, got 'sigma_xy'"),
        ({"compatibility": [[1, 2], [3]]}, "compatibility must be 'potts' or hold numbers"),
        ({"compatibility": None}, "compatibility must be 'potts' or hold numbers, got None"),
        ({"iterations": 5.0}, "iterations must be an integer, got 5.0"),
        ({"iterations": True}, "iterations must be an integer, got True"),
        ({"tolerance": "small"}, "tolerance must be a number"),
        ({"own_term": 1}, "own_term must be True or False, got 1"),
        ({"axis": 1.0}, "axis must be an integer, got 1.0"),
    ],
)
def test_settings_of_another_type(settings: dict[str, Any], message: str) -> None:
    """A boolean is not a number, and a float is not a count."""
    with pytest.raises(TypeError, match=message):
        DenseCRF(**settings)


def changed(array: np.ndarray, places: list[Any], value: float) -> np.ndarray:
    """A copy with some values replaced."""
    array = array.copy()
    for place in places:
        array[place] = value
    return array


PLACES = [(1, 2, 3, 4), (1, 3, 0, 0), (2, 0, 0, 0)]


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (changed(BATCH[0], PLACES, NAN), {},
         r"^probabilities have 3 NaN or infinite of 1296 values, first nan at image 1, label 2, "
         "y 3, x 4"),
        (changed(BATCH[0], PLACES, INF), {}, "probabilities have 3 NaN or infinite .* first inf"),
        (changed(BATCH[0], PLACES, -INF), {}, "probabilities have 3 NaN or infinite .* first -inf"),
        (changed(BATCH[0], PLACES, INF), {"unary": "logits"},
         r"^probabilities \(unary='logits'\) have 3 NaN or infinite .* first inf at image 1"),
        (changed(BATCH[0], PLACES, NAN), {"unary": "logits"}, "have 3 NaN"),
        (changed(BATCH[0], PLACES, -INF), {"unary": "energies"},
         r"probabilities \(unary='energies'\) have 3 NaN or infinite .* first -inf"),
        (changed(BATCH[0], PLACES, 1.5), {},
         r"probabilities have 3 of 1296 values outside 0..1, first 1.5 at image 1, label 2, y 3, "
         r"x 4; they look like logits: pass unary='logits'"),
        (changed(BATCH[0], PLACES, -0.01), {}, "3 of 1296 values outside 0..1, first -0.01"),
        (changed(BATCH[0], [(1, slice(None), 2, 5), (2, slice(None), 0, 0)], 0), {"clamp": 0},
         "probabilities allow no label at 2 of 324 pixels, first at image 1, y 2, x 5: all are 0"),
        (changed(BATCH[0], [(1, slice(None), 2, 5)], -INF), {"unary": "logits"},
         "allow no label at 1 of 324 pixels, first at image 1, y 2, x 5: all are -inf"),
        (changed(BATCH[0], [(1, slice(None), 2, 5)], INF), {"unary": "energies"},
         r"allow no label at 1 of 324 pixels, first at image 1, y 2, x 5: all are \+inf"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_values_that_are_no_unary(
    backend: str, values: np.ndarray, settings: dict[str, Any], message: str, method: Any
) -> None:
    """The error counts the bad values of the batch and locates the first, for either label axis."""
    with pytest.raises(ValueError, match=message):
        segpost.dense_crf(values, BATCH[1], method=method, **settings)
    with pytest.raises(ValueError, match=message):
        segpost.dense_crf(np.moveaxis(values, 1, -1), BATCH[1], axis=-1, method=method, **settings)


def test_bad_values_of_a_batch_are_counted_without_solvers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counts are those of the bad image and all later ones, but no solver is built for them."""
    batch = np.full((4, 2, 3, 3), 0.5)
    batch[1, 0, 2, 1] = batch[3, 1, :2, 0] = np.nan
    batch[2, 0, 0, 0] = 9.0
    solvers = []
    with segpost.use_backend("reference"):
        backend = registry.backend()
    build = backend.dense_crf

    def count_and_build(*arguments: Any) -> Any:
        solvers.append(build(*arguments))
        return solvers[-1]

    monkeypatch.setattr(backend, "dense_crf", count_and_build)
    text = "3 NaN or infinite of 72 values, first nan at image 1, label 0, y 2, x 1"
    with segpost.use_backend("reference"), pytest.raises(ValueError, match=text):
        segpost.dense_crf(batch, bilateral=None)
    assert len(solvers) == 2


def test_rounding_errors_of_probabilities_are_forgiven(backend: str) -> None:
    """Probabilities up to 1e-3 outside 0..1 are accepted."""
    p = P.copy()
    p[0, 0, 0], p[1, 0, 0] = -5e-4, 1 + 5e-4
    got = segpost.dense_crf(p, IMAGE)
    p[0, 0, 0] = 0
    np.testing.assert_array_equal(got, segpost.dense_crf(p, IMAGE))
    got = segpost.dense_crf(p, IMAGE, clamp=0, method="exact")
    assert got[0, 0, 0] == 0
    assert np.isfinite(got).all()


def test_volumes_have_a_z(backend: str) -> None:
    """The position of a bad value in a volume has three coordinates."""
    p = np.full((2, 3, 4, 5), 0.5)
    p[1, 2, 3, 4] = NAN
    with pytest.raises(ValueError, match="at image 0, label 1, z 2, y 3, x 4"):
        segpost.dense_crf(p, bilateral=None, volume=True)


LABELS = P.argmax(0)


@pytest.mark.parametrize(
    ("p", "image", "settings", "message"),
    [
        (P[:0], IMAGE, {}, r"at least two labels: axis -3 of shape \(0, 12, 9\) has length 0$"),
        (P[:1], IMAGE, {}, "has length 1; for a sigmoid head stack 1 - p and p"),
        (P[0], IMAGE, {}, r"must have shape \(L, H, W\) or \(N, L, H, W\), labels last with"),
        (BATCH[0][None], IMAGE, {}, "a volume needs volume=True"),
        (P, IMAGE, {"axis": 1},
         r"axis must be -3 \(channels first\) or -1 \(channels last\), got 1 of 3"),
        (P, IMAGE[:, :8], {}, r"^image of shape \(12, 8, 3\) does not fit probabilities of shape"),
        (P, IMAGE.swapaxes(0, 1), {}, "height and width swapped"),
        (P, np.moveaxis(IMAGE, -1, 0)[:2], {}, "looks channels first: move the channels last"),
        (BATCH[0], np.moveaxis(BATCH[1], -1, 1)[:, :2], {}, "looks channels first"),
        (BATCH[0], IMAGE, {}, "needs a batch axis too"),
        (P, BATCH[1], {}, "has a batch axis"),
        (np.moveaxis(P, 0, -1), IMAGE, {}, "are the labels the last axis .* pass axis=-1"),
        (P, IMAGE[..., :0], {}, "has no channels"),
        (P, None, {}, "image is missing, but bilateral reads it"),
        (P, IMAGE, bilateral(sigma_rgb=(1, 2)),
         "bilateral's sigma_rgb has 2 numbers, but its guide has 3 channels"),
        (P, IMAGE, bilateral(guide=IMAGE[:5]), r"bilateral's guide of shape \(5, 9, 3\) does not"),
        (P, changed(IMAGE / 255.0, [(3, 2, 1), (4, 0, 0)], NAN), {},
         r"image has 2 NaN or infinite of 324 values, first at \[3, 2, 1\]"),
        (P, IMAGE, {"compatibility": np.ones(3)}, r"compatibility has shape \(3,\), but there are"),
        (P, IMAGE, bilateral(compatibility=np.ones((5, 5))),
         r"bilateral's compatibility has shape \(5, 5\), but there are 4 labels"),
        (P, IMAGE, gaussian(sigma=1e-4), "12 pixels span more than 100000 sigmas; it is in pixels"),
        (P, IMAGE, bilateral(sigma_rgb=1e-4), "more than 100000 sigmas; it is in the guide's"),
        (P, IMAGE * 1e30, {}, "more than 100000 sigmas"),
        (np.broadcast_to(np.float32(0), (2, 50000, 50000)), None, {"bilateral": None},
         "have 2500000000 pixels an image; at most 2147483647"),
        (LABELS, IMAGE, {"unary": "labels", "num_classes": 3},
         r"have \d+ of 108 values outside 0..2, first 3 at .*; pass unsure="),
        (LABELS, IMAGE, {"unary": "labels", "num_classes": 3, "unsure": 255},
         r"outside 0..2 or 255 \(unsure\)"),
        (P.astype(int), IMAGE, {"unary": "labels", "num_classes": 4}, "image of shape"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(
    p: np.ndarray, image: np.ndarray | None, settings: dict[str, Any], message: str
) -> None:
    """The error says the shape, the expected shape, and a likely cause."""
    with segpost.use_backend("reference"), pytest.raises(ValueError, match=message):
        segpost.dense_crf(p, image, **settings)


@pytest.mark.parametrize(
    ("p", "image", "settings", "message"),
    [
        (P.argmax(0), IMAGE, {}, "must be floats, got int64; label maps need unary='labels'"),
        (P, IMAGE, {"unary": "labels", "num_classes": 4}, "must be integers, got dtype float32"),
        (P.tolist(), IMAGE, {}, "probabilities must be an array, got list"),
        (P, IMAGE.astype(np.int32), {}, r"got int32; pass .astype\('uint8'\) for colors"),
        (P, IMAGE > 9, {}, r"got bool; pass .astype\('uint8'\)"),
        (P, "im1.png", {}, "image must be an array, got str"),
    ],
)
def test_arrays_of_another_type(p: Any, image: Any, settings: dict[str, Any], message: str) -> None:
    """An array of another type is an error: nothing is cast."""
    with segpost.use_backend("reference"), pytest.raises(TypeError, match=message):
        segpost.dense_crf(p, image, **settings)
