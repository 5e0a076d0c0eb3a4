"""How the input of a network follows from the image: a least-squares fit of every channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.values import Float64

SAMPLED_PIXELS = 1 << 14  # on which channels are fitted
BLOCKS = 16  # in each direction, whose means are compared where sizes differ
MIN_FIT = 0.98  # share of the variance that is explained where the input is made of the image
MIN_BLOCK_FIT = 0.95  # where means of blocks are compared
MAX_UNRELATED_FIT = 0.5  # below, the input is made of something else
MAX_ASPECT_CHANGE = 0.05  # with another aspect the image was padded or cropped
MIN_CONTRAST = 0.3  # standard deviation of the channels, below which nothing can be fitted
SINGLE_CHANNEL_SLACK = 0.002  # of the variance that one channel may explain less than three
CHANNELS = ("red", "green", "blue")
FLIPS = {  # whether rows become columns, then the steps along both axes
    "": (False, 1, 1),
    "mirrored left to right": (False, 1, -1),
    "mirrored top to bottom": (False, -1, 1),
    "turned by 180 degrees": (False, -1, -1),
    "transposed": (True, 1, 1),
    "turned by 90 degrees to the left": (True, -1, 1),
    "turned by 90 degrees to the right": (True, 1, -1),
    "transposed and turned by 180 degrees": (True, -1, -1),
}


class InputFit(NamedTuple):
    """Each channel of the input as weights of the image's channels (of bytes) plus an offset."""

    share: float  # of the variance of the input that is explained, of the worst channel
    flip: str  # of the image
    layout: str  # "", "reshaped" or "read as int8"
    weights: Float64  # (3, 3), of each input channel for each image channel
    offsets: Float64  # (3,)
    is_same_size: bool

    @property
    def order(self) -> tuple[int, ...] | None:
        """Return the image channel of each input channel, or None where channels are mixed."""
        used = self.weights != 0
        if (used.sum(axis=1) != 1).any():
            return None
        return tuple(int(channel) for channel in used.argmax(axis=1))

    @property
    def is_gray(self) -> bool:
        """Return whether all channels of the input are the same mixture."""
        relative = self.weights / np.maximum(abs(self.weights).sum(axis=1, keepdims=True), 1e-12)
        return self.order is None and bool(np.ptp(relative, axis=0).max() < 0.02)

    @property
    def mean(self) -> Float64:
        """Return the mean of bytes that was subtracted from each channel."""
        values: Float64 = -self.offsets / self.weights.sum(axis=1)
        return values

    @property
    def std(self) -> Float64:
        """Return the deviation of bytes that each channel was divided by."""
        values: Float64 = 1 / self.weights.sum(axis=1)
        return values


def fit_input(images: Array, fed: Float64, mean: Float64, std: Float64) -> InputFit | None:
    """Return the best fit of an input to the images, or None where they cannot be compared.

    Parameters
    ----------
    images : (N, 3, H, W) uint8
    fed : (N, 3, h, w) float64
        Of another size it is compared by the means of blocks.
    mean, std : (3,) float64
        Of bytes, that were meant.
    """
    if len(images) != len(fed) or not np.isfinite(fed).all():
        return None
    is_same_size = fed.shape in (images.shape, images.swapaxes(2, 3).shape)
    smallest = min(*images.shape[2:], *fed.shape[2:])
    if not is_same_size and smallest < BLOCKS:
        return None
    if images.std(axis=(0, 2, 3)).min() < MIN_CONTRAST or not np.ptp(fed):
        return None
    fits = list(_iter_fits(images, fed, is_same_size))
    if not fits:
        return None
    if images.shape == fed.shape:
        normalized = (np.moveaxis(images, 1, -1) - mean) / std
        fits += [_fit_reshaped(rows, fed) for rows in (np.moveaxis(images, 1, -1), normalized)]
    # The first, of the image as it is, is believed unless another fits far better.
    best = max(fits, key=lambda fit: fit.share)
    return fits[0] if fits[0].share >= min(MIN_FIT, best.share - 0.005) else best


def _iter_fits(images: Array, fed: Float64, is_same_size: bool) -> Iterator[InputFit]:
    values = fed
    if is_same_size:
        step = max(1, int((fed[:, 0].size / SAMPLED_PIXELS) ** 0.5))
        values = fed[:, :, ::step, ::step]
    else:
        step, values = 1, _block_means(fed)
    for flip, (is_transposed, down, across) in FLIPS.items():
        source = images.swapaxes(2, 3) if is_transposed else images
        aspect = source.shape[2] / source.shape[3] * fed.shape[3] / fed.shape[2]
        if source.shape != fed.shape if is_same_size else abs(aspect - 1) > MAX_ASPECT_CHANGE:
            continue
        source = source[:, :, ::down, ::across]
        source = source[:, :, ::step, ::step] if is_same_size else _block_means(source)
        yield _fit(source, values, flip, "", is_same_size)
    if images.shape == fed.shape:
        signed = images.view(np.int8)[:, :, ::step, ::step]
        yield _fit(signed, values, "", "read as int8", True)


def _fit_reshaped(rows: Array, fed: Float64) -> InputFit:
    """Return the fit of (N, H, W, 3) images that were reshaped to (N, 3, H, W)."""
    step = max(1, int((fed[:, 0].size / SAMPLED_PIXELS) ** 0.5))
    source = np.ascontiguousarray(rows).reshape(fed.shape)[:, :, ::step, ::step]
    return _fit(source, fed[:, :, ::step, ::step], "", "reshaped", True)


def _fit(source: Array, fed: Float64, flip: str, layout: str, is_same_size: bool) -> InputFit:
    """Return the fit of all channels; a channel that one of the image explains alone is that."""
    x = np.moveaxis(source.astype(np.float64), 1, 0).reshape(3, -1)
    y = np.moveaxis(fed, 1, 0).reshape(3, -1)
    x_mean, y_mean = x.mean(axis=1), y.mean(axis=1)
    x, y = x - x_mean[:, None], y - y_mean[:, None]
    covariance, joint = x @ x.T, y @ x.T
    energy = np.maximum((y * y).sum(axis=1), 1e-300)
    full = np.linalg.lstsq(covariance, joint.T, rcond=1e-9)[0].T
    full_share = (full * joint).sum(axis=1) / energy
    power = np.maximum(np.diag(covariance), 1e-300)
    single = joint / power
    single_share = joint**2 / power / energy[:, None]
    weights, shares = np.zeros((3, 3)), np.zeros(3)
    for channel in range(3):
        best = int(single_share[channel].argmax())
        if single_share[channel, channel] >= single_share[channel, best] - 1e-6:
            best = channel
        if single_share[channel, best] >= full_share[channel] - SINGLE_CHANNEL_SLACK:
            weights[channel, best] = single[channel, best]
            shares[channel] = single_share[channel, best]
        else:
            weights[channel], shares[channel] = full[channel], full_share[channel]
    offsets = y_mean - weights @ x_mean
    return InputFit(float(shares.min()), flip, layout, weights, offsets, is_same_size)


def _block_means(arrays: Array) -> Float64:
    """Return the means of blocks of (N, 3, H, W) arrays, the same number for every size."""
    means = arrays.astype(np.float64)
    for axis in (2, 3):
        length = means.shape[axis]
        starts = np.linspace(0, length, BLOCKS + 1).astype(np.intp)[:-1]
        sums = np.add.reduceat(means, starts, axis=axis)
        widths = np.diff(np.append(starts, length))
        means = sums / widths.reshape((-1, 1) if axis == 2 else (1, -1))
    return means
