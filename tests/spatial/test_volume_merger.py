"""Windows of volumes: their mean, their labels, and their weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data.utils import compute_importance_map
from monai.inferers.inferer import SlidingWindowInferer
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

import segpost

SIZE, WINDOW, STRIDE = (11, 9, 8), (4, 5, 4), (2, 3, 2)


def network(part: np.ndarray) -> np.ndarray:
    """Three classes, which depend on the whole window."""
    mean = part.mean(axis=(-3, -2, -1), keepdims=True)
    return np.stack([part, mean - part, 0.3 * (part + mean)], axis=-4).astype(np.float32)


def crop(volume: Any, window: tuple[int, ...]) -> Any:
    """The voxels of a window."""
    z, y, x, d, h, w = window
    return volume[..., z : z + d, y : y + h, x : x + w]


@pytest.fixture
def volume() -> np.ndarray:
    """Noise."""
    return np.random.default_rng(0).normal(0, 1, SIZE).astype(np.float32)


def test_the_mean_is_monais(volume: np.ndarray) -> None:
    """SlidingWindowInferer with Gaussian weights over the same windows."""
    inferer = SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=0.5, mode="gaussian")

    def predict(parts: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.stack([network(part[0]) for part in parts.numpy()]))

    want: Any = inferer(torch.from_numpy(volume)[None, None], predict)
    merger = segpost.VolumeMerger(SIZE, 3)
    weight = segpost.gaussian_weights(WINDOW)
    strides = (WINDOW[0] // 2, WINDOW[1] // 2, WINDOW[2] // 2)
    for window in segpost.windows(SIZE, WINDOW, strides):
        merger.add(network(crop(volume, window)), window=window, weight=weight)
    assert_allclose(merger.result(), want[0].numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_labels_of_one_layer_at_a_time_are_those_of_the_mean(
    backend: str, volume: np.ndarray, average: Any
) -> None:
    """The sums that are stored have as many slices as windows that overlap."""
    windows = list(segpost.windows(SIZE, WINDOW, STRIDE))
    whole = segpost.VolumeMerger(SIZE, 3, average=average)
    layer = segpost.VolumeMerger(SIZE, 3, average=average, windows=windows)
    for window in windows:
        logits = network(crop(volume, window))
        whole.add(logits, window=window)
        layer.add(logits[None])
    assert layer._sums.shape == (3, WINDOW[0], *SIZE[1:])
    assert_array_equal(layer.labels(), whole.labels())
    assert_array_equal(whole.labels(), np.asarray(whole.result()).argmax(0))


def test_windows_in_any_order(volume: np.ndarray) -> None:
    """Slices wait for the last window that meets them."""
    windows = list(segpost.windows(SIZE, WINDOW, STRIDE))
    random = np.random.default_rng(1)
    windows = [windows[i] for i in random.permutation(len(windows))]
    whole = segpost.VolumeMerger(SIZE, 3)
    layer = segpost.VolumeMerger(SIZE, 3, windows=windows)
    for window in windows:
        for merger in (whole, layer):
            merger.add(network(crop(volume, window)), window=window)
    assert_array_equal(layer.labels(), whole.labels())


def test_weights_are_those_of_monai_and_nnunet() -> None:
    """MONAI's own function, and SciPy's filter as nnU-Net calls it."""
    for size in ((8, 12, 16), (5, 7, 9), (64, 33, 20)):
        want = compute_importance_map(size, mode="gaussian", dtype=torch.float64)
        assert_allclose(segpost.gaussian_weights(size), want, rtol=1e-5)
        impulse = np.zeros(size)
        impulse[tuple(side // 2 for side in size)] = 1
        sigmas = [side / 8 for side in size]
        filtered = gaussian_filter(impulse, sigmas, 0, mode="constant", cval=0)
        filtered *= 10 / filtered.max()
        filtered[filtered == 0] = filtered[filtered > 0].min()
        got = segpost.gaussian_weights(size, dialect="nnunet")
        assert_allclose(got, filtered, rtol=1e-5)


def test_tensors_and_half_precision(volume: np.ndarray) -> None:
    """Results are of the kind of the first output."""
    merger: Any = segpost.VolumeMerger(SIZE, 3)
    merger.add(torch.from_numpy(network(volume)).half(), axis=-4)
    assert isinstance(merger.result(), torch.Tensor)
    assert_array_equal(merger.labels().numpy(), network(volume).astype(np.float16).argmax(0))


def test_bad_input_is_named(volume: np.ndarray) -> None:
    """Windows, sizes, values, weights and results that are not there yet."""
    merger = segpost.VolumeMerger(SIZE, 3)
    logits = network(volume)
    with pytest.raises(ValueError, match=r"does not lie in \(11, 9, 8\)"):
        merger.add(logits, window=(1, 0, 0, *SIZE))
    with pytest.raises(ValueError, match=r"logits of \(11, 9, 8\) do not fit the window of"):
        merger.add(logits, window=(0, 0, 0, *WINDOW))
    with pytest.raises(ValueError, match="logits have 2 classes, this merger 3"):
        merger.add(logits[:2])
    logits[1, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"1 of 2376 values .* not finite, first nan at \[1, 2, 3"):
        merger.add(logits)
    with pytest.raises(ValueError, match=r"792 of 792 voxels \(first z 0, y 0, x 0\) were in no"):
        merger.result()
    windows = list(segpost.windows(SIZE, WINDOW, STRIDE))
    layer = segpost.VolumeMerger(SIZE, 3, windows=windows)
    part = network(crop(volume, windows[0]))
    with pytest.raises(ValueError, match="is not the next"):
        layer.add(part, window=windows[1])
    layer.add(part)
    with pytest.raises(ValueError, match=f"{len(windows) - 1} of {len(windows)} windows are left"):
        layer.labels()
    with pytest.raises(ValueError, match="only labels are kept"):
        layer.result()
    with pytest.raises(ValueError, match="sigma_scale must be a positive number"):
        segpost.gaussian_weights(WINDOW, sigma_scale=0)


def test_windows_that_leave_voxels_out() -> None:
    """Slices are missed at once, other voxels when their layer is complete, and at the end."""
    for windows, missing in (
        ([], "4 of 4 slices, first z 0"),
        ([(0, 0, 0, 2, 1, 2)], "2 of 4 slices, first z 2"),
        ([(0, 0, 0, 1, 1, 2), (2, 0, 0, 2, 1, 2)], "1 of 4 slices, first z 1"),
    ):
        with pytest.raises(ValueError, match=f"windows leave out {missing}"):
            segpost.VolumeMerger((4, 1, 2), 1, windows=windows)
    windows = [(0, 0, 1, 1, 1, 1), (1, 0, 0, 3, 1, 2)]
    merger = segpost.VolumeMerger((4, 1, 2), 1, windows=windows)
    for _, _, _, depth, _, width in windows:
        with pytest.raises(ValueError, match=r"\(first z 0, y 0, x 0\) were in no window"):
            merger.add(np.ones((1, depth, 1, width), np.float32))
    with pytest.raises(ValueError, match=r"\(first z 0, y 0, x 0\) were in no window"):
        merger.labels()
