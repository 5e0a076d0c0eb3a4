"""Mistakes of weights and modes, whose logits are stored."""

from __future__ import annotations

from collections.abc import Iterator

from corpus_logits import load

from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import pass_logits, scene_of_mistake


def iter_weight_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of weights and modes."""
    for name, codes in (
        ("early", ()), ("head_not_loaded", ()), ("backbone_only", ()), ("statistics_reset", ()),
        ("nothing_loaded", ("untrained-head",)), ("training_0", ()),
    ):  # fmt: skip
        yield CorpusFailure(
            name, codes, lambda k, name=name: pass_logits(scene_of_mistake(name, k)),  # type: ignore[misc]
        )  # fmt: skip
    yield CorpusFailure(
        "training mode, two runs", ("runs-differ",),
        lambda k: {"logits": load("shapes_training_0")[k],
                   "repeat_logits": load("shapes_training_1")[k]},
    )  # fmt: skip
