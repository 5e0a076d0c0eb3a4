"""Quantized tensors: torch copies none into a float model, and other formats are mere integers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from segpost.checkpoints.matching import format_names, is_quantized
from segpost.checkpoints.recipe import Context, Explanation, write_container
from segpost.checkpoints.tree import TensorEntry

PACKED = re.compile(r"(^|\.)_packed_params(\.|$)")
QUANTIZER = re.compile(r"(^|\.)(scale|zero_point)(_\d+)?$")
OBSERVER = re.compile(
    r"(^|\.)(\w*(fake_quant|activation_post_process|observer)\w*)\.|(^|\.)fake_quant_enabled$"
)
OTHERS = re.compile(  # of bitsandbytes, GPTQ, AWQ, and eight-bit floats
    r"(^|\.)(SCB|weight_format|qweight|qzeros|g_idx|qscales|scales|weight_scale(_inv)?|input_scale"
    r"|\w+\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+))$"
)
INTEGERS = ("int8", "uint8")
QUANTIZE = "import torch.ao.quantization as q; "


def explain_quantization(context: Context) -> Iterator[Explanation]:
    """Yield what is quantized on one side alone."""
    match = context.match
    entries = match.checkpoint
    packed = [n for n in context.unexpected if PACKED.search(n)]
    quantized = [n for n, e in entries.items() if is_quantized(e) and n not in packed]
    wanted = [n for n, e in match.model.items() if is_quantized(e) or PACKED.search(n)]
    if (packed or quantized) and not wanted:
        yield _describe_torch(context, packed, quantized)
    elif wanted and not (packed or quantized):
        yield _describe_quantized_model(context, wanted)
    observers = [n for n in context.unexpected if OBSERVER.search(n)]
    if observers:
        yield Explanation(
            frozenset(observers),
            "quantized",
            "hint",
            f"{len(observers)} tensors are the ranges that quantization-aware training observed: "
            "the float network does without them.",
            {"tensors": len(observers)},
            format_names(observers),
            is_harmless=True,
        )
    others = [n for n in context.unexpected if OTHERS.search(n)]
    integers = [n for n in match.matched if _is_raw(entries[n], match.model[n])]
    if others:
        yield _describe_other(context, others)
    elif integers:
        yield Explanation(
            frozenset(integers),
            "quantized",
            "likely",
            f"{len(integers)} weights are integers: load_state_dict copies them as they are, "
            "without scale and zero point.",
            {"tensors": len(integers)},
            format_names(integers),
            has_cure=False,
        )


def _describe_torch(context: Context, packed: list[str], quantized: list[str]) -> Explanation:
    """Return the explanation of a state dict of a quantized network of torch."""
    layers = sorted({n.split("._packed_params")[0] for n in packed})
    companions = [n for n in context.unexpected if QUANTIZER.search(n)]
    lost = [n for n in context.missing if n.rpartition(".")[0] in layers]
    names = frozenset([*packed, *quantized, *companions, *lost])
    is_dynamic = bool(packed)
    container = write_container(context.match.root)
    before = f"{container}; " if container else ""
    if context.match.rule.cure:
        before += f"{context.match.rule.cure}; "
    transform = cure = ""
    # The loaders of quantized layers ask for the versions that a renamed state dict lacks.
    load = "model.load_state_dict(state)"
    if context.match.rule.cure:
        load = (
            "state = __import__('collections').OrderedDict(state); "
            f"state._metadata = model.state_dict()._metadata; {load}"
        )
    if context.target.module is not None and is_dynamic:
        cure = (
            f"{QUANTIZE}{before}model = q.quantize_dynamic(model, set({layers!r}), "
            f"dtype=q.default_dynamic_qconfig.weight().dtype); {load}"
        )
    elif context.target.module is not None and _has_stubs(context):
        cure = (
            f"{QUANTIZE}{before}model.eval(); model.qconfig = q.get_default_qconfig(); "
            "q.prepare(model, inplace=True); q.convert(model, inplace=True); "
            f"{load}"
        )
    elif not is_dynamic:
        transform = (
            "state = {k: v.dequantize() if v.is_quantized else v for k, v in state.items() "
            f"if k not in {companions!r}}}"
        )
    kinds = sorted({context.match.checkpoint[n].kind for n in quantized})
    return Explanation(
        names,
        "quantized",
        "certain",
        "The checkpoint is of a quantized network "
        + (
            f"({len(layers)} layers with packed weights)"
            if is_dynamic
            else f"({len(quantized)} tensors of {', '.join(kinds)}, with scale and zero point "
            "beside them)"
        )
        + ", and the model is not quantized: torch copies no quantized values. Quantize the model "
        "in the same way first.",
        {"tensors": len(names)},
        format_names([*quantized, *packed]),
        transform=transform,
        cure=cure,
        has_cure=bool(cure or transform),
    )


def _has_stubs(context: Context) -> bool:
    """Return whether a live model has the stubs that convert its input."""
    parts = context.target.module.modules()
    return any(type(part).__name__ in ("QuantStub", "QuantWrapper") for part in parts)


def _describe_quantized_model(context: Context, wanted: list[str]) -> Explanation:
    """Return the explanation of a float checkpoint for a model that is quantized already."""
    layers = {n.split("._packed_params")[0].rpartition(".")[0] for n in wanted}
    layers |= {n.split("._packed_params")[0] for n in wanted}
    beside = [n for n in context.missing if QUANTIZER.search(n)]
    extra = [n for n in context.unexpected if n.rpartition(".")[0] in layers]
    return Explanation(
        frozenset([*wanted, *beside, *extra]),
        "quantized",
        "certain",
        f"{len(wanted)} tensors of the model are quantized, and the checkpoint is not: torch "
        "copies no float values into them. Load the float network first, and quantize it then.",
        {"tensors": len(wanted)},
        format_names(wanted),
        has_cure=False,
    )


def _is_raw(source: TensorEntry, target: TensorEntry) -> bool:
    """Return whether integers would be copied into weights of another type."""
    return (
        source.kind in INTEGERS
        and target.kind.startswith(("float", "bfloat"))
        and len(source.shape) > 1
    )


def _describe_other(context: Context, others: list[str]) -> Explanation:
    """Return the explanation of integers with scales that no loader of torch applies."""
    match = context.match
    transform = ""
    weights: dict[str, str] = {}
    for name in others:
        layer, _, end = name.rpartition(".")
        weight = f"{layer}.weight" if layer else "weight"
        if end in ("SCB", "weight_scale") and weight in match.matched:
            rows = match.model[weight].shape[0]
            if match.checkpoint[name].size in (1, rows):
                weights[weight] = name
    if weights:
        divisor = " / 127" if all(n.endswith("SCB") for n in weights.values()) else ""
        transform = (
            "state = {k: v.float() * state[s].float().reshape(-1, *[1] * (v.ndim - 1))"
            f"{divisor} if (s := {weights!r}.get(k)) else v for k, v in state.items() "
            f"if k not in {others!r}}}"
        )
    affected = [n for n in match.matched if n in weights]
    layers = {n.rpartition(".")[0].partition(".weight")[0] for n in others}
    lost = [n for n in (*context.missing, *match.mismatched) if n.rpartition(".")[0] in layers]
    return Explanation(
        frozenset([*others, *affected, *lost]),
        "quantized",
        "certain",
        f"The checkpoint is quantized by another library ({format_names(others[:3])}): "
        "load_state_dict does not apply its scales"
        + (", and would copy the integers as they are." if affected else "."),
        {"tensors": len(others)},
        format_names([*affected, *others]),
        transform=transform,
        has_cure=bool(transform) and not lost,
    )
