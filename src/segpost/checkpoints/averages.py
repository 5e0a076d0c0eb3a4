"""Averages over the training that a checkpoint keeps beside its weights, or instead of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from segpost.checkpoints.matching import Match, format_names, iter_matches
from segpost.checkpoints.recipe import Context, Explanation, write_container, write_keys
from segpost.checkpoints.renaming import fits
from segpost.checkpoints.tree import Path, State, Tensors

STATISTIC = re.compile(r"(running_(mean|var)|num_batches_tracked)$")
COPY = re.compile(r"(^|[._])(ema|swa|average[d]?|averaged|shadow|teacher|momentum|target)\w*[._]")
MIN_SHARE = 0.5  # of the model's tensors that a copy of it has
COMMENT = "they are often the better ones, and the ones whose scores were reported"


class Spelling(NamedTuple):
    """How a library writes the name of a tensor of the model behind the prefix of a copy."""

    write: Callable[[str], str]
    expression: str  # of `k`


SPELLINGS = (
    Spelling(lambda name: name, "k"),
    Spelling(lambda name: name.replace(".", "_"), "k.replace('.', '_')"),
    Spelling(lambda name: name.replace(".", ""), "k.replace('.', '')"),
)


def explain_copies(context: Context) -> Iterator[Explanation]:
    """Yield copies of the network beside its weights, such as those of an average."""
    unexpected = {*context.unexpected}
    if not unexpected:
        return
    model = context.match.model
    learned = [n for n in model if not STATISTIC.search(n)]
    for spelling in SPELLINGS:
        for prefix in _prefixes_of(spelling, learned, unexpected):
            copies = {n: prefix + spelling.write(n) for n in model}
            copies = {
                n: c for n, c in copies.items()
                if c in unexpected and fits(context.source_of(c), model[n])
            }  # fmt: skip
            if len(copies) < MIN_SHARE * len(learned) or not COPY.search(prefix):
                continue
            names = frozenset(copies.values())
            unexpected -= names
            key = f"{prefix!r} + {spelling.expression}"
            lines = [write_container(context.match.root), context.match.rule.cure]
            lines.append(
                f"state = {{k: state.get({key}, state.get(k, v)) "
                "for k, v in model.state_dict().items()}"
            )
            lines.append("model.load_state_dict(state)")
            yield Explanation(
                names,
                "averaged-weights",
                "hint",
                f"{len(copies)} tensors are a second copy of the weights, under {prefix!r}: an "
                f"average over the training; {COMMENT}.",
                {"tensors": len(copies)},
                format_names([*copies.values()]),
                is_harmless=True,
                cure="; ".join(filter(None, lines)),
            )


def _prefixes_of(spelling: Spelling, model: list[str], unexpected: set[str]) -> list[str]:
    """Return what stands before the names of the model in other names."""
    prefixes: dict[str, int] = {}
    for name in model[:3]:
        written = spelling.write(name)
        for other in unexpected:
            if other.endswith(written) and other != written:
                prefix = other.removesuffix(written)
                prefixes[prefix] = prefixes.get(prefix, 0) + 1
    return sorted(prefixes, key=lambda prefix: (-prefixes[prefix], prefix))


def find_lists(state: State) -> dict[Path, Tensors]:
    """Return the lists of tensors without names in a checkpoint, by the keys that lead to them."""
    lists: dict[Path, Tensors] = {}
    for root in state.roots:
        tensors = state.weights(root)
        numbers = [str(i) for i in range(len(tensors))]
        if len(tensors) > 1 and [*tensors] == numbers:
            lists[root] = tensors
    return lists


def list_fits(tensors: Tensors, context: Context) -> bool:
    """Return whether a list has the shapes of the model's parameters in their order."""
    return _count_fitting(tensors, context) == len(tensors)


def _count_fitting(tensors: Tensors, context: Context) -> int:
    model = context.target.weights(context.target.root)
    names = context.target.parameters or tuple(n for n in model if not STATISTIC.search(n))
    wanted = [model[n].shape for n in names if n in model]
    shapes = [entry.shape for entry in tensors.values()]
    return len(shapes) if shapes == wanted else 0


def write_list_cure(root: Path) -> str:
    """Return the line that copies a list into the parameters of the model."""
    return (
        "[p.data.copy_(t) for p, t in zip((p for p in model.parameters() if p.requires_grad), "
        f"checkpoint{write_keys(root)}, strict=True)]"
    )


def explain_lists(context: Context) -> Iterator[Explanation]:
    """Yield the explanation of a checkpoint that is nothing but a list of tensors."""
    if context.match.matched:
        return
    for root, tensors in find_lists(context.source).items():
        if not list_fits(tensors, context):
            continue
        yield Explanation(
            frozenset([*context.match.checkpoint, *context.match.model]),
            "unnamed-tensors",
            "likely",
            f"The file has a list of {len(tensors)} tensors without names, in the order of "
            "model.parameters(): load_state_dict cannot read it. The buffers, such as batch-norm "
            "statistics, are not in it.",
            {"tensors": len(tensors)},
            f"checkpoint{write_keys(root)}",
            cure=write_list_cure(root),
        )
        return


def iter_average_containers(
    context: Context, recipe: str, plan: Callable[[Context], str]
) -> Iterator[Explanation]:
    """Yield the containers of averages, each with the line that loads it.

    Parameters
    ----------
    context : Context
    recipe : str
        The line that loads the weights themselves.
    plan : function
        The recipe of another match.
    """
    lists = find_lists(context.source)
    roots = [root for root in context.source.averages if root != context.match.root]
    cures: dict[Path, str] = {}
    for root in roots:
        if root in lists and list_fits(lists[root], context) and context.match.matched:
            cures[root] = f"{recipe}; {write_list_cure(root)}"
            continue
        matches = [*iter_matches(context.source, root, context.target, context.match.model)]
        best: Match = max(matches, key=lambda match: match.score)
        if len(best.matched) >= MIN_SHARE * len(best.model):
            cures[root] = plan(Context(context.source, context.target, context.unchanged, best))
    if not cures:
        return
    root, cure = next(iter(cures.items()))
    yield Explanation(
        frozenset(),
        "averaged-weights",
        "hint",
        f"There are weights averaged over the training too, in {write_keys(root)}: {COMMENT}.",
        {"containers": len(cures)},
        "file",
        cure=cure,
    )
