"""Mistakes that names and shapes of a checkpoint and a model show, with the line that loads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from segpost.checkpoints.adapters import explain_adapters
from segpost.checkpoints.averages import explain_copies, explain_lists, iter_average_containers
from segpost.checkpoints.encodings import (
    explain_fused_norms,
    explain_linear,
    explain_reparametrized,
)
from segpost.checkpoints.harmless import explain_harmless, explain_ties
from segpost.checkpoints.matching import Match, format_names
from segpost.checkpoints.quantization import explain_quantization
from segpost.checkpoints.recipe import (
    Context,
    Explanation,
    as_finding,
    is_complete,
    write_container,
    write_keys,
    write_recipe,
)
from segpost.checkpoints.shapes import explain_shapes
from segpost.checkpoints.tree import State, Tensors
from segpost.render.findings import Finding

MIN_SHAPE_SHARE = 0.8  # of the shapes that two frameworks have in common
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.")
EXPLAINERS = (
    explain_lists,
    explain_quantization,
    explain_adapters,
    explain_reparametrized,
    explain_fused_norms,
    explain_linear,
    explain_copies,
    explain_ties,
    explain_harmless,
)


def find_name_mistakes(
    context: Context, explanations: list[Explanation], recipe: str
) -> Iterator[Finding]:
    """Yield findings about the tensors that would be loaded, and those that would not."""
    checkpoint, unchanged, best = context.source, context.unchanged, context.match
    is_renamed = best.root != unchanged.root or bool(best.rule.reason)
    loadable = recipe
    if not is_complete(context, explanations):  # what the other findings name stays out
        loadable = write_recipe(context, explanations, is_partial=True)
    if is_renamed and _gained(unchanged, best):
        yield _describe_renaming(unchanged, best, loadable)
    elif checkpoint.root and checkpoint.layout == "torch" and not best.rule.reason:
        yield _describe_container(checkpoint, loadable)
    has_pairs = best.matched or best.mismatched or best.refused
    if not has_pairs and all(e.is_harmless for e in explanations):
        yield _describe_unmatched(context, recipe)
        return
    for explanation in (*explanations, *iter_average_containers(context, recipe, _plan)):
        yield as_finding(explanation, recipe if explanation.before else loadable)
    yield from _describe_lazy(context, loadable)
    explained = {name for e in explanations for name in e.names}
    for code, names in (("missing", context.missing), ("unexpected", context.unexpected)):
        others = tuple(name for name in names if name not in explained)
        if others:
            yield _describe_one_sided(context, code, others)


def explain(context: Context) -> list[Explanation]:
    """Return why tensors do not match, each explained once."""
    explanations: list[Explanation] = []
    explained: set[str] = set()
    for explainer in EXPLAINERS:
        for explanation in explainer(_without(context, explained)):
            explanations.append(explanation)
            explained |= explanation.names
    rest = tuple(name for name in context.match.mismatched if name not in explained)
    return explanations + (explain_shapes(context, rest) if rest else [])


def _without(context: Context, explained: set[str]) -> Context:
    """Return the context without the tensors of one side that are explained already."""
    match = context.match
    matched = {*match.matched, *match.mismatched, *match.refused}
    gone = explained - matched
    if not gone:
        return context
    return replace(
        context,
        match=replace(
            match,
            checkpoint={n: e for n, e in match.checkpoint.items() if n not in gone},
            model={n: e for n, e in match.model.items() if n not in gone},
        ),
    )


def _plan(context: Context) -> str:
    """Return the line that loads a match."""
    return write_recipe(context, explain(context))


def _gained(unchanged: Match, best: Match) -> bool:
    pairs = [m.pairs + len(m.mismatched) for m in (unchanged, best)]
    return pairs[1] > pairs[0]


def _describe_renaming(unchanged: Match, best: Match, recipe: str) -> Finding:
    """Return the finding that another container or other names would load more tensors."""
    inner = write_keys(best.root)
    container = f"the weights are in {inner}" if best.root != unchanged.root else ""
    reasons = " and ".join(filter(None, (container, best.rule.reason)))
    return Finding(
        best.rule.code if best.rule.reason else "nested",
        best.rule.rank,
        f"{len(unchanged.matched)} of {len(unchanged.model)} tensors would be loaded"
        + ("" if unchanged.matched else ", and strict=False would not say so")
        + f": {reasons}. With that put right it is {len(best.matched)}.",
        {
            "matches": len(unchanged.matched),
            "of": len(unchanged.model),
            "matches_after": len(best.matched),
            "first": f"{format_names(unchanged.unexpected[:1])} beside "
            f"{format_names(unchanged.missing[:1])}",
        },
        cure=recipe,
        where="names",
    )


def _describe_container(checkpoint: State, recipe: str) -> Finding:
    """Return the hint that the weights are in a container of the file."""
    inner = write_keys(checkpoint.root)
    others = format_names([key for key in checkpoint.keys if key != checkpoint.root[0]])
    return Finding(
        "nested",
        "hint",
        f"The weights are in {inner} of the file, beside {others or 'nothing else'}.",
        {"keys": format_names(list(checkpoint.keys))},
        cure=recipe.replace(
            f"{write_container(checkpoint.root)}; model.load_state_dict(state",
            f"model.load_state_dict(checkpoint{inner}",
        ),
        where="file",
    )


def _describe_unmatched(context: Context, recipe: str) -> Finding:
    """Return the finding that no name is on both sides: another framework, or another network."""
    best = context.match
    checkpoint_shapes, model_shapes = (_count_shapes(t) for t in (best.checkpoint, best.model))
    common = (checkpoint_shapes & model_shapes).total()
    share = common / max(model_shapes.total(), 1)
    is_framework = share > MIN_SHAPE_SHARE
    return Finding(
        "another-naming" if is_framework else "nothing-matches",
        "likely" if is_framework else "certain",
        "No tensor has a name that the model knows, and strict=False would load nothing without "
        "an error; "
        + (
            "the shapes are alike up to their order of axes, as in another framework or under "
            "another naming: load it by the framework that saved it."
            if is_framework
            else "the shapes are others too: it is of another network."
        ),
        {
            "names": f"{format_names(best.unexpected[:2])} beside {format_names(best.missing[:2])}",
            "tensors": [len(best.checkpoint), len(best.model)],
            "shapes alike": share,
        },
        cure=recipe if is_framework and context.source.separator == "/" else "",
        where="names",
    )


def _count_shapes(tensors: Tensors) -> Counter[tuple[int, ...]]:
    """Return how often each shape occurs, whatever the order of its axes; scalars do not count."""
    return Counter(tuple(sorted(entry.shape)) for entry in tensors.values() if entry.shape)


def _describe_one_sided(context: Context, code: str, names: tuple[str, ...]) -> Finding:
    """Return the finding of tensors of one side that nothing explains."""
    is_missing = code == "missing"
    is_usual = context.match.rule.load != ""  # the framework's loader says so, and goes on
    shard = SHARD.search(context.source.label)
    message = (
        f"{len(names)} of {len(context.match.model)} tensors of the model are not in the "
        "checkpoint and would keep the values that they have. "
        if is_missing
        else f"{len(names)} tensors of the checkpoint are not in the model and would be dropped. "
    )
    message += (
        f"The file is part {int(shard[1])} of {int(shard[2])}: load all parts."
        if shard and is_missing
        else "from_pretrained says so, and goes on: a backbone has no head, and a new head is to "
        "be trained."
        if is_usual
        else "Build the model as it was saved; strict=False would only hide it."
    )
    return Finding(
        code,
        "likely" if is_usual else "certain",
        message,
        {"count": len(names), "modules": format_names(_outermost_parts(names))},
        where=format_names(names),
    )


def _describe_lazy(context: Context, recipe: str) -> Iterator[Finding]:
    """Yield the hint that lazy modules of the model get their shapes from the checkpoint."""
    lazy = [name for name, entry in context.match.model.items() if entry.is_lazy]
    loaded = [name for name in context.match.matched if context.target_of(name).is_lazy]
    if not lazy:
        return
    message = (
        f"{len(lazy)} tensors of the model have no shape yet, as lazy modules before their first "
        "batch. "
    )
    if loaded:
        message += (
            f"Loading gives {len(loaded)} of them the shapes of the checkpoint, which nothing "
            "checks: run the model on a batch (batch stands for it) first, to see that they fit."
        )
    else:
        message += (
            "The checkpoint has none of them: run the model on a batch (batch stands for it)."
        )
    yield Finding(
        "lazy-modules",
        "hint",
        message,
        {"tensors": len(lazy), "loaded": len(loaded)},
        cure="; ".join(filter(None, ("model(batch)", recipe if loaded else ""))),
        where=format_names(lazy),
    )


def _outermost_parts(names: tuple[str, ...]) -> list[str]:
    """Return the outermost parts of names, each once."""
    return list(dict.fromkeys(re.split(r"[./]", name)[0] for name in names))
