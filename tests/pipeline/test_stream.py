"""Stream: postprocess for frames of one size, into memory that is there."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from conftest import NATIVE, scene
from fake_devices import Cuda, Runtime, host

import segpost
from segpost._core.device import DeviceArray

ON_CUDA = True

torch = pytest.importorskip("torch")

WANTED: Any = ("labels", "confidence", "probabilities", "color", "overlay")
SIZE = (40, 52)
OPTIONS: dict[str, Any] = {"palette": "voc", "size": SIZE, "want": WANTED}


def frames(count: int = 3, size: tuple[int, int] = SIZE) -> list[tuple[np.ndarray, np.ndarray]]:
    """Logits that differ from one to the next, and photographs."""
    random = np.random.default_rng(5)
    return [
        (scene(21, 8, 11, seed), random.integers(0, 256, (*size, 3), np.uint8))
        for seed in range(count)
    ]


def same(got: segpost.Segmentation, wanted: segpost.Segmentation) -> None:
    """Every field of two segmentations, kinds and types included."""
    for name in (*WANTED, "image"):
        mine, theirs = getattr(got, name), getattr(wanted, name)
        assert type(mine) is type(theirs), name
        if mine is not None:
            assert mine.dtype == theirs.dtype, name
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs), err_msg=name)
    assert got.palette == wanted.palette


@pytest.mark.parametrize("kind", ["numpy", "torch", "bfloat16"])
@pytest.mark.parametrize("size", [None, SIZE])
def test_frames_are_those_of_fresh_calls(
    backend: str, kind: str, size: tuple[int, int] | None
) -> None:
    """Every result of every frame, upsampled or not, with another photograph each time."""
    stream = segpost.Stream(**{**OPTIONS, "size": size}, alpha=0.3)
    for logits, photograph in frames(size=size or (8, 11)):
        given: tuple[Any, Any] = logits, photograph
        if kind != "numpy":
            given = torch.from_numpy(logits), torch.from_numpy(photograph)
        if kind == "bfloat16":
            given = given[0].bfloat16(), given[1]
        fresh = segpost.postprocess(
            given[0], image=given[1], **{**OPTIONS, "size": size}, alpha=0.3
        )
        same(stream(*given), fresh)


@pytest.mark.parametrize(
    "options",
    [
        {"axis": -1, "want": ("labels", "probabilities", "confidence")},
        {"want": ("confidence",), "confidence_dtype": "uint8", "confidence_mode": "fast"},
        {"want": ("probabilities",)},
        {
            "want": ("labels", "probabilities", "confidence"),
            "crf": segpost.DenseCRF(bilateral=None),
        },
        {"nan": "propagate", "size": (9, 30), "grid": "align_corners"},
    ],
)
@pytest.mark.parametrize("batch", [False, True])
def test_other_settings(options: dict[str, Any], batch: bool) -> None:
    """Class axes, batches, a CRF, types of confidence: as by a fresh call."""
    stream = segpost.Stream(**options)
    for seed in range(3):
        logits = np.stack([scene(5, 8, 11, seed + k) for k in range(2)])
        if "nan" in options:
            logits[:, 2, 3, 4] = np.nan
        if options.get("axis") == -1:
            logits = np.moveaxis(logits, 1, -1)
        logits = logits if batch else logits[0]
        same(stream(logits), segpost.postprocess(logits, **options))


def test_sigmoids_and_quantized_logits() -> None:
    """What is made of the first frame's scale holds for the later ones."""
    one = segpost.Stream(threshold=0.3, want=WANTED[:2])
    raw = segpost.Stream(quantization=(0.05, 4), want=WANTED[:2])
    for seed in range(3):
        logits = scene(2, 8, 11, seed)
        same(one(logits[:1]), segpost.postprocess(logits[:1], threshold=0.3, want=WANTED[:2]))
        bytes_ = (8 * logits).astype(np.int8)
        fresh = segpost.postprocess(bytes_, quantization=(0.05, 4), want=WANTED[:2])
        same(raw(bytes_), fresh)


