"""Adapters of low rank (LoRA), whose products are part of the weights under other names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from segpost.checkpoints.matching import format_names
from segpost.checkpoints.recipe import Context, Explanation

FACTOR = re.compile(r"^(.*?)\.?(lora_[AB])(?:\.(\w+))?\.weight$")
PREFIX = "base_model.model."


def explain_adapters(context: Context) -> Iterator[Explanation]:
    """Yield the factors of low rank that one side has."""
    unexpected = [n for n in context.unexpected if "lora_" in n]
    if unexpected:
        yield _describe_factors(context, unexpected)
    names = [n for n in context.match.model if "lora_" in n]
    matched = {*context.match.matched}
    if not names or (not unexpected and not any(n in matched for n in names)):
        fresh = [n for n in context.missing if "lora_" in n]
        if fresh:
            yield Explanation(
                frozenset(fresh),
                "adapter",
                "hint",
                f"{len(fresh)} factors of an adapter are missing: they keep their initial values, "
                "whose product is zero.",
                {"tensors": len(fresh)},
                format_names(fresh),
                is_harmless=True,
            )
        return
    others = [n for n in context.match.checkpoint if "lora_" not in n]
    base = [n for n in context.missing if "lora_" not in n]
    if base and not any(n in matched for n in others):
        yield Explanation(
            frozenset(base),
            "adapter",
            "hint",
            f"The file has the adapter alone, as PEFT saves it: {len(base)} tensors of the network "
            "below it are expected to be in the model already.",
            {"tensors": len(base)},
            format_names(base),
            is_harmless=True,
        )


def _describe_factors(context: Context, unexpected: list[str]) -> Explanation:
    """Return the explanation of factors for a model that has no adapter."""
    model, checkpoint = context.match.model, context.match.checkpoint
    factors: dict[str, dict[str, str]] = {}
    for name in unexpected:
        match = FACTOR.match(name)
        if match:
            layer = match[1].removeprefix(PREFIX)
            factors.setdefault(layer, {})[match[2]] = name
    pairs: dict[str, tuple[str, str]] = {}
    for layer, parts in factors.items():
        weight = f"{layer}.weight" if layer else "weight"
        if {*parts} == {"lora_A", "lora_B"} and weight in model:
            a, b = (checkpoint[parts[key]].shape for key in ("lora_A", "lora_B"))
            if a[:1] == b[1:2] and b[:1] == model[weight].shape[:1]:
                pairs[weight] = (parts["lora_B"], parts["lora_A"])
    own = {n for n in model if n in checkpoint}
    base = [n for n in context.missing if not own]
    transform = (
        f"{'state = {**model.state_dict(), **state}; ' if base else ''}"
        "state = {**state, **{w: state[w] + scaling * (state[b].flatten(1) @ "
        f"state[a].flatten(1)).reshape(state[w].shape) for w, (b, a) in {pairs!r}.items()}}}}; "
        f"state = {{k: v for k, v in state.items() if k not in {unexpected!r}}}"
    )
    return Explanation(
        frozenset([*unexpected, *base]),
        "adapter",
        "likely",
        f"{len(unexpected)} tensors are factors of an adapter (LoRA) that the model does not have: "
        + ("the file has nothing but the adapter. " if base else "they would be dropped. ")
        + "peft.PeftModel.from_pretrained loads it; or add scaling * B @ A to the weights, where "
        "scaling is lora_alpha / r of adapter_config.json.",
        {"layers": len(factors)},
        format_names(unexpected),
        transform=transform if pairs else "",
        has_cure=len(pairs) == len(factors),
    )
