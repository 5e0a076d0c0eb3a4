"""What names and shapes say of a checkpoint and the model that is to take it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from segpost.checkpoints.matching import Match, listed
from segpost.checkpoints.tree import State
from segpost.render.findings import Finding

TRACKED = re.compile(r"(^|[./])(num_batches_tracked|n_averaged)$")
AUXILIARY = re.compile(r"(^|[./])(aux_classifier|auxiliary_head|aux_head|AuxLogits)[./]", re.I)
FEW = 0.35  # of the tensors, mismatched: a head; more is another network
LOAD = "model.load_state_dict(state)"


def of_names(checkpoint: State, model: State, plain: Match, best: Match) -> Iterator[Finding]:
    """Findings about which tensors would arrive."""
    repaired = best.root != plain.root or bool(best.repair.said)
    if repaired and len(best.matched) > len(plain.matched):
        yield _repairable(checkpoint, plain, best)
    elif checkpoint.root and checkpoint.layout == "torch":
        yield _nested(checkpoint)
    if not (best.matched or best.mismatched):
        yield from _strangers(checkpoint, model, best)
        return
    there = {model.tied.get(name, name) for name in best.matched}
    missing = tuple(n for n in best.missing if model.tied.get(n, n) not in there)
    yield from _left(best, "missing", missing)
    yield from _left(best, "unexpected", best.unexpected)
    yield from _shapes(best)


def _repairable(checkpoint: State, plain: Match, best: Match) -> Finding:
    nothing = not plain.matched
    inner = "".join(f"[{key!r}]" for key in best.root)
    where = f"the weights are in {inner}" if best.root != plain.root else ""
    said = " and ".join(filter(None, (where, best.repair.said)))
    cure = f"state = checkpoint{inner}; " if inner else ""
    cure += f"{best.repair.cure}; " if best.repair.cure else ""
    return Finding(
        "prefix" if best.repair.said else "nested",
        "certain",
        f"{len(plain.matched)} of {len(plain.model)} tensors would be loaded"
        + (", and strict=False would not say so" if nothing else "")
        + f": {said}. With that put right it is {len(best.matched)}.",
        {
            "matched": len(plain.matched),
            "of": len(plain.model),
            "matched_then": len(best.matched),
            "first": f"{listed(plain.unexpected[:1])} beside {listed(plain.missing[:1])}",
        },
        cure=cure + LOAD,
        where="names",
    )


def _nested(checkpoint: State) -> Finding:
    inner = "".join(f"[{key!r}]" for key in checkpoint.root)
    return Finding(
        "nested",
        "hint",
        f"The weights are in {inner} of the file, beside {_beside(checkpoint)}.",
        {"keys": listed(list(checkpoint.keys))},
        cure=f"model.load_state_dict(checkpoint{inner})",
        where="file",
    )


def _beside(checkpoint: State) -> str:
    return listed([key for key in checkpoint.keys if key != checkpoint.root[0]]) or "nothing else"


def _strangers(checkpoint: State, model: State, best: Match) -> Iterator[Finding]:
    """No name is in both: another framework's, or another network."""
    theirs = sorted(tuple(sorted(e.shape)) for e in best.checkpoint.values() if e.shape)
    ours = sorted(tuple(sorted(e.shape)) for e in best.model.values() if e.shape)
    alike = _common(theirs, ours) / max(len(ours), 1)
    seen = {
        "names": f"{listed(best.unexpected[:2])} beside {listed(best.missing[:2])}",
        "tensors": [len(best.checkpoint), len(best.model)],
        "shapes alike": alike,
    }
    framework = alike > 0.8
    yield Finding(
        "another-naming" if framework else "nothing-matches",
        "certain",
        "No tensor has a name that the model knows, and strict=False would load nothing without "
        "an error; "
        + (
            "the shapes are alike up to their order of axes, as in another framework."
            if framework
            else "the shapes are others too: it is of another network."
        ),
        seen,
        cure="convert it by its framework's own tool"
        if framework
        else "build the model that the checkpoint was saved of",
        where="names",
    )


