"""argmax and softmax: the same claims for every backend."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from definitions import definition
from hypothesis import given
from hypothesis import strategies as st
from logit_values import KINDS, adversarial

import segpost
from segpost._backends import registry
from segpost._core.contract import LogitErrors, Logits
from segpost._core.logits import as_logits
from segpost._core.sampling import GRIDS
from segpost.pipeline.execute import run_argmax
from segpost.spatial.resampling import plan_resampling

ON_CUDA = True

torch = pytest.importorskip("torch")


def report_of(
    logits: np.ndarray, size: tuple[int, int] | None, grid: str
) -> tuple[LogitErrors, np.ndarray]:
    """What a backend says and writes, without the API's errors."""
    view, _, _ = as_logits(logits, -3)
    shape, axes, *_ = plan_resampling(view.values.shape[2:], size, grid)
    labels = np.empty((len(view.values), *shape), np.int32)
    return registry.backend().argmax(view, axes, labels, None, None), labels


def rated(
    logits: object, size: tuple[int, int] | None
) -> tuple[LogitErrors, np.ndarray, np.ndarray]:
    """What a backend says and writes where labels and confidence are wanted; rows have gaps."""
    view, _, _ = as_logits(logits, -3)
    (h, w), axes, *_ = plan_resampling(view.values.shape[2:], size, "half_pixel")
    n = len(view.values)
    labels, confidence = np.zeros((n, h, w), np.int32), np.zeros((n, h, w + n % 2), np.float32)
    made = confidence[:, :, :w]
    return run_argmax(view, axes, labels, None, made), labels, made


CASES = [
    (kind, grid, seed)
    for seed, (kind, grid) in enumerate(list(itertools.product(KINDS, GRIDS)) * 20)
]


@pytest.mark.parametrize("backend_name", FAST)
def test_labels_are_those_of_the_definition(backend_name: str) -> None:
    """540 adversarial cases, up and down, sizes from 1: not one label or count differs."""
    random = np.random.default_rng(5)
    for kind, grid, seed in CASES:
        classes = int(random.choice([1, 2, 3, 5, 19, 21, 33, 64, 130, 257]))
        h, w = (int(v) for v in random.integers(1, 19, 2))
        size = (int(random.integers(1, 100)), int(random.integers(1, 100)))
        if seed % 5 == 0:
            size = (int(h * 7.9) + 1, int(w * 7.9) + 1)
        logits = adversarial(kind, (int(random.integers(1, 3)), classes, h, w), seed)
        if seed % 7 == 3:
            logits = logits.astype(np.float64) * (1 + 1e-15 * random.normal(size=logits.shape))
            if kind == "huge":
                logits *= 1e269
        wanted = definition(report_of, logits, size, grid)
        for backend in switch(backend_name):
            got = report_of(logits, size, grid)
            case = (backend, kind, grid, logits.shape, size)
            assert got[0] == wanted[0], case
            np.testing.assert_array_equal(got[1], wanted[1], err_msg=str(case))


def rated_cases() -> Iterator[tuple[str, Any]]:
    """Adversarial logits of all layouts and types, with rows that end anywhere."""
    random = np.random.default_rng(8)
    names = list(layouts(np.zeros((1, 1, 1, 1))))
    for seed, kind in enumerate(KINDS * 12):
        classes = int(random.choice([1, 2, 3, 4, 5, 19, 21, 32, 33, 64, 65, 130, 300]))
        height, width = int(random.integers(1, 5)), int(random.choice([1, 7, 16, 33, 64, 129]))
        logits = adversarial(kind, (int(random.integers(1, 3)), classes, height, width), seed)
        dtype, layout = str(random.choice(["f4", "f2", "bf", "f8"])), str(random.choice(names))
        with np.errstate(over="ignore"):
            made = layouts(logits.astype("f4" if dtype == "bf" else dtype))[layout]
        made = made[..., int(random.integers(2)) % width :]
        case = f"{kind} {dtype} {layout} {made.shape}"
        if dtype == "bf":
            yield case, torch.from_numpy(made.astype("f4", order="K")).to(torch.bfloat16)
        else:
            yield case, made


@pytest.mark.parametrize("size", [None, (9, 40)])
def test_confidence_beside_labels(fast_backend: str, size: tuple[int, int] | None) -> None:
    """The labels and the reports are the definition's, the confidence is within 1e-6 of its."""
    for case, logits in rated_cases():
        wanted = definition(rated, logits, size)
        got = rated(logits, size)
        assert got[0] == wanted[0], case
        np.testing.assert_array_equal(got[1], wanted[1], err_msg=case)
        np.testing.assert_allclose(got[2], wanted[2], rtol=0, atol=1e-6, err_msg=case)


