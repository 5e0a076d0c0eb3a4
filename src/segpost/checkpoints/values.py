"""What the values say: of the checkpoint alone, and beside those of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from segpost.checkpoints.matching import Match, listed
from segpost.checkpoints.statistics import Statistics
from segpost.checkpoints.tree import Entry, State, Tensors
from segpost.render.findings import Finding

MEANS = re.compile(r"(^|[./])(?:running_mean|moving_mean)$|(batch_normalization[^/]*/vars/)2$")
VARIANCES = ("running_var", "moving_variance", "3")  # Keras numbers them
LEARNED = re.compile(  # and no mask, which may have -inf
    r"(weight|bias|kernel|gamma|beta|(running|moving)_\w+|vars/\d+)$"
)
TRACKED = re.compile(r"(^|[./])num_batches_tracked$")
FEW_BATCHES = 100
EXTREME = 1e6
LARGEST_HALF = 65520.0  # what is less is rounded to 65504
WIDTH = {"float64": 64, "float32": 32, "bfloat16": 16, "float16": 16}


class Norm(NamedTuple):
    """The running statistics of a layer."""

    mean: Statistics
    variance: Statistics


def of_values(checkpoint: State, match: Match, model: State, resume: bool) -> Iterator[Finding]:
    """Findings about values, and about what is beside the weights."""
    yield from _bad(match.checkpoint)
    yield from _norms(match.checkpoint)
    yield from _types(match)
    if model.live:
        yield from _arrived(match, model)
    yield from _beside(checkpoint, resume)


def _known(tensors: Tensors) -> Iterator[tuple[str, Statistics]]:
    for name, entry in tensors.items():
        found = entry.statistics
        if found is not None:
            yield name, found


def _bad(tensors: Tensors) -> Iterator[Finding]:
    bad = [(n, s) for n, s in _known(tensors) if s.nan or (s.infinite and LEARNED.search(n))]
    if bad:
        name, first = bad[0]
        yield Finding(
            "nan-weights",
            "certain",
            f"{len(bad)} tensors hold NaN or infinity: the training had diverged when they were "
            "saved.",
            {
                "nan": sum(s.nan for _, s in bad),
                "infinite": sum(s.infinite for _, s in bad),
                "first": f"{name} at {first.first_bad} of {first.size}",
            },
            cure="take an earlier checkpoint; train with a smaller learning rate or in float32",
            where=listed([name for name, _ in bad]),
        )
    weights = {n: e for n, e in tensors.items() if len(e.shape) > 1 and LEARNED.search(n)}
    zero = [n for n, s in _known(weights) if s.constant and s.low == 0 and s.size > 1]
    if zero:
        yield Finding(
            "zero-weights",
            "likely",
            f"{len(zero)} weights of {len(weights)} are all zero: what follows them is constant.",
            {"tensors": len(zero)},
            cure="look at how they were saved: sharded and pruned weights leave zeros",
            where=listed(zero),
        )


def _norms(tensors: Tensors) -> Iterator[Finding]:
    norms = dict(_pairs(tensors))
    if not norms:
        return
    initial = [
        name
        for name, (mean, variance) in norms.items()
        if mean.constant and mean.low == 0 and variance.constant and variance.low == 1
    ]
    wrong = [n for n, (_, variance) in norms.items() if variance.low < 0]
    extreme = [n for n, (_, variance) in norms.items() if variance.high > EXTREME]
    if wrong:
        yield Finding(
            "batch-norm-negative",
            "certain",
            "A running variance is negative, which none can be.",
            {"lowest": min(norms[n].variance.low for n in wrong)},
            cure="take another checkpoint: the file is damaged, or its tensors are mixed up",
            where=listed(wrong),
        )
    if initial:
        yield Finding(
            "batch-norm-initial",
            "likely" if len(initial) == len(norms) else "hint",
            f"{len(initial)} of {len(norms)} batch-norm layers have the statistics that they begin "
            "with, mean 0 and variance 1: eval() would be without normalization.",
            {"layers": len(initial), "of": len(norms)},
            cure="save the running statistics too; or run some batches in model.train() first",
            where=listed(initial),
        )
    if extreme:
        yield Finding(
            "batch-norm-extreme",
            "hint",
            f"{len(extreme)} batch-norm layers have variances above {EXTREME:g}: fed another "
            "range than was meant, or diverging.",
            {"largest": max(norms[n].variance.high for n in extreme)},
            cure="look at the preprocessing of the training: 0..255 or 0..1",
            where=listed(extreme),
        )
    counts = [s.high for n, s in _known(tensors) if TRACKED.search(n)]
    if counts and max(counts) < FEW_BATCHES and len(initial) < len(norms):
        yield Finding(
            "batch-norm-few-batches",
            "hint",
            f"Batch norm has seen {max(counts):.0f} batches: its statistics may not have settled, "
            "and eval() be worse than train().",
            {"batches": max(counts)},
            cure="train on, or torch.optim.swa_utils.update_bn(loader, model)",
            where="num_batches_tracked",
        )


def _pairs(tensors: Tensors) -> Iterator[tuple[str, Norm]]:
    for name, entry in tensors.items():
        if not MEANS.search(name):
            continue
        prefix = MEANS.sub(r"\1\2", name)
        other = next((tensors[prefix + v] for v in VARIANCES if prefix + v in tensors), None)
        mean, variance = entry.statistics, None if other is None else other.statistics
        if mean is not None and variance is not None and mean.size == variance.size > 0:
            yield prefix.removesuffix("vars/").rstrip("./"), Norm(mean, variance)


def _types(match: Match) -> Iterator[Finding]:
    """Element types that change on loading."""
    narrower: dict[str, tuple[Entry, Entry]] = {}
    for name in match.matched:
        was, now = match.checkpoint[name], match.model[name]
        if WIDTH.get(now.kind, 0) < WIDTH.get(was.kind, 0) or (
            {was.kind, now.kind} == {"float16", "bfloat16"}
        ):
            narrower[name] = was, now
    if not narrower:
        return
    kinds = sorted({f"{was.kind} to {now.kind}" for was, now in narrower.values()})
    high = [
        (name, max(abs(s.low), abs(s.high)))
        for name, (was, now) in narrower.items()
        if now.kind == "float16" and (s := was.statistics) is not None
    ]
    beyond = [(name, largest) for name, largest in high if largest >= LARGEST_HALF]
    if beyond:
        yield Finding(
            "half-overflow",
            "certain",
            f"{len(beyond)} tensors hold values of {LARGEST_HALF:.0f} or more, which become "
            "infinity in float16.",
            {"largest": max(largest for _, largest in beyond)},
            cure="keep them in float32 or bfloat16",
            where=listed([name for name, _ in beyond]),
        )
    yield Finding(
        "narrower-type",
        "hint",
        f"{len(narrower)} tensors lose digits on loading: {', '.join(kinds)}.",
        {"tensors": len(narrower)},
        cure="model.float().load_state_dict(state)",
        where=listed(list(narrower)),
    )


def _arrived(match: Match, model: State) -> Iterator[Finding]:
    """Whether a live model already holds the checkpoint's values."""
    equal: list[str] = []
    apart: list[str] = []
    for name in match.matched:
        was, now = match.checkpoint[name], match.model[name]
        if name in model.buffers or TRACKED.search(name) or was.kind != now.kind or not was.size:
            continue
        a, b = was.statistics, now.statistics
        if a is not None and b is not None:
            (equal if a.digest == b.digest else apart).append(name)
    if not apart:
        return
    told = [n for n in equal if not _trivial(match.model[n].statistics)]
    seen = {"equal": len(equal), "other": len(apart)}
    if told:
        yield Finding(
            "partly-loaded",
            "likely",
            f"{len(equal)} tensors of the model have the checkpoint's values and {len(apart)} have "
            "not: those were left out, or trained since.",
            seen,
            cure="print(model.load_state_dict(state, strict=False))  # says which",
            where=listed(apart),
        )
    else:
        yield Finding(
            "not-loaded",
            "hint",
            "The model has none of the checkpoint's values: it is not loaded yet, or was trained "
            "since.",
            seen,
            cure="model.load_state_dict(state)  # in Keras model.load_weights(file)",
            where=listed(apart),
        )


def _trivial(found: Statistics | None) -> bool:
    """Zeros and ones, which every fresh model has too."""
    return found is None or found.constant


def _beside(checkpoint: State, resume: bool) -> Iterator[Finding]:
    if resume and checkpoint.optimizer is None and not checkpoint.live:
        yield Finding(
            "optimizer-missing",
            "likely",
            "The checkpoint has no optimizer state: training goes on, with momentum and step sizes "
            "of a new optimizer. Inference is the same.",
            {"keys": listed(list(checkpoint.keys)) or "tensors only"},
            cure="torch.save({'model': model.state_dict(), 'optimizer': opt.state_dict()}, f)"
            if checkpoint.separator == "."
            else "model.compile(...) before model.save_weights(file), which then has it too",
            where="file",
        )
    if checkpoint.averages:
        inner = "".join(f"[{key!r}]" for key in checkpoint.averages[0])
        yield Finding(
            "averaged-weights",
            "hint",
            f"There are weights averaged over the training too, in {inner}: they are often the "
            "better ones, and the ones that were reported.",
            {"containers": len(checkpoint.averages)},
            cure=f"model.load_state_dict(checkpoint{inner})",
            where="file",
        )
