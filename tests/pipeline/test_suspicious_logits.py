"""Logits that are probabilities, or whose classes are on another axis, raise with the cure."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pytest
from conftest import scene

import segpost

torch = pytest.importorskip("torch")

LOGITS = np.random.default_rng(8).normal(0, 2, (5, 12, 14)).astype(np.float32)
SHARES = segpost.softmax(LOGITS)
WANT: Final = ("labels", "confidence")


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16", "torch"])
@pytest.mark.parametrize("want", [("confidence",), ("probabilities",)])
def test_probabilities_as_logits(kind: str, want: Any) -> None:
    """Their softmax is near 1 / classes everywhere; the cure gives the probabilities."""
    shares: Any = SHARES
    if kind in ("torch", "bfloat16"):
        shares = torch.from_numpy(SHARES).to(torch.bfloat16 if kind == "bfloat16" else None)
    else:
        shares = shares.astype(kind)
    with pytest.raises(ValueError, match="a second softmax would make them alike") as error:
        segpost.postprocess(shares, want=want)
    code = re.search(r"convention=(segpost\.Convention\(.*?\))", str(error.value))
    assert code
    convention = eval(code.group(1), {"segpost": segpost})
    seg = segpost.postprocess(shares, convention=convention, want=want)
    result = seg.confidence if want == ("confidence",) else seg.probabilities
    wanted = SHARES.max(0) if want == ("confidence",) else SHARES
    np.testing.assert_allclose(np.asarray(result), wanted, atol=0.01)


def test_they_are_logits_if_the_caller_says_so() -> None:
    convention = segpost.Convention(kind="probabilities")
    with pytest.warns(segpost.InputWarning, match="without segpost.softmax") as caught:
        shares = segpost.softmax(SHARES)
    assert caught[0].filename == __file__
    seg = segpost.postprocess(shares, convention=convention, want=WANT)
    np.testing.assert_allclose(seg.confidence, shares.max(0), atol=1e-6)


@pytest.mark.parametrize(
    "logits",
    [
        LOGITS,
        np.zeros((4, 3, 3)),
        np.eye(4)[:, :, None].repeat(4, -1),
        abs(LOGITS) / abs(LOGITS).max() * 0.4,  # of an untrained network
        SHARES + 0.2,
        np.zeros((3, 0, 4)),
    ],
)
def test_logits_pass(logits: Any) -> None:
    segpost.postprocess(logits.astype(np.float32), want=WANT)


SIGMOIDS = (1 / (1 + np.exp(-LOGITS))).astype(np.float32)


@pytest.mark.parametrize("values", [SIGMOIDS, np.eye(5, dtype=np.float32)[LOGITS.argmax(0)].T])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_sigmoids_as_logits(values: Any, library: str) -> None:
    """The softmax of values in 0..1 has the limit that is printed; the cure gives the values."""
    logits: Any = values if library == "numpy" else torch.from_numpy(values.copy()).half()
    with pytest.warns(segpost.InputWarning, match=r"logits lie in 0\.\.1, as") as caught:
        wrong = segpost.postprocess(logits, want=("confidence",))
    assert [warning.filename for warning in caught] == [__file__]
    limit = re.search(r"at most ([\d.]+)", str(caught[0].message))
    assert limit
    assert float(np.asarray(wrong.confidence).max()) < float(limit.group(1)) + 0.01
    code = re.search(r"convention=(segpost\.Convention\(.*?\))", str(caught[0].message))
    assert code
    convention = eval(code.group(1), {"segpost": segpost})
    right = segpost.postprocess(logits, convention=convention, want=("confidence",))
    np.testing.assert_allclose(np.asarray(right.confidence), values.max(0), atol=1e-3)
    with pytest.warns(segpost.InputWarning, match=r"without segpost\.softmax"):
        segpost.softmax(logits)
    assert np.asarray(segpost.postprocess(logits).labels).shape == values.shape[1:]


@pytest.mark.parametrize("total", [100, 255, 3])
def test_percentages_as_logits(total: int) -> None:
    """The printed expressions give the probabilities."""
    logits = SHARES * total
    with pytest.warns(segpost.InputWarning, match=f"add up to {total} over the classes") as caught:
        segpost.postprocess(logits, want=("confidence",))
    assert [warning.filename for warning in caught] == [__file__]
    code = re.search(r"pass (logits / \d+) and convention=(.*)$", str(caught[0].message))
    assert code
    cured, convention = (
        eval(part, {"segpost": segpost, "logits": logits}) for part in code.groups()
    )
    seg = segpost.postprocess(cured, convention=convention, want=("confidence",))
    np.testing.assert_allclose(seg.confidence, SHARES.max(0), atol=1e-5)
    for right in (logits - 1, np.maximum(LOGITS, 0), abs(LOGITS) + 1):
        segpost.postprocess(right, want=("confidence",))


def test_labels_of_probabilities_pass() -> None:
    """The label is the same."""
    np.testing.assert_array_equal(segpost.postprocess(SHARES).labels, LOGITS.argmax(0))


@pytest.mark.parametrize("shape", [(33, 33, 21), (33, 65, 21), (2, 65, 129, 19), (65, 33, 5)])
@pytest.mark.parametrize("stride", [8, 16])
def test_channels_last_with_a_size(shape: tuple[int, ...], stride: int) -> None:
    """The stride of height and width shows it; both axes of the message run."""
    logits = np.random.default_rng(9).normal(size=shape).astype(np.float32)
    height, width = shape[-3:-1]
    size = (height - 1) * stride + 1, (width - 1) * stride + 1
    for call in (segpost.argmax, lambda *a, **o: segpost.postprocess(*a, **o).labels):
        with pytest.raises(ValueError, match="pass axis=-1, or axis=-3 if it is right"):
            call(logits, size=size)
        labels = call(logits, size=size, axis=-1)
        assert labels.shape == (*shape[:-3], *size)
        assert call(logits, size=size, axis=-3).shape == labels.shape


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((21, 65, 65), (513, 513)),
        ((19, 128, 256), (1024, 2048)),
        ((19, 16, 32), (512, 512)),  # a stretched picture
        ((21, 21, 21), (168, 168)),
        ((5, 3, 7), (30, 30)),
        ((150, 32, 43), (427, 640)),
        ((3, 40, 30), (20, 90)),
    ],
)
def test_channels_first_with_a_size_pass(shape: Any, size: Any) -> None:
    segpost.argmax(scene(*shape), size=size)


def test_scale_in_postprocess() -> None:
    """As in argmax, for every result."""
    palette = segpost.Palette.distinct(5)
    seg = segpost.postprocess(LOGITS, scale=1.5, palette=palette, want=("labels", "color"))
    np.testing.assert_array_equal(seg.labels, segpost.argmax(LOGITS, scale=1.5))
    assert seg.color.shape == (18, 21, 3)
    stream = segpost.Stream(scale=1.5)
    np.testing.assert_array_equal(stream(LOGITS).labels, seg.labels)
    with pytest.raises(ValueError, match="size and scale both define"):
        segpost.postprocess(LOGITS, scale=2, size=(24, 28))


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_probabilities_with_a_threshold(kind: str) -> None:
    """Their sigmoid is above 0.5 everywhere; the cure of the warning gives the labels."""
    shares: Any = (1 / (1 + np.exp(-LOGITS[:1]))).astype(np.float32)
    if kind == "bfloat16":
        shares = torch.from_numpy(shares).to(torch.bfloat16)
    with pytest.warns(segpost.InputWarning, match="convention=") as caught:
        wrong = segpost.postprocess(shares, threshold=0.5)
    assert np.asarray(wrong.labels).all()
    code = re.search(r"convention=(.*)$", str(caught[0].message))
    assert code
    convention = eval(code.group(1), {"segpost": segpost})
    labels = segpost.postprocess(shares, threshold=0.5, convention=convention).labels
    clear = abs(LOGITS[0]) > 0.05
    assert (np.asarray(labels) == (LOGITS[0] > 0))[clear].all()


@pytest.mark.parametrize(("classes", "side"), [(21, 16), (150, 112), (171, 128), (65, 32)])
def test_stretched_images_pass(classes: int, side: int) -> None:
    """Of a square input, the results of portrait images are no square."""
    assert segpost.argmax(scene(classes, side, side), size=(500, 375)).shape == (500, 375)


def test_softmax_of_probabilities(backend: str) -> None:
    for shares in (SHARES, SHARES[None], np.moveaxis(SHARES, 0, -1)):
        axis = -1 if shares.shape[-1] == len(SHARES) else -3
        with pytest.warns(segpost.InputWarning, match="a second softmax would make them alike"):
            segpost.softmax(shares, axis=axis)
    segpost.softmax(LOGITS)


CALLS = [
    segpost.argmax,
    lambda *a, **o: segpost.postprocess(*a, **o).labels,
    lambda a, **o: segpost.Stream(**o)(a).labels,
    lambda *a, **o: segpost.softmax(*a, **o),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", [(21, 33, 25), (19, 24, 24), (70, 16, 20), (150, 20, 20)])
@pytest.mark.parametrize("is_batch", [False, True])
def test_classes_on_the_other_axis(call: Any, shape: tuple[int, ...], is_batch: bool) -> None:
    """Values change most from class to class: each wrong reading warns, each right one does not."""
    first = scene(*shape)
    last = np.ascontiguousarray(np.moveaxis(first, 0, -1))
    if is_batch:
        first, last = first[None], last[None]
    for logits, right, wrong in ((first, -3, -1), (last, -1, -3)):
        call(logits, axis=right)
        with pytest.warns(segpost.InputWarning, match=rf"pass axis={right}$") as caught:
            call(logits, axis=wrong)
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("shape", [(150, 40, 30), (19, 19, 30), (21, 20, 90), (33, 33, 21)])
def test_suspicious_shapes_of_logits(shape: tuple[int, ...]) -> None:
    """A shape alone is no reason to warn."""
    random = np.random.default_rng(4)
    for logits in (
        scene(*shape),
        random.normal(size=shape),
        scene(*shape)[:, :1, :1] + np.zeros(shape),
    ):
        segpost.argmax(logits.astype(np.float32))
        segpost.argmax(np.moveaxis(logits, 0, -1).astype(np.float32), axis=-1)


@pytest.mark.parametrize("call", CALLS[:3])
def test_a_transposed_size(call: Any) -> None:
    """(W, H), as Pillow and OpenCV have it, gives two strides; the printed size gives one."""
    logits = scene(5, 33, 25)
    size = (25 * 8, 33 * 8)
    with pytest.warns(segpost.InputWarning, match="size is") as caught:
        assert call(logits, size=size).shape == size
    assert "pass size=(264, 200)" in str(caught[0].message)
    assert call(logits, size=size[::-1]).shape == (264, 200)
    for stretched in ((256, 256), (100, 300)):
        assert call(logits, size=stretched).shape == stretched


@pytest.mark.parametrize("kind", ["float32", "int8", "bfloat16"])
@pytest.mark.parametrize("value", [0, -3])
def test_equal_logits(kind: str, value: int) -> None:
    """The label is 0 everywhere; of a network that gives it, one value differs."""
    logits: Any = np.full((5, 40, 41), value, "float32" if kind == "bfloat16" else kind)
    if kind == "bfloat16":
        logits = torch.from_numpy(logits).bfloat16()
    for call in (segpost.argmax, segpost.postprocess):
        with pytest.warns(segpost.InputWarning, match=f"are all {value}, so that") as caught:
            call(logits)
        assert [warning.filename for warning in caught] == [__file__]
        assert not np.asarray(segpost.argmax(logits[:, :8, :8])).any()
    logits[4, 39, 40] = value + 1
    assert int(segpost.argmax(logits)[39, 40]) == 4


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_two_label_maps(kind: str) -> None:
    """They are seldom equal: the same few labels in regions of both show it."""
    maps = np.random.default_rng(5).integers(0, 9, (2, 4, 5)).repeat(16, 1).repeat(16, 2)
    logits = maps.astype(kind)
    with pytest.warns(segpost.InputWarning, match="look like 2 label maps") as caught:
        segpost.argmax(logits)
    code = re.search(r"(segpost\.colorize\(.*?palette\))", str(caught[0].message))
    assert code
    names = {"segpost": segpost, "logits": logits, "palette": "voc"}
    np.testing.assert_array_equal(eval(code.group(1), names), segpost.colorize(maps, "voc"))
    segpost.argmax(logits[None])
    scores = np.stack([logits[0], 9 - logits[0]])  # of regions: the higher one, the lower other
    segpost.argmax(scores)
    for regions in (maps * 20, maps // 5, np.stack([maps[0], maps[1] + 9])):
        segpost.argmax(regions.astype(kind if regions.max() < 256 else "int64"))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_equal_label_maps(kind: str) -> None:
    """In no regions, too: of equal maps the label is 0 everywhere."""
    labels = np.random.default_rng(5).integers(0, 21, (40, 50)).astype(kind)
    for count in (2, 21):
        with pytest.raises(ValueError, match=f"look like {count} label maps"):
            segpost.argmax(np.stack([labels] * count))
    other = np.stack([labels, labels[::-1]])
    np.testing.assert_array_equal(segpost.argmax(other), other.argmax(0))


def test_labels_with_a_threshold() -> None:
    """Their sigmoid is above 0.5 wherever they are not 0."""
    labels = np.random.default_rng(5).integers(0, 5, (3, 1, 20, 30)).astype(np.float32)
    with pytest.warns(segpost.InputWarning, match="these are whole numbers from 0 to 4") as caught:
        seg = segpost.postprocess(labels, threshold=0.5)
    np.testing.assert_array_equal(seg.labels, labels[:, 0] > 0)
    code = re.search(r"pass (logits.*?) to segpost\.colorize", str(caught[0].message))
    assert code
    np.testing.assert_array_equal(eval(code.group(1), {"logits": labels}), labels[:, 0])
    for logits in (labels[:1] - 4, labels[:1] / 3):
        segpost.postprocess(logits, threshold=0.5)


def volume(classes: int, slices: int, side: int) -> np.ndarray:
    """Logits (C, D, H, W) of blobs: each class has a center."""
    random = np.random.default_rng(6)
    z, y, x = np.mgrid[:slices, :side, :side]
    centers = random.uniform(0, 1, (classes, 3)) * [slices, side, side]
    parts = [np.hypot(np.hypot(z - a, y - b), x - c) for a, b, c in centers]
    return (12 - np.stack(parts) + random.normal(0, 0.3, (classes, *z.shape))).astype(np.float32)


@pytest.mark.parametrize("call", [segpost.argmax, segpost.postprocess])
def test_a_volume_as_a_batch(call: Any) -> None:
    """Slices are alike, and images are not; the printed call gives the volume's labels."""
    logits = volume(4, 24 if call is segpost.argmax else 25, 20)
    with pytest.warns(segpost.InputWarning, match="as a volume of 4 classes") as caught:
        call(logits)
    assert caught[0].filename == __file__
    call(logits, axis=-3)
    assert "pass volume=True, or axis=-3" in str(caught[0].message)
    labels = call(logits, volume=True)
    np.testing.assert_array_equal(getattr(labels, "labels", labels), logits.argmax(0))


