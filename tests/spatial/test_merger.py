"""Windows that cover a picture, and the mean of what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost import Letterbox, Merger

torch = pytest.importorskip("torch")
sides = st.integers(1, 30)


@given(st.tuples(sides, sides), st.tuples(sides, sides), st.data())
def test_windows_cover_the_picture(
    size: tuple[int, int], window: tuple[int, int], data: Any
) -> None:
    """No gap, no window twice, all of one size and inside, as few as the stride allows."""
    stride = tuple(data.draw(st.integers(1, side)) for side in window)
    made = list(segpost.windows(size, window, stride))
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    seen = np.zeros(size, int)
    for y, x, height, width in made:
        assert (height, width) == (min(window[0], size[0]), min(window[1], size[1]))
        assert 0 <= y <= size[0] - height
        assert 0 <= x <= size[1] - width
        seen[y : y + height, x : x + width] += 1
    assert seen.all()
    counts = [
        1 if have <= side else -(-(have - side) // step) + 1
        for have, side, step in zip(size, window, stride, strict=True)
    ]
    assert len(made) == counts[0] * counts[1]


def test_probabilities_with_a_softmax() -> None:
    """The first output shows it; the printed mean is that of the values."""
    shares = segpost.softmax(scene(5, 20, 30))
    sigmoids = 1 / (1 + np.exp(-scene(5, 20, 30)))
    for values in (shares, sigmoids, torch.from_numpy(shares)):
        merger = Merger((20, 30), 5)
        with pytest.warns(segpost.InputWarning, match="average='logits'") as caught:
            merger.add(values)
        assert [warning.filename for warning in caught] == [__file__]
        merger.add(values, flip="horizontal")
    cured = Merger((20, 30), 5, average="logits")
    cured.add(shares)
    np.testing.assert_allclose(cured.result(), shares, atol=1e-6)
    merger = Merger((20, 30), 5)
    merger.add(np.log(shares))
    np.testing.assert_allclose(merger.result(), shares, atol=1e-6)


def test_exchanged_sides() -> None:
    """Of the size, or of the logits: one of both is (width, height)."""
    for size, sides in (((200, 264), (33, 25)), ((264, 200), (25, 33))):
        with pytest.warns(segpost.InputWarning, match=r"logits\.swapaxes\(-2, -1\)") as caught:
            Merger(size, 5).add(scene(5, *sides))
        assert [warning.filename for warning in caught] == [__file__]
        Merger(size, 5).add(scene(5, *sides[::-1]))
        Merger(size, 5).add(scene(5, 33, 33))


def upright(planes: np.ndarray, flip: str | None) -> np.ndarray:
    """What was said of a mirrored picture, mirrored back."""
    if flip in ("horizontal", "both"):
        planes = planes[..., ::-1]
    if flip in ("vertical", "both"):
        planes = planes[..., ::-1, :]
    return planes


@pytest.mark.parametrize("average", ["probabilities", "logits"])
@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
def test_mean_of_windows_flips_and_scales(backend: str, average: Any, grid: Any) -> None:
    """The float64 mean of everything kept, weights included."""
    random = np.random.default_rng(5)
    size, classes = (41, 60), 5
    merger = Merger(size, classes, average=average)
    total = np.zeros((classes, *size))
    weights = np.zeros(size)
    flips = (None, "horizontal", "vertical", "both")
    for i, window in enumerate(segpost.windows(size, (24, 33), (13, 20))):
        y, x, height, width = window
        for k, flip in enumerate(flips):
            scale = (1, 2, 4, 8)[(i + k) % 4]
            logits = scene(classes, -(-height // scale), -(-width // scale) + 1, seed=9 * i + k)
            weight: Any = [1.0, 0.25, random.uniform(0.1, 2, (height, width))][(i + k) % 3]
            merger.add(logits, window=window, flip=flip, grid=grid, weight=weight)  # type: ignore[arg-type]
            kept = full_size(logits, (height, width), grid, average)
            part = np.s_[y : y + height, x : x + width]
            total[(slice(None), *part)] += weight * upright(kept, flip)
            weights[part] += weight
    made = merger.result()
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, total / weights, rtol=2e-6, atol=2e-6)


def full_size(logits: np.ndarray, size: tuple[int, int], grid: str, average: str) -> np.ndarray:
    """Values at the window's size by torch in float64."""
    values = torch.from_numpy(logits)[None].double()
    if grid == "asymmetric":  # torch has no such grid: by hand
        for axis, (n_out, n_in) in enumerate(zip(size, logits.shape[1:], strict=True), 2):
            at = (torch.arange(n_out, dtype=torch.float64) * n_in / n_out).clamp(max=n_in - 1)
            low = at.floor().long().clamp(max=max(n_in - 2, 0))
            t = (at - low).reshape([-1 if k == axis else 1 for k in range(4)])
            high = (low + 1).clamp(max=n_in - 1)
            values = values.index_select(axis, low) * (1 - t) + values.index_select(axis, high) * t
    else:
        values = torch.nn.functional.interpolate(
            values, size, mode="bilinear", align_corners=grid == "align_corners"
        )
    made: np.ndarray = (values.softmax(1) if average == "probabilities" else values)[0].numpy()
    return made


