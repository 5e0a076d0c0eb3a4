"""The result of `append_postprocess`: the new model, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from segpost._core.arguments import check_path
from segpost.runtimes.appending.check import CheckReport
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail

RUNTIMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True, repr=False)
class AppendedModel:
    """A model whose graph ends in labels; its text says what was found and replaced.

    Attributes
    ----------
    model : onnx.ModelProto or openvino.Model
        The new model; the one that was passed is unchanged.
    runtime : {"onnxruntime", "openvino"}
        What runs it.
    outputs : dict of str to str
        The names of the new outputs, by the words of `want`.
    image : str
        The name of the new input that an overlay is drawn on, (N, H, W, 3) uint8; "" without one.
    logits : str
        The name of the logits.
    size : (H, W) or None
        That of the labels; None where the graph computes it.
    grid : str
        The sampling grid.
    replaced : tuple of str
        The nodes that the new ones stand for, with their types.
    kept : tuple of str
        Other outputs, which are as they were.
    needs_library : bool
        Whether the graph has operators of segpost, which the runtime must be given.
    text : str
        What was found and replaced, a line each.
    folder : Path or None
        Where external data are; None without any.
    check : CheckReport or None
        How the labels compare with those of the unchanged model; None with ``check=False``.
    """

    model: Any
    runtime: str
    outputs: dict[str, str]
    image: str
    logits: str
    size: tuple[int, int] | None
    grid: str
    replaced: tuple[str, ...]
    kept: tuple[str, ...]
    needs_library: bool
    check: CheckReport | None
    text: str = field(repr=False)
    folder: Path | None = field(default=None, repr=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model, atomically: .onnx, or .xml and .bin.

        Weights in files of their own (external data) stay where they are, and are named relative
        to the folder of the model: it can be saved there only.

        Raises
        ------
        ValueError
            If the ending is another, external data are elsewhere, or onnx.checker refuses it.
        OSError
            If the file cannot be written.
        """
        check_path(path, "path")
        target = Path(path)
        if self.runtime == "openvino":
            from segpost.runtimes.appending import openvino_files

            openvino_files.write_model(self.model, target)
            return
        from segpost.runtimes.appending import onnx_files

        onnx_files.write_model(self.model, target, self.folder)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<AppendedModel of {RUNTIMES[self.runtime]}: {', '.join(self.outputs.values())}>"


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
        kept=tail.others,
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
    operators = "standard operators" if options.is_standard else "operators of segpost"
    lines["by"] = operators
    for word, name in zip(options.want, plan.outputs, strict=True):
        dtype, sides = plan.describe(word)
        lines[f"output {word}"] = f"{name!r}, {dtype} {_shape(sides)}"
    if plan.image:
        lines["input"] = f"{plan.image!r}, uint8 (N, H, W, 3): what the overlay is drawn on"
    if tail.others:
        lines["kept"] = ", ".join(map(repr, tail.others))
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
