"""Logits of a letterboxed input, back on the picture: by the definition, at sub-pixel accuracy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import scene
from definitions import definition
from hypothesis import given
from hypothesis import strategies as st
from letterboxes import boxes, coordinate, far_from_edges

import segpost
from segpost import Letterbox
from segpost._core.sampling import GRIDS

ON_CUDA = True

torch = pytest.importorskip("torch")

WANTED: Any = ("labels", "confidence", "probabilities", "color", "overlay")


def place(o: int, n_in: int, box: Letterbox, axis: int, grid: str) -> Fraction:
    """Where an output lies among the logits of one axis, a step at a time."""
    start, length = box.offset[axis], box.content_size[axis]
    inside = coordinate(o, length, box.image_size[axis], "half_pixel") + start
    return coordinate(inside, n_in, box.input_size[axis], grid)


def defined(logits: np.ndarray, box: Letterbox, grid: str) -> np.ndarray:
    """First largest of logits that are integers, interpolated in fractions."""
    shape = logits.shape[1:]
    sides = [
        [place(o, shape[axis], box, axis, grid) for o in range(box.image_size[axis])]
        for axis in (0, 1)
    ]
    labels = np.empty(box.image_size, np.uint8)
    for y, x in np.ndindex(box.image_size):
        at = sides[0][y], sides[1][x]
        cell = [int(one) for one in at]
        weight = [(1 - (one - i), one - i) for one, i in zip(at, cell, strict=True)]
        values = [Fraction(0)] * len(logits)
        for dy, dx in np.ndindex(2, 2):
            share = weight[0][dy] * weight[1][dx]
            if share:
                for c, plane in enumerate(logits):
                    values[c] += share * int(plane[cell[0] + dy, cell[1] + dx])
        labels[y, x] = values.index(max(values))
    return labels


@given(boxes(), st.data())
def test_labels_are_those_of_fractions(box: Letterbox, data: Any) -> None:
    """Any geometry, grid and size of the logits, ties included: every backend on the CPU."""
    grid = data.draw(st.sampled_from(GRIDS))
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    classes = data.draw(st.integers(2, 5))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    logits = random.integers(-3, 4, (classes, *shape)).astype(np.float32)
    wanted = defined(logits, box, grid)
    names = ["reference", "numba", *(["native"] if segpost.build_config()["native"] else [])]
    for name in names:
        with segpost.use_backend(name):  # type: ignore[arg-type]
            made = segpost.argmax(logits, grid=grid, letterbox=box)
        np.testing.assert_array_equal(made, wanted, err_msg=name)


CASES = [
    Letterbox.fit((50, 67), (65, 65)),
    Letterbox.fit((201, 134), (65, 97), align="top_left"),
    Letterbox.fit((222, 333), (97, 129)),
    Letterbox.fit((10, 14), (97, 129)),  # the picture is smaller than the logits
    Letterbox.fit((121, 75), multiple=32),
    Letterbox.fit((60, 91), (80, 80), mode="stretch"),
    Letterbox((40, 55), (64, 64), (30, 41), (7, 20)),
]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("box", CASES, ids=str)
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_everything_is_that_of_the_definition(
    fast_backend: str, box: Letterbox, grid: str, stride: int
) -> None:
    """Labels and colors are equal, probabilities and confidence as close as they promise."""
    shape = [-(-side // stride) + (grid == "align_corners") for side in box.input_size]
    logits = np.stack([scene(6, shape[0], shape[1], seed) for seed in range(2)])
    image = np.random.default_rng(0).integers(0, 256, (2, *box.image_size, 3)).astype(np.uint8)
    options: dict[str, Any] = {
        "grid": grid, "letterbox": box, "image": image,
        "palette": segpost.Palette.distinct(6), "want": WANTED
    }  # fmt: skip
    made = segpost.postprocess(logits, **options)
    beside = segpost.postprocess(logits, **{**options, "want": ("labels", "confidence")})
    wanted = definition(segpost.postprocess, logits, **options)  # type: ignore[arg-type]
    assert made.labels.shape == (2, *box.image_size)
    for name in ("labels", "color", "overlay"):
        np.testing.assert_array_equal(getattr(made, name), getattr(wanted, name))
    for name in ("probabilities", "confidence"):
        np.testing.assert_allclose(getattr(made, name), getattr(wanted, name), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(beside.labels, wanted.labels)
    np.testing.assert_allclose(beside.confidence, wanted.confidence, rtol=0, atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("size", [(9, 11), (72, 88), (5, 30)])
def test_without_padding_or_resize_it_is_as_without(
    backend: str, grid: Any, size: tuple[int, int]
) -> None:
    """A letterbox that does nothing changes no byte."""
    logits = scene(21, 9, 11)
    box = Letterbox.fit(size, size)
    some = segpost.postprocess(logits, size=size, grid=grid, want=WANTED[:3])
    boxed = segpost.postprocess(logits, grid=grid, letterbox=box, want=WANTED[:3])
    for name in WANTED[:3]:
        assert getattr(some, name).tobytes() == getattr(boxed, name).tobytes(), name


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners"])
@pytest.mark.parametrize("align", ["center", "top_left"])
@pytest.mark.parametrize("stride", [1, 8])
def test_padding_alone_is_a_cut_of_what_torch_enlarges(
    backend: str, grid: Any, align: Any, stride: int
) -> None:
    """Where the picture kept its size: torch's interpolate to the input, and the cut out of it."""
    box = Letterbox.fit((91, 117), (129, 129), align=align)
    box = Letterbox((91, 117), (129, 129), (91, 117), box.offset)
    side = 129 if stride == 1 else 17
    logits = scene(7, side, side)
    wide = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None].double(), (129, 129), mode="bilinear",
        align_corners=grid == "align_corners",
    )[0]  # fmt: skip
    (top, left), (height, width) = box.offset, box.image_size
    cut = wide[:, top : top + height, left : left + width]
    made = segpost.postprocess(logits, grid=grid, letterbox=box, want=WANTED[:3])
    np.testing.assert_allclose(made.probabilities, cut.softmax(0).numpy(), rtol=0, atol=1e-6)
    full = segpost.argmax(logits, size=(129, 129), grid=grid)
    np.testing.assert_array_equal(made.labels, full[top : top + height, left : left + width])


