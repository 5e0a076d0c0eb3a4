"""Letterbox: where pictures lie in a network's input, and what `apply` makes of them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import DTYPES
from letterboxes import boxes, far_from_edges, sizes

import segpost
from segpost import Letterbox

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"  # photographs, where there are any
PHOTOGRAPHS = ("vainf_1_target.png", "voc_2007_000129.png", "crf_anno1.png")


def noise(*shape: int) -> np.ndarray:
    """A picture of noise."""
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3)).astype(np.uint8)


@given(sizes, sizes, st.sampled_from(["center", "top_left"]))
def test_fit_keeps_the_ratio(image: tuple[int, int], total: tuple[int, int], align: Any) -> None:
    """One side fills the input, the other is the nearest whole number, and nothing sticks out."""
    box = Letterbox.fit(image, total, align=align)
    times = min(total[0] / image[0], total[1] / image[1])
    for side, have, found in zip(image, total, box.content_size, strict=True):
        assert found <= have
        assert found == 1 or abs(found - side * times) <= 0.5 + 1e-9
    assert box.input_size == total
    assert any(found == have for found, have in zip(box.content_size, total, strict=True))
    (top, bottom), (left, right) = box.padding
    if align == "center":
        assert 0 <= bottom - top <= 1
        assert 0 <= right - left <= 1
    else:
        assert top == left == 0
    assert np.pad(np.zeros(box.content_size), box.padding).shape == total


@pytest.mark.parametrize(
    ("given", "options", "content", "total"),
    [
        ((375, 500), {"input_size": (513, 513), "align": "top_left"}, (385, 513), (513, 513)),
        ((375, 500), {"input_size": (512, 1024), "mode": "stretch"}, (512, 1024), (512, 1024)),
        ((1080, 1920), {"input_size": 1024, "multiple": 32}, (576, 1024), (576, 1024)),
        ((1000, 1920), {"input_size": 1024, "multiple": 32}, (533, 1024), (544, 1024)),
        ((375, 500), {"multiple": 16}, (375, 500), (384, 512)),
        ((375, 500), {}, (375, 500), (375, 500)),
        ((3, 2000), {"input_size": (64, 64)}, (1, 64), (64, 64)),
    ],
)
def test_modes_of_fit(given: Any, options: Any, content: Any, total: Any) -> None:
    """What networks ask for: a fixed input, a long side, sides of a multiple."""
    box = Letterbox.fit(given, **options)
    assert (box.content_size, box.input_size) == (content, total)


def test_is_a_value() -> None:
    """Letterboxes of like sizes are equal, hashable and cannot be changed; lists become tuples."""
    box = Letterbox.fit(np.array([4, 6]), [8, 8])  # type: ignore[arg-type]
    assert box == Letterbox((4, 6), (8, 8), (5, 8), (1, 0))
    assert len({box, Letterbox.fit((4, 6), (8, 8))}) == 1
    with pytest.raises(FrozenInstanceError):
        box.offset = (0, 0)  # type: ignore[misc]


@given(boxes(), st.booleans(), st.booleans(), st.sampled_from(["nchw", "nhwc"]))
def test_apply_is_the_definition(
    box: Letterbox, antialias: bool, reversed_colors: bool, layout: str
) -> None:
    """Every backend is within its tolerance of float64, for any sizes, strides and layouts."""
    image = noise(2, *box.image_size)[:, ::-1].transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3)
    options: dict[str, Any] = {
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.3, 0.1),
        "pad": (3, 200.5, -7),
        "channel_order": "bgr" if reversed_colors else "rgb",
        "layout": layout,
        "antialias": antialias,
    }
    with segpost.use_backend("reference"):
        wanted = box.apply(image, **options)
    names = ["numba", *(["native"] if segpost.build_config()["native"] else [])]
    for name in names:
        with segpost.use_backend(name):  # type: ignore[arg-type]
            np.testing.assert_allclose(
                box.apply(image, **options), wanted, rtol=0, atol=1e-5 / 0.1, err_msg=name
            )
            halves = box.apply(image, dtype="float16", **options)
        assert halves.dtype == np.float16
        np.testing.assert_allclose(halves, wanted, rtol=6e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("scale", [256, 1, 1e-4, 1e-6, 1e-8, 1e-10])
def test_float16_is_float32_rounded(fast_backend: str, scale: float) -> None:
    """To the nearest, halves to even, subnormal numbers and those that vanish included."""
    image = noise(40, 53)
    box = Letterbox.fit((40, 53), (61, 61))
    wide = box.apply(image, scale=scale, mean=100 * scale)
    made = box.apply(image, scale=scale, mean=100 * scale, dtype="float16")
    assert made.tobytes() == wide.astype(np.float16).tobytes()


def test_many_taps_stay_within_the_tolerance(fast_backend: str) -> None:
    """Hundreds of rows and columns to a pixel, of a bright picture, whose sums round most."""
    image = 255 - noise(2500, 1901) // 8
    box = Letterbox.fit((2500, 1901), (9, 7), mode="stretch")
    made = box.apply(image, scale=1)
    with segpost.use_backend("reference"):
        np.testing.assert_allclose(made, box.apply(image, scale=1), rtol=0, atol=255e-5)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", [(40, 61), (9, 5), (33, 47)])
def test_apply_is_torch(backend: str, antialias: bool, shape: tuple[int, int]) -> None:
    """A stretch is torch's bilinear interpolate, antialiased or not."""
    torch = pytest.importorskip("torch")
    image, size = noise(*shape), (21, 47)
    box = Letterbox.fit(shape, size, mode="stretch")
    wide = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    wanted = torch.nn.functional.interpolate(
        wide, size, mode="bilinear", align_corners=False, antialias=antialias
    )[0].numpy()
    made = box.apply(image, scale=1, antialias=antialias)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=255e-5)


