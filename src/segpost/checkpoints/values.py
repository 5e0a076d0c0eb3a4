"""Mistakes that values show: those of the checkpoint alone, and beside those of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from segpost.checkpoints.matching import Match, format_names
from segpost.checkpoints.recipe import Context
from segpost.checkpoints.statistics import Statistics
from segpost.checkpoints.tree import State, TensorEntry, Tensors
from segpost.render.findings import Finding

MEANS = re.compile(r"(^|[./])(?:running_mean|moving_mean)$|(batch_normalization[^/]*/vars/)2$")
VARIANCES = ("running_var", "moving_variance", "3")  # Keras numbers them
LEARNED = re.compile(  # names of weights and statistics; a mask may hold -inf
    r"(weight|bias|kernel|gamma|beta|(running|moving)_\w+|vars/\d+)$"
)
TRACKED = re.compile(r"(^|[./])num_batches_tracked$")
UPDATE = "import torch; torch.optim.swa_utils.update_bn(loader, model)"
MIN_BATCHES = 100  # that statistics of batch norm need to settle
MAX_VARIANCE = 1e6
HALF_ROUNDING = 2.0**-7  # of the largest value: bfloat16 has eight bits
HALF_OVERFLOW = 65520.0  # smaller values are rounded to 65504
BITS = {"float64": 64, "float32": 32, "bfloat16": 16, "float16": 16}


class Norm(NamedTuple):
    """The running statistics of a batch-norm layer."""

    mean: Statistics
    variance: Statistics


def find_value_mistakes(context: Context, resume: bool, recipe: str) -> Iterator[Finding]:
    """Yield findings about values, and about the optimizer beside the weights.

    `recipe` is the line that loads the checkpoint; empty where no line does.
    """
    checkpoint, match, model = context.source, context.match, context.target
    yield from _iter_bad_weights(match, model.buffers)
    yield from _iter_norm_mistakes(match.checkpoint)
    yield from _iter_narrowing(match, recipe)
    if model.is_live:
        yield from _iter_loading(context, recipe)
    if resume and checkpoint.optimizer is None and not checkpoint.is_live:
        yield _describe_missing_optimizer(checkpoint)


def _iter_statistics(tensors: Tensors) -> Iterator[tuple[str, Statistics]]:
    """Yield the names and statistics of the tensors whose values are read."""
    for name, entry in tensors.items():
        statistics = entry.statistics
        if statistics is not None:
            yield name, statistics


def _iter_bad_weights(match: Match, buffers: frozenset[str]) -> Iterator[Finding]:
    """Yield findings about NaN, infinities, and weights that are all zero.

    Buffers of a live model that have the same values are as the model makes them.
    """
    tensors = match.checkpoint
    statistics = dict(_iter_statistics(tensors))
    bad = [(n, s) for n, s in statistics.items() if s.nan or (s.infinite and LEARNED.search(n))]
    if bad:
        name, first = bad[0]
        has_learned = any(
            LEARNED.search(n) and not (n in buffers and _has_same_values(match, n)) for n, _ in bad
        )
        reason = (
            "the training had diverged when they were saved. Take an earlier checkpoint; train "
            "with a smaller learning rate or in float32."
            if has_learned
            else "they are no weights, and may be values that were never set."
        )
        yield Finding(
            "nan-weights",
            "certain" if has_learned else "hint",
            f"{len(bad)} tensors hold NaN or infinity: {reason}",
            {
                "nan": sum(s.nan for _, s in bad),
                "infinite": sum(s.infinite for _, s in bad),
                "first": f"{name} at {first.first_bad} of {first.size}",
            },
            where=format_names([name for name, _ in bad]),
        )
    weights = {n: e for n, e in tensors.items() if len(e.shape) > 1 and LEARNED.search(n)}
    zero = [
        n for n, s in statistics.items()
        if n in weights and s.is_constant and s.low == 0 and s.size > 1
    ]  # fmt: skip
    if zero:
        yield Finding(
            "zero-weights",
            "likely",
            f"{len(zero)} weights of {len(weights)} are all zero: the output of their layers is "
            "constant. Look at how they were saved: sharded and pruned weights leave zeros.",
            {"tensors": len(zero)},
            where=format_names(zero),
        )


def _iter_norm_mistakes(tensors: Tensors) -> Iterator[Finding]:
    """Yield findings about the running statistics of batch norm."""
    norms = dict(_iter_norms(tensors))
    if not norms:
        return
    initial = [
        name
        for name, (mean, variance) in norms.items()
        if mean.is_constant and mean.low == 0 and variance.is_constant and variance.low == 1
    ]
    negative = [n for n, (_, variance) in norms.items() if variance.low < 0]
    extreme = [n for n, (_, variance) in norms.items() if variance.high > MAX_VARIANCE]
    if negative:
        yield Finding(
            "batch-norm-negative",
            "certain",
            "A running variance is negative, which is impossible: the file is damaged, or its "
            "tensors are mixed up.",
            {"lowest": min(norms[n].variance.low for n in negative)},
            where=format_names(negative),
        )
    if initial:
        yield Finding(
            "batch-norm-initial",
            "likely" if len(initial) == len(norms) else "hint",
            f"{len(initial)} of {len(norms)} batch-norm layers have their initial statistics, mean "
            "0 and variance 1: eval() would not normalize. Save the statistics too, or compute "
            "them from batches of the training (loader stands for them).",
            {"layers": len(initial), "of": len(norms)},
            cure=UPDATE,
            where=format_names(initial),
        )
    if extreme:
        yield Finding(
            "batch-norm-extreme",
            "hint",
            f"{len(extreme)} batch-norm layers have variances above {MAX_VARIANCE:g}: the input "
            "had another range than intended (0..255 or 0..1), or the training diverged.",
            {"largest": max(norms[n].variance.high for n in extreme)},
            where=format_names(extreme),
        )
    counts = [s.high for n, s in _iter_statistics(tensors) if TRACKED.search(n)]
    if counts and max(counts) < MIN_BATCHES and len(initial) < len(norms):
        yield Finding(
            "batch-norm-few-batches",
            "hint",
            f"Batch norm has seen {max(counts):.0f} batches: its statistics may not have settled, "
            "and eval() be worse than train(). Train on, or compute them from more batches "
            "(loader stands for them).",
            {"batches": max(counts)},
            cure=UPDATE,
            where="num_batches_tracked",
        )


def _iter_norms(tensors: Tensors) -> Iterator[tuple[str, Norm]]:
    """Yield the names of batch-norm layers and their running statistics."""
    for name, entry in tensors.items():
        if not MEANS.search(name):
            continue
        prefix = MEANS.sub(r"\1\2", name)
        pair = next((tensors[prefix + v] for v in VARIANCES if prefix + v in tensors), None)
        mean, variance = entry.statistics, None if pair is None else pair.statistics
        if mean is not None and variance is not None and mean.size == variance.size > 0:
            yield prefix.removesuffix("vars/").rstrip("./"), Norm(mean, variance)


def _iter_narrowing(match: Match, recipe: str) -> Iterator[Finding]:
    """Yield findings about element types that lose digits or overflow on loading."""
    narrower: dict[str, tuple[TensorEntry, TensorEntry]] = {}
    for name in match.matched:
        was, now = match.checkpoint[name], match.model[name]
        if (now.kind in BITS and BITS[now.kind] < BITS.get(was.kind, 0)) or (
            {was.kind, now.kind} == {"float16", "bfloat16"}
        ):
            narrower[name] = was, now
    if not narrower:
        return
    kinds = sorted({f"{was.kind} to {now.kind}" for was, now in narrower.values()})
    largest = {
        name: max(abs(s.low), abs(s.high))
        for name, (was, now) in narrower.items()
        if now.kind == "float16" and (s := was.statistics) is not None
    }
    overflowing = [name for name, value in largest.items() if value >= HALF_OVERFLOW]
    if overflowing:
        yield Finding(
            "half-overflow",
            "certain",
            f"{len(overflowing)} tensors hold values of {HALF_OVERFLOW:.0f} or more, which become "
            "infinity in float16.",
            {"largest": max(largest[name] for name in overflowing)},
            cure=recipe and f"model = model.float(); {recipe}",
            where=format_names(overflowing),
        )
    yield Finding(
        "narrower-type",
        "hint",
        f"{len(narrower)} tensors lose digits on loading: {', '.join(kinds)}.",
        {"tensors": len(narrower)},
        cure=recipe and f"model = model.{_widest(narrower)}(); {recipe}",
        where=format_names(list(narrower)),
    )


def _widest(pairs: dict[str, tuple[TensorEntry, TensorEntry]]) -> str:
    """Return the method of a model that gives it the widest type of a checkpoint."""
    kinds = {was.kind for was, _ in pairs.values()}
    if "float64" in kinds:
        return "double"
    return "bfloat16" if kinds == {"bfloat16"} else "half" if kinds == {"float16"} else "float"


def _iter_loading(context: Context, recipe: str) -> Iterator[Finding]:
    """Yield a finding where a live model holds only some of the checkpoint's values, or none."""
    match, model = context.match, context.target
    ignored = _overwritten(match, model)
    equal: list[str] = []
    different: list[str] = []
    for name in match.matched:
        was, now = match.checkpoint[name], match.model[name]
        if name in model.buffers or TRACKED.search(name) or name in ignored or not was.size:
            continue
        a, b = was.statistics, now.statistics
        if a is not None and b is not None:
            (equal if _is_equal(a, b, was.kind == now.kind) else different).append(name)
    if not different:
        return
    evidence = {"equal": len(equal), "other": len(different)}
    if any(_is_informative(match.model[name].statistics) for name in equal):
        yield Finding(
            "partly-loaded",
            "likely",
            f"{len(equal)} tensors of the model have the checkpoint's values and {len(different)} "
            "have not: those were left out, or trained since.",
            evidence,
            cure=recipe,
            where=format_names(different),
        )
    elif context.is_plain:  # otherwise it is no news
        yield Finding(
            "not-loaded",
            "hint",
            "The model has none of the checkpoint's values: it is not loaded yet, or was trained "
            "since.",
            evidence,
            cure=recipe,
        )


