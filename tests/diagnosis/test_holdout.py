"""Ranks hold on runs that they were not chosen on: other scenes, other networks, other mistakes."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from corpus_counts import assert_silent, judge_failures
from holdout_mistakes import iter_mistakes
from holdout_runs import Holdout, as_output, iter_right
from holdout_scenes import KINDS

pytestmark = pytest.mark.slow

FIRST = 900  # seed of the first scene
SCENES = 8
NETWORKS = (("street_fcn", 8, 60), ("vessels_full", 2, 40), ("cover_long", 12, 120))


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    """Small networks, trained here on scenes that the corpus does not have."""
    torch = pytest.importorskip("torch")
    train_corpus: Any = importlib.import_module("train_corpus")

    outputs = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, scenes in KINDS.items():
            patch.setitem(train_corpus.KINDS, name, scenes)
        for name, classes, steps in NETWORKS:
            kind = name.split("_")[0]
            torch.manual_seed(classes)
            model = train_corpus.SmallDeepLab(classes)
            train_corpus.train(model, kind, steps)
            images = [KINDS[kind].draw(FIRST + k).image for k in range(SCENES)]
            outputs[name] = as_output(kind, train_corpus.run(model, images), FIRST, False)
    torch.set_num_threads(threads)
    return Holdout(outputs)


def test_right_runs_are_silent(holdout: Holdout) -> None:
    """Nothing certain, and nearly nothing likely."""
    assert_silent(iter_right(holdout), 300)


def test_mistakes_are_named(holdout: Holdout) -> None:
    """The cause comes first in nine of ten runs, and another cause nearly never."""
    verdicts = judge_failures(iter_mistakes(holdout))
    missed = [(v.what, v.scene, [f.code for f in v.findings]) for v in verdicts if not v.is_named]
    assert len({verdict.what for verdict in verdicts}) >= 70
    assert len(missed) <= 0.1 * len(verdicts), missed
    assert sum(verdict.is_misnamed for verdict in verdicts) <= 2, missed