@pytest.mark.parametrize("shape", [(120, 200), (30, 21)])
def test_apply_is_pillow(backend: str, shape: tuple[int, int]) -> None:
    """Within what Pillow's rounding to bytes, twice, comes to."""
    Image = pytest.importorskip("PIL.Image")
    image = noise(*shape)
    box = Letterbox.fit(shape, (48, 64), mode="stretch")
    small = np.asarray(Image.fromarray(image).resize((64, 48), Image.BILINEAR), np.float64)
    made = box.apply(image, scale=1, layout="nhwc")
    assert abs(made - small).max() < 1.05


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(120, 200), (30, 21)])
def test_apply_is_opencv(backend: str, shape: tuple[int, int]) -> None:
    """Without antialiasing it is INTER_LINEAR, but for OpenCV's weights of 11 bits and bytes."""
    cv2 = pytest.importorskip("cv2")
    image = noise(*shape)
    box = Letterbox.fit(shape, (48, 64))
    (top, bottom), (left, right) = box.padding
    small = cv2.resize(image, box.content_size[::-1], interpolation=cv2.INTER_LINEAR)
    small = cv2.copyMakeBorder(
        small, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114)
    )
    made = box.apply(image, scale=1, pad=114, layout="nhwc", antialias=False)
    assert abs(made - small.astype(np.float64)).max() < 1.0


def test_apply_normalizes_as_it_says(backend: str) -> None:
    """(scale * pixel - mean) / std by channel, in the network's order, padding as asked for."""
    image = np.zeros((1, 2, 3), np.uint8)
    image[...] = (255, 51, 0)
    box = Letterbox.fit((1, 2), (2, 2), align="top_left")
    made = box.apply(image, mean=(0.5, 0.25, 0.0), std=(0.5, 1, 2), channel_order="bgr")
    np.testing.assert_allclose(made[:, 0, 0], [-1, -0.05, 0.5], atol=1e-6)
    assert (made[:, 1] == 0).all()
    padded = box.apply(image, mean=0.5, std=0.5, pad=127.5)
    assert (padded[:, 1] == 0).all()
    padded = box.apply(image, scale=1, mean=(1, 2, 3), pad=(10, 20, 30), channel_order="bgr")
    assert padded[:, 1, 0].tolist() == [9, 18, 27]


def test_apply_is_the_same_for_any_number_of_threads(fast_backend: str) -> None:
    """The same bytes, in both element types."""
    image = noise(2, 700, 900)
    box = Letterbox.fit((700, 900), (1200, 1201))
    before = segpost.num_threads()
    made: Any = []
    try:
        for threads in (1, 2, 3, 7):
            segpost.set_num_threads(threads)
            made.append([box.apply(image, dtype=kind).tobytes() for kind in element_types()])  # type: ignore[call-overload]
    finally:
        segpost.set_num_threads(before)
    assert all(one == made[0] for one in made)


def element_types() -> tuple[str, ...]:
    """The element types of inputs."""
    return "float32", "float16"


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", element_types())
def test_out_of_any_strides_and_torch(backend: str, layout: str, dtype: str) -> None:
    """A given array is filled whatever its strides, and a tensor gives a tensor."""
    torch = pytest.importorskip("torch")
    image = noise(2, 20, 31)
    box = Letterbox.fit((20, 31), (17, 23))
    options: dict[str, Any] = {"layout": layout, "dtype": dtype}
    wanted = box.apply(image, **options)
    roomy = np.full((*wanted.shape[:-1], 2 * wanted.shape[-1]), -9, dtype)
    out = roomy[..., ::2][:, ::-1]
    assert box.apply(image, out=out, **options) is out
    np.testing.assert_array_equal(out, wanted)
    assert (roomy[..., 1::2] == -9).all()
    made = box.apply(torch.from_numpy(image), **options)
    assert isinstance(made, torch.Tensor)
    np.testing.assert_array_equal(made.numpy(), wanted)
    assert box.apply(image[1], **options).shape == wanted.shape[1:]
    assert box.apply(image[:0], **options).shape == (0, *wanted.shape[1:])


