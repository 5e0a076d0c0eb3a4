"""Calls of the C interface on hard inputs, and what the reference says of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from capi_calls import Calls
from conftest import scene

import segpost

OK, BAD_ARGUMENT, BAD_VALUES, FAILED = 0, 1, 2, 4
GRIDS = ("half_pixel", "align_corners", "asymmetric")
REGION = np.dtype(
    [(name, np.int64) for name in ("image", "label", "area", "x", "y", "width", "height")]
    + [("centroid_x", np.float64), ("centroid_y", np.float64)]
)


class Case(NamedTuple):
    """A call, and what is expected of it."""

    name: str
    status: int
    message: str  # how it begins
    outputs: list[str]  # files
    wanted: dict[int, np.ndarray]  # outputs by number


class Cases:
    """Adds calls, and collects what is expected of them."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.all: list[Case] = []

    def add(
        self, name: str, function: str, *words: Any,
        status: int = OK, message: str = "", wanted: dict[int, Any] | None = None,
    ) -> None:  # fmt: skip
        arrays = {i: np.asarray(array) for i, array in (wanted or {}).items()}
        self.all.append(Case(name, status, message, self.calls.add(function, *words), arrays))


def hard_logits() -> dict[str, np.ndarray]:
    """Logits (N, C, h, w) whose labels are easily lost."""
    random = np.random.default_rng(7)
    smooth = scene(6, 9, 13, 1)[None]
    ties = random.integers(-1, 2, (2, 5, 7, 6)).astype(np.float32)
    last = np.ascontiguousarray(scene(19, 8, 11, 2).transpose(1, 2, 0)).transpose(2, 0, 1)[None]
    infinite = scene(4, 5, 6, 3)[None].copy()
    infinite[0, 1, 2, :3] = np.inf
    infinite[0, :3, 4, 4] = -np.inf
    return {
        "smooth": smooth,
        "noise": random.normal(size=(2, 21, 17, 19)).astype(np.float32),
        "ties": ties,
        "equal": np.zeros((1, 3, 4, 5), np.float32),
        "denormal": (ties * np.float32(1e-41)).astype(np.float32),
        "tiny and huge": (ties * np.float32(3e38)).astype(np.float32),
        "one pixel": random.normal(size=(1, 7, 1, 1)).astype(np.float32),
        "one column": random.normal(size=(3, 4, 33, 1)).astype(np.float32),
        "channels last": last,
        "turned": smooth[:, ::-1, ::-1, ::2],
        "infinite": infinite,
        "float64": ties + random.normal(size=ties.shape) * 1e-13,
        "float16": random.normal(size=(1, 9, 6, 10)).astype(np.float16),
        "bfloat16": random.normal(size=(1, 9, 6, 10)).astype(ml_dtypes.bfloat16),
        "300 classes": random.normal(size=(1, 300, 3, 4)).astype(np.float32),
    }