def test_enlarging_cutting_and_resizing_come_close(backend: str) -> None:
    """The usual three steps with full-size logits give the same labels but along edges."""
    box = Letterbox.fit((300, 401), (257, 257))
    logits = scene(9, 33, 33)
    (top, left), (height, width) = box.offset, box.content_size

    def interpolate(values: Any, size: tuple[int, int]) -> Any:
        return torch.nn.functional.interpolate(values, size, mode="bilinear")

    wide = interpolate(torch.from_numpy(logits)[None], box.input_size)
    cut = wide[:, :, top : top + height, left : left + width]
    wanted = interpolate(cut, box.image_size)[0].argmax(0).numpy()
    made = segpost.argmax(logits, letterbox=box)
    assert (made != wanted).mean() < 0.005
    stretched = segpost.argmax(logits, size=box.image_size)
    assert (stretched != wanted).mean() > 0.05


def ideal(labels: np.ndarray, classes: int, stride: int, grid: str) -> np.ndarray:
    """Logits, 1 for the class at the place of the input in whose middle they lie."""
    sides = []
    for side in labels.shape:
        n = -(-side // stride) + (grid == "align_corners")
        step = Fraction(side - 1, n - 1) if grid == "align_corners" else Fraction(side, n)
        shift = (step - 1) / 2 if grid == "half_pixel" else Fraction(0)
        sides.append([min(int(k * step + shift + Fraction(1, 2)), side - 1) for k in range(n)])
    small = labels[np.ix_(*sides)]
    planes: np.ndarray = (small == np.arange(classes)[:, None, None]).astype(np.float32)
    return planes


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("align", ["center", "top_left"])
@pytest.mark.parametrize("stride", [1, 4, 7])
@pytest.mark.parametrize("size", [(193, 193), (128, 261)])
def test_ground_truth_goes_round(
    backend: str, grid: Any, align: Any, stride: int, size: tuple[int, int]
) -> None:
    """Labels into the input, to perfect logits and back: no pixel differs away from edges."""
    if backend == "cuda-emulated" and (stride != 7 or grid == "asymmetric"):
        pytest.skip("the other backends, and a device, do all of them")
    y, x = np.mgrid[:301, :401]
    labels = ((y > 150) + 2 * (x > 170 + y // 5)).astype(np.uint8)
    labels[np.hypot(y - 150, x - 260) < 80] = 4
    box = Letterbox.fit(labels.shape, size, align=align)
    logits = ideal(box.apply_labels(labels, void=5), 6, stride, grid)
    made = segpost.argmax(logits, grid=grid, letterbox=box)
    step = max(a / b for a, b in zip(box.image_size, box.content_size, strict=True))
    plain = far_from_edges(labels, int(np.ceil((stride + 1) * step)) + 1, frame=True)
    assert plain.mean() > 0.25
    assert len(np.unique(labels[plain])) == 5
    np.testing.assert_array_equal(made[plain], labels[plain])


def test_padding_has_no_say(backend: str) -> None:
    """What lies in the padding alone may be anything, NaN included, and is never read."""
    box = Letterbox((40, 60), (96, 96), (32, 48), (24, 16))
    logits = scene(5, 12, 12)  # at stride 8; the picture is rows 3 to 6, columns 2 to 7
    wanted = segpost.postprocess(logits, letterbox=box, want=WANTED[:3])
    inside = np.zeros((12, 12), bool)
    inside[2:8, 1:9] = True
    spoilt = np.where(inside, logits, np.float32(np.nan))
    made = segpost.postprocess(spoilt, letterbox=box, want=WANTED[:3])
    for name in WANTED[:3]:
        assert getattr(made, name).tobytes() == getattr(wanted, name).tobytes(), name


def test_nan_is_found_where_the_caller_has_it(backend: str) -> None:
    """Places in errors are those of the logits that were given."""
    box = Letterbox((40, 60), (96, 96), (32, 48), (24, 16))
    logits = np.stack([scene(5, 12, 12)] * 2)
    logits[1, 3, 5, 7] = np.nan
    for want in (("labels",), WANTED[:3]):
        with pytest.raises(ValueError, match="image 1, class 3, y 5, x 7"):
            segpost.postprocess(logits, letterbox=box, want=want)
    made = segpost.argmax(logits, letterbox=box, nan="propagate")
    assert (made[1] == 3).any()


@pytest.mark.parametrize("kind", ["float64", "float16", "int8"])
def test_kinds_axes_and_heads(backend: str, kind: str) -> None:
    """Channels last, other element types, one channel with a threshold, an `out`."""
    box = Letterbox.fit((70, 51), (64, 96))
    logits = (4 * scene(5, 8, 12)).clip(-100, 100).astype(kind)
    if kind == "float64" and backend.startswith("cuda"):
        logits = logits.astype(np.float32)
    wanted = definition(segpost.argmax, logits, letterbox=box)
    head = definition(segpost.postprocess, logits[:1], letterbox=box, threshold=0.6).labels
    last = np.ascontiguousarray(np.moveaxis(logits, 0, -1))
    np.testing.assert_array_equal(segpost.argmax(last, axis=-1, letterbox=box), wanted)
    out = np.empty(box.image_size, np.uint8)
    assert segpost.argmax(logits, letterbox=box, out=out) is out
    np.testing.assert_array_equal(out, wanted)
    made = segpost.postprocess(logits[:1], letterbox=box, threshold=0.6, want=("labels",)).labels
    np.testing.assert_array_equal(made, head)


def test_a_crf_refines_what_is_cut_out(backend: str) -> None:
    """The probabilities that it gets are those at the picture's size."""
    box = Letterbox.fit((45, 60), (64, 64))
    logits = scene(4, 8, 8)
    image = np.random.default_rng(0).integers(0, 256, (45, 60, 3)).astype(np.uint8)
    plain = segpost.postprocess(logits, letterbox=box, want=("probabilities",))
    made = segpost.postprocess(
        logits, letterbox=box, image=image, crf="pydensecrf", want=("probabilities", "labels")
    )
    refined = segpost.DenseCRF.preset("pydensecrf").refine(plain.probabilities, image)
    np.testing.assert_allclose(made.probabilities, refined.probabilities, atol=1e-5)
    assert made.labels.shape == (45, 60)


def test_errors() -> None:
    """What does not fit together is said so."""
    box = Letterbox.fit((40, 60), (64, 64))
    logits = scene(4, 8, 8)
    with pytest.raises(TypeError, match=r"letterbox must be a segpost.Letterbox, got \(40, 60\)"):
        segpost.postprocess(logits, letterbox=(40, 60))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"size is \(64, 64\), but letterbox gives"):
        segpost.postprocess(logits, size=(64, 64), letterbox=box)
    made = segpost.argmax(logits, size=(40, 60), letterbox=box)
    np.testing.assert_array_equal(made, segpost.argmax(logits, letterbox=box))
    with pytest.raises(ValueError, match="grid must be one of"):
        segpost.argmax(logits, letterbox=box, grid="center")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="letterbox is for images"):
        segpost.argmax(logits[:, None], axis=-4, letterbox=box)
    with pytest.raises(ValueError, match=r"logits are empty \(0 x 8\): letterbox has nothing"):
        segpost.argmax(logits[:, :0], letterbox=box)
    with pytest.raises(ValueError, match="image of shape"):
        segpost.postprocess(logits, letterbox=box, image=np.zeros((64, 64, 3), np.uint8))