def address(array: Any) -> int:
    """Where an array begins."""
    place: int = array.data_ptr() if isinstance(array, torch.Tensor) else array.ctypes.data
    return place


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("size", [None, (240, 320)])
def test_nothing_is_allocated_after_the_first_frame(
    kind: str, size: tuple[int, int] | None
) -> None:
    """Results stay where they are, and no array of a frame's size is made, not even for a while."""
    if not NATIVE:
        pytest.skip("tracemalloc sees what the native backend does not")
    shape = size or (120, 160)
    photograph: Any = np.zeros((*shape, 3), np.uint8)
    given: Any = [np.ascontiguousarray(scene(21, 120, 160, seed)) for seed in range(3)]
    if kind == "torch":
        photograph, given = torch.from_numpy(photograph), [torch.from_numpy(g) for g in given]
    stream = segpost.Stream(**{**OPTIONS, "size": size})
    first = stream(given[0], photograph)
    places = [address(getattr(first, name)) for name in WANTED]
    stream(given[0], photograph)
    tracemalloc.start()
    try:
        for logits in given[1:]:
            later = stream(logits, photograph)
            assert [address(getattr(later, name)) for name in WANTED] == places
        assert tracemalloc.get_traced_memory()[1] < 10_000  # bytes; a map of labels has more
        segpost.postprocess(given[0], size=size)
        assert tracemalloc.get_traced_memory()[1] > shape[0] * shape[1]
    finally:
        tracemalloc.stop()


def test_the_next_frame_overwrites() -> None:
    """A segmentation that was kept shows the latest frame; a copy does not."""
    stream = segpost.Stream()
    first = stream(scene(5, 8, 11, 0))
    before = first.labels.copy()
    second = stream(scene(5, 8, 11, 1))
    assert (second.labels != before).any()
    assert first.labels is second.labels


def test_frames_of_another_kind_start_anew() -> None:
    """Shape, type and kind may change; what was made before is left alone."""
    stream = segpost.Stream(palette="voc", want=("labels", "color"))
    kept = []
    for logits in (
        scene(21, 8, 11, 0),
        scene(21, 9, 11, 1),
        scene(21, 9, 11, 2).astype(np.float16),
        torch.from_numpy(scene(21, 9, 11, 3)),
        np.stack([scene(21, 9, 11, 4)]),
    ):
        fresh = segpost.postprocess(logits, palette="voc", want=("labels", "color"))
        kept.append((stream(logits), fresh))
    for got, wanted in kept:
        same(got, wanted)


def test_photographs_come_and_go() -> None:
    """The image of a segmentation is that of its frame, or none."""
    (logits, first), (_, second), _ = frames()
    stream = segpost.Stream(size=SIZE)
    for photograph in (first, None, second, None):
        image = stream(logits, photograph).image
        assert (image is None) == (photograph is None)
        if photograph is not None:
            np.testing.assert_array_equal(image, photograph)


def test_what_is_refused() -> None:
    """As by postprocess, for every frame; and a stream goes on after an error."""
    logits, photograph = frames()[0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'palete'"):
        segpost.Stream(palete="voc")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="image"):
        segpost.Stream(image=photograph)  # type: ignore[call-overload]
    stream = segpost.Stream(**OPTIONS)
    with pytest.raises(ValueError, match="needs image="):
        stream(logits)
    wanted = segpost.postprocess(logits, image=photograph, **OPTIONS)
    same(stream(logits, photograph), wanted)
    bad = logits.copy()
    bad[3, 2, 1] = np.nan
    for given, image, error, text in (
        (logits, None, ValueError, "needs image="),
        (logits, photograph[1:], ValueError, "does not fit labels"),
        (logits, photograph.astype(float), TypeError, "must be uint8"),
        (bad, photograph, ValueError, r"1 NaN .* class 3, y 2, x 1"),
        (logits[:, :0], photograph, ValueError, "does not fit labels"),
        (logits[0], photograph, ValueError, r"logits\[None\]"),
        (np.stack([logits] * 2), photograph, ValueError, "image has 1 images, logits have 2"),
        (None, photograph, TypeError, "must be an array"),
    ):
        with pytest.raises(error, match=text):
            stream(given, image)
        same(stream(logits, photograph), wanted)


