"""What was found in a model, and what was made of it, as an `AppendedModel` and as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.result import RUNTIMES, AppendedModel, CheckReport
from segpost.runtimes.appending.tail import Tail

LOADING = {
    "onnxruntime": 'register_custom_ops_library(segpost.runtimes.library("onnxruntime"))',
    "openvino": "add_extension of each of segpost.runtimes.openvino_operators.OPERATORS",
}


def make_result(
    model: Any,
    runtime: str,
    tail: Tail,
    options: AppendOptions,
    plan: Plan,
    report: CheckReport | None,
    folder: Path | None,
) -> AppendedModel:
    """Return the result of a model that was made."""
    is_fixed = plan.height is not None and plan.width is not None
    return AppendedModel(
        model=model,
        runtime=runtime,
        outputs=dict(zip(options.want, plan.outputs, strict=True)),
        image=plan.image,
        logits=tail.head_name,
        size=(plan.height, plan.width) if is_fixed else None,  # type: ignore[arg-type]
        grid=plan.grid,
        replaced=tuple(step.name for step in tail.steps if step.name),
        other_outputs=tail.others,
        needs_library=not options.is_standard,
        check=report,
        text=_describe(runtime, tail, options, plan, report),
        folder=folder,
    )


def _describe(
    runtime: str, tail: Tail, options: AppendOptions, plan: Plan, report: CheckReport | None
) -> str:
    """Return what was found and replaced, a line each."""
    order = "classes first" if tail.class_axis == -3 else "classes last"
    resize = tail.resize
    lines = {
        "model": f"{RUNTIMES[runtime]}, output {tail.output!r} of {tail.kind}",
        "logits": f"{tail.head_name!r}, {tail.dtype} {_shape(tail.shape)}, {order}",
        "grid": plan.grid if resize is None else f"{plan.grid}, that of {resize.name}",
        "size": _describe_size(tail, options, plan),
        "replaced": ", ".join(step.name for step in tail.steps if step.name) or "nothing",
    }
    if plan.threshold is not None:
        lines["threshold"] = f"{plan.threshold:g}"
    lines["by"] = "standard operators"
    if not options.is_standard:
        lines["by"] = f"operators of segpost, which {RUNTIMES[runtime]} gets by {LOADING[runtime]}"
    for word, name in zip(options.want, plan.outputs, strict=True):
        dtype, sides = plan.describe(word)
        lines[f"output {word}"] = f"{name!r}, {dtype} {_shape(sides)}"
    if plan.image:
        lines["input"] = f"{plan.image!r}, uint8 (N, H, W, 3): what the overlay is drawn on"
    if tail.others:
        lines["other outputs"] = ", ".join(map(repr, tail.others))
    lines["check"] = "none: the labels were not compared" if report is None else str(report)
    width = max(map(len, lines))
    return "\n".join(f"{word:<{width}}  {text}" for word, text in lines.items())


def _describe_size(tail: Tail, options: AppendOptions, plan: Plan) -> str:
    sides = "" if plan.height is None or plan.width is None else f"{plan.height} x {plan.width}"
    if options.letterbox is not None:
        return f"{sides}, that of the letterbox's image"
    if options.size in ("input", "image", "logits"):
        source = {
            "input": "of the model's input",
            "image": "of the image",
            "logits": "of the logits",
        }
        return ", ".join(filter(None, (sides, source[str(options.size)])))
    if options.size is None and tail.resize is not None:
        return ", ".join(filter(None, (sides, f"that of {tail.resize.name}")))
    return sides


def _shape(sides: object) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in sides)})"  # type: ignore[attr-defined]
