"""What a diagnosis looks at: everything the caller has, viewed and counted once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array, widen
from segpost._core.contract import Logits
from segpost._core.sampling import GRIDS
from segpost.color.datasets import list_palettes
from segpost.color.palette import Palette
from segpost.diagnosis import alignment
from segpost.labels.operations import argmax
from segpost.pipeline.api import postprocess
from segpost.spatial.letterbox import Letterbox

SAMPLED = 1 << 16  # pixels of the logits that statistics are made of
COMPARED = 1 << 22  # pixels of prediction and target that are compared; of at least one image
ENOUGH = 256  # pixels for a statistical claim

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Table = npt.NDArray[np.uint8]


class Census(NamedTuple):
    """The values of a label map and how often each occurs."""

    values: Int64
    counts: Int64

    @property
    def pixels(self) -> int:
        """How many pixels there are."""
        return int(self.counts.sum())


class Origin(NamedTuple):
    """What a Pillow picture knows beside its pixels."""

    mode: str
    format: str
    palette: Table | None
    orientation: int  # EXIF; 1 is upright


T = TypeVar("T")


class Given(Generic[T]):
    """An argument that may be there; `Case.has` says whether it is."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, case: Case, owner: type) -> T:
        return cast(T, case.given[self.name])


@dataclass(frozen=True, eq=False)
class Case:
    """The arguments of a diagnosis, and what follows from them."""

    raw = Given[Array]()  # the logits in the layout they came in
    logits = Given[Logits]()  # (N, C, h, w)
    again = Given[Logits]()  # the same of a second run
    labels = Given[Array]()  # (N, H, W)
    color = Given[Table]()  # (N, H, W, 3), the picture that was drawn
    decoded = Given[Array]()  # (N, H, W), the ids that its colors mean
    target = Given[Array]()  # (N, H, W)
    target_colors = Given[Table]()  # (N, H, W, 3), a target that is a picture
    image = Given[Table]()  # (N, H, W, 3), the photograph
    input = Given[Float64]()  # (N, 3, H, W), what the network was fed
    mean = Given[Float64]()  # (3,), of bytes
    std = Given[Float64]()
    palette = Given[Palette]()
    class_names = Given[tuple[str, ...]]()

    given: dict[str, Any]  # by the names above
    axis: int = -3
    axis_corrected: bool = False  # the axis that was said cannot be meant
    unit_palette: bool = False  # it came as floats of 0..1
    num_classes: int | None = None
    ignored: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    grid: str | None = None
    letterbox: Letterbox | None = None
    threshold: float | None = None
    quantization: tuple[float, int] | None = None
    origins: dict[str, Origin] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether an argument of that name was given, or follows from others."""
        if name == "predicted":
            return self.has("labels") or self.has("logits") or self.has("decoded")
        if name in ("grid", "letterbox", "num_classes"):
            return getattr(self, name) is not None
        return name in self.given

    def origin(self, name: str) -> Origin | None:
        """What the picture of that argument knows, where it was a picture."""
        return self.origins.get(name)

    @cached_property
    def classes(self) -> int | None:
        """The number of classes, from whoever says it first."""
        if self.num_classes is not None:
            return self.num_classes
        if self.has("logits"):
            found = self.logits.values.shape[1]
            return found if found > 1 else 2
        return len(self.palette) if self.has("palette") else None

    @property
    def head(self) -> int | None:
        """The number of channels of the logits."""
        return int(self.logits.values.shape[1]) if self.has("logits") else None

    def remembered(self, name: str, make: Callable[[], Any]) -> Any:
        """What several checks look at, made once."""
        kept = self.__dict__.setdefault("_kept", {})
        if name not in kept:
            kept[name] = make()
        return kept[name]

    @cached_property
    def pixels(self) -> Float64:
        """(S, C): the logits of some pixels, evenly spread, dequantized where that was said."""
        return sampled(self.logits, self.quantization)

    @cached_property
    def finite(self) -> bool:
        """Whether the sampled logits are all numbers."""
        return bool(self.pixels.size) and bool(np.isfinite(self.pixels).all())

    @cached_property
    def winners(self) -> Census:
        """The labels of the logits at their own size."""
        return census(self.own_labels)

    @property
    def own_size(self) -> tuple[int, int, int]:
        """(N, h, w) of the logits."""
        n, _, h, w = self.logits.values.shape
        return n, h, w

    @cached_property
    def own_labels(self) -> Array:
        """(N, h, w): the labels of the logits at their own size."""
        return self.argmax(None, "half_pixel")

    def argmax(self, size: tuple[int, int] | None, grid: str, *, padded: bool = False) -> Array:
        """(N, H, W): the labels of the logits; a one-channel head's are 0 and 1.

        Those of the letterbox's picture are cut out, unless they shall stay `padded`.
        """
        box = self.letterbox
        how: dict[str, Any] = {"size": size, "grid": grid, "nan": "propagate"}
        if box is not None and size == box.image_size and not padded:
            how["letterbox"] = box
        threshold = self.threshold
        if self.logits.values.shape[1] == 1 and threshold is None:
            threshold = 0.5
        view = self.logits.values
        if self.logits.kind == "bfloat16":
            view = widen(view, "bfloat16")
        if threshold is None:
            return np.asarray(argmax(view, **how))
        return np.asarray(postprocess(view, threshold=threshold, **how).labels)

    @cached_property
    def labels_agree(self) -> bool:
        """Whether the labels are those of the logits, on the grid that was said or on any."""
        return any(np.array_equal(made, self.labels) for made in self.at_labels_size())

    def at_labels_size(self) -> Iterator[Array]:
        """The labels of the logits at the size of the given ones, on each grid that is possible."""
        n, h, w = self.own_size
        shape = self.labels.shape
        if shape[0] != n or 0 in shape or 0 in (h, w):
            return
        size = (int(shape[1]), int(shape[2]))
        as_it_is = size == (h, w) and self.letterbox is None
        for grid in GRIDS if self.grid is None and not as_it_is else [self.grid or "half_pixel"]:
            yield self.argmax(size, grid)

    def raw_shape(self) -> str:
        """The shape of the logits as they came."""
        return str(self.raw.shape)

    @cached_property
    def predicted(self) -> Array:
        """(N, H, W): the labels, or else those of the logits at the size of what they are for."""
        if self.has("labels"):
            return self.labels
        if not self.has("logits"):
            return self.decoded
        size = None if self.letterbox is None else self.letterbox.image_size
        for name in ("target", "image"):
            if self.has(name) and len(self.given[name]) == len(self.logits.values):
                height, width = self.given[name].shape[1:3]
                size = (int(height), int(width))
                break
        return self.argmax(size, self.grid or "half_pixel")

    @cached_property
    def predicted_ids(self) -> Census:
        """The values of the prediction."""
        return census(self.predicted)

    @cached_property
    def label_ids(self) -> Census:
        """The values of the labels."""
        return census(self.labels)

    @cached_property
    def target_ids(self) -> Census:
        """The values of the target."""
        return census(self.target)

    @cached_property
    def known_ids(self) -> Census:
        """The values of the target that are not void."""
        keep = ~np.isin(self.target_ids.values, self.ignored)
        return Census(self.target_ids.values[keep], self.target_ids.counts[keep])

    def outside(self, ids: Census) -> Int64:
        """The values that are neither classes nor void."""
        if self.classes is None:
            return ids.values[:0]
        bad = (ids.values < 0) | (ids.values >= self.classes)
        return ids.values[bad & ~np.isin(ids.values, self.ignored)]

    @cached_property
    def aligned(self) -> alignment.Aligned | None:
        """Prediction against target: as they are, and what would make them agree better."""
        if not self.has("predicted") or not self.has("target"):
            return None
        if len(self.predicted) != len(self.target) or 0 in self.predicted.shape:
            return None
        images = max(1, COMPARED // max(self.target[0].size, 1))
        return alignment.Aligned(self.predicted[:images], self.target[:images], self.ignored, self)

    def drawn(self) -> Palette | None:
        """The palette that the labels are seen with: the one given, or their file's own."""
        if self.has("palette"):
            return self.palette
        origin = self.origin("labels")
        return None if origin is None or origin.palette is None else Palette(origin.palette)

    def name(self, label: int) -> str:
        """A class by its name, where names are known."""
        names: tuple[str, ...] | None = None
        if self.has("class_names") or self.has("palette"):
            names = self.class_names if self.has("class_names") else self.palette.names
        return f"{label} ({names[label]})" if names and 0 <= label < len(names) else str(label)