@given(boxes(), st.sampled_from(DTYPES), st.booleans())
def test_labels_go_there_and_back(box: Letterbox, dtype: str, batch: bool) -> None:
    """A pixel has the label of the pixel its middle lies in; without a shrink all come back."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 100, (*((2,) if batch else ()), *box.image_size)).astype(dtype)
    there = box.apply_labels(labels, void=101)
    assert there.dtype == labels.dtype
    assert there.shape[-2:] == box.input_size
    (top, left), (height, width) = box.offset, box.content_size
    for y, x in np.ndindex(box.input_size):
        inside = 0 <= y - top < height and 0 <= x - left < width
        if inside:
            row = int((y - top + 0.5) * box.image_size[0] / height + 1e-9)
            column = int((x - left + 0.5) * box.image_size[1] / width + 1e-9)
            assert (there[..., y, x] == labels[..., row, column]).all()
        else:
            assert (there[..., y, x] == 101).all()
    back = box.undo_labels(there)
    assert back.shape == labels.shape
    assert not (back == 101).any()
    if all(large >= small for large, small in zip((height, width), box.image_size, strict=True)):
        np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("align", ["center", "top_left"])
@pytest.mark.parametrize("size", [(513, 513), (321, 333), (512, 1024)])
def test_masks_of_photographs_come_back(name: str, align: Any, size: tuple[int, int]) -> None:
    """Away from edges between labels no pixel differs."""
    Image = pytest.importorskip("PIL.Image")
    if not (DATA / name).is_file():
        pytest.skip("no photographs here")
    with Image.open(DATA / name) as picture:
        labels = np.asarray(picture.convert("L") if picture.mode == "RGB" else picture)
    box = Letterbox.fit(labels.shape[:2], size, align=align)
    back = box.undo_labels(box.apply_labels(labels, void=77))
    steps = [max(a / b, 1.0) for a, b in zip(box.image_size, box.content_size, strict=True)]
    plain = far_from_edges(labels, int(np.ceil(max(steps))) + 1)
    assert plain.mean() > 0.5
    np.testing.assert_array_equal(back[plain], labels[plain])


def test_a_torch_mask_stays_one() -> None:
    """Label maps come back as what they were, and device arrays are refused in words."""
    torch = pytest.importorskip("torch")
    box = Letterbox.fit((2, 3), (5, 5))
    labels = torch.arange(6).reshape(2, 3)
    there = box.apply_labels(labels, void=-1)
    assert isinstance(there, torch.Tensor)
    assert there.dtype == torch.int64
    assert torch.equal(box.undo_labels(there), labels)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Letterbox.fit((0, 3)), ValueError, "image_size must be at least"),
        (lambda: Letterbox.fit((3, 3.0)), TypeError, "image_size must hold two integers"),  # type: ignore[arg-type]
        (lambda: Letterbox.fit((3, 3), (4, 4), align="left"), ValueError, "align must be one of"),  # type: ignore[arg-type]
        (lambda: Letterbox.fit((3, 3), (4, 4), mode="crop"), ValueError, "mode must be one of"),  # type: ignore[arg-type]
        (lambda: Letterbox.fit((3, 3), 4, mode="stretch"), ValueError, "needs input_size"),
        (lambda: Letterbox.fit((3, 3), (32, 33), multiple=32), ValueError, "no multiples of 32"),
        (lambda: Letterbox.fit((3, 3), multiple=0), ValueError, "at least 1, got 0"),
        (lambda: Letterbox.fit((3, 3), 1.5), TypeError, "input_size must be an integer"),  # type: ignore[arg-type]
        (lambda: Letterbox((3, 3), (4, 4), (4, 4), (1, 0)), ValueError, "does not lie in"),
        (lambda: Letterbox((3, 3), (4, 4), (2, 2), (-1, 0)), ValueError, "does not lie in"),
        (lambda: Letterbox((3, 3), (4, 4), (2, 2), 3), ValueError, "offset must be"),  # type: ignore[arg-type]
    ],
)
def test_errors_of_geometry(call: Any, error: type[Exception], words: str) -> None:
    """Sizes that are none are refused by name."""
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"image": noise(3, 4)}, ValueError, "image is 3 x 4, this letterbox is for 4 x 4"),
        ({"image": noise(4, 4) / 255}, TypeError, "image must be uint8"),
        (
            {"image": noise(4, 5)[..., 0]},
            ValueError,
            r"\(..., 4, 4, bands\)",
        ),
        ({"image": noise(1, 1, 4, 4)}, ValueError, r"\(N, H, W, 3\)"),
        ({"std": 0}, ValueError, "std must be positive"),
        ({"std": (1, 2)}, TypeError, "std must be one number or three"),
        ({"mean": "imagenet"}, TypeError, "mean must be one number or three"),
        ({"mean": (1, 2, True)}, TypeError, "mean must be a number"),
        ({"mean": float("nan")}, ValueError, "mean must be finite"),
        ({"scale": (1, 2, 3)}, TypeError, "scale must be one number"),
        ({"pad": "zero"}, ValueError, "pad must be a number"),
        ({"channel_order": "rbg"}, ValueError, "channel_order must be one of"),
        ({"layout": "chw"}, ValueError, "layout must be one of"),
        ({"dtype": "float16", "scale": 300}, ValueError, r"no value beyond 65504.*reaches 76500"),
        ({"std": 1e-50}, ValueError, "dtype float32 holds no value beyond 3.40"),
        ({"antialias": 1}, TypeError, "antialias must be True or False"),
        ({"dtype": "bfloat16"}, ValueError, "dtype must be one of"),
        ({"out": np.empty((3, 8, 8), np.float64)}, TypeError, "out must have dtype float32"),
        ({"out": np.empty((3, 8, 9), np.float32)}, ValueError, "out must have shape"),
    ],
)
def test_errors_of_apply(given: Any, error: type[Exception], words: str) -> None:
    """The message names the argument and what came."""
    box = Letterbox.fit((4, 4), (8, 8))
    with pytest.raises(error, match=words):
        box.apply(**{"image": noise(4, 4), **given})


def test_errors_of_labels() -> None:
    """Label maps of another size, of floats, or whose type cannot hold void."""
    box = Letterbox.fit((4, 4), (8, 8))
    with pytest.raises(ValueError, match=r"image_size \(4, 4\), got \(8, 8\)"):
        box.apply_labels(np.zeros((8, 8), np.uint8), void=255)
    with pytest.raises(ValueError, match=r"input_size \(8, 8\), got \(4, 4\)"):
        box.undo_labels(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="void must fit labels of uint8, got -1"):
        box.apply_labels(np.zeros((4, 4), np.uint8), void=-1)
    with pytest.raises(TypeError, match="labels must be integers"):
        box.undo_labels(np.zeros((8, 8)))


def test_devices_are_refused_in_words(device: Any) -> None:
    """There is no kernel for them, and nothing is moved to the CPU by itself."""
    from fake_devices import Cuda

    box = Letterbox.fit((4, 4), (8, 8))
    with pytest.raises(NotImplementedError, match="letterboxes: there is no CUDA kernel"):
        box.apply(Cuda(noise(4, 4)))
    with pytest.raises(TypeError, match="on the CPU: copy them there"):
        box.apply_labels(Cuda(np.zeros((4, 4), np.uint8)), void=255)


def test_mean_and_std_in_other_units() -> None:
    """Those of 0..255 beside pixels in 0..1 are refused; both cures give the same input."""
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    box = segpost.Letterbox.fit((8, 8), (8, 8))
    mean, std = np.array([123.7, 116.3, 103.5]), np.array([58.4, 57.1, 57.4])
    with pytest.raises(ValueError, match="pass scale=1, or mean and std divided by 255"):
        box.apply(image, mean=mean, std=std)
    first = box.apply(image, mean=mean, std=std, scale=1)
    second = box.apply(image, mean=mean / 255, std=std / 255)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_one_of_the_statistics_of_imagenet() -> None:
    """Networks have both; the printed argument is the other one."""
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    box = segpost.Letterbox.fit((8, 8), (8, 8))
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    options: Any
    for options in ({"mean": mean}, {"std": list(std)}):
        with pytest.warns(segpost.InputWarning, match="is that of ImageNet, and") as caught:
            box.apply(image, **options)
        assert [warning.filename for warning in caught] == [__file__]
        name, _, value = str(caught[0].message).rpartition("pass ")[2].partition("=")
        cured = box.apply(image, **options, **{name: eval(value)})
        np.testing.assert_allclose(cured, box.apply(image, mean=mean, std=std), atol=1e-6)
    for right in ({"mean": 0.5}, {"mean": (0.5, 0.5, 0.5)}, {"std": 0.25}, {}):
        box.apply(image, **right)
