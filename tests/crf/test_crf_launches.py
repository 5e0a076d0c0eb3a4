"""How often an iteration of a dense CRF asks a device for work: each time takes microseconds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import on_device
import pytest
from crf_cases import problem
from emulated.build import compiler
from emulated.launches import record_launches

import segpost
from segpost._backends import registry

pytestmark = [
    pytest.mark.emulated,
    pytest.mark.skipif(compiler() is None, reason="no C++ compiler"),
]
P, _ = problem(5, 30, 26)
# Of noise: a small image whose pixels are like those beside them has the lattice of "high".
IMAGE = np.random.default_rng(1).integers(0, 256, (30, 26, 3), dtype=np.uint8)
COLORS: Any = {"sigma_xy": 9, "sigma_rgb": 20, "weight": 4}
PLACES: Any = {"sigma": 3, "weight": 2}


def launches_of(iterations: int, probabilities: Any, image: Any, **options: Any) -> Counter[str]:
    """What a whole call launches."""
    device = on_device.backend(on_device.EMULATED)
    registry._loaded[on_device.EMULATED] = device
    token = registry._forced.set(on_device.EMULATED)
    try:
        with record_launches(device.place.runtime) as launches:
            segpost.dense_crf(probabilities, image, iterations=iterations, **options)
    finally:
        registry._forced.reset(token)
    return Counter(launch.name for launch in launches)


def iteration_of(probabilities: Any, image: Any, **options: Any) -> Counter[str]:
    """What one iteration launches."""
    one, four = (launches_of(n, probabilities, image, **options) for n in (1, 4))
    added = four - one
    assert not one - four
    assert all(times % 3 == 0 for times in added.values())
    return Counter({name: times // 3 for name, times in added.items()})


def test_an_iteration_has_six_launches() -> None:
    """A grid and a lattice of five features: both splat at once, blur two axes at once, ..."""
    added = iteration_of(P, IMAGE, gaussian=PLACES, bilateral=COLORS)
    assert added == Counter(run_stages=5, softmax_rows=1)


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({"gaussian": PLACES, "bilateral": None}, 3),
        ({"gaussian": None, "bilateral": COLORS}, 5),
        ({"gaussian": PLACES, "bilateral": [COLORS, {**COLORS, "sigma_xy": 5}]}, 5),
        ({"gaussian": PLACES, "bilateral": COLORS, "quality": "high"}, 8),
        ({"gaussian": PLACES, "bilateral": COLORS, "compatibility": 1.5 * np.eye(5) - 1}, 6),
        # Of five terms four fit into a launch.
        ({"gaussian": [{"sigma": s, "weight": 1} for s in range(1, 6)], "bilateral": None}, 6),
    ],
)
def test_terms_share_their_launches(options: dict[str, Any], stages: int) -> None:
    """As many launches as the term with the most stages has."""
    assert iteration_of(P, IMAGE, **options)["run_stages"] == stages


def test_a_volume_blurs_three_axes_in_two_launches() -> None:
    """The last blur of an odd number of axes is one along a single axis."""
    volume = np.repeat(P[:, None, :9, :8], 4, axis=1)
    added = iteration_of(volume, None, volume=True, gaussian=PLACES, bilateral=None, quality="fast")
    assert added == Counter(run_stages=4, softmax_rows=1)