def _is_equal(a: Statistics, b: Statistics, is_same_kind: bool) -> bool:
    """Return whether two tensors hold the same values, up to the rounding of another type."""
    if is_same_kind:
        return a.digest == b.digest
    scale = max(abs(a.low), abs(a.high), 1e-30)
    pairs = ((a.low, b.low), (a.high, b.high), (a.mean, b.mean), (a.deviation, b.deviation))
    return all(abs(x - y) <= HALF_ROUNDING * scale for x, y in pairs)


def _has_same_values(match: Match, name: str) -> bool:
    """Return whether a tensor of the model has the checkpoint's values."""
    was = match.checkpoint[name].statistics
    now = match.model[name].statistics if name in match.model else None
    return was is not None and now is not None and was.digest == now.digest


def _overwritten(match: Match, model: State) -> set[str]:
    """Return the names of tensors that the model has under two names, with two values."""
    names: dict[str, list[str]] = {}
    for name in match.matched:
        names.setdefault(model.tied.get(name, name), []).append(name)
    return {n for group in names.values() if len(group) > 1 for n in group}


def _is_informative(statistics: Statistics | None) -> bool:
    """Return whether equal values prove loading; zeros and ones are in every new model."""
    return statistics is not None and not statistics.is_constant


def _describe_missing_optimizer(checkpoint: State) -> Finding:
    return Finding(
        "optimizer-missing",
        "likely",
        "The checkpoint has no optimizer state: training continues with momentum and step sizes "
        "of a new optimizer. Inference is the same.",
        {"keys": format_names(list(checkpoint.keys)) or "tensors only"},
        cure="torch.save({'model': model.state_dict(), 'optimizer': opt.state_dict()}, f)"
        if checkpoint.separator == "."
        else "model.compile(...) before model.save_weights(file), which then has it too",
        where="file",
    )