def reference(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The answer of the definition."""
    with segpost.use_backend("reference"):
        return function(*arguments, **options)


def add_labels(cases: Cases) -> None:
    """argmax and softmax."""
    calls = cases.calls
    for name, logits in hard_logits().items():
        n, c, h, w = logits.shape
        dtype = np.uint8 if c <= 256 else np.int32
        sizes = [(h, w), (3 * h + 1, 5 * w + 2)] if name != "one pixel" else [(1, 1), (4, 7)]
        for k, size in enumerate(sizes):
            grid = k if h > 1 and w > 1 else 0
            labels = reference(segpost.argmax, logits, size=size, grid=GRIDS[grid])
            cases.add(
                *(f"argmax of {name} to {size}", "argmax", calls.array(logits)),
                *(calls.argmax_options(grid=grid), calls.output(dtype, n, *size), "- - -"),
                wanted={0: labels},
            )
            if name not in ("infinite", "tiny and huge"):
                cases.add(
                    *(f"softmax of {name} to {size}", "softmax", calls.array(logits)),
                    *(calls.argmax_options(grid=grid), calls.output(np.float32, n, c, *size)),
                )


def add_pictures(cases: Cases) -> None:
    """Colors, overlays and confidence."""
    calls, random = cases.calls, np.random.default_rng(8)
    logits, size = scene(6, 9, 13, 1)[None], (29, 40)
    palette = random.integers(0, 256, (6, 3), dtype=np.uint8)
    image = random.integers(0, 256, (1, *size, 3), dtype=np.uint8)
    seg = reference(
        *(segpost.postprocess, logits),
        size=size,
        image=image,
        palette=segpost.Palette(palette),
        alpha=0.3,
        want=("labels", "color", "overlay"),
    )
    options = {"palette": palette, "image": image, "alpha": np.array([0.3])}
    for dtype, fast in ((np.float32, 0), (np.uint8, 0), (np.uint8, 1)):
        cases.add(
            *(
                "pictures",
                "argmax",
                calls.array(logits),
                calls.argmax_options(fast=fast, **options),
            ),
            *(calls.output(np.uint8, 1, *size), calls.output(np.uint8, 1, *size, 3)),
            *(calls.output(dtype, 1, *size), calls.output(np.uint8, 1, *size, 3)),
            wanted={0: seg.labels, 1: seg.color, 3: seg.overlay},
        )
    for contour in (0, 2):
        drawn = reference(
            segpost.overlay, image, seg.labels, segpost.Palette(palette), contour=contour
        )
        cases.add(
            *("overlay", "overlay", calls.array(image), calls.array(np.asarray(seg.labels))),
            *(calls.table(palette), 6, calls.table(None), 0, contour),
            calls.output(np.uint8, 1, *size, 3),
            wanted={0: drawn},
        )
    for name in ("uint8", "int16", "int32", "int64", "uint32"):
        labels = np.asarray(seg.labels).astype(name)[:, ::-1]
        cases.add(
            *("colorize", "colorize", calls.array(labels), calls.table(palette), 6),
            calls.output(np.uint8, 1, *size, 3),
            wanted={0: palette[labels.astype(np.int64)]},
        )
    one = np.random.default_rng(2).normal(size=(1, 1, 6, 7)).astype(np.float32)
    for threshold in (0.0, 1.5):
        cases.add(
            *("one channel", "argmax", calls.array(one)),
            calls.argmax_options(has_threshold=1, threshold=threshold),
            *(calls.output(np.uint8, 1, 6, 7), "-", calls.output(np.float32, 1, 6, 7), "-"),
            wanted={0: one[:, 0] > threshold},
        )


def add_counts(cases: Cases) -> None:
    """Confusion matrices."""
    calls, random = cases.calls, np.random.default_rng(9)
    logits, size, classes = scene(6, 9, 13, 1)[None], (29, 40), 6
    labels = np.asarray(reference(segpost.argmax, logits, size=size))
    target = random.integers(0, classes + 2, labels.shape).astype(np.int32)
    target[target == classes] = 255
    target[target == classes + 1] = -1
    counts = np.zeros((classes + 2, classes + 1), np.int64)
    rows = np.where(target == 255, classes, np.where(target < 0, classes + 1, target))
    np.add.at(counts, (rows.ravel(), labels.ravel()), 1)
    ignored = calls.table(np.array([255], np.int64))
    start = calls.output_table(np.int64, counts.size, fill=0)
    cases.add(
        *("counts", "confusion_matrix", calls.array(labels.astype(np.int16)), calls.array(target)),
        *(classes, ignored, 1, start),
        wanted={0: counts.ravel()},
    )
    start = calls.output_table(np.int64, counts.size, fill=0)
    cases.add(
        *("counts of logits", "confusion_matrix_of_logits", calls.array(logits)),
        *(calls.argmax_options(), calls.array(target), classes, ignored, 1, start),
        wanted={0: counts.ravel()},
    )


def add_masks(cases: Cases) -> None:
    """Masks, their bits and their codes."""
    calls, random = cases.calls, np.random.default_rng(10)
    logits, size = random.normal(size=(2, 3, 9, 14)).astype(np.float32), (40, 61)
    for probability in (0.5, 0.3):
        level = np.array([math.log(probability / (1 - probability))] * 3)
        masks = np.asarray(reference(segpost.binarize, logits, size=size, threshold=probability))
        cases.add(
            *("masks", "binarize", calls.array(logits), calls.binarize_options(thresholds=level)),
            calls.output(np.uint8, 2, 3, *size),
            wanted={0: masks},
        )
        cases.add(
            *("bits", "binarize", calls.array(logits)),
            calls.binarize_options(thresholds=level[:1], packed_width=size[1]),
            calls.output(np.uint8, 2, 3, size[0], 8),
            wanted={0: np.packbits(masks, axis=-1)},
        )
        columns = masks.transpose(0, 1, 3, 2).reshape(6, -1)
        codes = []
        for column in columns:
            changes = np.flatnonzero(np.diff(column)) + 1
            lengths = np.diff([0, *changes, column.size])
            codes.append([0, *lengths] if column[0] else list(lengths))
        ends, flat = np.cumsum([len(code) for code in codes]), np.concatenate(codes)
        words: list[Any] = [calls.array(logits), calls.binarize_options(thresholds=level), *size]
        cases.add(
            *("too few counts", "binarize_runs", *words, calls.output_table(np.int64, 1)),
            *(1, calls.output_table(np.int64, 6)),
            status=BAD_ARGUMENT,
        )
        cases.add(
            *("counts of masks", "binarize_runs", *words, calls.output_table(np.int64, flat.size)),
            *(flat.size, calls.output_table(np.int64, 6)),
            wanted={0: flat, 1: ends},
        )
        strings = [np.frombuffer(text, np.uint8) for text in _compressed(masks)]
        stops = np.cumsum([len(text) for text in strings])
        cases.add(
            *("strings", "compress_counts", calls.table(flat.astype(np.int64))),
            *(calls.table(ends.astype(np.int64)), 6, calls.output_table(np.uint8, int(stops[-1]))),
            *(stops[-1], calls.output_table(np.int64, 6)),
            wanted={0: np.concatenate(strings), 1: stops},
        )
    quantized = random.integers(-100, 100, (1, 2, 5, 6)).astype(np.int8)
    wanted = reference(segpost.binarize, quantized, size=size, quantization=(0.1, 7))
    cases.add(
        *("quantized", "binarize", calls.array(quantized)),
        *(calls.binarize_options(scale=0.1, zero_point=7.0), calls.output(np.uint8, 1, 2, *size)),
        wanted={0: wanted},
    )


def _compressed(masks: np.ndarray) -> list[bytes]:
    """COCO's strings of masks (N, C, H, W)."""
    return [
        segpost.regions(masks=mask[None]).rle()[0]["counts"]
        for mask in masks.reshape(-1, *masks.shape[2:])
    ]


def add_regions(cases: Cases) -> None:
    """Regions and their codes."""
    calls, random = cases.calls, np.random.default_rng(11)
    labels = random.integers(-1, 3, (2, 12, 8)).repeat(3, axis=1).repeat(2, axis=2)
    wanted = np.zeros(0, REGION)
    for number, one in enumerate(labels):
        found = reference(segpost.regions, one)
        rows = np.zeros(len(found), REGION)
        rows["image"], rows["label"], rows["area"] = number, found.labels, found.areas
        for k, name in enumerate(("x", "y", "width", "height")):
            rows[name] = found.boxes[:, k]
        rows["centroid_x"], rows["centroid_y"] = found.centroids.T
        wanted = np.concatenate([wanted, rows])
    for dtype in (np.int16, np.int32, np.int64):
        array = calls.array(labels.astype(dtype))
        out = calls.output_table(np.uint8, wanted.nbytes)
        cases.add(
            *("regions", "regions", array, out, len(wanted), calls.output_table(np.int64, 1)),
            wanted={0: wanted.view(np.uint8), 1: np.array([len(wanted)])},
        )
        cases.add(
            *("counts of regions", "region_counts", array, calls.output_table(np.int64, 4000)),
            *(4000, calls.output_table(np.int64, len(wanted)), len(wanted)),
        )


def add_crf(cases: Cases) -> None:
    """The dense CRF, at each quality."""
    calls, random = cases.calls, np.random.default_rng(12)
    probabilities = np.asarray(segpost.softmax(scene(4, 20, 27, 4)))
    image = random.integers(0, 256, (20, 27, 3), dtype=np.uint8)
    for quality in range(4):
        cases.add(
            *("CRF", "dense_crf", calls.array(probabilities), calls.array(image)),
            calls.crf_options(quality=quality, iterations=3, bilateral_sigma=20.0),
            calls.output(np.float32, 4, 20, 27),
        )
    cases.add(
        *("CRF without an image", "dense_crf", calls.array(probabilities), "-"),
        *(calls.crf_options(bilateral_weight=-1.0), calls.output(np.float32, 4, 20, 27)),
    )


def add_errors(cases: Cases) -> None:
    """What is refused, and the sentences."""
    calls = cases.calls
    logits = scene(3, 4, 5, 1)[None].copy()
    logits[0, 2, 1, 3] = np.nan
    labels = calls.output(np.uint8, 1, 8, 10)
    cases.add(
        *("NaN", "argmax", calls.array(logits), calls.argmax_options(), labels, "- - -"),
        status=BAD_VALUES,
        message="logits have 1 NaN, first at image 0, y 1, x 3",
    )
    wanted = reference(segpost.argmax, logits, size=(8, 10), nan="propagate")
    labels = calls.output(np.uint8, 1, 8, 10)
    cases.add(
        *(
            "NaN goes on",
            "argmax",
            calls.array(logits),
            calls.argmax_options(nan=1),
            labels,
            "- - -",
        ),
        wanted={0: wanted},
    )
    palette = np.zeros((3, 3), np.uint8)
    outside = np.array([[[0, 1], [7, 2]]], np.int32)
    cases.add(
        *("outside", "colorize", calls.array(outside), calls.table(palette), 3),
        calls.output(np.uint8, 1, 2, 2, 3),
        status=BAD_VALUES,
        message="labels have 1 values outside 0..2, first at image 0, y 1, x 0",
    )
    good = scene(3, 4, 5, 1)[None]
    for name, options, message in (
        ("grid", {"grid": 9}, "grid is unknown: 9"),
        ("size of options", {"struct_size": 4096}, "options have struct_size 4096, not "),
    ):
        words = calls.argmax_options(**options), calls.output(np.uint8, 1, 4, 5), "- - -"
        cases.add(
            *(name, "argmax", calls.array(good), *words), status=BAD_ARGUMENT, message=message
        )
    words = calls.argmax_options(), calls.output(np.float32, 1, 4, 5), "- - -"
    cases.add(
        *("dtype", "argmax", calls.array(good), *words),
        status=BAD_ARGUMENT,
        message="labels must be of dtype uint8, int32, got float32",
    )
    cases.add(
        *("null", "argmax - ", calls.argmax_options(), calls.output(np.uint8, 1, 4, 5), "- - -"),
        status=BAD_ARGUMENT,
        message="logits is null",
    )


def add_all(calls: Calls) -> list[Case]:
    """Add every case."""
    cases = Cases(calls)
    for add in (add_labels, add_pictures, add_counts, add_masks, add_regions, add_crf, add_errors):
        add(cases)
    cases.add("unknown level", "use_level", "nonsense", status=FAILED)
    return cases.all
