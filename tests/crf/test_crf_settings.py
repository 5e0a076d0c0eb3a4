"""Settings and terms: checked once, unchangeable, and read from pickles of the first release."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from segpost import DenseCRF
from segpost.crf.settings import Settings
from segpost.crf.terms import BILATERAL, GAUSSIAN, PRESETS, Term, parse_terms


def test_terms_that_are_checked_are_not_checked_again() -> None:
    """The defaults and the terms of another CRF are used as they are, images or volumes."""
    for volume in (False, True):
        assert parse_terms(GAUSSIAN, "gaussian", volume)[0] is GAUSSIAN
        assert parse_terms(BILATERAL, "bilateral", volume)[0] is BILATERAL
    terms = parse_terms({"sigma": (1, 2), "weight": 3}, "gaussian", volume=False)
    assert parse_terms(terms, "gaussian", volume=False)[0] is terms[0]


def test_terms_are_checked_for_another_use() -> None:
    """A term of another kind, or with sigmas of another number of axes, is refused."""
    crf = DenseCRF(gaussian={"sigma": (1, 2), "weight": 3})
    with pytest.raises(ValueError, match="bilateral has an unknown key 'sigma'"):
        DenseCRF(bilateral=crf.gaussian)
    with pytest.raises(ValueError, match=r"gaussian's sigma must be one number or 3 numbers"):
        DenseCRF(gaussian=crf.gaussian, volume=True)
    with pytest.raises(ValueError, match="gaussian's weight must be in"):
        DenseCRF(gaussian=Term({"sigma": 1.0, "weight": 1e9}))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name: str) -> None:
    """The constants that are not checked at run time pass the checks."""
    for kind in ("gaussian", "bilateral"):
        term = PRESETS[name][kind]
        assert parse_terms(dict(term), kind, volume=False) == (term,)
        assert parse_terms(dict(term), kind, volume=True) == (term,)
        assert parse_terms(term, kind, volume=False)[0] is term


def test_a_crf_is_its_settings() -> None:
    """`DenseCRF` adds no parameter to the settings, and equal settings are equal."""
    assert DenseCRF() == DenseCRF(gaussian=dict(GAUSSIAN), bilateral=[dict(BILATERAL)])
    assert set(DenseCRF.__dataclass_fields__) == set(Settings.__dataclass_fields__)
    assert hash(DenseCRF()) == hash(DenseCRF(gaussian=dict(GAUSSIAN)))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    """A CRF comes back equal, with terms that can be used again."""
    guide = np.zeros((2, 2), np.uint8)
    for crf in (
        DenseCRF(),
        DenseCRF.preset("deeplab", iterations=3),
        DenseCRF(gaussian=({"sigma": 1, "weight": 2}, {"sigma": 2, "weight": 1})),
        DenseCRF(bilateral={"sigma_xy": None, "sigma_rgb": 1, "weight": 2, "guide": guide}),
    ):
        back = pickle.loads(pickle.dumps(crf, protocol))
        assert repr(back) == repr(crf)
        assert DenseCRF(gaussian=back.gaussian).gaussian == crf.gaussian


def test_terms_of_the_first_release_are_read() -> None:
    """Their state has another name there; they are checked when they are used again."""
    items: dict[str, Any] = {"sigma": 1.0, "weight": 3.0}
    old = Term.__new__(Term)
    old.__setstate__({"_items": items})
    assert old == items
    assert DenseCRF(gaussian=old) == DenseCRF(gaussian=items)