def test_a_letterbox_is_undone_first(backend: str) -> None:
    """Each part is a picture of its own; its padding adds nothing to its neighbors."""
    size = (50, 70)
    merger = Merger(size, 4)
    total, seen = np.zeros((4, *size)), np.zeros(size)
    for i, window in enumerate(segpost.windows(size, (30, 41), (20, 29))):
        y, x, height, width = window
        box = Letterbox.fit((height, width), (64, 64))
        logits = scene(4, 8, 8, seed=i)
        merger.add(logits, window=window, letterbox=box, flip="horizontal")
        alone = segpost.postprocess(logits, letterbox=box, want=("probabilities",))
        total[:, y : y + height, x : x + width] += alone.probabilities[..., ::-1]
        seen[y : y + height, x : x + width] += 1
    np.testing.assert_allclose(merger.result(), total / seen, atol=1e-6)


def test_a_flip_of_a_symmetric_network_changes_nothing(backend: str) -> None:
    """Logits of a mirrored picture, mirrored back, are those of the picture, on a low grid too."""
    logits = scene(6, 9, 11)
    merger = Merger((70, 90), 6)
    merger.add(logits)
    once = merger.result()
    merger.add(logits[..., ::-1], flip="horizontal")
    merger.add(logits[..., ::-1, ::-1], flip="both")
    np.testing.assert_allclose(merger.result(), once, atol=1e-6)


def test_results_are_what_postprocess_takes(backend: str) -> None:
    """Labels of the mean and of its logarithm are the same, and softmax undoes the logarithm."""
    merger = Merger((40, 50), 7)
    for seed in range(3):
        merger.add(scene(7, 5, 7, seed))
    mean, logits = merger.result(), merger.result(log=True)
    seg = segpost.postprocess(logits, want=("labels", "probabilities"))
    np.testing.assert_allclose(seg.probabilities, mean, atol=1e-6)
    np.testing.assert_array_equal(seg.labels, segpost.argmax(mean))


def test_sums_are_the_same_every_time_and_never_grow(backend: str) -> None:
    """The same bytes for any number of threads, and the memory of the picture alone."""
    before = segpost.num_threads()
    made = []
    try:
        for threads in (1, 3):
            segpost.set_num_threads(threads)
            merger = Merger((90, 120), 9)
            for window in segpost.windows((90, 120), (60, 60), (30, 30)):
                merger.add(scene(9, 15, 15, sum(window)), window=window)
            made.append(merger.result().tobytes())
    finally:
        segpost.set_num_threads(before)
    assert made[0] == made[1]
    held = sum(value.nbytes for value in vars(merger).values() if isinstance(value, np.ndarray))
    assert held == 4 * 90 * 120 * (9 + 1)