def test_results_are_no_inputs() -> None:
    """The next frame's logits cannot lie where its results are written."""
    stream = segpost.Stream(want=("probabilities",))
    made = stream(scene(5, 8, 11)).probabilities
    with pytest.raises(ValueError, match="memory of this stream's results"):
        stream(made)
    stream(made.copy())


class Lasting:
    """An array of a library whose arrays never change."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array.copy()
        self.dtype = array.dtype
        self.array.flags.writeable = False

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return self.array

    def __array_namespace__(self) -> Any:
        return type("Namespace", (), {"asarray": Lasting})


def test_arrays_that_never_change() -> None:
    """They come out as copies, so a stream has nothing to write to."""
    logits = Lasting(scene(5, 8, 11))
    assert isinstance(segpost.argmax(logits), Lasting)
    with pytest.raises(TypeError, match=r"logits are a Lasting, and .* cannot be written again"):
        segpost.Stream()(logits)


def test_no_pixels() -> None:
    """Nothing, again and again."""
    stream = segpost.Stream()
    for _ in range(3):
        assert stream(np.zeros((3, 0, 4), np.float32)).labels.shape == (0, 4)


def test_frames_on_a_device(device: Runtime) -> None:
    """There too the memory is taken once."""
    stream = segpost.Stream(**{**OPTIONS, "want": WANTED[3:]})
    places = set()
    for logits, photograph in frames():
        seg = stream(Cuda(logits), Cuda(photograph))
        wanted = segpost.postprocess(logits, image=photograph, **OPTIONS)
        for name in WANTED[3:]:
            np.testing.assert_array_equal(host(getattr(seg, name)), getattr(wanted, name))
            places.add(getattr(seg, name).array.ctypes.data)
        assert isinstance(seg.image, DeviceArray)
    assert len(places) == 2


@pytest.mark.parametrize("given", ["letterbox", "convention", "probabilities"])
def test_frames_with_all_that_postprocess_takes(given: str) -> None:
    """A letterbox is cut off every frame, a convention picks of every frame."""
    options: dict[str, Any] = {"palette": "voc", "want": WANTED, "size": SIZE}
    if given == "letterbox":
        options["letterbox"] = segpost.Letterbox.fit(SIZE, (64, 88), align="top_left")
    else:
        options["convention"] = "torchvision"
    if given == "probabilities":
        options["convention"] = segpost.Convention(
            "net", outputs=(("out", "probabilities"),), grid="half_pixel"
        )
    stream = segpost.Stream(**options)
    kept = None
    for logits, photograph in frames():
        output: Any = logits
        if given != "letterbox":
            output = {"out": segpost.softmax(logits) if given == "probabilities" else logits}
        seg = stream(output, photograph)
        same(seg, segpost.postprocess(output, image=photograph, **options))
        assert kept is None or seg.labels is kept
        kept = seg.labels


def test_a_stream_of_labels_is_refused() -> None:
    """There is nothing to make."""
    with pytest.raises(TypeError, match="the network gives labels"):
        segpost.Stream(convention="tf1-deeplab")(np.zeros((4, 5), np.int64))


def test_settings_are_checked_when_the_stream_is_made() -> None:
    """What no logits could fit is an error before the first frame."""
    for wrong, text in (
        ({"nan": "drop"}, "nan must be one of"),
        ({"want": ()}, "want is empty"),
        ({"quantization": (0, 1)}, "scale must be positive"),
        ({"crf": "deeplab", "threshold": 0.5}, "crf needs probabilities of two labels"),
    ):
        with pytest.raises(ValueError, match=text):
            segpost.Stream(**wrong)


def test_a_stream_of_version_0_1_is_restored() -> None:
    """Its pickle has the settings, and the convention apart."""
    stream = segpost.Stream.__new__(segpost.Stream)
    stream.__setstate__({"_settings": {"axis": -1}, "_convention": None, "_like": None})
    logits = scene(5, 8, 11, 0)
    same(stream(np.moveaxis(logits, 0, -1)), segpost.postprocess(logits))


def test_arguments_of_other_names() -> None:
    """The error speaks of the stream, names what is similar, and says where an image goes."""
    with pytest.raises(TypeError, match=r"Stream\(\) got an .* 'sise'; did you mean 'size'\?"):
        segpost.Stream(sise=(4, 4))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"with each frame: stream\(logits, image\)"):
        segpost.Stream(image=np.zeros((4, 4, 3), np.uint8))  # type: ignore[call-overload]


def volumes(count: int = 3) -> list[np.ndarray]:
    """Logits (C, D, H, W) that differ from one to the next."""
    random = np.random.default_rng(7)
    return [random.normal(0, 3, (4, 5, 6, 7)).astype(np.float32) for _ in range(count)]


VOLUME_OPTIONS: list[dict[str, Any]] = [
    {"volume": True},
    {"size": (9, 12, 14), "want": ("labels", "confidence")},
    {"size": (9, 12, 14), "nearest_axis": 0, "want": ("confidence",), "confidence_dtype": "uint8"},
    {"volume": True, "scale": 2.0, "want": ("probabilities", "labels")},
    {"axis": -1, "volume": True, "want": ("labels", "probabilities", "confidence")},
    {"volume": True, "nan": "propagate"},
]


@pytest.mark.parametrize("kind", ["numpy", "torch", "float16"])
@pytest.mark.parametrize("options", VOLUME_OPTIONS)
@pytest.mark.parametrize("batch", [False, True])
def test_volumes_are_those_of_fresh_calls(
    backend: str, options: dict[str, Any], kind: str, batch: bool
) -> None:
    """In the memory of the first one; a volume of another size gets its own."""
    stream = segpost.Stream(**options)
    places = []
    for logits in volumes():
        if "nan" in options:
            logits[1, 2, 3, 4] = np.nan
        given: Any = np.stack([logits, logits[::-1]]) if batch else logits
        if "axis" in options:
            given = np.moveaxis(given, -4, -1)
        given = torch.from_numpy(given) if kind != "numpy" else given
        given = given.half() if kind == "float16" else given
        seg = stream(given)
        same(seg, segpost.postprocess(given, **options))
        assert seg.volume
        places.append([address(array) for array in vars(seg).values() if hasattr(array, "shape")])
    assert places[0] == places[1] == places[2] != []
    small = stream(given[..., :3, :, :] if "axis" in options else given[..., :3, :])
    assert small.volume


def test_what_a_stream_of_volumes_refuses() -> None:
    """What `postprocess` refuses, and logits in its memory; bad values change no plan."""
    one, two, _ = volumes()
    with pytest.raises(ValueError, match="image is for images"):
        segpost.Stream(volume=True)(one, np.zeros((6, 7, 3), np.uint8))
    crf = segpost.DenseCRF(volume=True, bilateral=None)
    with pytest.raises(ValueError, match="crf of volumes is not for a stream"):
        segpost.Stream(volume=True, crf=crf)(one)
    with pytest.raises(ValueError, match='want has "entropy", which a stream does not have'):
        segpost.Stream(volume=True, want=("entropy",))
    convention = segpost.Convention(kind="probabilities")
    shares = segpost.softmax(one, volume=True)
    labels = segpost.Stream(volume=True, convention=convention)(shares).labels
    np.testing.assert_array_equal(labels, one.argmax(0))
    with pytest.raises(ValueError, match=r"pass np\.log"):
        segpost.Stream(volume=True, convention=convention, want=("confidence",))(shares)
    stream = segpost.Stream(volume=True, want=("probabilities",))
    seg = stream(one)
    with pytest.raises(ValueError, match="in the memory of this stream"):
        stream(seg.probabilities)
    bad = two.copy()
    bad[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="logits have 1 NaN of 840 values"):
        stream(bad)
    np.testing.assert_array_equal(stream(two).probabilities, segpost.softmax(two, volume=True))


def test_nothing_is_allocated_after_the_first_volume() -> None:
    if not NATIVE:
        pytest.skip("tracemalloc sees what the native backend does not")
    stream = segpost.Stream(size=(40, 48, 56), want=("labels", "confidence"))
    given = [np.random.default_rng(seed).normal(size=(4, 20, 24, 28)) for seed in range(3)]
    given = [logits.astype(np.float32) for logits in given]
    stream(given[0])
    tracemalloc.start()
    for logits in given[1:]:
        stream(logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 48 * 56
