"""`pydensecrf.utils`: unary energies and features, with the values that pydensecrf computes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from segpost._core.arrays import Array

_log = logging.getLogger(__name__)


def unary_from_labels(
    labels: Any, n_labels: int, gt_prob: float, zero_unsure: bool = True
) -> Array:
    """Return the energies of an annotation that is right with a known probability.

    Parameters
    ----------
    labels : integer array of any shape
        ``1..n_labels``, and 0 for unknown; ``0..n_labels-1`` with ``zero_unsure=False``.
    n_labels : int
        The number of labels, at least 2, without unknown.
    gt_prob : float
        The probability of the annotated label, between 0 and 1; the others share the rest.
    zero_unsure : bool
        Whether 0 means unknown: all labels are equally likely there.

    Returns
    -------
    unary : float32 array of shape (n_labels, labels.size)
        Negative logarithms of probabilities.

    Raises
    ------
    ValueError
        If labels are out of range, or `gt_prob` is not between 0 and 1.
    TypeError
        If labels are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> np.exp(-unary_from_labels(np.array([0, 1, 2]), 2, gt_prob=0.75)).round(2)
    array([[0.5 , 0.75, 0.25],
           [0.5 , 0.25, 0.75]], dtype=float32)
    """
    if not 0 < gt_prob < 1:
        raise ValueError(f"gt_prob must be between 0 and 1, got {gt_prob!r}")
    if n_labels < 2:
        raise ValueError(f"n_labels must be at least 2, got {n_labels!r}")
    flat = np.asarray(labels).reshape(-1)
    if flat.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got dtype {flat.dtype}")
    first = 1 if zero_unsure else 0
    bad = (flat < 0) | (flat >= n_labels + first)
    if bad.any():
        index = int(bad.argmax())
        raise ValueError(
            f"labels have {int(bad.sum())} of {flat.size} values outside "
            f"0..{n_labels + first - 1}, first {flat[index]} at flat index {index}"
        )
    other = -np.log((1.0 - gt_prob) / (n_labels - 1))
    unary = np.full((n_labels, flat.size), other, np.float32)
    (sure,) = np.nonzero(flat >= first)
    unary[flat[sure].astype(np.int64) - first, sure] = -np.log(gt_prob)
    if zero_unsure:
        unary[:, flat == 0] = -np.log(1.0 / n_labels)
    return unary


def compute_unary(labels: Any, M: int, GT_PROB: float = 0.5) -> Array:
    """Return `unary_from_labels`; pydensecrf deprecated this name."""
    _log.warning("compute_unary is deprecated, use unary_from_labels instead")
    return unary_from_labels(labels, M, GT_PROB)


def unary_from_softmax(sm: Any, scale: float | None = None, clip: float | None = 1e-5) -> Array:
    """Return the energies of a network's probabilities.

    Parameters
    ----------
    sm : float array of shape (L, ...)
        Probabilities, the labels first.
    scale : float, optional
        The weight of the network, in (0, 1]; all labels share the rest equally.
    clip : float, optional
        Probabilities are clipped to ``clip..1``, unless it is None.

    Returns
    -------
    unary : float32 array of shape (L, N)
        Negative logarithms; the other axes are flattened.

    Raises
    ------
    ValueError
        If `scale` is outside (0, 1], or the probabilities have no axis of labels.

    Examples
    --------
    >>> import numpy as np
    >>> unary_from_softmax(np.array([[1.0, 0.5], [0.0, 0.5]])).round(2) + 0
    array([[ 0.  ,  0.69],
           [11.51,  0.69]], dtype=float32)
    """
    probabilities = np.asarray(sm)
    if probabilities.ndim == 0 or probabilities.shape[0] == 0:
        raise ValueError(f"sm must have shape (L, ...), got {probabilities.shape}")
    labels = probabilities.shape[0]
    if scale is not None:
        if not 0 < scale <= 1:
            raise ValueError(f"scale must be above 0 and at most 1, got {scale!r}")
        evenly = (1 - scale) * (np.float64(1) / labels)
        probabilities = np.add(scale * probabilities, evenly, dtype=np.float64)
    if clip is not None:
        probabilities = np.clip(probabilities, clip, 1.0)
    with np.errstate(divide="ignore"):  # of 0, whose energy is infinite
        energies: Array = -np.log(probabilities)
    return energies.reshape(labels, -1).astype(np.float32)


def softmax_to_unary(sm: Any, GT_PROB: float = 1) -> Array:
    """Return `unary_from_softmax` without a clip; pydensecrf deprecated this name."""
    _log.warning("softmax_to_unary is deprecated, use unary_from_softmax instead")
    return unary_from_softmax(sm, None if GT_PROB == 1 else GT_PROB, clip=None)


def create_pairwise_gaussian(sdims: Sequence[float] | Array, shape: Sequence[int]) -> Array:
    """Return features of positions, for `DenseCRF.addPairwiseEnergy`.

    Parameters
    ----------
    sdims : sequence of float
        One standard deviation an axis, in pixels and in the order of `shape`.
    shape : sequence of int
        The shape of the image or volume, rows before columns.

    Returns
    -------
    features : float32 array of shape (len(shape), N)

    Raises
    ------
    ValueError
        If a standard deviation is 0 or not finite, or their number is not that of axes.

    Examples
    --------
    >>> create_pairwise_gaussian(sdims=(1, 2), shape=(2, 3))
    array([[0. , 0. , 0. , 1. , 1. , 1. ],
           [0. , 0.5, 1. , 0. , 0.5, 1. ]], dtype=float32)
    """
    if len(sdims) != len(shape):
        raise ValueError(f"sdims has {len(sdims)} values, shape {tuple(shape)} has {len(shape)}")
    features = np.empty((len(shape), *shape), np.float32)
    _fill_positions(features, sdims)
    return features.reshape(len(shape), -1)


def create_pairwise_bilateral(
    sdims: Sequence[float] | Array,
    schan: float | Sequence[float] | Array,
    img: Any,
    chdim: int = -1,
) -> Array:
    """Return features of positions and image values, for `DenseCRF.addPairwiseEnergy`.

    Parameters
    ----------
    sdims : sequence of float
        One standard deviation an axis of the image, in pixels; rows before columns.
    schan : float or sequence of float
        One standard deviation a channel, or a number for all of them.
    img : array of numbers
        An image or volume with any number of channels.
    chdim : int
        The axis of channels; -1 means that there is none (not the last).

    Returns
    -------
    features : float32 array of shape (number of axes + channels, N)

    Raises
    ------
    ValueError
        If a standard deviation is 0 or not finite, or there are more of them than axes or
        channels. Missing ones are 1, as in pydensecrf, with a logged warning.

    Examples
    --------
    >>> import numpy as np
    >>> create_pairwise_bilateral(sdims=(1, 1), schan=10, img=np.uint8([[0, 20]]))
    array([[0., 0.],
           [0., 1.],
           [0., 2.]], dtype=float32)
    """
    image = np.asarray(img)
    channels = image[np.newaxis] if chdim == -1 else np.moveaxis(image, chdim, 0)
    axes = channels.ndim - 1
    features = np.empty((axes + len(channels), *channels.shape[1:]), np.float32)
    features[axes:] = channels
    _fill_positions(features[:axes], sdims)
    if isinstance(schan, (int, float, Number)):
        _check_sigma(schan, "schan")
        features[axes:] /= schan
    else:
        _check_count(schan, "schan", len(channels), "channels")
        for channel, sigma in zip(features[axes:], schan, strict=False):
            _check_sigma(sigma, "schan")
            channel /= sigma
    return features.reshape(len(features), -1)


def _fill_positions(features: Array, sdims: Sequence[float] | Array) -> None:
    """Write one feature of positions for each axis."""
    _check_count(sdims, "sdims", len(features), "axes")
    for axis, feature in enumerate(features):
        line = np.arange(feature.shape[axis], dtype=np.float32)
        if axis < len(sdims):
            _check_sigma(sdims[axis], "sdims")
            line /= sdims[axis]
        feature[...] = line.reshape([-1 if a == axis else 1 for a in range(feature.ndim)])


def _check_sigma(sigma: Any, name: str) -> None:
    if not (np.isfinite(sigma) and sigma != 0):
        raise ValueError(f"{name} must be finite and not 0, got {sigma!r}")


def _check_count(sigmas: Sequence[float] | Array, name: str, count: int, what: str) -> None:
    if len(sigmas) > count:
        raise ValueError(f"{name} has {len(sigmas)} values for {count} {what}")
    if len(sigmas) < count:
        _log.warning("%s has %d values for %d %s; 1 for the rest", name, len(sigmas), count, what)


def _create_pairwise_gaussian_2d(sx: float, sy: float, shape: Sequence[int]) -> Array:
    """Return features of positions; `sx` is that of rows, as in pydensecrf."""
    features = np.empty((2, shape[0], shape[1]), np.float32)
    features[0] = (np.arange(shape[0]) / sx)[:, np.newaxis]
    features[1] = np.arange(shape[1]) / sy
    return features.reshape(2, -1)


def _create_pairwise_bilateral_2d(
    sx: float, sy: float, sr: float, sg: float, sb: float, img: Any
) -> Array:
    """Return features of positions and three channels; `sx` is that of rows, as in pydensecrf."""
    image = np.asarray(img)
    positions = _create_pairwise_gaussian_2d(sx, sy, image.shape)
    features = np.empty((5, positions.shape[1]), np.float32)
    features[:2] = positions
    for channel, sigma in enumerate((sr, sg, sb)):
        features[2 + channel] = (image[..., channel] / sigma).reshape(-1)
    return features