def test_kinds_and_axes(backend: str) -> None:
    """Channels last, half precision, tensors; the result is of the first one's kind."""
    logits = scene(4, 6, 8)
    plain = Merger((24, 32), 4)
    plain.add(logits)
    tensor = torch.from_numpy(logits)
    for first, axis in ((tensor[None], -3), (tensor.permute(1, 2, 0), -1)):
        merger = Merger((24, 32), 4)
        merger.add(first, axis=axis)
        merger.add(logits.astype(np.float16))
        made = merger.result()
        assert isinstance(made, torch.Tensor)
        np.testing.assert_allclose(made.numpy(), plain.result(), atol=1e-2)


def test_what_has_no_weight_does_not_count(backend: str) -> None:
    """Where a weight is 0 the pixels of a window say nothing, whatever they are."""
    logits = scene(3, 4, 6)
    weight = np.ones((4, 6))
    weight[:, 3:] = 0
    merger = Merger((4, 6), 3, average="logits")
    spoilt = logits.copy()
    spoilt[:, :, 3:] = np.inf
    merger.add(spoilt, weight=weight)
    with pytest.raises(ValueError, match=r"12 of 24 pixels \(first y 0, x 3\) were in no window"):
        merger.result()
    merger.add(logits[:, :, 3:], window=(0, 3, 4, 3), weight=2)
    np.testing.assert_allclose(merger.result(), logits, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"logits": np.zeros((4, 2, 2), np.float32)}, ValueError, "have 4 classes, this merger 3"),
        ({"logits": np.zeros((2, 3, 2, 2), np.float32)}, ValueError, "of 2 images"),
        ({"logits": np.zeros((3, 2, 2), np.int8)}, TypeError, "must be floats, got int8"),
        ({"logits": np.full((3, 2, 2), np.nan, np.float32)}, ValueError, "NaN"),
        ({"window": (0, 0, 9, 10)}, ValueError, r"\(0, 0, 9, 10\) does not lie in \(8, 10\)"),
        ({"window": (-1, 0, 2, 2)}, ValueError, "does not lie in"),
        ({"window": (0, 0, 0, 2)}, ValueError, "does not lie in"),
        ({"window": (0, 2, 2)}, ValueError, r"\(y, x, height, width\)"),
        ({"window": (0, 0, 2.0, 2)}, TypeError, "window must be an integer"),
        ({"flip": "left"}, ValueError, "flip must be one of"),
        ({"grid": "left"}, ValueError, "grid must be one of"),
        ({"letterbox": Letterbox.fit((3, 3), (4, 4))}, ValueError, "a window of 8 x 10"),
        ({"letterbox": (8, 10)}, ValueError, r"\(8, 10\) does not fit"),
        ({"weight": 0}, ValueError, "weight must be positive"),
        ({"weight": np.ones((3, 3))}, ValueError, r"shape \(8, 10\), got \(3, 3\)"),
        ({"weight": np.full((8, 10), -1.0)}, ValueError, "negative or not finite at 80 of 80"),
        ({"weight": "gaussian"}, TypeError, "weight must be an array"),
    ],
)
@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_errors(given: Any, error: type[Exception], words: str, average: Any) -> None:
    """What does not fit is refused by name, and leaves the sums as they were."""
    merger = Merger((8, 10), 3, average=average)
    with pytest.raises(error, match=words):
        merger.add(**{"logits": np.zeros((3, 2, 2), np.float32), **given})
    with pytest.raises(ValueError, match=r"80 of 80 pixels .* were in no window"):
        merger.result()


def test_errors_of_sizes_and_logarithms() -> None:
    """Gaps, sizes that are none, logarithms of logits."""
    with pytest.raises(
        ValueError, match=r"stride \(5, 4\) leaves gaps between windows of \(4, 4\)"
    ):
        segpost.windows((9, 9), (4, 4), (5, 4))
    with pytest.raises(ValueError, match="window must be"):
        segpost.windows((9, 9), 4, (4, 4))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="classes must be at least 1"):
        Merger((4, 4), 0)
    with pytest.raises(ValueError, match="average must be one of"):
        Merger((4, 4), 2, average="labels")  # type: ignore[arg-type]
    merger = Merger((2, 2), 2, average="logits")
    merger.add(np.full((2, 2, 2), -1, np.float32))
    with pytest.raises(ValueError, match="8 of 8 values are below 0"):
        merger.result(log=True)


