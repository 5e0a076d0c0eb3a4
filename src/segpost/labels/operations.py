"""`argmax` and `softmax` of logits, with upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._backends.volumes import sum_volumes
from segpost._core import arguments, errors
from segpost._core.arguments import Check, NanRule
from segpost._core.array_types import ArrayT, Float32Array, HostArray, LabelArray, SupportsArray
from segpost._core.arrays import LABEL_KINDS, allocate_output, label_dtype
from segpost._core.degenerate_logits import (
    CallSettings,
    may_be_degenerate,
    refuse_degenerate_logits,
)
from segpost._core.logits import as_logits
from segpost._core.sampling import Grid
from segpost._core.suspicious_logits import (
    volume_cure,
    warn_of_layout,
    warn_of_volume_axis,
)
from segpost._core.suspicious_probabilities import warn_before_softmax
from segpost._core.suspicious_sizes import check_sides
from segpost._core.unknown_names import explain_arguments
from segpost.labels.volumes import are_volumes, label_volumes, resolve_nearest_axis
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import plan_resampling

MIN_PIXELS = 256  # of one class; fewer are an example


@overload
def argmax(
    logits: HostArray,
    *,
    axis: int | None = ...,
    size: Sequence[int] | None = ...,
    grid: Grid = ...,
    letterbox: Letterbox | None = ...,
    scale: float | Sequence[float] | None = ...,
    volume: bool | None = ...,
    nearest_axis: int | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> LabelArray: ...
@overload
def argmax(
    logits: ArrayT,
    *,
    axis: int | None = ...,
    size: Sequence[int] | None = ...,
    grid: Grid = ...,
    letterbox: Letterbox | None = ...,
    scale: float | Sequence[float] | None = ...,
    volume: bool | None = ...,
    nearest_axis: int | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: ArrayT | None = ...,
) -> ArrayT: ...
@overload
def argmax(
    logits: SupportsArray,
    *,
    axis: int | None = ...,
    size: Sequence[int] | None = ...,
    grid: Grid = ...,
    letterbox: Letterbox | None = ...,
    scale: float | Sequence[float] | None = ...,
    volume: bool | None = ...,
    nearest_axis: int | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> LabelArray: ...
@explain_arguments
def argmax(
    logits: Any,
    *,
    axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: Grid = "half_pixel",
    letterbox: Letterbox | None = None,
    scale: float | Sequence[float] | None = None,
    volume: bool | None = None,
    nearest_axis: int | None = None,
    nan: NanRule = "raise",
    check: Check = "sync",
    out: Any = None,
) -> Any:
    """Compute the label of every pixel: the first index of the largest logit, after upsampling.

    Images are upsampled bilinearly, volumes trilinearly.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w)
        Channels last with ``axis=-1``. float64, float32, float16, bfloat16, or integers (of 64
        bits up to 2**53); any strides. NumPy, torch, anything with ``__dlpack__``, the buffer
        protocol or ``__array__``. ``volume=True``, a `size` of three numbers, or ``axis=-4``
        select volumes of shape (C, d, h, w) or (N, C, d, h, w). Probabilities are read as logits:
        they have the same labels, but after a resize a few differ, as the softmax is not linear.
    axis : int, optional
        The class axis: -3 (default; of volumes -4) or -1.
    size : (H, W) or (D, H, W), optional
        The size of the result: logits are upsampled (or downsampled) to it, without full-size
        logits in memory.
    grid : {"half_pixel", "align_corners", "asymmetric"}
        The coordinate transformation, named as in ONNX Resize: "half_pixel" is torch's
        ``align_corners=False``, TF2 and OpenCV; "align_corners" is TF1 DeepLab; "asymmetric" is
        TF1's default.
    letterbox : Letterbox, optional
        The geometry of the network's input, as in `postprocess`; not for volumes.
    scale : float, or one for each axis, optional
        Instead of `size`: the size is floor(shape * scale), and neighboring results are 1 / scale
        logits apart, as with torch's ``scale_factor`` and ONNX's ``scales``. With a `size` they are
        shape / size apart, which is the same only where shape * scale is whole. A scale is a ratio
        of integers up to 4096.
    volume : bool, optional
        Whether the logits are volumes. Of four dimensions they are a batch of images by default.
    nearest_axis : int, optional
        The axis of a volume, 0, 1 or 2 of (D, H, W), along which the nearest logit is taken: at
        floor(coordinate + 1/2). The others interpolate. That is nnU-Net's separate z.
    nan : {"raise", "propagate"}
        NaN is an error, or the first NaN wins, as in NumPy and torch.
    check : {"sync", "deferred", "off"}
        When bad values in arrays on a CUDA device raise: at once, which waits for the device; at
        the next `raise_deferred`; or never. They are clamped in any case. With "off" a call waits
        only if its tables (of a palette, of a size) are new on the device; other calls can be
        captured in a CUDA graph. On the CPU bad values always raise at once.
    out : array of shape (H, W) or (N, H, W), with D before H for volumes, optional
        Where to write.

    Returns
    -------
    labels : array of shape (H, W) or (N, H, W), with D before H for volumes
        Of the array type of `logits`; uint8 for up to 256 classes, int32 beyond. The labels are
        exactly those of the float64 definition, on every backend and for any number of threads. Of
        equal logits the first class wins, of several +inf, too, which have no probabilities:
        `softmax` and confidence raise an error for them.

    Raises
    ------
    ValueError
        For NaN, a pixel where every class is -inf, a wrong shape, axis, size or grid. For logits
        of one class, whose label is 0 everywhere: a sigmoid head needs
        ``segpost.postprocess(logits, threshold=0.5)``. For integers that look like label maps.
    TypeError
        For elements or devices that segpost cannot read.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.float32([[[4, 0, 0, 0]], [[0, 1, 2, 3]]])  # two classes, 1 x 4
    >>> segpost.argmax(logits)
    array([[0, 1, 1, 1]], dtype=uint8)
    >>> segpost.argmax(logits, size=(1, 8))
    array([[0, 0, 0, 1, 1, 1, 1, 1]], dtype=uint8)
    """
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    is_volume = are_volumes(volume, axis, size)
    spatial = 3 if is_volume else 2
    source = as_logits(logits, -spatial - 1 if axis is None else axis, spatial)
    argument, array, class_axis = source
    shape = argument.values.shape
    if may_be_degenerate(argument):
        refuse_degenerate_logits(source, type(logits), CallSettings())
    if is_volume:
        warn_of_volume_axis(array, class_axis)
    else:
        may_be_volume = shape[0] > 1 and axis is None and volume is None
        warn_of_layout(array, class_axis, volume_cure(size) if may_be_volume else "")
    has_size = size is not None and letterbox is None and not is_volume and shape[2] != shape[3]
    dtype = label_dtype(shape[1])
    pixel_bytes = 0 if out is not None else shape[0] * (1 if dtype is np.uint8 else 4)
    nearest = None if nearest_axis is None else resolve_nearest_axis(nearest_axis, is_volume)
    size, axes, region, origin = plan_resampling(
        shape[2:], size, grid, letterbox, scale, nearest, pixel_bytes=pixel_bytes
    )
    if has_size:
        check_sides(shape[2:], size, array.array.shape if axis is None else None)
    elif is_volume:
        from segpost._core.suspicious_volumes import (
            warn_of_volume_sides,  # most calls are of images
        )

        warn_of_volume_sides(array.array.shape, class_axis, size, is_axis_default=axis is None)
    if region is not None:
        argument = argument._replace(values=argument.values[region], origin=origin)
    is_batch = array.array.ndim == len(shape)
    shape = shape[:1] + size
    output = allocate_output(
        out, shape if is_batch else shape[1:], dtype, array.wrap, array.array, packed=1
    )
    if output.array.size:
        labels = output.array if is_batch else output.array[None]
        backend = registry.backend(argument.values, labels, check=check)
        if is_volume:
            counts = label_volumes(backend, argument, axes, labels)
        else:
            counts = backend.argmax(argument, axes, labels)
        if nan == "raise" and (counts.nan_count or counts.undefined_count):
            errors.raise_bad_logits(counts, argument, shape)
    return output.result()


@overload
def softmax(
    logits: HostArray,
    *,
    axis: int | None = ...,
    volume: bool | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> Float32Array: ...
@overload
def softmax(
    logits: ArrayT,
    *,
    axis: int | None = ...,
    volume: bool | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: ArrayT | None = ...,
) -> ArrayT: ...
@overload
def softmax(
    logits: SupportsArray,
    *,
    axis: int | None = ...,
    volume: bool | None = ...,
    nan: NanRule = ...,
    check: Check = ...,
    out: npt.NDArray[Any] | None = ...,
) -> Float32Array: ...
@explain_arguments
def softmax(
    logits: Any,
    *,
    axis: int | None = None,
    volume: bool | None = None,
    nan: NanRule = "raise",
    check: Check = "sync",
    out: Any = None,
) -> Any:
    """Compute the probabilities of the classes, in float32 for logits of any type.

    Parameters
    ----------
    logits : array of shape (C, H, W) or (N, C, H, W), with D before H for volumes
        Channels last with ``axis=-1``. Floats of any width; integers are refused, because they are
        quantized (see `postprocess`).
    axis : int, optional
        The class axis, -3 (default; of volumes -4) or -1.
    volume : bool, optional
        Whether the logits are volumes; ``axis=-4`` implies it. Of four dimensions they are a batch
        of images by default. For another size call `postprocess` with
        ``want=("probabilities",)``.
    nan : {"raise", "propagate"}
        Undefined probabilities (of a NaN, a +inf, every class -inf) are an error, or NaN.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : float32 array of the shape of `logits`, optional
        Where to write.

    Returns
    -------
    probabilities : float32 array of the shape and the array type of `logits`
        Within 1e-6 of the float64 result, for logits up to 1e8 in size.

    Raises
    ------
    ValueError, TypeError
        As `argmax`.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.softmax(np.float32([[[0.0, 9.0]], [[0.0, 0.0]]]))[0].round(4)
    array([[0.5   , 0.9999]], dtype=float32)
    """
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    is_volume = are_volumes(volume, axis, None)
    spatial = 3 if is_volume else 2
    argument, array, class_axis = as_logits(logits, -spatial - 1 if axis is None else axis, spatial)
    if array.kind in LABEL_KINDS:
        raise TypeError(
            f"logits must be floats, got {array.kind}; for a quantized network call "
            "segpost.postprocess(logits, quantization=(scale, zero_point))"
        )
    if is_volume:
        warn_of_volume_axis(array, class_axis)
    else:
        may_be_volume = axis is None and volume is None
        warn_of_layout(array, class_axis, volume_cure(None) if may_be_volume else "")
    if argument.values.shape[1] == 1 and argument.values.size >= MIN_PIXELS:
        errors.warn_of_input(
            f"logits of shape {array.array.shape} have one class on axis {class_axis}, so that "
            "every probability is 1; those of a sigmoid head are 1 / (1 + numpy.exp(-logits))"
        )
    warn_before_softmax(argument, "use them as they are, without segpost.softmax")
    output = allocate_output(out, array.array.shape, np.float32, array.wrap, array.array)
    if output.array.size:
        is_batch = array.array.ndim == spatial + 2
        probabilities = output.array if is_batch else output.array[None]
        if class_axis == -1:
            probabilities = np.moveaxis(probabilities, -1, 1)
        backend = registry.backend(argument.values, probabilities, check=check)
        if is_volume:
            counts = sum_volumes(
                argument,
                (probabilities,),
                lambda slices, images: backend.softmax(slices, None, images[0], None),
            )
        else:
            counts = backend.softmax(argument, None, probabilities, None)
        if nan == "raise" and counts.undefined_count:
            n, _, *size = probabilities.shape
            errors.raise_bad_logits(counts, argument, (n, *size), of_probabilities=True)
    return output.result()
