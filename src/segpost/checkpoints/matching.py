"""Matching of the tensors of a checkpoint with those of a model, as the loader would do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from segpost.checkpoints.loader import emulate_loading
from segpost.checkpoints.renaming import UNCHANGED, RenameRule, fits, iter_rules, unpacked_name
from segpost.checkpoints.tree import Path, State, TensorEntry, Tensors

MAX_SHOWN = 8  # names that a message lists
MAX_CONFLICTS = (
    0.5  # of the tensors that a renaming matches: shapes that it brings together wrongly
)


@dataclass(frozen=True)
class Match:
    """Tensors by name, those of the checkpoint renamed by a rule and by the loader's own hooks."""

    root: Path  # the container of the checkpoint
    rule: RenameRule
    checkpoint: Tensors
    model: Tensors
    computed: frozenset[str] = frozenset()  # names of the model that the loader fills by itself

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """Return the names that both sides have with the same shape, and that can be copied."""
        return tuple(
            n for n in self._common
            if fits(self.checkpoint[n], self.model[n]) and not self._is_refused(n)
        )  # fmt: skip

    @cached_property
    def mismatched(self) -> tuple[str, ...]:
        """Return the names that both sides have with other shapes."""
        return tuple(n for n in self._common if not fits(self.checkpoint[n], self.model[n]))

    @cached_property
    def refused(self) -> tuple[str, ...]:
        """Return the names of both sides whose values torch does not copy: quantized ones."""
        return tuple(
            n for n in self._common
            if fits(self.checkpoint[n], self.model[n]) and self._is_refused(n)
        )  # fmt: skip

    @cached_property
    def packed(self) -> tuple[str, ...]:
        """Return the names of the model whose values are packed and quantized in the checkpoint."""
        held = {unpacked_name(n) for n in self.checkpoint if n not in self.model}
        return tuple(n for n in self.model if n in held and n not in self.checkpoint)

    @property
    def pairs(self) -> int:
        """Return how many tensors of the model have their counterpart, in whatever form."""
        return len(self.matched) + len(self.refused) + len(self.packed)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Return the names that only the model has."""
        return tuple(n for n in self.model if n not in self.checkpoint and n not in self.computed)

    @cached_property
    def unexpected(self) -> tuple[str, ...]:
        """Return the names that only the checkpoint has."""
        return tuple(n for n in self.checkpoint if n not in self.model)

    @cached_property
    def _common(self) -> tuple[str, ...]:
        return tuple(n for n in self.model if n in self.checkpoint)

    def _is_refused(self, name: str) -> bool:
        return is_quantized(self.checkpoint[name]) != is_quantized(self.model[name])

    @property
    def score(self) -> tuple[int, int, int, bool]:
        """Return the quality of the match: more tensors, fewer of other shapes, fewer left over."""
        return self.pairs, -len(self.mismatched), -len(self.unexpected), not self.rule.reason

    def share(self, elements: bool) -> float:
        """Return the share of the model that is matched: of its tensors, or of their elements."""
        sizes = {name: entry.size if elements else 1 for name, entry in self.model.items()}
        loaded = {*self.matched, *(n for n in self.computed if n in sizes)}
        return sum(sizes[name] for name in loaded) / max(sum(sizes.values()), 1)


def is_quantized(entry: TensorEntry) -> bool:
    """Return whether a tensor is one of torch's quantized types, of which no copy is made."""
    return entry.kind.startswith(("qint", "quint"))


def match_names(checkpoint: State, model: State) -> tuple[Match, Match]:
    """Return the match of the likeliest container without renaming, and the best of all matches."""
    model_root, root = model.root, checkpoint.root
    if model_root == root and (model.has_other_weights or checkpoint.has_other_weights):
        model_root = root = ()  # a part that is called "net", beside a "head"
    weights = model.weights(model_root)
    unchanged = Match(root, UNCHANGED, checkpoint.weights(root), weights)
    unchanged = _as_loaded(unchanged, model, checkpoint.versions.get(root))
    best = unchanged
    if unchanged.missing or unchanged.unexpected or unchanged.mismatched:
        for candidate in checkpoint.roots:
            for match in iter_matches(checkpoint, candidate, model, weights):
                if _is_better(match, best):
                    best = match
    return unchanged, best


def iter_matches(checkpoint: State, root: Path, model: State, weights: Tensors) -> Iterator[Match]:
    """Yield the matches of one container of the checkpoint, by every rule of renaming."""
    tensors = checkpoint.weights(root)
    for rule in iter_rules(tensors, weights, checkpoint, model):
        renamed = {rule.rename(name): entry for name, entry in tensors.items()}
        if len(renamed) < len(tensors):
            continue  # two tensors have one name
        match = Match(root, rule, renamed, weights)
        if match.matched or match.mismatched or match.refused:
            versions = None if rule.reason else checkpoint.versions.get(root)
            yield _as_loaded(match, model, versions)
        else:
            yield match


def _is_better(match: Match, best: Match) -> bool:
    """Return whether a match is better, and its renaming brings no other shapes together."""
    if match.score <= best.score:
        return False
    if match.pairs <= best.pairs:
        return match.pairs > 0 and not match.rule.reason  # a renaming must load more than before
    return not match.rule.reason or len(match.mismatched) <= MAX_CONFLICTS * match.pairs


def _as_loaded(match: Match, model: State, versions: dict[str, int] | None) -> Match:
    """Return a match with the names that torch's own loader makes of the checkpoint's."""
    if model.module is None:
        return match
    loading = emulate_loading(model.module, match.checkpoint, versions)
    if loading is None:
        return match
    tensors: Tensors = {}
    used = {*loading.sources.values()}
    hidden = [n for n in match.checkpoint if n not in used and n not in loading.unexpected]
    hidden = [n for n in hidden if n not in match.model]
    for name in match.model:
        if name in match.checkpoint:  # of two names of one tensor each has its own values
            tensors[name] = match.checkpoint[name]
        elif name in loading.sources:
            tensors[name] = match.checkpoint[loading.sources[name]]
        elif name in loading.mismatched and hidden:  # renamed by a hook, and of another shape
            tensors[name] = match.checkpoint[hidden.pop(0)]
    tensors |= {n: match.checkpoint[n] for n in match.checkpoint if n in loading.unexpected}
    return replace(match, checkpoint=tensors, computed=loading.computed)


def format_names(names: tuple[str, ...] | list[str]) -> str:
    """Return the first names of a list as text, and how many more there are."""
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more
