"""Which tensors of a checkpoint are which of a model, by name and shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from segpost._checkpoints.tree import Path, State, Tensors

COMMON = 0.5  # of the names have a prefix, for it to be one that somebody put there
DEEPEST = 3
INSIDE = ("_orig_mod.", "module.")  # what wrappers put between the parts of a name
SHOWN = 8


@dataclass(frozen=True)
class Repair:
    """What has to be done to the checkpoint's names."""

    said: str  # in words
    cure: str  # a line of code
    rename: Callable[[str], str]


AS_IT_IS = Repair("", "", lambda name: name)


@dataclass(frozen=True)
class Match:
    """Tensors by name, the checkpoint's names repaired."""

    root: Path
    repair: Repair
    checkpoint: Tensors
    model: Tensors

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """Names that both have, with the same shape."""
        return tuple(n for n in self._both if self.checkpoint[n].shape == self.model[n].shape)

    @cached_property
    def mismatched(self) -> tuple[str, ...]:
        """Names that both have, with other shapes."""
        return tuple(n for n in self._both if self.checkpoint[n].shape != self.model[n].shape)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Names that only the model has."""
        return tuple(n for n in self.model if n not in self.checkpoint)

    @cached_property
    def unexpected(self) -> tuple[str, ...]:
        """Names that only the checkpoint has."""
        return tuple(n for n in self.checkpoint if n not in self.model)

    @cached_property
    def _both(self) -> tuple[str, ...]:
        return tuple(n for n in self.model if n in self.checkpoint)

    def share(self, elements: bool) -> float:
        """How much of the model is matched: of its tensors, or of their elements."""
        sizes = {name: entry.size if elements else 1 for name, entry in self.model.items()}
        return sum(sizes[name] for name in self.matched) / max(sum(sizes.values()), 1)


def matches(checkpoint: State, model: State) -> tuple[Match, Match]:
    """What loading the likeliest container as it is would do, and the best that names can do."""
    wanted = model.tensors(model.root)
    plain = Match(checkpoint.root, AS_IT_IS, checkpoint.tensors(checkpoint.root), wanted)
    best = plain
    for root in checkpoint.roots:
        there = checkpoint.tensors(root)
        for repair in _repairs(there, wanted):
            renamed = {repair.rename(name): entry for name, entry in there.items()}
            if len(renamed) < len(there):
                continue  # two became one
            found = Match(root, repair, renamed, wanted)
            if len(found.matched) > len(best.matched):
                best = found
        if len(best.matched) == len(wanted):
            break
    return plain, best


def _repairs(checkpoint: Tensors, model: Tensors) -> Iterator[Repair]:
    """As it is; without what wrappers put in; with one prefix for another."""
    yield AS_IT_IS
    strips, adds = ["", *_prefixes(checkpoint)], ["", *_prefixes(model)]
    for strip in strips:
        for add in adds:
            if strip != add:
                yield _prefixed(strip, add)
    for part in INSIDE:
        if any(part in name for name in checkpoint):
            yield _without(part)


def _prefixes(tensors: Tensors) -> list[str]:
    """Prefixes that many of the names share, the shortest first."""
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = re.split(r"(?<=[./])", name)
        for depth in range(1, min(DEEPEST, len(parts) - 1) + 1):
            counts["".join(parts[:depth])] += 1
    often = [p for p, n in counts.items() if n >= COMMON * len(tensors)]
    return sorted(often, key=len)


def _without(part: str) -> Repair:
    return Repair(
        f"{part!r} is in its names",
        f"state = {{k.replace({part!r}, ''): v for k, v in state.items()}}",
        lambda name: name.replace(part, ""),
    )


def _prefixed(strip: str, add: str) -> Repair:
    said = f"its names begin with {strip!r}" if strip else f"its names do not begin with {add!r}"
    if strip and add:
        said += f", those of the model with {add!r}"
    key = f"k.removeprefix({strip!r})" if strip else "k"
    key = f"{add!r} + {key}" if add else key
    return Repair(
        said,
        f"state = {{{key}: v for k, v in state.items()}}",
        lambda name: add + name.removeprefix(strip),
    )


def listed(names: tuple[str, ...] | list[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
