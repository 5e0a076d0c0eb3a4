"""Failing runs of the diagnosis corpus: mistakes as people make them, on real networks' output."""

from __future__ import annotations

from collections.abc import Iterator

from corpus_failures.classes import iter_class_failures
from corpus_failures.failure import CorpusFailure
from corpus_failures.inputs import iter_input_failures
from corpus_failures.labels import iter_label_failures
from corpus_failures.logits import iter_logit_failures
from corpus_failures.places import iter_place_failures
from corpus_failures.targets import iter_target_failures
from corpus_failures.weights import iter_weight_failures


def iter_failures() -> Iterator[CorpusFailure]:
    """Yield every failing run."""
    yield from iter_input_failures()
    yield from iter_weight_failures()
    yield from iter_logit_failures()
    yield from iter_label_failures()
    yield from iter_target_failures()
    yield from iter_class_failures()
    yield from iter_place_failures()
