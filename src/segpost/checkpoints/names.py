"""Mistakes that names and shapes of a checkpoint and a model show."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from segpost.checkpoints.matching import Match, format_names
from segpost.checkpoints.tree import State, Tensors
from segpost.render.findings import Finding

TRACKED = re.compile(r"(^|[./])(num_batches_tracked|n_averaged)$")
AUXILIARY = re.compile(r"(^|[./])(aux_classifier|auxiliary_head|aux_head|AuxLogits)[./]", re.I)
MAX_HEAD_SHARE = 0.35  # of the tensors that belong to a head; more are another network
MIN_SHAPE_SHARE = 0.8  # of the shapes that two frameworks have in common
LOAD = "model.load_state_dict(state)"


def find_name_mistakes(
    checkpoint: State, model: State, unchanged: Match, best: Match
) -> Iterator[Finding]:
    """Yield findings about the tensors that would be loaded, and those that would not."""
    is_renamed = best.root != unchanged.root or bool(best.rule.reason)
    if is_renamed and len(best.matched) > len(unchanged.matched):
        yield _describe_renaming(unchanged, best)
    elif checkpoint.root and checkpoint.layout == "torch":
        yield _describe_container(checkpoint)
    if not (best.matched or best.mismatched):
        yield _describe_unmatched(best)
        return
    matched = {model.tied.get(name, name) for name in best.matched}
    missing = tuple(n for n in best.missing if model.tied.get(n, n) not in matched)
    yield from _iter_one_sided(best, "missing", missing)
    yield from _iter_one_sided(best, "unexpected", best.unexpected)
    if best.mismatched:
        yield _describe_shapes(best)


def _describe_renaming(unchanged: Match, best: Match) -> Finding:
    """Return the finding that another container or other names would load more tensors."""
    inner = "".join(f"[{key!r}]" for key in best.root)
    container = f"the weights are in {inner}" if best.root != unchanged.root else ""
    reasons = " and ".join(filter(None, (container, best.rule.reason)))
    cure = f"state = checkpoint{inner}; " if inner else ""
    cure += f"{best.rule.cure}; " if best.rule.cure else ""
    return Finding(
        "prefix" if best.rule.reason else "nested",
        "certain",
        f"{len(unchanged.matched)} of {len(unchanged.model)} tensors would be loaded"
        + ("" if unchanged.matched else ", and strict=False would not say so")
        + f": {reasons}. With that put right it is {len(best.matched)}.",
        {
            "matched": len(unchanged.matched),
            "of": len(unchanged.model),
            "matched_then": len(best.matched),
            "first": f"{format_names(unchanged.unexpected[:1])} beside "
            f"{format_names(unchanged.missing[:1])}",
        },
        cure=cure + LOAD,
        where="names",
    )


def _describe_container(checkpoint: State) -> Finding:
    """Return the hint that the weights are in a container of the file."""
    inner = "".join(f"[{key!r}]" for key in checkpoint.root)
    others = format_names([key for key in checkpoint.keys if key != checkpoint.root[0]])
    return Finding(
        "nested",
        "hint",
        f"The weights are in {inner} of the file, beside {others or 'nothing else'}.",
        {"keys": format_names(list(checkpoint.keys))},
        cure=f"model.load_state_dict(checkpoint{inner})",
        where="file",
    )


def _describe_unmatched(best: Match) -> Finding:
    """Return the finding that no name is on both sides: another framework, or another network."""
    checkpoint_shapes, model_shapes = (_count_shapes(t) for t in (best.checkpoint, best.model))
    common = (checkpoint_shapes & model_shapes).total()
    share = common / max(model_shapes.total(), 1)
    is_framework = share > MIN_SHAPE_SHARE
    return Finding(
        "another-naming" if is_framework else "nothing-matches",
        "certain",
        "No tensor has a name that the model knows, and strict=False would load nothing without "
        "an error; "
        + (
            "the shapes are alike up to their order of axes, as in another framework."
            if is_framework
            else "the shapes are others too: it is of another network."
        ),
        {
            "names": f"{format_names(best.unexpected[:2])} beside {format_names(best.missing[:2])}",
            "tensors": [len(best.checkpoint), len(best.model)],
            "shapes alike": share,
        },
        cure="convert it by its framework's own tool"
        if is_framework
        else "build the model that the checkpoint was saved of",
        where="names",
    )


def _count_shapes(tensors: Tensors) -> Counter[tuple[int, ...]]:
    """Return how often each shape occurs, whatever the order of its axes; scalars do not count."""
    return Counter(tuple(sorted(entry.shape)) for entry in tensors.values() if entry.shape)


def _iter_one_sided(match: Match, code: str, names: tuple[str, ...]) -> Iterator[Finding]:
    """Yield findings about tensors of one side; those that do no harm are hints."""
    tracked = tuple(name for name in names if TRACKED.search(name))
    auxiliary = tuple(name for name in names if AUXILIARY.search(name))
    harmless = {*tracked, *auxiliary}
    others = tuple(name for name in names if name not in harmless)
    is_missing = code == "missing"
    if tracked:
        yield Finding(
            "num-batches-tracked",
            "hint",
            f"{len(tracked)} counters of batches or averages are {code}: no inference uses them"
            + (", and torch before 0.4.1 did not save them." if is_missing else "."),
            {"count": len(tracked)},
            cure="model.load_state_dict(state, strict=False)  # if nothing else is found",
            where=format_names(tracked),
        )
    if auxiliary:
        yield Finding(
            "aux-head",
            "hint",
            f"The auxiliary head is {code}: it is for training, inference does without it.",
            {"tensors": len(auxiliary)},
            cure="build both with the same aux_loss, or model.load_state_dict(state, strict=False)",
            where=format_names(auxiliary),
        )
    if others:
        yield Finding(
            code,
            "certain",
            f"{len(others)} of {len(match.model)} tensors of the model are not in the checkpoint "
            "and would keep the values that they have."
            if is_missing
            else f"{len(others)} tensors of the checkpoint are not in the model and would be "
            "dropped.",
            {"count": len(others), "modules": format_names(_outermost_parts(others))},
            cure="build the model as it was saved; do not silence this by strict=False",
            where=format_names(others),
        )


def _outermost_parts(names: tuple[str, ...]) -> list[str]:
    """Return the outermost parts of names, each once."""
    return list(dict.fromkeys(re.split(r"[./]", name)[0] for name in names))


def _describe_shapes(match: Match) -> Finding:
    """Return the finding that tensors have other shapes: another order of axes, head or network."""
    pairs = {n: (match.checkpoint[n].shape, match.model[n].shape) for n in match.mismatched}
    class_counts = {_class_counts(a, b, is_keras="/" in n) for n, (a, b) in pairs.items()}
    has_bias = any(len(a) == 1 for a, _ in pairs.values())  # an embedding has none
    is_small = len(pairs) <= MAX_HEAD_SHARE * len(match.model)
    evidence = {
        "tensors": len(pairs),
        "shapes": format_names([f"{n}: {a} beside {b}" for n, (a, b) in pairs.items()]),
    }
    where = format_names(match.mismatched)
    if all(sorted(a) == sorted(b) and len(a) > 1 for a, b in pairs.values()):
        return Finding(
            "transposed",
            "likely",
            f"{len(pairs)} tensors have their axes in another order, as between frameworks "
            "(HWIO and OIHW).",
            evidence,
            cure="state[name] = state[name].permute(3, 2, 0, 1)  # HWIO to OIHW",
            where=where,
        )
    if has_bias and is_small and len(class_counts) == 1 and None not in class_counts:
        ((was, now),) = class_counts  # type: ignore[misc]
        return Finding(
            "head-classes",
            "certain",
            f"The head is of {was} classes in the checkpoint and of {now} in the model; loading "
            "raises on it, with strict=False too.",
            evidence | {"classes": [was, now]},
            cure=f"build the model with num_classes={was}; or drop those tensors and train the "
            "head",
            where=where,
        )
    return Finding(
        "another-architecture",
        "certain",
        f"{len(pairs)} tensors have another shape: another backbone, width or configuration.",
        evidence,
        cure="build the model with the configuration that was saved",
        where=where,
    )


def _class_counts(
    was: tuple[int, ...], now: tuple[int, ...], is_keras: bool
) -> tuple[int, int] | None:
    """Return the number of outputs in checkpoint and model, or None where more than it differs."""
    if len(was) != len(now):
        return None
    axes = [axis for axis in range(len(was)) if was[axis] != now[axis]]
    if len(axes) != 1 or axes[0] != (len(was) - 1 if is_keras else 0) or math.prod(was) == 0:
        return None
    return was[axes[0]], now[axes[0]]