def test_devices_are_refused_in_words(device: Any) -> None:
    """Nothing is copied to the CPU by itself."""
    from fake_devices import Cuda

    with pytest.raises(TypeError, match="windows are merged on the CPU"):
        Merger((2, 2), 2).add(Cuda(np.zeros((2, 2, 2), np.float32)))  # type: ignore[arg-type]


def test_the_word_of_version_0_1_for_logits() -> None:
    """`average="values"` means "logits", in calls and in pickles of that version."""
    logits = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    old = Merger((4, 5), 2, average="values")  # type: ignore[arg-type]
    old.add(logits)
    np.testing.assert_array_equal(old.result(), logits)
    state = {**vars(old), "average": "values"}
    restored = Merger.__new__(Merger)
    restored.__setstate__(state)
    assert old.average == restored.average == "logits"
    np.testing.assert_array_equal(restored.result(), logits)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_windows_without_pixels_are_refused(backend: str, average: Any) -> None:
    """By every backend alike, and nothing is added."""
    merger = Merger((6, 7), 3, average=average)
    for shape in ((3, 0, 7), (3, 6, 0), (1, 3, 0, 0)):
        with pytest.raises(ValueError, match=r"logits of shape \(.*\) have no pixels"):
            merger.add(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"42 of 42 pixels .* were in no window"):
        merger.result()


@pytest.mark.parametrize("weight", [1e39, 1e308, 3e38, 1e-31, 1e-40, 1e-45, np.float32(2e38)])
def test_weights_beyond_float32_are_refused_with_the_range(weight: Any) -> None:
    """Sums of such weights, or products with probabilities, would be infinite or lose digits."""
    merger = Merger((6, 7), 3)
    with pytest.raises(ValueError, match=r"weight must be .* in 1e-30\.\.1e\+30, got"):
        merger.add(scene(3, 6, 7), weight=weight)
    weights = np.ones((6, 7))
    weights[2, 3] = weight
    with pytest.raises(ValueError, match=r"in 1e-30\.\.1e\+30 at 1 of 42 .*first y 2, x 3"):
        merger.add(scene(3, 6, 7), weight=weights)


@pytest.mark.parametrize("weight", [1e-30, 1e-20, 1.0, 1e20, 1e30])
@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_only_ratios_of_weights_count(backend: str, average: Any, weight: float) -> None:
    """At both ends of the range the mean is that of weights about one."""
    first, second = scene(3, 6, 7, 1), scene(3, 6, 7, 2)
    merger, plain = Merger((6, 7), 3, average=average), Merger((6, 7), 3, average=average)
    for k, logits in enumerate((first, second)):
        merger.add(logits, weight=weight * (1 + k / 4) * (0.75 if weight == 1e30 else 1))
        plain.add(logits, weight=1 + k / 4)
    np.testing.assert_allclose(merger.result(), plain.result(), rtol=2e-6, atol=2e-6)


def test_sums_beyond_float32_are_refused() -> None:
    """Weighted logits that would be infinite, once or together; elsewhere there is still room."""
    logits = np.full((2, 4, 4), 2e38, np.float32)
    merger = Merger((4, 8), 2, average="logits")
    with pytest.raises(ValueError, match=r"weight times the largest value is 2e\+68"):
        merger.add(logits, window=(0, 0, 4, 4), weight=1e30)
    merger = Merger((4, 8), 2, average="logits")
    merger.add(logits, window=(0, 0, 4, 4))
    with pytest.raises(ValueError, match=r"beside sums of up to 2e\+38.*pass smaller weights"):
        merger.add(logits, window=(0, 0, 4, 4))
    merger.add(logits, window=(0, 4, 4, 4))
    np.testing.assert_allclose(merger.result(), 2e38, rtol=1e-6)
