"""Probabilities and the dense CRF: within a millionth of Python's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Picture, Refusal, call_web, last, noisy_logits, same

import segpost

pytestmark = pytest.mark.browser

RANDOM = np.random.default_rng(23)
SIZE = (60, 80)


def probabilities_of(logits: np.ndarray, **options: Any) -> np.ndarray:
    """Probabilities of every class, of Python."""
    found = segpost.postprocess(logits, want=("probabilities",), **options).probabilities
    return np.asarray(found)


def scene_of(labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and a noisy image whose colors follow them."""
    probabilities = probabilities_of(noisy_logits(labels, 15, 20), size=SIZE)
    colors = RANDOM.integers(0, 256, (labels, 3))
    image = colors[segpost.argmax(probabilities)] + RANDOM.integers(-9, 10, (*SIZE, 3))
    return probabilities, np.clip(image, 0, 255).astype(np.uint8)


def test_probabilities(web_build: Path) -> None:
    """Of one image and several, classes first and last, upsampled or not, and of a sigmoid."""
    one, several = noisy_logits(5, 9, 11), noisy_logits(2, 5, 9, 11)
    cases: list[tuple[np.ndarray, dict[str, Any]]] = [(one[:1], {"threshold": 0.3, "size": SIZE})]
    for logits in (one, several):
        for options in ({}, {"size": SIZE, "grid": "align_corners"}):
            cases.append((logits, options))
            cases.append((last(logits), options | {"axis": -1}))
    want = {"want": ["probabilities"]}
    answers = call_web(web_build, *(("postprocess", logits, o | want) for logits, o in cases))
    for (logits, options), ours in zip(cases, answers, strict=True):
        theirs = probabilities_of(logits, **options)
        found = ours["probabilities"]
        assert (found.dtype, found.shape) == (theirs.dtype, theirs.shape)
        assert np.abs(found - theirs).max() <= 1e-6


OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"iterations": 3, "quality": "fast"}, {"iterations": 3, "quality": "fast"}),
    ({"quality": "high"}, {"quality": "high"}),
    (
        {"gaussian": {"sigma": 1, "weight": 2}, "bilateral": None},
        {"gaussian": {"sigma": 1, "weight": 2}, "bilateral": None},
    ),
    (
        {"gaussian": None, "bilateral": {"sigmaXy": 30, "sigmaRgb": 20, "weight": 4}},
        {"gaussian": None, "bilateral": {"sigma_xy": 30, "sigma_rgb": 20, "weight": 4}},
    ),
    ({"quality": "exact", "iterations": 2}, {"method": "exact", "iterations": 2}),
]


