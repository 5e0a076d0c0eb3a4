"""Confidence beside labels: how exact it is, and where there is none."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from definitions import definition
from hypothesis import given
from hypothesis import strategies as st
from logit_values import KINDS, adversarial

import segpost
from segpost._core.contract import LogitErrors
from segpost._core.logits import as_logits
from segpost._core.sampling import GRIDS
from segpost.pipeline.execute import run_argmax
from segpost.spatial.resampling import plan_resampling

torch = pytest.importorskip("torch")

ERRORS = {"exact": 1e-6, "fast": 1e-5}
BOTH: Any = ("labels", "confidence")


def made(
    logits: np.ndarray,
    size: tuple[int, int] | None,
    grid: str = "half_pixel",
    mode: str = "exact",
    dtype: Any = np.float32,
) -> tuple[LogitErrors, np.ndarray, np.ndarray]:
    """What a backend says and writes, without the API's errors."""
    view, _, _ = as_logits(logits, -3)
    resampling = plan_resampling(view.values.shape[2:], size, grid)
    shape, axes = (len(view.values), *resampling.size), resampling.axes
    labels, confidence = np.empty(shape, np.int32), np.empty(shape, dtype)
    report = run_argmax(view, axes, labels, None, confidence, mode == "fast")
    return report, labels, confidence


def wanted(
    logits: np.ndarray, size: tuple[int, int] | None, grid: str = "half_pixel"
) -> tuple[LogitErrors, np.ndarray, np.ndarray]:
    """The definition, its confidence in float64."""
    return definition(made, logits, size, grid, dtype=np.float64)


@given(data=st.data())
@pytest.mark.parametrize("backend_name", FAST)
def test_confidence_is_that_of_the_definition(backend_name: str, data: st.DataObject) -> None:
    """Any size up and down, any grid, ties, offsets, infinities, NaN, huge logits: both modes."""
    classes = data.draw(st.sampled_from([1, 2, 3, 4, 5, 19, 33, 130]))
    images, h, w = data.draw(st.tuples(*[st.integers(1, n) for n in (2, 18, 40)]))
    size = data.draw(st.none() | st.tuples(st.integers(1, 90), st.integers(1, 90)))
    grid = data.draw(st.sampled_from(GRIDS))
    kind, seed = data.draw(st.sampled_from(KINDS)), data.draw(st.integers(0, 1000))
    logits = adversarial(kind, (images, classes, h, w), seed)
    gain = data.draw(st.sampled_from([0.1, 1.0, 10.0]))
    if kind != "huge":
        logits *= np.float32(gain)
    if data.draw(st.booleans()):
        logits = logits.astype(np.float64)
    report, labels, confidence = wanted(logits, size, grid)
    for _ in switch(backend_name):
        for mode, error in ERRORS.items():
            got = made(logits, size, grid, mode)
            assert got[0] == report
            np.testing.assert_array_equal(got[1], labels)
            np.testing.assert_allclose(got[2], confidence, rtol=0, atol=error)


@pytest.mark.parametrize(
    ("classes", "factor"),
    [*itertools.product([2, 19, 150], [1, 2, 7.9, 8]), (2, 30), (19, 30)],
)
def test_scenes(classes: int, factor: float) -> None:
    """Scenes, steep ones and noise, at factors that are integers or not."""
    noise = np.random.default_rng(1).normal(size=(classes, 4, 19))
    for logits in (scene(classes, 4, 19), 40 * scene(classes, 4, 19), noise, 5 * noise, 40 * noise):
        values = logits.astype(np.float32)
        size = None if factor == 1 else (int(4 * factor), int(19 * factor))
        confidence = wanted(values, size)[2]
        for backend_name in FAST:
            for _ in switch(backend_name):
                for mode, error in ERRORS.items():
                    got = made(values, size, mode=mode)[2]
                    np.testing.assert_allclose(got, confidence, rtol=0, atol=error)


@pytest.mark.parametrize("backend_name", FAST)
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("axis", [-3, -1])
def test_element_types_and_layouts(backend_name: str, kind: str, axis: int) -> None:
    """Rows of any length, channels first or last, strided: as the same values in float64."""
    random = np.random.default_rng(2)
    for classes, width in ((3, 17), (4, 16), (19, 131), (21, 150), (150, 40)):
        values = torch.from_numpy(random.normal(size=(classes, 5, width)) * 4)
        logits = values.to(getattr(torch, kind))
        if axis == -1:
            logits = logits.permute(1, 2, 0).contiguous()
        for size in (None, (13, 2 * width)):
            exact = logits.double() if axis == -3 else logits.double().permute(2, 0, 1)
            _, labels, confidence = wanted(exact.numpy(), size)
            for _ in switch(backend_name):
                seg = segpost.postprocess(logits, axis=axis, size=size, want=BOTH)
                np.testing.assert_array_equal(seg.labels, labels[0])
                np.testing.assert_allclose(seg.confidence, confidence[0], rtol=0, atol=1e-6)
                if axis == -3:
                    apart = torch.zeros(classes, 5, 2 * width, dtype=logits.dtype)[:, :, ::2]
                    apart.copy_(logits)
                    again = segpost.postprocess(apart, size=size, want=BOTH)
                    np.testing.assert_array_equal(again.confidence, seg.confidence)