@pytest.mark.parametrize("classes", [19, 150])
@pytest.mark.parametrize("noise", [False, True])
def test_labels_of_scenes(fast_backend: str, classes: int, noise: bool) -> None:
    """Scenes and pure noise at a factor of 8: not one label differs from the definition."""
    logits = scene(classes, 24, 70)
    if noise:
        logits = np.random.default_rng(3).normal(size=logits.shape).astype(np.float32)
    if fast_backend == "cuda-emulated":
        logits = logits[:, :8, :32]
    size = 8 * logits.shape[1], 8 * logits.shape[2]
    wanted = definition(segpost.argmax, logits, size=size)
    np.testing.assert_array_equal(segpost.argmax(logits, size=size), wanted)


@pytest.mark.skipif("native-x86_64_v2" not in FAST, reason="no native backend")
@pytest.mark.parametrize("level", [name for name in FAST if name.startswith("native")])
def test_labels_in_flush_to_zero_mode(level: str) -> None:
    """Denormal logits keep their labels when the thread flushes denormals to zero."""
    logits = adversarial("denormal", (1, 5, 9, 9), 1)
    wanted = definition(segpost.argmax, logits, size=(70, 71))
    full = logits.argmax(1)
    assert torch.set_flush_denormal(True)
    try:
        for _ in switch(level):
            np.testing.assert_array_equal(segpost.argmax(logits, size=(70, 71)), wanted)
            np.testing.assert_array_equal(segpost.argmax(logits), full)
            half = torch.from_numpy(logits).to(torch.float16)
            np.testing.assert_array_equal(segpost.argmax(half).numpy(), half.numpy().argmax(1))
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("backend_name", FAST)
@pytest.mark.parametrize(
    ("shape", "size"),
    [((64, 2, 2), (130, 1200)), ((64, 1, 3), (131, 1100)), ((300, 2, 900), (9, 1800))],
)
def test_cells_shared_out_between_tasks(
    backend_name: str, shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    """Few huge cells, and very wide rows, are cut into tasks: the same labels, each NaN once."""
    logits = np.random.default_rng(6).normal(size=shape).astype(np.float32)
    want: Any = ("labels", "probabilities")
    wanted = definition(segpost.postprocess, logits, size=size, want=want)
    for _ in switch(backend_name):
        got = segpost.postprocess(logits, size=size, want=want)
        np.testing.assert_array_equal(got.labels, wanted.labels)
        np.testing.assert_allclose(got.probabilities, wanted.probabilities, rtol=0, atol=1e-6)
        logits[5, 0, 1] = logits[7, -1, -1] = np.nan
        assert report_of(logits, size, "half_pixel")[0].nan_count == 2
        logits[5, 0, 1] = 0.0
        assert report_of(logits, size, "half_pixel")[0].nan_first == logits[0].size - 1


def test_dense_kernel_gives_the_same(rng: np.random.Generator) -> None:
    """The worst-case kernel, forced for every cell, agrees with the definition."""
    if not [name for name in FAST if name.startswith("native")]:
        pytest.skip("no native backend")
    from segpost import _cpu

    for logits in (scene(19, 20, 37), rng.normal(size=(19, 20, 37)).astype(np.float32)):
        view, _, _ = as_logits(logits, -3)
        for size in ((160, 296), (33, 50), (11, 12), (500, 21)):
            axes = plan_resampling(view.values.shape[2:], size, "half_pixel").axes
            wanted = definition(segpost.argmax, logits, size=size)
            for level in _cpu.levels():
                for _ in switch(f"native-{level}"):
                    labels = np.empty((1, *size), np.uint8)
                    _cpu.argmax_dense(view, axes, labels)
                    np.testing.assert_array_equal(labels[0], wanted)


@given(data=st.data())
@pytest.mark.parametrize("backend_name", [*FAST, "reference"])
def test_full_resolution_is_numpy_argmax(backend_name: str, data: st.DataObject) -> None:
    """Without a size the labels are numpy.argmax: first index among ties, the first NaN wins."""
    shape = data.draw(st.tuples(*[st.integers(1, n) for n in (2, 40, 9, 300)]))
    kind = data.draw(st.sampled_from(KINDS))
    logits = adversarial(kind, shape, data.draw(st.integers(0, 99)))
    with np.errstate(over="ignore"):
        logits = logits.astype(data.draw(st.sampled_from(["f4", "f8", "f2"])), copy=False)
    for _ in switch(backend_name):
        got = report_of(logits, None, "half_pixel")[1]
        np.testing.assert_array_equal(got, logits.argmax(1))


@pytest.mark.parametrize(
    "dtype", ["f8", "f4", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "bfloat16"]
)
@pytest.mark.parametrize("size", [None, (50, 75)])
def test_every_element_type(backend: str, dtype: str, size: tuple[int, int] | None) -> None:
    """Labels are those of the same values in float64."""
    values = np.random.default_rng(2).integers(0, 100, (2, 5, 6, 9))
    if dtype == "bfloat16":
        logits = torch.from_numpy(values).to(torch.bfloat16)
        wide = logits.double().numpy()
        got = segpost.argmax(logits, size=size).numpy()
    else:
        wide = values.astype(dtype).astype(np.float64)
        got = segpost.argmax(values.astype(dtype), size=size)
    np.testing.assert_array_equal(got, definition(segpost.argmax, wide, size=size))


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same values, laid out in memory in other ways."""
    wide = np.repeat(array, 2, axis=-1)
    big = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    big[...] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "F": np.asfortranarray(array),
        "step": wide[..., ::2],
        "negative": array[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
        "swapped": array.astype(array.dtype.newbyteorder()),
        "misaligned": big,
        "read_only": read_only,
        "class_last": np.ascontiguousarray(np.moveaxis(array, -3, -1)).transpose(0, 3, 1, 2),
    }


@pytest.mark.parametrize("layout", list(layouts(np.zeros((1, 1, 1, 1)))))
@pytest.mark.parametrize("size", [None, (40, 33)])
def test_any_layout(backend: str, layout: str, size: tuple[int, int] | None) -> None:
    """Strides, byte order and alignment do not matter."""
    logits = scene(7, 11, 13)[None]
    wanted = segpost.argmax(logits, size=size)
    np.testing.assert_array_equal(segpost.argmax(layouts(logits)[layout], size=size), wanted)


def test_broadcast_input(backend: str) -> None:
    """A stride of zero is read like any other."""
    logits = np.broadcast_to(scene(5, 6, 7), (3, 5, 6, 7))
    got = segpost.argmax(logits, size=(20, 20))
    np.testing.assert_array_equal(got, np.stack([segpost.argmax(logits[0], size=(20, 20))] * 3))


def test_class_axis_last(backend: str) -> None:
    """axis=-1 reads channels-last logits, with and without a batch."""
    logits = scene(6, 9, 10)
    last = np.ascontiguousarray(np.moveaxis(logits, 0, -1))
    for size in (None, (31, 47)):
        wanted = segpost.argmax(logits, size=size)
        np.testing.assert_array_equal(segpost.argmax(last, axis=-1, size=size), wanted)
        np.testing.assert_array_equal(segpost.argmax(last[None], axis=3, size=size)[0], wanted)


@pytest.mark.parametrize(("classes", "dtype"), [(256, np.uint8), (257, np.int32), (300, np.int32)])
def test_label_type_holds_every_class(backend: str, classes: int, dtype: type) -> None:
    """uint8 up to 256 classes, int32 beyond, and the last class is found."""
    logits = np.zeros((classes, 3, 4), np.float32)
    logits[-1, 1] = 1
    for size in (None, (12, 16)):
        labels = segpost.argmax(logits, size=size)
        assert labels.dtype == dtype
        assert labels.max() == classes - 1


def test_out_is_written_and_returned(backend: str) -> None:
    """out= gets the labels, whatever its strides."""
    logits = scene(4, 5, 6)
    wanted = segpost.argmax(logits, size=(10, 12))
    for out in (
        np.zeros((10, 12), np.uint8),
        np.zeros((10, 24), np.uint8)[:, ::2],
        np.zeros((20, 24), np.uint8)[::2, 3:15],
        np.zeros((12, 10), np.uint8).T,
    ):
        assert segpost.argmax(logits, size=(10, 12), out=out) is out
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("shape", [(3, 0, 4), (3, 4, 0), (0, 3, 4, 5), (2, 3, 0, 0)])
def test_no_pixels_give_an_empty_result(backend: str, shape: tuple[int, ...]) -> None:
    """An image without pixels, or a batch without images, has empty labels."""
    logits = np.zeros(shape, np.float32)
    labels = segpost.argmax(logits)
    assert labels.size == 0
    assert labels.shape == shape[:-3] + shape[-2:]
    assert segpost.argmax(logits, size=(8, 9)).size == 0
    assert segpost.softmax(logits).shape == shape


def test_thread_count_does_not_matter(rng: np.random.Generator) -> None:
    """1, 2 and 7 threads give the same bytes."""
    logits = np.concatenate([scene(19, 64, 128), rng.normal(size=(19, 64, 128))], 1).astype("f4")
    before = segpost.num_threads()
    results = []
    try:
        for n in (1, 2, 7):
            segpost.set_num_threads(n)
            results.append(segpost.argmax(logits, size=(1024, 1024)).tobytes())
    finally:
        segpost.set_num_threads(before)
    assert len(set(results)) == 1


def test_nan_is_an_error_that_says_where(backend: str) -> None:
    """The count of NaN, and image, class and place of the first, are in the message."""
    logits = np.zeros((2, 4, 6, 7), np.float32)
    logits[1, 2, 3, 4] = logits[1, 3, 5, 5] = np.nan
    for size in (None, (48, 56)):
        with pytest.raises(ValueError, match=r"2 NaN of 336 .* image 1, class 2, y 3, x 4"):
            segpost.argmax(logits, size=size)
    with pytest.raises(ValueError, match=r"2 NaN of 336 .* image 1, class 2, y 3, x 4"):
        segpost.softmax(logits)


def test_nan_propagates_when_asked(backend: str) -> None:
    """nan="propagate" is the rule of numpy and torch."""
    logits = np.zeros((4, 6, 7), np.float32)
    logits[2, 3, 4] = logits[3, 3, 4] = np.nan
    np.testing.assert_array_equal(segpost.argmax(logits, nan="propagate"), logits.argmax(0))
    assert np.isnan(segpost.softmax(logits, nan="propagate")[:, 3, 4]).all()


def test_pixels_without_an_answer(backend: str) -> None:
    """Every class at -inf, and infinities that meet between pixels, are errors with a place."""
    logits = np.zeros((3, 2, 4), np.float32)
    logits[:, 1, 2] = -np.inf
    with pytest.raises(ValueError, match=r"no answer at 1 of 8 .* y 1, x 2: every class is -inf"):
        segpost.argmax(logits)
    opposite = np.zeros((2, 1, 2), np.float32)
    opposite[1] = [[np.inf, -np.inf]]
    with pytest.raises(ValueError, match=r"no answer at 6 of 8 .*infinities meet"):
        segpost.argmax(opposite, size=(1, 8), grid="align_corners")


def test_infinity_wins(backend: str) -> None:
    """One +inf is that class; its probabilities are refused."""
    logits = np.zeros((3, 2, 2), np.float32)
    logits[1, 0, 0] = np.inf
    assert segpost.argmax(logits)[0, 0] == 1
    with pytest.raises(ValueError, match=r"no probabilities at 1 of 4 .* y 0, x 0"):
        segpost.softmax(logits)


def test_masked_class_is_no_error(backend: str) -> None:
    """A class at -inf everywhere never wins and raises nothing."""
    logits = scene(5, 8, 9)
    logits[0] = -np.inf
    labels = segpost.argmax(logits, size=(64, 72))
    np.testing.assert_array_equal(labels, segpost.argmax(logits[1:], size=(64, 72)) + 1)


def test_weight_zero_hides_a_nan() -> None:
    """A corner of weight zero contributes nothing, not even a NaN."""
    values = np.array([[[[1.0, np.nan, 2.0]], [[0.0, 5.0, 9.0]]]], np.float32)
    for name in [*FAST, "reference"]:
        for _ in switch(name):
            labels = segpost.argmax(values, size=(1, 2), grid="align_corners", nan="propagate")
            np.testing.assert_array_equal(labels, [[[0, 1]]])


def test_logits_type_survives_the_border() -> None:
    """The contract's record keeps the strides of what came in: nothing was copied."""
    logits = scene(3, 8, 9)[:, ::-1, ::2]
    view, _, _ = as_logits(logits, -3)
    assert isinstance(view, Logits)
    assert np.shares_memory(view.values, logits)
    assert view.values[0].strides == logits.strides


@pytest.mark.parametrize("size", [(64, 64), (65, 61), (200, 30)])
def test_torch_agrees_on_ordinary_logits(size: tuple[int, int]) -> None:
    """torch in float64, on logits without rounding ties, gives the same labels."""
    logits = np.random.default_rng(4).normal(size=(1, 9, 8, 8))
    up = torch.nn.functional.interpolate(torch.from_numpy(logits), size, mode="bilinear")
    np.testing.assert_array_equal(segpost.argmax(logits, size=size), up.argmax(1).numpy())


def test_no_warning_from_hostile_numbers(backend: str) -> None:
    """Infinities and huge values raise no NumPy warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("infinite", "spread", "masked"):
            report_of(adversarial(kind, (1, 6, 7, 8), 1), (30, 30), "half_pixel")
