"""`append_postprocess`: a model whose graph ends in labels."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any

from segpost._core.arguments import NanRule
from segpost._core.sampling import Grid
from segpost._core.unknown_names import explain_arguments
from segpost.color.palette import PaletteLike
from segpost.runtimes.appending.result import AppendedModel
from segpost.spatial.letterbox import Letterbox


@explain_arguments
def append_postprocess(
    model: str | PathLike[str] | bytes | Any,
    *,
    want: Iterable[str] = ("labels",),
    size: tuple[int, int] | str | None = None,
    grid: Grid | None = None,
    output: str | int | None = None,
    threshold: float | None = None,
    letterbox: Letterbox | None = None,
    palette: PaletteLike | None = None,
    alpha: Any = 0.5,
    nan: NanRule = "raise",
    standard: bool = False,
    inputs: Any = None,
    check: bool = True,
) -> AppendedModel:
    """Replace what stands behind a model's logits, so that its graph ends in labels.

    It finds the last Resize, and the Softmax, Sigmoid, ArgMax, TopK, Transpose, Cast, Squeeze and
    quantization behind it, and puts operators of segpost (docs/reference/operators.md) in their
    place. The labels are compared with those of the unchanged model before it returns.

    Parameters
    ----------
    model : path, onnx.ModelProto, bytes of one, or openvino.Model
        A file .onnx, or .xml of OpenVINO. It is not changed.
    want : iterable of {"labels", "confidence", "color", "overlay"}
        The new outputs, in this order: labels (N, H, W), uint8 of up to 256 classes, else int32;
        confidence (N, H, W) float32; color and overlay (N, H, W, 3) uint8. They stand in the place
        of the output; further outputs stay.
    size : (H, W), "input", "image" or "logits", optional
        The size of the labels. By default that which the model itself resizes to, computed in the
        graph where it is. "input" is that of the network's input, "image" that of the image which
        the overlay is drawn on, "logits" that of the logits.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        The sampling grid, for a model that does not resize its logits.
    output : str or int, optional
        The output with the logits or the labels, where several have a resize.
    threshold : float, optional
        For logits of one channel: label 1 where the sigmoid exceeds it. Graphs store it as
        float32.
    letterbox : Letterbox, optional
        The geometry of the network's input, as in `postprocess`: labels have the size of its image.
    palette : Palette, name or colors, optional
        For color and overlay.
    alpha : float, or one for each class
        The weight of the colors in the overlay.
    nan : {"raise", "propagate"}
        NaN is an error of the runtime, or the first NaN wins.
    standard : bool
        Standard operators in the order that is fastest in the runtime, which needs no library of
        segpost then. Only labels that are all equal to the unchanged model's are accepted. Not for
        overlays and letterboxes.
    inputs : dict of arrays, or a list of them, optional
        Inputs of the network to compare labels on, beside three random ones; an array is enough
        for a network of one input.
    check : bool
        Whether labels are compared, which needs the runtime (onnxruntime or openvino). With False
        nothing is run.

    Returns
    -------
    appended : AppendedModel
        With the new `model`, `save(path)`, and a text that says what was found and replaced.

    Raises
    ------
    ValueError
        For a model that is damaged or that segpost does not understand, with the name of the
        node and the cure; for labels that differ, with how many and where the first is.
    TypeError
        If `model` is none.
    ImportError
        If onnx, or what runs the model, is not installed.

    Notes
    -----
    A runtime computes positions and sums of its resize in float32, segpost in float64. Where two
    logits are within what that rounding can explain, the labels may differ; such pixels are
    counted in `AppendedModel.check`. By how much a pixel may be off is computed for each, from
    the logits around it: 3 * 2^-24 * (h + w) times their spread, plus 12 roundings of the
    coarsest type behind the logits.
    """
    from segpost.runtimes.appending.api import append_to
    from segpost.runtimes.appending.options import read_options

    options = read_options(want, size, grid, threshold, letterbox, palette, alpha, nan, standard)
    return append_to(model, options, output, inputs, check)
