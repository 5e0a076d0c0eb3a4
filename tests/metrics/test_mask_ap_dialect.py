"""`MaskAP` beside pycocotools: no number differs."""

from __future__ import annotations

import numpy as np
import pytest
from mask_ap_cases import CATEGORIES, Case, awkward_cases, evaluate, random_case
from numpy.testing import assert_array_equal

import segpost

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
pytest.importorskip("pycocotools.cocoeval")


def check(case: Case) -> None:
    """Precision, recall and the means are those of pycocotools, to the last bit."""
    measure = segpost.MaskAP(CATEGORIES)
    for image in case.target:
        measure.update(case.preds[image], case.target[image], ids=image)
    scores, theirs = measure.compute(), evaluate(case)
    pairs = (
        (scores.precision, theirs.eval["precision"]),
        (scores.recall, theirs.eval["recall"]),
        (scores.stats, theirs.stats),
    )
    for ours, wanted in pairs:
        assert_array_equal(ours, np.where(wanted == -1, np.nan, wanted))


@pytest.mark.parametrize("name", awkward_cases())
def test_awkward_cases(name: str) -> None:
    """Nothing, crowds, equal scores, one pixel, empty masks."""
    check(awkward_cases()[name])


def test_random_cases() -> None:
    """20 data sets of some images."""
    random = np.random.default_rng(21)
    for _ in range(20):
        check(random_case(random))


def test_many_random_cases() -> None:
    """1,000 of them."""
    random = np.random.default_rng(22)
    for _ in range(1000):
        check(random_case(random))
