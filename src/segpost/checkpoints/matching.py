"""Which tensors of a checkpoint are which of a model, by name and shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from segpost.checkpoints.tree import Entry, Path, State, Tensors

COMMON = 0.5  # of the smaller side a prefix must match, for it to be one that somebody put there
MOST_PREFIXES = 4
INSIDE = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")  # what wrappers put into names
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
        return tuple(n for n in self._both if fits(self.checkpoint[n], self.model[n]))

    @cached_property
    def mismatched(self) -> tuple[str, ...]:
        """Names that both have, with other shapes."""
        return tuple(n for n in self._both if not fits(self.checkpoint[n], self.model[n]))

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


def fits(was: Entry, now: Entry) -> bool:
    """Whether it loads; torch takes the one element of (1,) for a scalar."""
    return was.shape == now.shape or (was.shape == (1,) and now.shape == ())


def matches(checkpoint: State, model: State) -> tuple[Match, Match]:
    """What loading the likeliest container as it is would do, and the best that names can do."""
    root, at = model.root, checkpoint.root
    if root == at and (model.beside or checkpoint.beside):  # a part called "net" beside a "head"
        root = at = ()
    wanted = model.tensors(root)
    plain = Match(at, AS_IT_IS, checkpoint.tensors(at), wanted)
    best = plain
    for root in checkpoint.roots:
        there = checkpoint.tensors(root)
        for repair in _repairs(there, wanted):
            renamed = {repair.rename(name): entry for name, entry in there.items()}
            if len(renamed) < len(there):
                continue  # two became one
            found = Match(root, repair, renamed, wanted)
            if _merit(found) > _merit(best):
                best = found
    return plain, best


def _merit(match: Match) -> tuple[int, int, bool]:
    """Most tensors; of the same the fewest left over, and no renaming where none is needed."""
    return len(match.matched), -len(match.unexpected), not match.repair.said


def _repairs(checkpoint: Tensors, model: Tensors) -> Iterator[Repair]:
    """As it is; without what wrappers put in; with one prefix for another."""
    yield AS_IT_IS
    for strip, add in _prefixes(checkpoint, model):
        yield _prefixed(strip, add)
    for part in INSIDE:
        if any(part in name for name in checkpoint):
            yield _without(part)


def _prefixes(checkpoint: Tensors, model: Tensors) -> list[tuple[str, str]]:
    """What stands before the same rest of a name and the same shape here and there."""
    ends: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, entry in model.items():
        for at in _starts(name):
            ends.setdefault((name[at:], entry.shape), []).append(name[:at])
    counts: Counter[tuple[str, str]] = Counter()
    for name, entry in checkpoint.items():
        seen: set[str] = set()
        for at in _starts(name):  # the longest rest first: later ones say the same of less
            for add in ends.get((name[at:], entry.shape), [])[:MOST_PREFIXES]:
                if add not in seen:
                    seen.add(add)
                    counts[name[:at], add] += 1
            if seen:
                break
    least = COMMON * min(len(checkpoint), len(model))
    often = counts.most_common(MOST_PREFIXES)
    return [pair for pair, n in often if n >= least and pair[0] != pair[1]]


def _starts(name: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer(r"[./]", name))]


def _without(part: str) -> Repair:
    return Repair(
        f"{part!r} is in its names",
        f"state = {{('.' + k).replace({'.' + part!r}, '.')[1:]: v for k, v in state.items()}}",
        lambda name: ("." + name).replace("." + part, ".")[1:],  # not of "submodule."
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
