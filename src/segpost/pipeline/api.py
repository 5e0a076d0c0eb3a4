"""`postprocess`: everything after the network in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from segpost._core.arguments import Check, NanRule
from segpost._core.array_types import ArrayT, HostArray, NumpyArray
from segpost._core.logits import as_logits
from segpost._core.sampling import Grid
from segpost._core.unknown_names import explain_arguments
from segpost.color.palette import PaletteLike
from segpost.crf.model import DenseCRF
from segpost.crf.terms import PresetName
from segpost.pipeline.decoding import Decoding
from segpost.pipeline.execute import as_guide, execute
from segpost.pipeline.label_outputs import segment_labels
from segpost.pipeline.options import (
    ConfidenceDtype,
    ConfidenceMode,
    PostprocessSettings,
    ProbabilitiesDtype,
    check_options,
)
from segpost.pipeline.plan import build_plan, with_image_size, wrap_outputs
from segpost.pipeline.queries.inputs import as_query_logits
from segpost.pipeline.queries.rules import rules_of
from segpost.pipeline.queries.semantic import segment_semantic
from segpost.pipeline.ranked import segment_ranked, with_probabilities_dtype
from segpost.pipeline.results import RANKED, Want
from segpost.pipeline.segmentation import Segmentation, WantT
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName
from segpost.spatial.letterbox import Letterbox

if TYPE_CHECKING:
    from typing_extensions import Unpack


@overload
def postprocess(
    logits: HostArray | Mapping[str, HostArray] | Sequence[HostArray],
    *,
    image: Any = ...,
    want: tuple[WantT, ...] = ...,
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[NumpyArray, WantT]: ...
@overload
def postprocess(
    logits: ArrayT | Mapping[str, ArrayT] | Sequence[ArrayT],
    *,
    image: Any = ...,
    want: tuple[WantT, ...] = ...,
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[ArrayT, WantT]: ...
@overload
def postprocess(
    logits: HostArray,
    *,
    image: Any = ...,
    want: Iterable[Want],
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[NumpyArray, Want]: ...
@overload
def postprocess(
    logits: ArrayT,
    *,
    image: Any = ...,
    want: Iterable[Want],
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[ArrayT, Want]: ...
@overload
def postprocess(
    logits: Any,
    *,
    image: Any = ...,
    want: tuple[WantT, ...] = ...,
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[Any, WantT]: ...
@overload
def postprocess(
    logits: Any,
    *,
    image: Any = ...,
    want: Iterable[Want],
    **settings: Unpack[PostprocessSettings],
) -> Segmentation[Any, Want]: ...
@explain_arguments
def postprocess(
    logits: Any,
    *,
    convention: Convention | ConventionName | None = None,
    axis: int | None = None,
    volume: bool | None = None,
    nearest_axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: Grid | None = None,
    letterbox: Letterbox | None = None,
    scale: float | Sequence[float] | None = None,
    image: Any = None,
    palette: PaletteLike | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | PresetName | None = None,
    threshold: float | None = None,
    decode: Decoding = "argmax",
    quantization: tuple[float, int] | None = None,
    confidence_mode: ConfidenceMode = "exact",
    confidence_dtype: ConfidenceDtype = "float32",
    probabilities_dtype: ProbabilitiesDtype = "float32",
    topk: int = 3,
    nan: NanRule = "raise",
    check: Check = "sync",
    want: Iterable[Want] = ("labels",),
) -> Any:
    """Compute labels, confidence, colors and overlay from a network's logits, with upsampling.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w), of volumes (C, d, h, w) or (N, C, d, h, w)
        As in `argmax`; channels last with ``axis=-1``. With a `convention`, the output of the
        runtime: a dict, a dataclass, a list, labels or probabilities.
    convention : Convention or str, optional
        The output format of a runtime, or its name, such as "torchvision", "smp", "transformers",
        "keras-hub" or "tf1-deeplab" (see `Convention.names`). It selects the array, and defines its
        class axis, its grid, its quantization and whether it holds logits, probabilities, labels or
        queries ("mask2former", "maskformer", "oneformer", "eomt": task "semantic" of
        `segment_queries`, which gives segments, too).
        `axis`, `grid` and `quantization` must then be left out or agree with it.
    axis : int, optional
        The class axis, -3 (default; of volumes -4) or -1.
    volume : bool, optional
        Whether the logits are volumes, as in `argmax`. Volumes have no letterbox, colors
        and regions, an image for `crf` alone, and no convention but
        ``segpost.Convention(kind="probabilities")`` of nnU-Net's .npz; an image of a batch is a
        volume. `Segmentation.save` writes their overlay.
    nearest_axis : int, optional
        Of volumes, as in `argmax`: nnU-Net's separate z.
    size : (H, W) or (D, H, W), optional
        The size of all results; by default that of the image, if there is one that is not smaller
        than the logits and no letterbox, else that of the logits. No full-size logits are computed.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        The sampling grid, as in `argmax`; "half_pixel" by default.
    letterbox : Letterbox, optional
        The geometry of the network's input: results have the size of the image, without the
        padding. Each output pixel is mapped to the input (clamped to the centers of the image's
        outermost pixels there) and on to the logits by `grid`, in one exact step. Upsampling the
        logits to the input, cropping and resizing would approximate it. Logits in the padding are
        ignored, except the ones needed to interpolate the image's border; NaN in ignored logits is
        no error.
    scale : float, or one for each axis, optional
        Instead of `size`, as in `argmax`.
    image : uint8 array of shape (H, W, 3), (3, H, W), (N, H, W, 3) or (N, 3, H, W), optional
        The RGB image, for the overlay, for `crf` and for `Segmentation.figure`. It has the size of
        the results. Where both layouts would fit, the channels are last. Of volumes, for `crf`: the
        scan, (D, H, W) or (D, H, W, G), as `DenseCRF` takes it.
    palette : Palette, str, (K, 3) integers, or dict, optional
        As in `colorize`; a dict of class names, such as ``model.config.id2label``, gives distinct
        colors. Required for "color" and "overlay"; also used by `Segmentation.save`.
    alpha : float or sequence of floats
        Weight of the colors in the overlay, as in `overlay`.
    crf : DenseCRF or {"pydensecrf", "deeplab"}, optional
        Refine the probabilities along the edges of the image; all results follow from the refined
        ones. All probabilities are computed at full size for it. `nan` is ignored: NaN always
        raises. Volumes need ``DenseCRF(volume=True, ...)``; they have no presets.
    threshold : float, optional
        For a one-channel sigmoid head: label 1 where sigmoid(logit) > threshold. The comparison is
        of logits, exactly: logit > log(threshold / (1 - threshold)), rounded to the logits'
        precision.
    decode : {"argmax", "dice", "iou"}
        The rule for labels. "dice" and "iou" find a threshold for each class and image that
        maximises the expected Dice or IoU of the image: RankSEG [1]_ by the approximation RMA [2]_.
        A class is active where its largest probability is above 1/2. A pixel above the thresholds
        of several active classes, or of none, gets the class that raises its score most. Logits of
        one channel are those of a sigmoid, whose label 1 is what lies above the threshold.
        Probabilities are computed twice or more, and are not kept. The labels are the same bits on
        every backend. On the CPU alone; without volumes, queries and "confidence".
    quantization : (scale, zero_point), optional
        For int8 or uint8 logits (TFLite, ONNX): a real logit is scale * (value - zero_point).
        Labels do not depend on it; confidence and probabilities do. (0.0, 0), which runtimes say
        of an output of floats, is none.
    confidence_mode : {"exact", "fast"}
        Confidence within 1e-6 of float64, or within 1e-5 where that is faster. (With upsampling the
        measured rounding error is at most 3e-7; 4e-6 is proven.)
    confidence_dtype : {"float32", "uint8"}
        Use "uint8" for display only: it is ``np.rint(255 * confidence)``. Backends may differ by 1
        where that is next to a tie. Undefined confidence is 0.
    probabilities_dtype : {"float32", "uint16", "uint8"}
        Of "probabilities" and "topk". "uint16" is ``np.rint(65535 * p)``, "uint8" is
        ``np.rint(255 * p)``; undefined ones are 0. On a device: float32, or uint8 of "topk".
    topk : int
        The number of classes in "topk", from 1 to 16.
    nan : {"raise", "propagate"}
        As in `argmax` and `softmax`.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    want : iterable of {"labels", "confidence", "probabilities", "color", "overlay", "entropy", \
"margin", "topk", "regions"}
        The results to compute. Confidence is the probability of the label. Entropy is
        ``-sum(p * log(p))`` over the classes, in nats: from 0 to log(C). Margin is the largest
        probability minus the second. "topk" is the classes with the largest probabilities, in the
        exact order of the interpolated logits: of equal ones the first class comes first, and where
        ``nan="propagate"`` leaves NaN, NaN comes before all numbers. A variable that holds names
        has the type ``tuple[segpost.typing.Want, ...]``.
        "regions" are those of `segpost.regions`, one for each label; they have the mean confidence
        if that is wanted, too.

    Returns
    -------
    segmentation : Segmentation
        Results that are not wanted are None. The others have the array type of `logits`: labels
        (N, H, W) uint8 or int32, confidence (N, H, W) of `confidence_dtype`, probabilities
        (N, C, H, W) of `probabilities_dtype` (class axis as in the logits), entropy and margin
        (N, H, W) float32 (within 1e-5), topk a `TopK` of labels and probabilities (N, k, H, W),
        color and overlay (N, H, W, 3) uint8 (channels last, whatever the image's layout); without N
        if the logits have none. Regions are a `Regions`, of a batch a tuple of them.

    Raises
    ------
    ValueError, TypeError
        For arguments that are invalid or do not fit each other: the message names the argument, its
        value and where the first bad value is. Logits of one class without `threshold`, and
        integers that look like label maps, are errors too: the label of every pixel would be 0.

    References
    ----------
    .. [1] B. Dai, C. Li: RankSEG: A Consistent Ranking-based Framework for Segmentation. JMLR 24
       (2023).
    .. [2] Z. Wang, B. Dai: RankSEG-RMA: An Efficient Segmentation Algorithm via Reciprocal Moment
       Approximation. NeurIPS 2025.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.zeros((21, 2, 2), np.float32)
    >>> logits[15, :, 1] = 9.0
    >>> seg = segpost.postprocess(logits, size=(4, 4), palette="voc", want=("labels", "color"))
    >>> seg.labels[0], seg.color[0, -1]
    (array([ 0, 15, 15, 15], dtype=uint8), array([192, 128, 128], dtype=uint8))
    """
    options = check_options(
        convention=convention,
        axis=axis,
        volume=volume,
        nearest_axis=nearest_axis,
        size=size,
        grid=grid,
        letterbox=letterbox,
        scale=scale,
        palette=palette,
        alpha=alpha,
        crf=crf,
        threshold=threshold,
        decode=decode,
        quantization=quantization,
        confidence_mode=confidence_mode,
        confidence_dtype=confidence_dtype,
        probabilities_dtype=probabilities_dtype,
        topk=topk,
        nan=nan,
        check=check,
        want=want,
    )
    if options.volume:
        from segpost.pipeline.volumes import segment_volumes  # most calls are of images

        return segment_volumes(logits, image, options, is_implied=volume is None)
    kind = "logits"
    if options.convention is not None and options.convention.kind == "queries":
        class_logits, mask_logits = options.convention.pick_queries(logits)
        head = as_query_logits(class_logits, mask_logits)
        return segment_semantic(head, rules_of(options.convention.dialect), options, image)
    if options.convention is not None:
        logits, kind = options.convention.pick(logits)
        if kind == "labels":
            return segment_labels(logits, image, options)
    source = as_logits(logits, options.axis)
    guide = None
    if image is not None:
        guide = as_guide(image)
        options = with_image_size(options, source.logits, guide)
    is_ranked = not options.outputs.isdisjoint(RANKED)
    planned = options
    if is_ranked and (kind == "probabilities" or options.crf is not None):
        planned = options._replace(outputs=options.outputs | {"probabilities"})
    plan = build_plan(source, type(logits), kind, planned, guide)
    if is_ranked:
        segmentation = segment_ranked(plan, source.logits, guide, options)
    else:
        segmentation = wrap_outputs(plan, *execute(plan, source.logits, guide))
    if probabilities_dtype == "float32":
        return segmentation
    return with_probabilities_dtype(segmentation, probabilities_dtype)
