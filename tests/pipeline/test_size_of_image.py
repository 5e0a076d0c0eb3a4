"""The size of the results follows from the image where nothing else says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LOGITS = scene(5, 6, 8)
IMAGE = np.random.default_rng(6).integers(0, 256, (24, 30, 3)).astype(np.uint8)
PALETTE = segpost.Palette.distinct(5)
WANT = ("labels", "confidence", "overlay")
NO_SIZE: dict[str, Any] = {"palette": PALETTE, "want": WANT}


def same(one: segpost.Segmentation, other: segpost.Segmentation) -> None:
    """Assert that two segmentations hold the same arrays."""
    for name in WANT:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("layout", ["last", "first"])
def test_results_have_the_size_of_the_image(backend: str, layout: str) -> None:
    """As with size=, for an image in either layout."""
    image = IMAGE if layout == "last" else np.ascontiguousarray(np.moveaxis(IMAGE, -1, 0))
    expected = segpost.postprocess(LOGITS, size=(24, 30), image=IMAGE, **NO_SIZE)
    assert expected.labels.shape == (24, 30)
    same(segpost.postprocess(LOGITS, image=image, **NO_SIZE), expected)


def test_a_convention_without_a_grid_asks_for_it() -> None:
    """The image's size does not hide that the grid is unknown; with the grid it works."""
    with pytest.raises(ValueError, match="grid must be given to resample"):
        segpost.postprocess(LOGITS, convention="onnxruntime", image=IMAGE)
    seg = segpost.postprocess(LOGITS, convention="onnxruntime", grid="half_pixel", image=IMAGE)
    assert seg.labels.shape == (24, 30)


def test_one_side_may_be_equal() -> None:
    """Logits may have the height of the image and be narrower."""
    seg = segpost.postprocess(scene(5, 24, 8), image=IMAGE)
    assert seg.labels.shape == (24, 30)


@pytest.mark.parametrize("shape", [(48, 60), (25, 8), (6, 31)])
def test_logits_larger_than_the_image_are_an_error(shape: tuple[int, int]) -> None:
    """Nothing is made smaller unasked; the cure of the error works."""
    logits = scene(5, *shape)
    with pytest.raises(ValueError, match="does not fit labels") as error:
        segpost.postprocess(logits, image=IMAGE, **NO_SIZE)
    assert "pass size=(24, 30) to get" in str(error.value)
    seg = segpost.postprocess(logits, image=IMAGE, size=(24, 30), **NO_SIZE)
    assert seg.labels.shape == (24, 30)


def test_another_size_is_an_error() -> None:
    """A size that is passed and is not the image's stays one."""
    with pytest.raises(ValueError, match=r"does not fit labels of 1 x \(12, 16\)"):
        segpost.postprocess(LOGITS, size=(12, 16), image=IMAGE, **NO_SIZE)


def test_a_letterbox_says_the_size() -> None:
    """Not the image, which must be that of the letterbox."""
    box = segpost.Letterbox.fit((12, 16), (32, 32))
    with pytest.raises(ValueError, match=r"this letterbox is for images of \(12, 16\)"):
        segpost.postprocess(LOGITS, letterbox=box, image=IMAGE, **NO_SIZE)


def test_a_stream_follows_the_image() -> None:
    """Frames of one size share memory, an image of another size gets new memory."""
    stream = segpost.Stream(**NO_SIZE)
    seen = []
    for image in (IMAGE, IMAGE[::-1], IMAGE[:12], IMAGE):
        seg = stream(LOGITS, image)
        same(seg, segpost.postprocess(LOGITS, image=image, **NO_SIZE))
        seen.append(seg.labels)
    assert seen[0] is seen[1]
    assert seen[2].shape == (12, 30)
    labels_only = segpost.Stream()
    assert labels_only(LOGITS).labels.shape == (6, 8)
    assert labels_only(LOGITS, IMAGE).labels.shape == (24, 30)
    assert labels_only(LOGITS).labels.shape == (6, 8)


def test_an_operator_has_the_same_rule() -> None:
    """Results of torch.compile's fake tensors have the shapes of the real ones."""
    torch = pytest.importorskip("torch")
    from torch._subclasses.fake_tensor import FakeTensorMode

    import segpost.torch

    logits, palette = torch.from_numpy(LOGITS), segpost.torch.as_text(PALETTE)
    for image in (IMAGE, np.ascontiguousarray(np.moveaxis(IMAGE, -1, 0))):
        arguments: dict[str, Any] = {"palette": palette, "want": WANT}
        real = segpost.torch.postprocess(logits, image=torch.from_numpy(image), **arguments)
        labels = real[0]
        blended = segpost.torch.overlay(torch.from_numpy(image), labels, palette)
        with FakeTensorMode() as mode:
            inputs = [mode.from_tensor(t) for t in (logits, torch.from_numpy(image), labels)]
            fake = segpost.torch.postprocess(inputs[0], image=inputs[1], **arguments)
            fake_overlay = segpost.torch.overlay(inputs[1], inputs[2], palette)
        assert [t.shape for t in fake] == [t.shape for t in real]
        assert fake_overlay.shape == blended.shape == (24, 30, 3)


@pytest.mark.parametrize(
    ("size", "cure"),
    [
        (513, "(513, 513)"),
        (np.int64(7), "(7, 7)"),
        ((1, 21, 24, 30), "tensor.shape[-2:]"),
        ((21, 24, 30), "tensor.shape[-2:]"),
        ((24, 30, 3), "image.shape[:2]"),
        ((1, 24, 30, 3), "image.shape[1:3]"),
    ],
)
def test_a_size_that_is_no_size(size: Any, cure: str) -> None:
    """A number, or the shape of a tensor or an image: the cure is a size."""
    with pytest.raises(ValueError, match=r"size must be \(height, width\), got") as error:
        segpost.postprocess(LOGITS, size=size)
    assert str(error.value).split("; for volumes")[0].endswith(cure)

    class Shaped:
        shape = size

    cured = eval(cure, {"tensor": Shaped, "image": Shaped})
    assert len(cured) == 2
    expected = (24, 30) if isinstance(size, tuple) else (size, size)
    assert segpost.postprocess(LOGITS, size=cured).labels.shape == expected


def test_a_shape_of_torch_is_a_shape() -> None:
    """The shape of a tensor is a tuple of its own type."""
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(1, 3, 24, 30)
    with pytest.raises(ValueError, match=r"pass tensor\.shape\[-2:\]"):
        segpost.postprocess(LOGITS, size=tensor.shape)
    assert segpost.postprocess(LOGITS, size=tensor.shape[-2:]).labels.shape == (24, 30)