def test_the_dense_crf(web_build: Path) -> None:
    """Of every option, and without an image."""
    probabilities, image = scene_of(4)
    pictures = (Picture(np.dstack([image, image[..., :1]])), image)
    calls: list[tuple[Any, ...]] = [
        ("denseCrf", probabilities, pictures[i % 2], options)
        for i, (options, _) in enumerate(OPTIONS)
    ]
    calls.append(("denseCrf", probabilities[None], None, {"bilateral": None}))
    expected = [segpost.dense_crf(probabilities, image, **options) for _, options in OPTIONS]
    expected.append(segpost.dense_crf(probabilities, bilateral=None)[None])
    for ours, theirs in zip(call_web(web_build, *calls), expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert np.abs(ours - theirs).max() <= 1e-6


def test_threads_give_the_same_probabilities(web_build: Path) -> None:
    """Byte for byte, where there are several tasks."""
    probabilities, image = scene_of(6)
    large, wide = probabilities.repeat(4, 1).repeat(4, 2), image.repeat(4, 0).repeat(4, 1)
    wide = wide ^ RANDOM.integers(0, 8, wide.shape, np.uint8)
    call = ("denseCrf", large, wide, {"iterations": 3})
    exact = ("denseCrf", probabilities, image, {"iterations": 1, "quality": "exact"})
    alone = call_web(web_build, call, exact)
    for threads in (2, 3):
        for ours, theirs in zip(
            call_web(web_build, call, exact, threads=threads), alone, strict=True
        ):
            same(ours, theirs)


FIRST_CALLS = """(async () => {
  const shape = [6, 240, 320];
  const probabilities = { data: new Float32Array(6 * 240 * 320).fill(1 / 6), shape };
  const values = new Uint8Array(240 * 320 * 3).map((_, i) => (i * 7919) % 251);
  const image = { data: values, shape: [240, 320, 3] };
  const digests = new Set();
  for (let module = 0; module < 30; ++module) {
    const crf = await segpost.load({ threads: 3 });
    const { data } = crf.denseCrf(probabilities, image, { iterations: 1 });
    digests.add(data.reduce((sum, value, i) => sum + value * (i % 97), 0));
    crf.close();
  }
  return [...digests];
})()"""


def test_first_calls_of_modules(web_build: Path) -> None:
    """Threads may be the first that need the tables of the kernels, at the same time."""
    module = (web_build / "dist" / "segpost-threads.wasm").read_bytes()
    assert b"recursive initialization" not in module  # what ends in zig's C++ runtime
    (digests,) = call_web(web_build, ("evaluate", FIRST_CALLS))
    assert not isinstance(digests, Refusal), digests
    assert len(digests) == 1


PIXELS = "must be in 0.0008..1e+30 for 60 x 80 pixels, got"
BYTES = "must be in 0.00256..1e+30 for bytes, got"
WEIGHT = "must be above 0 and at most 1000000, got"
OUT_OF_RANGE = (
    ("gaussian", "sigma", 1e300, f"gaussian.sigma {PIXELS} 1e+300"),
    ("gaussian", "sigma", 7e-4, f"gaussian.sigma {PIXELS} 0.0007"),
    ("bilateral", "sigmaXy", -1, f"bilateral.sigmaXy {PIXELS} -1"),
    ("bilateral", "sigmaRgb", 1e-30, f"bilateral.sigmaRgb {BYTES} 1e-30"),
    ("bilateral", "sigmaRgb", 1e31, f"bilateral.sigmaRgb {BYTES} 1e+31"),
    *(
        (term, "weight", weight, f"{term}.weight {WEIGHT} {text}; {term}: null leaves the term out")
        for term in ("gaussian", "bilateral")
        for weight, text in ((-3, "-3"), (0, "0"), (1e38, "1e+38"))
    ),
)


def test_the_ends_of_the_ranges_work(web_build: Path) -> None:
    """The numbers that the errors name."""
    probabilities, image = scene_of(3)
    ends = (
        {"gaussian": {"sigma": 0.0008, "weight": 1e6}, "bilateral": None},
        {"gaussian": {"sigma": 1e30}, "bilateral": {"sigmaXy": 1e30, "sigmaRgb": 1e30}},
        {"gaussian": None, "bilateral": {"sigmaXy": 0.0008, "sigmaRgb": 0.00256, "weight": 1e6}},
    )
    calls = [("denseCrf", probabilities, image, {"iterations": 1} | end) for end in ends]
    for result in call_web(web_build, *calls):
        assert not isinstance(result, Refusal), result
        np.testing.assert_allclose(result.sum(0), 1, atol=1e-5)


def test_refusals_of_the_dense_crf(web_build: Path) -> None:
    """What came, and the cure."""
    probabilities, image = scene_of(3)
    holes = probabilities.copy()
    holes[0, 1, 2] = np.nan
    narrow = image[:, 1:]
    calls: list[tuple[tuple[Any, ...], str, str]] = [
        (("denseCrf", probabilities, None), "TypeError", "bilateral: null leaves it out"),
        (
            ("denseCrf", probabilities.astype(np.float64), image),
            "TypeError",
            "got float64; postprocess makes them",
        ),
        (
            ("denseCrf", probabilities[0], image),
            "ValueError",
            "[L, H, W] or [1, L, H, W], got [60, 80]",
        ),
        (("denseCrf", probabilities, narrow), "ValueError", "postprocess(logits, { image, want: ["),
        (("denseCrf", probabilities, image, {"iterations": 0}), "ValueError", "in 1..10000, got 0"),
        (
            ("denseCrf", probabilities, image, {"gaussian": {"sigma": 0}}),
            "ValueError",
            "gaussian.sigma must be in 0.0008..1e+30 for 60 x 80 pixels, got 0",
        ),
        *(
            (("denseCrf", probabilities, image, {term: {name: value}}), "ValueError", text)
            for term, name, value, text in OUT_OF_RANGE
        ),
        (
            ("denseCrf", probabilities, image, {"bilateral": {"sigma": 2}}),
            "TypeError",
            'bilateral has no option "sigma"; there are sigmaXy',
        ),
        (
            ("denseCrf", probabilities, image, {"quality": "best"}),
            "ValueError",
            'quality must be one of "default"',
        ),
        (("denseCrf", probabilities[:1], image), "ValueError", "at least two labels, got 1"),
        (
            ("denseCrf", holes, image),
            "BadValuesError",
            "1 values that are NaN or infinite, first at 82",
        ),
        (("denseCrf", probabilities * 3, image), "BadValuesError", "values outside 0..1"),
    ]
    for (call, kind, text), answer in zip(
        calls, call_web(web_build, *(call for call, _, _ in calls)), strict=True
    ):
        assert isinstance(answer, Refusal), call
        assert (answer.kind, text in answer.message) == (kind, True), answer
