"""Ranks hold for networks of other architectures on other scenes, whose findings chose no rule."""

from __future__ import annotations

import pytest
from corpus_counts import assert_silent, judge_failures
from holdout_runs import Holdout, iter_right
from unseen_runs import iter_unseen_mistakes, train_unseen

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unseen() -> Holdout:
    """The outputs of the networks."""
    return train_unseen()


def test_right_runs_of_unseen_networks(unseen: Holdout) -> None:
    """Nothing certain, and nearly nothing likely."""
    assert_silent(iter_right(unseen), 400)


def test_mistakes_with_unseen_networks(unseen: Holdout) -> None:
    """The cause comes first in nine of ten runs."""
    verdicts = judge_failures(iter_unseen_mistakes(unseen))
    missed = [(v.what, v.scene, [f.code for f in v.findings]) for v in verdicts if not v.is_named]
    assert len(verdicts) >= 150
    assert len(missed) <= 0.1 * len(verdicts), missed
    assert sum(verdict.is_misnamed for verdict in verdicts) <= 2, missed