@pytest.mark.parametrize("backend_name", FAST)
def test_any_number_of_threads_gives_the_same(backend_name: str) -> None:
    """Tasks are cut by the job alone: not one bit depends on the number of threads."""
    images = np.stack([scene(19, 40, 130, seed) for seed in range(2)])
    before = segpost.num_threads()
    try:
        for _ in switch(backend_name):
            for size in (None, (320, 1040)):
                results = []
                for threads in (1, 2, 5):
                    segpost.set_num_threads(threads)
                    results.append(made(images, size))
                for other in results[1:]:
                    np.testing.assert_array_equal(other[2], results[0][2])
    finally:
        segpost.set_num_threads(before)


@pytest.mark.parametrize("backend_name", FAST)
def test_infinities(backend_name: str) -> None:
    """A class at -inf has no share; where +inf or nothing but -inf is, there is no confidence."""
    logits = np.zeros((3, 4, 40), np.float32)
    logits[1, :, 7:] = -np.inf
    logits[:, 2, 20] = -np.inf
    logits[2, 1, 30] = np.inf
    for size in (None, (32, 320), (9, 77)):
        report, labels, confidence = wanted(logits, size)
        assert np.isnan(confidence).sum() == report.undefined_count > 0
        for _ in switch(backend_name):
            got = made(logits, size)
            assert got[0] == report
            np.testing.assert_array_equal(got[1], labels)
            np.testing.assert_allclose(got[2], confidence, rtol=0, atol=1e-6)
            with pytest.raises(ValueError, match="give no probabilities at"):
                segpost.postprocess(logits, size=size, want=("confidence",))
            seg = segpost.postprocess(logits, size=size, nan="propagate", want=("confidence",))
            np.testing.assert_array_equal(np.isnan(seg.confidence), np.isnan(confidence[0]))


@pytest.mark.parametrize("backend_name", [*FAST, "reference"])
def test_bytes(backend_name: str) -> None:
    """uint8 is the nearest of 0..255, or the other one where the confidence is next to a tie."""
    logits = scene(19, 12, 50)
    odd = logits.copy()
    odd[:, 3, 9] = -np.inf
    one = np.random.default_rng(1).normal(size=(1, 9, 30)).astype(np.float32) * 3
    cases: list[tuple[np.ndarray, dict[str, Any]]] = [
        (logits, {}),
        (odd, {"nan": "propagate"}),
        (one, {"threshold": 0.4}),
    ]
    for values, options in cases:
        for size in (None, (96, 400), (31, 33)):
            for mode, error in ERRORS.items():
                options |= {"size": size, "confidence_mode": mode}
                exact = definition(segpost.postprocess, values, **options, want=BOTH).confidence  # type: ignore[arg-type]
                for _ in switch(backend_name):
                    got = segpost.postprocess(
                        values, **options, confidence_dtype="uint8", want=BOTH
                    ).confidence
                assert got.dtype == np.uint8
                away = np.abs(got - 255.0 * np.nan_to_num(exact.astype(np.float64)))
                assert away.max() <= 0.5 + 255 * (error + 1e-7)


def test_confidence_of_refined_probabilities_in_bytes() -> None:
    """A CRF's confidence is rounded like any other."""
    image = np.random.default_rng(1).integers(0, 256, (16, 20, 3)).astype(np.uint8)
    options: dict[str, Any] = {"image": image, "size": (16, 20), "crf": "pydensecrf"}
    seg = segpost.postprocess(scene(5, 4, 5), **options, want=BOTH)
    got = segpost.postprocess(scene(5, 4, 5), **options, confidence_dtype="uint8", want=BOTH)
    np.testing.assert_array_equal(got.confidence, np.rint(255 * seg.confidence))


def test_other_types_are_refused() -> None:
    """Confidence is float32 or uint8."""
    with pytest.raises(ValueError, match="confidence_dtype must be one of 'float32', 'uint8'"):
        segpost.postprocess(scene(3, 4, 4), confidence_dtype="float16")  # type: ignore[call-overload]


@pytest.mark.parametrize("level", [name for name in FAST if name.startswith("native")])
def test_quantized_logits_in_either_mode(level: str) -> None:
    """The scale of integer logits counts in differences, their zero point does not."""
    raw = np.random.default_rng(1).integers(-128, 128, (6, 9, 40)).astype(np.int8)
    real = 0.05 * (raw.astype(np.float64) + 3)
    for size in (None, (31, 170)):
        confidence = wanted(real, size)[2][0]
        for _ in switch(level):
            for mode, error in ERRORS.items():
                got = segpost.postprocess(  # type: ignore[call-overload]
                    raw, quantization=(0.05, -3), size=size, confidence_mode=mode, want=BOTH
                )
                np.testing.assert_allclose(got.confidence, confidence, rtol=0, atol=error)