def _common(a: Sequence[tuple[int, ...]], b: Sequence[tuple[int, ...]]) -> int:
    from collections import Counter

    return sum((Counter(a) & Counter(b)).values())


def _left(match: Match, what: str, names: tuple[str, ...]) -> Iterator[Finding]:
    """Tensors of one side only; those that do no harm are told apart."""
    tracked = tuple(name for name in names if TRACKED.search(name))
    auxiliary = tuple(name for name in names if AUXILIARY.search(name))
    harmless = {*tracked, *auxiliary}
    others = tuple(name for name in names if name not in harmless)
    lacking = what == "missing"
    if tracked:
        yield Finding(
            "num-batches-tracked",
            "hint",
            f"{len(tracked)} counters of batches or averages are {what}: no inference uses them"
            + (", and torch before 0.4.1 did not save them." if lacking else "."),
            {"count": len(tracked)},
            cure="model.load_state_dict(state, strict=False)  # if nothing else is found",
            where=listed(tracked),
        )
    if auxiliary:
        yield Finding(
            "aux-head",
            "hint",
            f"The auxiliary head is {what}: it is for training, inference does without it.",
            {"tensors": len(auxiliary)},
            cure="build both with the same aux_loss, or model.load_state_dict(state, strict=False)",
            where=listed(auxiliary),
        )
    if others:
        yield Finding(
            what,
            "certain",
            f"{len(others)} of {len(match.model)} tensors of the model are not in the checkpoint "
            "and would keep the values that they have."
            if lacking
            else f"{len(others)} tensors of the checkpoint are not in the model and would be "
            "dropped.",
            {"count": len(others), "modules": listed(_modules(others))},
            cure="build the model as it was saved; do not silence this by strict=False",
            where=listed(others),
        )


def _modules(names: tuple[str, ...]) -> list[str]:
    """The outermost parts of names, each once."""
    return list(dict.fromkeys(re.split(r"[./]", name)[0] for name in names))


def _shapes(match: Match) -> Iterator[Finding]:
    if not match.mismatched:
        return
    pairs = {n: (match.checkpoint[n].shape, match.model[n].shape) for n in match.mismatched}
    shown = [f"{n}: {a} beside {b}" for n, (a, b) in pairs.items()]
    counts = {_outputs(a, b, keras="/" in n) for n, (a, b) in pairs.items()}
    bias = any(len(a) == 1 for a, _ in pairs.values())  # an embedding has none
    seen = {"tensors": len(pairs), "shapes": listed(shown)}
    where = listed(match.mismatched)
    if all(sorted(a) == sorted(b) and len(a) > 1 for a, b in pairs.values()):
        yield Finding(
            "transposed",
            "likely",
            f"{len(pairs)} tensors have their axes in another order, as between frameworks "
            "(HWIO and OIHW).",
            seen,
            cure="state[name] = state[name].permute(3, 2, 0, 1)  # HWIO to OIHW",
            where=where,
        )
    elif bias and len(counts) == 1 and None not in counts and len(pairs) <= FEW * len(match.model):
        ((was, now),) = counts  # type: ignore[misc]
        yield Finding(
            "head-classes",
            "certain",
            f"The head is of {was} classes in the checkpoint and of {now} in the model; loading "
            "raises on it, with strict=False too.",
            seen | {"classes": [was, now]},
            cure=f"build the model with num_classes={was}; or drop those tensors and train the "
            "head",
            where=where,
        )
    else:
        yield Finding(
            "another-architecture",
            "certain",
            f"{len(pairs)} tensors have another shape: another backbone, width or configuration.",
            seen,
            cure="build the model with the configuration that was saved",
            where=where,
        )


def _outputs(was: tuple[int, ...], now: tuple[int, ...], keras: bool) -> tuple[int, int] | None:
    """The number of outputs in the checkpoint and in the model, where only that differs."""
    if len(was) != len(now):
        return None
    apart = [axis for axis in range(len(was)) if was[axis] != now[axis]]
    if len(apart) != 1 or apart[0] != (len(was) - 1 if keras else 0) or math.prod(was) == 0:
        return None
    return was[apart[0]], now[apart[0]]
