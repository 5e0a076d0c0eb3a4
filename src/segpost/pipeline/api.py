"""Everything after the network, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from segpost.color.palette import Palette, as_palette
from segpost.crf.model import DenseCRF
from segpost.pipeline.decoded import segmentation_of_labels
from segpost.pipeline.options import checked_want
from segpost.pipeline.plan import planned, run, segmentation
from segpost.pipeline.segmentation import Segmentation
from segpost.runtimes.convention import Convention, picked
from segpost.spatial.letterbox import Letterbox


def postprocess(
    logits: Any,
    *,
    convention: Convention | str | None = None,
    axis: int | None = None,
    size: tuple[int, int] | None = None,
    grid: str | None = None,
    letterbox: Letterbox | None = None,
    image: Any = None,
    palette: Palette | str | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | str | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Iterable[str] = ("labels",),
) -> Segmentation:
    """Labels, confidence, colors and overlay of a network's logits, upsampled on the way.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w)
        As in `argmax`; channels last with ``axis=-1``. With a `convention`, what the runtime gave:
        a dict, a dataclass, a list, labels or probabilities.
    convention : Convention or str, optional
        The runtime's name, such as "torchvision", "smp", "transformers", "keras-hub" or
        "tf1-deeplab" (`Convention.names` has them all): picks the array, and says its class axis,
        its grid, its quantization and whether it holds logits, probabilities or labels. `axis`,
        `grid` and `quantization` may then only repeat it.
    axis : int, optional
        The class axis, -3 (where left out) or -1.
    size : (H, W), optional
        Size of everything that comes out; that of the logits where left out. No full-size logits
        are ever made.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        As in `argmax`; "half_pixel" where left out.
    letterbox : Letterbox, optional
        How the picture lies in the network's input: everything comes out at the picture's own
        size, without the padding. Output pixels are mapped into the input (clamped to the middles
        of the picture's outermost pixels there) and on to the logits by `grid`, in one step and
        exactly: what enlarging the logits to the input, cutting and resizing would approximate. A
        logit that lies in the padding is read only where pixels of the picture lie between it and
        the last logit inside. NaN of others is none of the picture's.
    image : uint8 array of shape (H, W, 3) or (N, H, W, 3), optional
        The photograph, for the overlay, for `crf` and for `Segmentation.figure`.
    palette : Palette or str, optional
        Needed for "color" and "overlay"; also used by `Segmentation.save`.
    alpha : float or sequence of floats
        Weight of the colors in the overlay, as in `overlay`.
    crf : DenseCRF or {"pydensecrf", "deeplab"}, optional
        Refine the probabilities along the edges of the image: everything that comes out follows
        from the refined ones. All probabilities are made at full size for it. `nan` has no say
        then: NaN is an error.
    threshold : float, optional
        For a one-channel sigmoid head: label 1 where sigmoid(logit) > threshold. The comparison is
        made on logits, exactly: logit > log(threshold / (1 - threshold)), rounded to the logits'
        precision.
    quantization : (scale, zero_point), optional
        For int8 or uint8 logits (TFLite, ONNX): a real logit is scale * (value - zero_point).
        Labels do not depend on it; confidence and probabilities do.
    confidence_mode : {"exact", "fast"}
        Confidence within 1e-6 of float64, or within 1e-5 where that is faster. (Upsampled, that is
        what rounding errors come to, 3e-7 at most where it was measured; 4e-6 is what is proven.)
    confidence_dtype : {"float32", "uint8"}
        "uint8" is for who only shows it: ``np.rint(255 * confidence)``, of which backends may
        differ by 1 where the confidence is next to a tie; 0 where `nan` lets there be none.
    nan : {"raise", "propagate"}
        As in `argmax` and `softmax`.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    want : iterable of {"labels", "confidence", "probabilities", "color", "overlay"}
        What to make. Confidence is the probability of the label.

    Returns
    -------
    segmentation : Segmentation
        Its fields are None where not asked for, and arrays of the kind of `logits` otherwise:
        labels (N, H, W) uint8 or int32, confidence (N, H, W) of `confidence_dtype`, probabilities
        (N, C, H, W) float32 (class axis where the logits have it), color and overlay (N, H, W, 3)
        uint8; without N where the logits have none.

    Raises
    ------
    ValueError, TypeError
        For anything that does not fit together: the message names the argument, what came and where
        the first bad value is. Logits of one class without `threshold`, and integers that look like
        label maps, are errors too: the label of every pixel would be 0.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.zeros((21, 2, 2), np.float32)
    >>> logits[15, :, 1] = 9.0
    >>> seg = segpost.postprocess(logits, size=(4, 4), palette="voc", want=("labels", "color"))
    >>> seg.labels[0], seg.color[0, -1]
    (array([ 0, 15, 15, 15], dtype=uint8), array([192, 128, 128], dtype=uint8))
    """
    logits, told = picked(convention, logits)
    if told is not None and told.kind == "labels":
        return segmentation_of_labels(
            logits,
            told,
            size=size,
            letterbox=letterbox,
            image=image,
            palette=None if palette is None else as_palette(palette),
            alpha=alpha,
            check=check,
            wanted=checked_want(want),
            unfit={"crf": crf, "threshold": threshold, "quantization": quantization},
        )
    plan, view, picture = planned(
        logits,
        image,
        convention=told,
        axis=axis,
        size=size,
        grid=grid,
        letterbox=letterbox,
        palette=palette,
        alpha=alpha,
        crf=crf,
        threshold=threshold,
        quantization=quantization,
        confidence_mode=confidence_mode,
        confidence_dtype=confidence_dtype,
        nan=nan,
        check=check,
        want=want,
    )
    return segmentation(plan, picture, run(plan, view, picture))
