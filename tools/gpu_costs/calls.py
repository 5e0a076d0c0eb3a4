"""The usual calls at the sizes of the benches, on arrays of an emulated device that is watched."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches import queries
from benches.harness.scenes import enlarged, photograph, refinable, scene, street_maps, volume

CLASSES, LOW, FULL = 19, (128, 256), (1024, 2048)
Array = np.ndarray[Any, Any]


class Call(NamedTuple):
    """A call whose work is recorded; it returns what is kept alive meanwhile."""

    title: str
    run: Callable[[], Any]
    pixels: int  # of the result, one image
    less: Callable[[], Any] | None = None  # a call whose work is subtracted


class OnDevice:
    """An array in the memory of an emulated device, as CuPy's arrays show theirs."""

    def __init__(self, module: ModuleType, array: Array) -> None:
        library = ctypes.CDLL(module.__file__)
        library.emulated_allocate.restype = ctypes.c_void_p
        array = np.ascontiguousarray(array)
        address = library.emulated_allocate(ctypes.c_size_t(array.nbytes))
        memory: Any = (ctypes.c_char * array.nbytes).from_address(address)
        self.array = np.frombuffer(memory, array.dtype).reshape(array.shape)
        self.array[...] = array

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The address, as CUDA's libraries exchange it."""
        return {**self.array.__array_interface__, "version": 3, "stream": None}


@cache
def low_logits() -> Array:
    """Logits of a street, at an eighth of its size."""
    return scene(CLASSES, *LOW, regions=60, objects=100, poles=50)


def list_calls(module: ModuleType) -> Iterator[Call]:
    """Yield the calls; each makes its arrays when it is asked for."""
    there: Callable[[Array], Any] = partial(OnDevice, module)
    palette = segpost.Palette.named("cityscapes")
    pixels = FULL[0] * FULL[1]

    def postprocess(logits: Any, *want: Any, **options: Any) -> Callable[[], Any]:
        settings: dict[str, Any] = {"palette": palette, "want": want, "check": "off", **options}
        return lambda: segpost.postprocess(logits, **settings)

    low = there(low_logits())
    full = there(enlarged(low_logits(), *FULL))
    yield Call("labels, upsampled", lambda: segpost.argmax(low, size=FULL, check="off"), pixels)
    yield Call("labels + colors, upsampled", postprocess(low, "labels", "color", size=FULL), pixels)
    sure = postprocess(low, "labels", "confidence", "color", size=FULL)
    yield Call("labels + confidence + colors, upsampled", sure, pixels)
    yield Call("labels, full size", lambda: segpost.argmax(full, check="off"), pixels)
    yield Call("labels + confidence, full size", postprocess(full, "labels", "confidence"), pixels)
    yield Call("softmax, full size", lambda: segpost.softmax(full, check="off"), pixels)
    ranked = postprocess(full, "entropy", "margin", "topk", topk=3)
    yield Call("entropy + margin + 3 best, full size", ranked, pixels)
    masks = there(low_logits()[:4])
    binarize = partial(segpost.binarize, masks, size=FULL, check="off")
    yield Call("binarize, 4 masks, upsampled", binarize, 4 * pixels)
    preds, target = (there(labels) for labels in street_maps(*FULL, CLASSES))
    colors = segpost.colorize(preds, palette, check="off")
    image = there(photograph(*FULL))
    yield Call("colorize", lambda: segpost.colorize(preds, palette, check="off"), pixels)
    yield Call("overlay", lambda: segpost.overlay(image, preds, palette, check="off"), pixels)
    read = partial(segpost.labels_from_colors, colors, palette, check="off")
    yield Call("labels from colors", read, pixels)
    count: Any = partial(segpost.confusion_matrix, num_classes=CLASSES, ignore_index=255)
    yield Call("confusion of labels", lambda: count(preds, target, check="off"), pixels)
    yield Call("confusion of logits, full size", lambda: count(full, target, check="off"), pixels)
    yield Call("regions of labels", lambda: segpost.regions(preds), pixels)
    head = [there(array) for array in queries.street()]
    segment: Any = partial(segpost.segment_queries, *head, dialect="maskformer")
    yield Call("query head, semantic", lambda: segment(task="semantic", size=FULL), pixels)
    small = (256, 512)  # emulated, the full size takes many minutes
    parts = partial(segment, task="panoptic", size=small)
    yield Call("query head, panoptic, 256 x 512", parts, int(np.prod(small)))
    rough = there(volume(25, (64, 80, 80)))
    size = (160, 256, 256)
    labels_of_volume = partial(segpost.argmax, rough, size=size, check="off")
    yield Call("labels of a volume, upsampled", labels_of_volume, int(np.prod(size)))
    yield from list_refinements(there)


def list_refinements(there: Callable[[Array], Any]) -> Iterator[Call]:
    """Yield the set-up and an iteration of dense CRFs: a photograph of 500 x 375, 21 labels."""
    probabilities, image = (there(array) for array in refinable("china", 375, 500, 21))
    name: Any
    for name in ("pydensecrf", "deeplab"):
        none, one, two = (
            partial(segpost.DenseCRF.preset(name, iterations=n), probabilities, image)
            for n in (0, 1, 2)
        )
        yield Call(f"dense CRF, {name}: set-up, first and last Q", none, 375 * 500)
        yield Call(f"dense CRF, {name}: an iteration", two, 375 * 500, less=one)
