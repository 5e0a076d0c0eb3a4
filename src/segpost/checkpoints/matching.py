"""Matching of the tensors of a checkpoint with those of a model, by name and shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from segpost.checkpoints.tree import Path, State, TensorEntry, Tensors

MIN_PREFIX_SHARE = 0.5  # of the tensors of the smaller side that a prefix must match
MAX_PREFIXES = 4
WRAPPER_PARTS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")  # that wrappers put into names
MAX_SHOWN = 8  # names that a message lists


@dataclass(frozen=True)
class RenameRule:
    """A change of the checkpoint's names."""

    reason: str  # in words; empty where nothing changes
    cure: str  # a line of code
    rename: Callable[[str], str]


UNCHANGED = RenameRule("", "", lambda name: name)


@dataclass(frozen=True)
class Match:
    """Tensors by name, those of the checkpoint renamed by a rule."""

    root: Path  # the container of the checkpoint
    rule: RenameRule
    checkpoint: Tensors
    model: Tensors

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """Return the names that both sides have with the same shape."""
        return tuple(n for n in self._common if fits(self.checkpoint[n], self.model[n]))

    @cached_property
    def mismatched(self) -> tuple[str, ...]:
        """Return the names that both sides have with other shapes."""
        return tuple(n for n in self._common if not fits(self.checkpoint[n], self.model[n]))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Return the names that only the model has."""
        return tuple(n for n in self.model if n not in self.checkpoint)

    @cached_property
    def unexpected(self) -> tuple[str, ...]:
        """Return the names that only the checkpoint has."""
        return tuple(n for n in self.checkpoint if n not in self.model)

    @cached_property
    def _common(self) -> tuple[str, ...]:
        return tuple(n for n in self.model if n in self.checkpoint)

    @property
    def score(self) -> tuple[int, int, bool]:
        """Return the quality of the match: more tensors, fewer unexpected ones, no renaming."""
        return len(self.matched), -len(self.unexpected), not self.rule.reason

    def share(self, elements: bool) -> float:
        """Return the share of the model that is matched: of its tensors, or of their elements."""
        sizes = {name: entry.size if elements else 1 for name, entry in self.model.items()}
        return sum(sizes[name] for name in self.matched) / max(sum(sizes.values()), 1)


def fits(source: TensorEntry, target: TensorEntry) -> bool:
    """Return whether a tensor loads into another; torch takes the element of (1,) for a scalar."""
    return source.shape == target.shape or (source.shape == (1,) and target.shape == ())


def match_names(checkpoint: State, model: State) -> tuple[Match, Match]:
    """Return the match of the likeliest container without renaming, and the best of all matches."""
    model_root, root = model.root, checkpoint.root
    if model_root == root and (model.has_other_weights or checkpoint.has_other_weights):
        model_root = root = ()  # a part that is called "net", beside a "head"
    weights = model.weights(model_root)
    unchanged = Match(root, UNCHANGED, checkpoint.weights(root), weights)
    best = unchanged
    for candidate in checkpoint.roots:
        tensors = checkpoint.weights(candidate)
        for rule in _iter_rules(tensors, weights):
            renamed = {rule.rename(name): entry for name, entry in tensors.items()}
            if len(renamed) < len(tensors):
                continue  # two tensors have one name
            match = Match(candidate, rule, renamed, weights)
            if match.score > best.score:
                best = match
    return unchanged, best


def format_names(names: tuple[str, ...] | list[str]) -> str:
    """Return the first names of a list as text, and how many more there are."""
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more


def _iter_rules(checkpoint: Tensors, model: Tensors) -> Iterator[RenameRule]:
    """Yield no change; one prefix for another; names without the parts of wrappers."""
    yield UNCHANGED
    for old, new in _find_prefixes(checkpoint, model):
        yield _replace_prefix(old, new)
    for part in WRAPPER_PARTS:
        if any(part in name for name in checkpoint):
            yield _remove_part(part)


def _find_prefixes(checkpoint: Tensors, model: Tensors) -> list[tuple[str, str]]:
    """Return pairs of prefixes, of checkpoint and model, before the same name and shape."""
    prefixes: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, entry in model.items():
        for start in _part_starts(name):
            prefixes.setdefault((name[start:], entry.shape), []).append(name[:start])
    counts: Counter[tuple[str, str]] = Counter()
    for name, entry in checkpoint.items():
        seen: set[str] = set()
        for start in _part_starts(name):  # a shorter rest of the name would prove less
            for new in prefixes.get((name[start:], entry.shape), [])[:MAX_PREFIXES]:
                if new not in seen:
                    seen.add(new)
                    counts[name[:start], new] += 1
            if seen:
                break
    least = MIN_PREFIX_SHARE * min(len(checkpoint), len(model))
    frequent = counts.most_common(MAX_PREFIXES)
    return [pair for pair, n in frequent if n >= least and pair[0] != pair[1]]


def _part_starts(name: str) -> list[int]:
    return [0, *(separator.end() for separator in re.finditer(r"[./]", name))]


def _remove_part(part: str) -> RenameRule:
    return RenameRule(
        f"{part!r} is in its names",
        f"state = {{('.' + k).replace({'.' + part!r}, '.')[1:]: v for k, v in state.items()}}",
        lambda name: ("." + name).replace("." + part, ".")[1:],  # but not of "submodule."
    )


def _replace_prefix(old: str, new: str) -> RenameRule:
    reason = f"its names begin with {old!r}" if old else f"its names do not begin with {new!r}"
    if old and new:
        reason += f", those of the model with {new!r}"
    key = f"k.removeprefix({old!r})" if old else "k"
    key = f"{new!r} + {key}" if new else key
    return RenameRule(
        reason,
        f"state = {{{key}: v for k, v in state.items()}}",
        lambda name: new + name.removeprefix(old),
    )
