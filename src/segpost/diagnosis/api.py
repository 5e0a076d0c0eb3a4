"""`diagnose`: why is it black, why are the colors wrong, why is the IoU low."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from segpost._core.arguments import ClassNames
from segpost._core.sampling import Grid
from segpost._core.unknown_names import explain_arguments
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.inputs import as_diagnostic_inputs, describe_arrays, without_empty_arrays
from segpost.diagnosis.open_questions import iter_open_questions
from segpost.diagnosis.pictures import iter_legend, iter_pictures
from segpost.diagnosis.registry import examine
from segpost.diagnosis.result import Diagnosis
from segpost.spatial.letterbox import Letterbox


@explain_arguments
def diagnose(
    *,
    logits: Any = None,
    repeat_logits: Any = None,
    axis: int = -3,
    grid: Grid | None = None,
    letterbox: Letterbox | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    labels: Any = None,
    color: Any = None,
    target: Any = None,
    palette: Any = None,
    class_names: ClassNames | None = None,
    num_classes: int | None = None,
    ignore_index: int | Iterable[int] | None = None,
    image: Any = None,
    input: Any = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    again: Any = None,  # the name of repeat_logits in version 0.1
) -> Diagnosis:
    """Look for known mistakes in a segmentation, and return them with evidence and a fix.

    Pass everything you have: each argument decides more questions. A finding says only what the
    data show. Questions that the data leave open are in `Diagnosis.cannot_tell`.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w), optional
        Output of the network, at any size; channels last with ``axis=-1``. Any dtype that `argmax`
        takes, in memory of the CPU.
    repeat_logits : array of the shape of `logits`, optional
        Output of a second run on the same input.
    axis : int
        The class axis of logits, -3 or -1.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        How the logits were resized, as in `argmax`. By default they are resized on "half_pixel",
        and labels may be on any grid.
    letterbox : Letterbox, optional
        Letterbox of the network's input, as in `argmax`.
    threshold : float, optional
        Probability at which class 1 of a one-channel sigmoid head begins, as in `postprocess`.
    quantization : (scale, zero_point), optional
        Of integer logits, as in `postprocess`.
    labels : integer array of shape (H, W) or (N, H, W), or a Pillow image, optional
        The predicted labels. Mode, format and palette of a Pillow image are evidence too; one in
        colors is used as `color`.
    color : uint8 array of shape (H, W, 3), (3, H, W), (N, H, W, 3) or (N, 3, H, W), optional
        The image that was drawn of the labels.
    target : integer array of shape (H, W) or (N, H, W), or a Pillow image, optional
        The ground truth.
    palette : Palette, str, (K, 3) array, or dict, optional
        The colors in which labels are drawn, as in `colorize`; here also floats in 0..1.
    class_names : sequence of str, or dict of them by label, optional
        Names of the classes.
    num_classes : int, optional
        Number of classes; by default that of the names, else of the logits or the palette.
    ignore_index : int or integers, optional
        Target values that are ignored (VOC: void); by default the palette's.
    image : uint8 array of shape as `color`, or a Pillow image, optional
        The image that was segmented.
    input : array of shape (3, H, W), (N, 3, H, W), (H, W, 3) or (N, H, W, 3), optional
        The tensor that the network was fed.
    mean, std : three numbers each, optional
        The intended normalization: (image - mean) / std, of an image in 0..1 (as in torchvision)
        or, where one of the numbers is above 1.5, in 0..255 (as in mmsegmentation). Means of 0 and
        deviations of 1 are no normalization; the range of `input` then tells whether 255 is 1.

    Returns
    -------
    diagnosis : Diagnosis
        Its `findings`, the most certain first, each with a code, a sentence, evidence and a cure.
        ``print`` it, or see `Diagnosis.to_json`, `to_markdown` and `to_html`.

    Raises
    ------
    ValueError, TypeError
        If no array is passed, or an argument is not what its name says: not an array, a wrong
        number of dimensions, labels that are floats and no ids, an array on a device.

    Notes
    -----
    Labels, palettes and agreement are compared exactly, on all pixels (of a batch, on as many
    images as have four million pixels). Floats that hold ids (whole numbers, ids divided by 255,
    the bits of integers) are read as these ids, and a finding says so. Statistics of logits are
    computed on some 65,000 evenly spaced pixels; NaN and infinities are counted on all.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.arange(4, dtype=np.uint8).repeat(16).reshape(1, 64).repeat(64, 0)
    >>> labels = np.roll(target, 5, axis=1)
    >>> diagnosis = segpost.diagnose(labels=labels, target=target, num_classes=4)
    >>> diagnosis.findings[0].code, diagnosis.findings[0].evidence["right"]
    ('shifted', 5)
    """
    if again is not None:
        if repeat_logits is not None:
            raise TypeError(
                "diagnose got repeat_logits and again, which are one argument: again is the old "
                "name; pass repeat_logits alone"
            )
        repeat_logits = again
    inputs = as_diagnostic_inputs(
        logits=logits,
        repeat_logits=repeat_logits,
        axis=axis,
        grid=grid,
        letterbox=letterbox,
        threshold=threshold,
        quantization=quantization,
        labels=labels,
        color=color,
        target=target,
        palette=palette,
        class_names=class_names,
        num_classes=num_classes,
        ignore_index=ignore_index,
        image=image,
        input=input,
        mean=mean,
        std=std,
    )
    context = DiagnosticContext(without_empty_arrays(inputs))
    findings = examine(context)
    return Diagnosis(
        findings,
        tuple(iter_open_questions(context, findings)),
        describe_arrays(inputs),
        tuple(iter_pictures(context)),
        tuple(iter_legend(context)),
    )