def sampled(logits: Logits, quantization: tuple[float, int] | None = None) -> Float64:
    """(S, C): some pixels of logits, evenly spread."""
    values = logits.values
    n, c, h, w = values.shape
    step = max(1, math.isqrt(n * h * w // SAMPLED))
    some = widen(np.ascontiguousarray(values[:, :, ::step, ::step]), logits.kind)
    made = np.moveaxis(some, 1, -1).reshape(-1, c).astype(np.float64)
    if quantization is not None:
        made = (made - quantization[1]) * quantization[0]
    return made


def planes(logits: Logits) -> Iterator[tuple[int, int, Array]]:
    """Every plane of the logits as floats, one at a time: (image, class, (h, w))."""
    for image in range(logits.values.shape[0]):
        for label in range(logits.values.shape[1]):
            yield image, label, widen(logits.values[image, label], logits.kind)


def census(labels: Array) -> Census:
    """The values of labels and how often each occurs."""
    if labels.dtype == np.uint8:
        times = np.bincount(labels.reshape(-1), minlength=256)
        values = times.nonzero()[0]
        return Census(values.astype(np.int64), times[values].astype(np.int64))
    values, times = np.unique(labels, return_counts=True)
    if labels.dtype == np.uint64:  # nobody has classes beyond int64
        values = np.minimum(values, np.uint64(2**63 - 1))
    return Census(values.astype(np.int64), times.astype(np.int64))


def listed(values: Any, most: int = 8) -> str:
    """Some values in words."""
    some = [str(int(value)) for value in list(values)[:most]]
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(some) + more


def place(mask: Array) -> str:
    """Where the first bad pixel of (N, H, W) is."""
    image, y, x = (int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))
    return f"image {image}, y {y}, x {x}" if len(mask) > 1 else f"y {y}, x {x}"


def packed(colors: Array) -> npt.NDArray[np.uint32]:
    """Colors as one number each, 0x00bbggrr."""
    red, green, blue = (colors[..., k].astype(np.uint32) for k in range(3))
    return np.asarray(red | green << 8 | blue << 16, np.uint32)


def unpacked(numbers: Any) -> list[tuple[int, int, int]]:
    """Such numbers as colors."""
    return [(int(n) & 255, int(n) >> 8 & 255, int(n) >> 16 & 255) for n in numbers]


def named_palettes() -> Iterator[tuple[str, Palette]]:
    """Every palette of a public dataset."""
    for name in list_palettes():
        yield name, Palette.named(name)