def test_the_softmax_of_a_volume() -> None:
    """The printed argument gives the probabilities of the volume."""
    logits = volume(4, 23, 20)
    with pytest.warns(segpost.InputWarning, match="as a volume of 4 classes") as caught:
        segpost.softmax(logits)
    assert "pass volume=True, or axis=-3" in str(caught[0].message)
    shares = segpost.softmax(logits, volume=True)
    np.testing.assert_allclose(shares, np.exp(logits) / np.exp(logits).sum(0), atol=1e-5)


@pytest.mark.parametrize("images", [2, 5])
def test_batches_of_images(images: int) -> None:
    """No warning: of images, of noise, and of classes in an order that changes slowly."""
    batch = np.stack([scene(9, 20, 22 + images, seed) for seed in range(images)])
    ordered = np.arange(9.0)[:, None, None] + batch / 4
    noise = np.random.default_rng(1).normal(size=(images, 9, 21, 22))
    for logits in (batch, ordered[:, :, 1:], noise, batch[:, :, ::3]):
        assert segpost.argmax(logits).shape == (images, *logits.shape[2:])


def test_a_scale_that_is_a_size() -> None:
    """The size of the result is meant: the cure has another argument."""
    with pytest.warns(segpost.InputWarning, match="height and width are multiplied"):
        assert segpost.argmax(scene(3, 2, 3), scale=(65, 97)).shape == (130, 291)
    segpost.argmax(scene(3, 2, 3), scale=64)


def test_logits_of_another_input_than_the_letterbox() -> None:
    """A letterbox's input and the logits have one aspect ratio, up to a rounding."""
    box = segpost.Letterbox.fit((90, 120), (128, 128))
    with pytest.warns(segpost.InputWarning, match=r"strides of 4 and 2\.66667") as caught:
        segpost.postprocess(scene(5, 32, 48), letterbox=box)
    assert caught[0].filename == __file__
    for side in (17, 32, 33, 128):
        segpost.postprocess(scene(5, side, side), letterbox=box)
        segpost.postprocess(scene(5, side, side - 1), letterbox=box)


def test_probabilities_of_volumes_are_no_logits() -> None:
    """They are looked at along all three axes."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1.0] * 3, (40, 33, 65)).astype(np.float32)
    volumes = np.moveaxis(probabilities, -1, 0)
    with pytest.raises(ValueError, match=r"add up to 1 over the classes .* probabilities already"):
        segpost.postprocess(volumes, volume=True, want=("labels", "confidence"))
