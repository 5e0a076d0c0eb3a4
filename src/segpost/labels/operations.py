"""From logits to labels and probabilities, upsampled on the way where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, errors
from segpost._core.arrays import LABEL_KINDS, Array, allocate_output, label_dtype
from segpost._core.contract import LogitErrors, Logits
from segpost._core.degenerate_logits import CallSettings, refuse_degenerate_logits
from segpost._core.logits import as_logits
from segpost._core.sampling import Axes
from segpost.labels.volumes import label_volumes
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.resampling import plan_resampling


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
    is_volume = axis == -4 or (isinstance(size, (tuple, list, np.ndarray)) and len(size) == 3)
    spatial = 3 if is_volume else 2
    source = as_logits(logits, -spatial - 1 if axis is None else axis, spatial)
    refuse_degenerate_logits(source, type(logits), CallSettings())
    (values, kind, *_), array, _ = source
    n, classes, *grid_size = values.shape
    resampling = plan_resampling((*grid_size,), size, grid, letterbox)
    shape, is_batch = (n, *resampling.size), array.array.ndim == values.ndim
    output = allocate_output(
        out,
        shape if is_batch else shape[1:],
        label_dtype(classes),
        array.wrap,
        array.array,
        packed=1,
    )
    if output.array.size:
        labels = output.array if is_batch else output.array[None]
        if resampling.region is not None:
            values = values[resampling.region]
        argument = Logits(values, kind, origin=resampling.origin)
        label = label_volumes if is_volume else label_images
        counts = label(argument, resampling.axes, labels, check)
        if nan == "raise":
            errors.raise_bad_logits(counts, argument, shape)
    return output.result()


def label_images(
    logits: Logits, axes: Axes | None, labels: Array, check: str = "sync"
) -> LogitErrors:
    """Write the labels of images."""
    return registry.backend(logits.values, labels, check=check).argmax(logits, axes, labels)


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
    (argument, array, class_axis) = as_logits(logits, axis)
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    if array.kind in LABEL_KINDS:
        raise TypeError(
            f"logits must be floats, got {array.kind}; for a quantized network call "
            "segpost.postprocess(logits, quantization=(scale, zero_point))"
        )
    output = allocate_output(out, array.array.shape, np.float32, array.wrap, array.array)
    if output.array.size:
        probabilities = output.array if array.array.ndim == 4 else output.array[None]
        if class_axis == -1:
            probabilities = probabilities.transpose(0, 3, 1, 2)
        backend = registry.backend(argument.values, probabilities, check=check)
        counts = backend.softmax(argument, None, probabilities, None)
        if nan == "raise":
            n, _, *size = probabilities.shape
            errors.raise_undefined(counts, argument, (n, *size))
    return output.result()
