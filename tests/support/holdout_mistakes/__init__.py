"""Mistakes of other kinds than those of the diagnosis corpus, with networks of the hold-out."""

from __future__ import annotations

from collections.abc import Iterator

from corpus_failures.failure import CorpusFailure
from holdout_runs import Holdout

from holdout_mistakes.classes import iter_class_mistakes
from holdout_mistakes.inputs import iter_input_mistakes
from holdout_mistakes.logits import iter_logit_mistakes
from holdout_mistakes.pictures import iter_picture_mistakes
from holdout_mistakes.places import iter_place_mistakes
from holdout_mistakes.targets import iter_target_mistakes


def iter_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield every mistake whose networks there are."""
    if "street_fcn" not in holdout.outputs:
        return
    for iterate in (
        iter_input_mistakes, iter_place_mistakes, iter_class_mistakes,
        iter_target_mistakes, iter_logit_mistakes, iter_picture_mistakes,
    ):  # fmt: skip
        yield from iterate(holdout)
