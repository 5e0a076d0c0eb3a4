"""Weights in another form: normed, pruned, fused with batch norm, linear layers as convolutions."""

from __future__ import annotations

import math
from collections.abc import Iterator

from segpost.checkpoints.matching import format_names
from segpost.checkpoints.recipe import Context, Explanation
from segpost.checkpoints.tree import TensorEntry

# Factors of a weight, and what torch's parametrizations call them; "w" is the "v" of spectral norm.
NEW_PARTS = {"g": "original0", "v": "original1", "orig": "original", "u": "0._u", "w": "0._v"}
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


def explain_linear(context: Context) -> Iterator[Explanation]:
    """Yield linear layers beside convolutions of 1 x 1, which hold the same numbers."""
    names = [
        n for n in context.match.mismatched
        if _is_reshaped(context.source_of(n).shape, context.target_of(n).shape)
    ]  # fmt: skip
    if names:
        first = names[0]
        shapes = context.source_of(first).shape, context.target_of(first).shape
        yield Explanation(
            frozenset(names),
            "linear-conv",
            "likely",
            f"{len(names)} weights are of a linear layer on one side and of a convolution of 1 x 1 "
            f"on the other ({first}: {shapes[0]} beside {shapes[1]}): the same numbers.",
            {"tensors": len(names)},
            format_names(names),
            transform="state = {k: v.reshape(model.state_dict()[k].shape) if k in "
            f"{names!r} else v for k, v in state.items()}}",
        )


