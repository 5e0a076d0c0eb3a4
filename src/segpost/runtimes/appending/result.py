"""The result of `append_postprocess`: the new model, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.arguments import check_path

UNCHANGED = "the unchanged model"
RUNTIMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


class CheckReport(NamedTuple):
    """How the labels of the new model compare with those of the unchanged one.

    Attributes
    ----------
    inputs : int
        How many inputs were run.
    pixels : int
    classes : int
        How many classes there were among the labels; a check of one class says little.
    differing : int
        Pixels whose label is another, each explained by what the runtime rounds.
    clipped : int
        Pixels of these where logits are beyond the levels of the model's quantization.
    margin : float
        The largest difference of the two logits of the other such pixels, in float64.
    against : str
        What the labels were compared with.
    """

    inputs: int
    pixels: int
    classes: int
    differing: int
    clipped: int
    margin: float
    against: str

    def __str__(self) -> str:
        plural = "es" if self.classes > 1 else ""
        of = f"{self.inputs} inputs, {self.pixels} pixels of {self.classes} class{plural}: "
        if not self.differing:
            return f"{of}all labels are those of {self.against}"
        reasons = []
        if self.differing > self.clipped:
            reasons.append(f"where two logits are within {self.margin:.1g} and the runtime rounds")
        if self.clipped:
            reasons.append(f"{self.clipped} where logits are beyond the levels of a quantization")
        return f"{of}{self.differing} labels differ from {self.against}, {', '.join(reasons)}"


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
    other_outputs : tuple of str
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
    other_outputs: tuple[str, ...]
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
