"""From logits to labels and probabilities, upsampled on the way where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, errors, sampling
from segpost._core import logits as core_logits
from segpost._core.arrays import allocate_output, label_dtype
from segpost._core.degenerate_logits import refuse_label_maps, refuse_one_class
from segpost.labels.volumes import label_volume
from segpost.spatial.letterbox import Letterbox, resampling


def argmax(
    logits: Any,
    *,
    axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: str = "half_pixel",
    letterbox: Letterbox | None = None,
    nan: str = "raise",
    check: str = "sync",
    out: Any = None,
) -> Any:
    """Label of every pixel: the first index of the largest logit, after bilinear upsampling.

    Volumes are upsampled trilinearly.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w)
        Channels last with ``axis=-1``. float64, float32, float16, bfloat16, or integers (of 64
        bits up to 2**53); any strides. NumPy, torch, anything with ``__dlpack__``, the buffer
        protocol or ``__array__``. Volumes, of shape (C, d, h, w) or (N, C, d, h, w), are told by
        three numbers in `size`, or by ``axis=-4``.
    axis : int, optional
        The class axis: -3 (-4 of volumes) where left out, or -1.
    size : (H, W) or (D, H, W), optional
        Upsample (or downsample) to this many pixels first. No full-size logits are ever made.
    grid : {"half_pixel", "align_corners", "asymmetric"}
        Where output pixels lie on the input grid, in the words of ONNX Resize: "half_pixel" is
        torch's ``align_corners=False``, TF2 and OpenCV; "align_corners" is TF1 DeepLab;
        "asymmetric" is TF1's default.
    letterbox : Letterbox, optional
        Of what the network saw, as in `postprocess`; not for volumes.
    nan : {"raise", "propagate"}
        "propagate" is the rule of NumPy and torch: the first NaN wins.
    check : {"sync", "deferred", "off"}
        For arrays on a CUDA device: whether bad values are told at once, which waits for the
        device, by the next `raise_deferred`, or never. They are clamped in any case. With "off"
        nothing waits but a call whose tables (of a palette, a size) are new on the device, and a
        CUDA graph can capture those that are not. On the CPU they are always told at once.
    out : array of shape (H, W) or (N, H, W), with D before H for volumes, optional
        Where to write.

    Returns
    -------
    labels : array of shape (H, W) or (N, H, W), with D before H for volumes, of the kind of \
`logits`
        uint8 for up to 256 classes, int32 beyond. The same on every backend and for any number of
        threads: exactly the float64 definition.

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
    arguments.check_choice(grid, "grid", sampling.GRIDS)
    if axis == -4 or (isinstance(size, (tuple, list, np.ndarray)) and len(size) == 3):
        if letterbox is not None:
            raise ValueError("letterbox is for images, got logits of volumes")
        return label_volume(logits, axis, size, grid, nan, check, out)
    view, given, counted = core_logits.as_logits(logits, -3 if axis is None else axis)
    view, axes = resampling(view, size, grid, letterbox)
    refuse_one_class(logits, view, given, counted)
    refuse_label_maps(logits, given, counted)
    shape = core_logits.output_shape(view, axes)
    dtype = label_dtype(view.values.shape[1])
    batched = given.array.ndim == 4
    result = allocate_output(
        out, shape if batched else shape[1:], dtype, given.wrap, given.array, packed=1
    )
    if result.array.size:
        target = result.array if batched else result.array[None]
        backend = registry.backend(view.values, target, check=check)
        report = backend.argmax(view, axes, target, None, None)
        if nan == "raise":
            errors.raise_bad_logits(report, view, shape)
    return result.result()


def softmax(
    logits: Any, *, axis: int = -3, nan: str = "raise", check: str = "sync", out: Any = None
) -> Any:
    """Probabilities of the classes, in float32 whatever the logits are.

    Parameters
    ----------
    logits : array of shape (C, H, W) or (N, C, H, W)
        Channels last with ``axis=-1``. Floats of any width; integers are refused, because they are
        quantized: see `postprocess`.
    axis : int
        The class axis, -3 or -1.
    nan : {"raise", "propagate"}
        Where a probability is not defined (a NaN, a +inf, every class -inf): an error, or NaN.
    check : {"sync", "deferred", "off"}
        As in `argmax`.
    out : float32 array of the shape of `logits`, optional
        Where to write.

    Returns
    -------
    probabilities : float32 array of the shape and the kind of `logits`
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
    view, given, counted = core_logits.as_logits(logits, axis)
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    if not given.kind.startswith(("float", "bfloat")):
        raise TypeError(
            f"logits must be floats, got {given.kind}; for a quantized network call "
            "segpost.postprocess(logits, quantization=(scale, zero_point))"
        )
    result = allocate_output(out, given.array.shape, np.float32, given.wrap, given.array)
    if result.array.size:
        target = result.array if given.array.ndim == 4 else result.array[None]
        if counted == -1:
            target = target.transpose(0, 3, 1, 2)
        backend = registry.backend(view.values, target, check=check)
        report = backend.softmax(view, None, target, None)
        if nan == "raise":
            errors.raise_undefined(report, view, core_logits.output_shape(view, None))
    return result.result()