def _is_reshaped(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Return whether two shapes differ by axes of length 1 at the end alone."""
    long, short = (a, b) if len(a) > len(b) else (b, a)
    return len(short) >= 2 and long[: len(short)] == short and math.prod(long[len(short) :]) == 1


def explain_reparametrized(context: Context) -> Iterator[Explanation]:
    """Yield weights that one side keeps as a product: weight norm, spectral norm, a mask."""
    missing, unexpected = {*context.missing}, {*context.unexpected}
    folded: dict[str, str] = {}  # a weight of the model, and the expression that gives it
    unfolded: dict[str, str] = {}
    names: set[str] = set()
    for name in context.missing:
        parts = _find_parts(name, unexpected)
        expression = _fold(context, name, parts)
        if expression:
            folded[name] = expression
            names |= {name, *parts.values()}
    for name in context.unexpected:
        parts = _find_parts(name, missing)
        expressions = _unfold(context, name, parts)
        if expressions:
            unfolded |= expressions
            names |= {name, *parts.values()}
    if not names:
        return
    entries = ", ".join(f"{name!r}: {value}" for name, value in (folded | unfolded).items())
    layers = len(folded) or len({*unfolded.values()})
    yield Explanation(
        frozenset(names),
        "reparametrized",
        "certain",
        f"{len(folded) or layers} weights are stored as the factors of weight norm, spectral norm "
        f"or a mask in the {'checkpoint' if folded else 'model'} and as one tensor in the "
        f"{'model' if folded else 'checkpoint'}.",
        {"weights": len(folded) or layers},
        format_names(sorted(names)),
        transform=f"state = {{**state, {entries}}}; state = {{k: v for k, v in state.items() "
        f"if k not in {sorted(names & unexpected)!r}}}",
    )


def _find_parts(name: str, others: set[str]) -> dict[str, str]:
    """Return the factors of a weight by their letter."""
    before, dot, last = name.rpartition(".")
    parts = {}
    for letter, new in NEW_PARTS.items():
        old = f"{name}_{'v' if letter == 'w' else letter}"
        for candidate in (old, f"{before}{dot}parametrizations.{last}.{new}"):
            if candidate in others:
                parts[letter] = candidate
    if (mask := f"{name}_mask") in others:
        parts["mask"] = mask
    return parts


def _fold(context: Context, name: str, parts: dict[str, str]) -> str:
    """Return the expression that makes a weight of its factors, or an empty string."""
    wanted = context.target_of(name)
    shape = {letter: context.source_of(part).shape for letter, part in parts.items()}
    value = {letter: f"state[{part!r}]" for letter, part in parts.items()}
    if "g" in parts and shape.get("v") == wanted.shape:
        axis = _norm_axis(context.source_of(parts["g"]))
        return f"torch._weight_norm({value['v']}, {value['g']}, {axis})"
    if shape.get("orig") != wanted.shape:
        return ""
    if "mask" in parts:
        return f"{value['orig']} * {value['mask']}"
    if "u" in parts and "w" in parts and shape["u"] == wanted.shape[:1]:
        flat = f"{value['orig']}.flatten(1)"
        return f"{value['orig']} / ({value['u']} @ ({flat} @ {value['w']}))"
    return ""


def _unfold(context: Context, name: str, parts: dict[str, str]) -> dict[str, str]:
    """Return the expressions that make the factors of a weight; none where it has none."""
    shape = context.source_of(name).shape
    value = f"state[{name!r}]"
    if "g" in parts and "v" in parts and context.target_of(parts["v"]).shape == shape:
        axis = _norm_axis(context.target_of(parts["g"]))
        return {parts["g"]: f"torch.norm_except_dim({value}, 2, {axis})", parts["v"]: value}
    if "orig" in parts and "mask" in parts and context.target_of(parts["orig"]).shape == shape:
        return {parts["orig"]: value, parts["mask"]: f"torch.ones_like({value})"}
    return {}


def _norm_axis(norms: TensorEntry) -> int:
    """Return the axis that the norms of a weight are of; -1 where there is one norm for all."""
    axes = [axis for axis, n in enumerate(norms.shape) if n > 1]
    return axes[0] if axes else (0 if norms.shape else -1)


def explain_fused_norms(context: Context) -> Iterator[Explanation]:
    """Yield batch norm that was fused into the convolution before it, on either side."""
    missing, unexpected = context.missing, context.unexpected
    lost = _find_norms(missing, [*context.match.model])
    if lost:
        pairs = _pair_norms(context, lost, [*context.match.model], context.match.model, unexpected)
        if pairs:
            yield _describe_fused(context, pairs)
            return
    extra = _find_norms(unexpected, [*context.match.checkpoint])
    if extra:
        pairs = _pair_norms(
            context, extra, [*context.match.checkpoint], context.match.checkpoint, missing
        )
        if pairs:
            yield _describe_unfused(pairs, unexpected)


def _find_norms(names: tuple[str, ...], order: list[str]) -> list[str]:
    """Return the batch-norm layers of which all tensors are among the names."""
    name_set, order_set = {*names}, {*order}
    layers = [n.removesuffix("running_mean") for n in order if n.endswith(".running_mean")]
    return [
        layer.rstrip(".")
        for layer in layers
        if all(layer + p in name_set for p in NORM_PARTS if layer + p in order_set)
    ]


def _pair_norms(
    context: Context,
    norms: list[str],
    order: list[str],
    tensors: dict[str, TensorEntry],
    biases: tuple[str, ...],
) -> dict[str, str]:
    """Return the layer before each batch norm; none where they do not fit, one by one."""
    matched, free = {*context.match.matched}, {*biases}
    layers = [n.removesuffix(".weight") for n in order if n.endswith(".weight") and n in matched]
    layers = [n for n in layers if len(tensors[n + ".weight"].shape) > 1]
    with_bias = [n for n in layers if n + ".bias" in free]
    pairs: dict[str, str] = {}
    if len(with_bias) == len(norms):
        candidates = dict(zip(norms, with_bias, strict=True))
    else:
        position = {name: i for i, name in enumerate(order)}
        candidates = {}
        for norm in norms:
            before = [
                n for n in layers if position[n + ".weight"] < position[f"{norm}.running_mean"]
            ]
            if before:
                candidates[norm] = before[-1]
    for norm, layer in candidates.items():
        channels = tensors[f"{norm}.running_mean"].shape
        if tensors[f"{layer}.weight"].shape[:1] != channels or layer in pairs:
            return {}
        pairs[layer] = norm
    has_bias = any(f"{layer}.bias" in side for layer in pairs for side in (free, matched))
    return pairs if len(pairs) == len(norms) and has_bias else {}


def _describe_fused(context: Context, pairs: dict[str, str]) -> Explanation:
    """Return the explanation of a checkpoint whose batch norm was fused before it was saved."""
    missing = {*context.missing}
    norms = tuple(f"{norm}." for norm in pairs.values())
    biases = {f"{layer}.bias" for layer in pairs} & {*context.unexpected}
    names = biases | {n for n in missing if n.startswith(norms)}
    moved = {layer: norm for layer, norm in pairs.items() if f"{layer}.bias" in biases}
    mean = (
        f"-state[a + '.bias'] if a + '.bias' in {sorted(biases)!r} else "
        "torch.zeros_like(model.get_submodule(b).running_mean)"
    )
    expression = (
        "state = {**state, **{b + '.' + p: f for a, b in "
        f"{pairs!r}.items() for m in [model.get_submodule(b)] for p, f in "
        f"(('running_mean', {mean}), ('running_var', torch.full_like(m.running_var, 1 - m.eps)), "
        "('weight', torch.ones_like(m.running_var)), ('bias', torch.zeros_like(m.running_var))) "
        "if b + '.' + p in model.state_dict()}}; "
        f"state = {{k: v for k, v in state.items() if k not in {sorted(biases)!r}}}"
    )
    counters = {n for n in missing if n.startswith(norms) and n.endswith("num_batches_tracked")}
    if counters:
        expression += (
            f"; state = {{**state, **dict.fromkeys({sorted(counters)!r}, torch.tensor(0))}}"
        )
    return Explanation(
        frozenset(names),
        "fused-batch-norm",
        "likely",
        f"Batch norm is fused into the convolutions: {len(pairs)} batch-norm layers of the model "
        f"are missing, and {len(moved) or len(pairs)} convolutions have a bias for them. The "
        "cure leaves these layers without effect; saving before the fusion would do, too.",
        {"layers": len(pairs)},
        format_names([f"{a} with {b}" for a, b in pairs.items()]),
        transform=expression,
    )


def _describe_unfused(pairs: dict[str, str], unexpected: tuple[str, ...]) -> Explanation:
    """Return the explanation of a model that was fused before the checkpoint is loaded."""
    norms = tuple(f"{norm}." for norm in pairs.values())
    names = {n for n in unexpected if n.startswith(norms)} | {f"{a}.bias" for a in pairs}
    scale = (
        "(state[b + '.weight'] if b + '.weight' in state else 1) "
        "/ (state[b + '.running_var'] + 1e-05).sqrt()"
    )
    shift = (
        "(state[b + '.bias'] if b + '.bias' in state else 0) + s * "
        "((state[a + '.bias'] if a + '.bias' in state else 0) - state[b + '.running_mean'])"
    )
    expression = (
        "state = {**state, **{a + '.' + p: f for a, b in "
        f"{pairs!r}.items() for s in [{scale}] for p, f in (('weight', state[a + '.weight'] * "
        "s.reshape(-1, *[1] * (state[a + '.weight'].ndim - 1))), "
        f"('bias', {shift}))}}}}; state = {{k: v for k, v in state.items() "
        f"if not k.startswith({norms!r})}}"
    )
    return Explanation(
        frozenset(names),
        "fused-batch-norm",
        "likely",
        f"The model's {len(pairs)} batch-norm layers are fused into its convolutions, and the "
        "checkpoint has them apart: load first and fuse then. The cure fuses the checkpoint, with "
        "an epsilon of 1e-5.",
        {"layers": len(pairs)},
        format_names([f"{a} with {b}" for a, b in pairs.items()]),
        transform=expression,
    )
