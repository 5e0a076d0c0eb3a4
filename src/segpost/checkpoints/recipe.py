"""The explanations of what does not match, and the line of code that loads all the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from segpost.checkpoints.matching import Match
from segpost.checkpoints.tree import State, TensorEntry
from segpost.render.findings import Finding, Rank


@dataclass(frozen=True)
class Explanation:
    """Why tensors do not match, and what to do about it.

    Attributes
    ----------
    names : frozenset of str
        Tensors of either side that it explains.
    code, rank, message, evidence, where
        Of the finding; an empty code is no finding of its own.
    transform : str
        A line that changes `state`, so that what it explains is loaded; empty where nothing is to
        be done.
    is_harmless : bool
        Whether the tensors may be left out.
    cure : str
        A line that replaces the recipe.
    before : str
        A line that goes before the recipe.
    has_cure : bool
        Whether the recipe is a cure: it is none where a model must be built anew.
    """

    names: frozenset[str]
    code: str
    rank: Rank
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    transform: str = ""
    is_harmless: bool = False
    cure: str = ""
    before: str = ""
    has_cure: bool = True


@dataclass(frozen=True)
class Context:
    """A checkpoint and a model, and the best match of both."""

    source: State
    target: State
    unchanged: Match
    match: Match

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the model that nothing is loaded into, tied ones left out."""
        loaded = {*self.match.matched, *self.match.computed}
        firsts = {self.target.tied.get(name, name) for name in loaded}
        return tuple(n for n in self.match.missing if self.target.tied.get(n, n) not in firsts)

    @cached_property
    def tied_missing(self) -> tuple[str, ...]:
        """Return the names that are missing, and have another name that is loaded."""
        missing = {*self.missing}
        return tuple(n for n in self.match.missing if n not in missing)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Return the names that only the checkpoint has."""
        return self.match.unexpected

    @property
    def is_plain(self) -> bool:
        """Return whether all names and shapes are the same."""
        match = self.match
        others = (match.missing, match.unexpected, match.mismatched, match.refused)
        return not match.rule.reason and not any(others)

    def source_of(self, name: str) -> TensorEntry:
        """Return a tensor of the checkpoint."""
        return self.match.checkpoint[name]

    def target_of(self, name: str) -> TensorEntry:
        """Return a tensor of the model."""
        return self.match.model[name]


def write_recipe(
    context: Context, explanations: Iterable[Explanation], *, is_partial: bool = False
) -> str:
    """Return the line of code that loads the checkpoint: container, names, values, leftovers.

    With `is_partial`, what it cannot load is left out without an error.
    """
    explanations = list(explanations)
    special = next((e.cure for e in explanations if e.cure and not e.is_harmless), "")
    if special:
        return special
    with_names = [e for e in explanations if e.names]
    match = context.match
    if context.source.separator == "/":
        return _write_loading(context)
    lines = [line for line in (write_container(match.root), match.rule.cure) if line]
    transforms = [e for e in with_names if e.transform]
    if any("torch." in e.transform for e in transforms):
        lines.insert(0, "import torch")
    lines += [e.transform for e in transforms]
    resolved = {name for e in transforms for name in e.names}
    harmless = {name for e in with_names if e.is_harmless for name in e.names}
    unexpected = {*match.unexpected} - resolved
    missing = {*context.missing} - resolved
    if unexpected and unexpected <= harmless:
        lines.append("state = {k: v for k, v in state.items() if k in model.state_dict()}")
    is_lenient = bool(missing and missing <= harmless)
    if is_partial:
        others = [name for name in (*match.mismatched, *match.refused) if name not in resolved]
        if others:
            lines.append(f"state = {{k: v for k, v in state.items() if k not in {others!r}}}")
        is_lenient = True
    lines.append(f"model.load_state_dict(state{', strict=False' if is_lenient else ''})")
    return "; ".join(lines)


def is_complete(context: Context, explanations: Iterable[Explanation]) -> bool:
    """Return whether the recipe loads the whole model as it is built."""
    listing = list(explanations)
    match = context.match
    if any(not e.has_cure or e.cure or e.before for e in listing if not e.is_harmless):
        return False
    explained = {name for e in listing for name in e.names}
    names = {*context.missing, *match.unexpected, *match.mismatched, *match.refused}
    return names <= explained


def _write_loading(context: Context) -> str:
    """Return the call of Keras or TensorFlow that loads a file; empty where names must change."""
    source, target = context.source, context.target
    path = source.label
    if target.separator != "/":
        return ""
    if source.layout.startswith("keras"):
        return "" if context.match.rule.reason else f"model.load_weights({path!r})"
    roots = {name.partition("/")[0] for name in context.match.checkpoint}
    if source.layout != "tensorflow" or len(roots) != 1 or not (root := roots.pop()).isidentifier():
        return ""
    return f"import tensorflow; tensorflow.train.Checkpoint({root}=model).restore({path!r})"


def write_container(root: tuple[str, ...]) -> str:
    """Return the line that takes the container out of the file; empty for the file itself."""
    return f"state = checkpoint{write_keys(root)}" if root else ""


def write_keys(root: tuple[str, ...]) -> str:
    """Return the indices that lead to a container."""
    return "".join(f"[{key!r}]" for key in root)


def as_finding(explanation: Explanation, recipe: str) -> Finding:
    """Return the finding of an explanation."""
    cure = explanation.cure or (recipe if explanation.has_cure else "")
    cure = "; ".join(filter(None, (explanation.before, cure)))
    return Finding(
        explanation.code,
        explanation.rank,
        explanation.message,
        explanation.evidence,
        cure=cure,
        where=explanation.where,
    )
