"""Calls of every kernel whose results must be the same bytes on every processor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from label_maps import ignored, label_map
from logit_values import KINDS, adversarial
from panoptic_cases import STUFF, THINGS, VOID_CATEGORY, awkward_cases, random_case
from query_heads import random_head, structured_head
from surface_cases import awkward_pairs

import segpost
from segpost._core.sampling import GRIDS

Case = Callable[..., Any]
FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
CLASSES = (2, 5, 19, 33, 70)
SIZES = ((5, 7), (1, 6), (9, 1), (12, 17))
WANTED = ("labels", "confidence", "probabilities", "color", "overlay", "entropy", "margin", "topk")
# How the names of the cases end whose bytes are rounded floats: 1/2 lies between two.
OF_BYTES = tuple(f"uint8 #{i}" for i in (1, 2, 8))  # confidence, probabilities, those of topk
OF_CRF = "crf"  # how the names of the cases begin that need not be the same bytes


def draw_shape(random: np.random.Generator, least: int, most: int) -> tuple[int, int, int]:
    """The shape of a map: one or two images."""
    height, width = (int(n) for n in random.integers(least, most, 2))
    return int(random.integers(1, 3)), height, width


def hard_logits(random: np.random.Generator, kind: str, dtype: str, classes: int) -> np.ndarray:
    """Logits of a kind and type, (N, C, h, w) of any strides."""
    shape = (int(random.integers(1, 3)), classes, *SIZES[int(random.integers(len(SIZES)))])
    logits = adversarial(kind, shape, int(random.integers(1 << 30)))
    if np.dtype(dtype).kind != "f":
        ends = np.iinfo(dtype)
        logits = np.nan_to_num(logits).clip(max(ends.min, -1e9), min(ends.max, 1e9))
    with np.errstate(over="ignore", invalid="ignore"):
        logits = logits.astype(dtype)
    if random.random() < 0.3:
        logits = np.moveaxis(np.ascontiguousarray(np.moveaxis(logits, 1, -1)), -1, 1)
    return logits[..., ::-1] if random.random() < 0.1 else logits


def any_geometry(random: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Any]:
    """The options of a size: none, larger, smaller, odd, on every grid, with a letterbox."""
    grid = GRIDS[int(random.integers(len(GRIDS)))]
    factor = (None, 8, 4, 1)[int(random.integers(4))]
    if factor is None:
        return {"size": tuple(int(n) for n in random.integers(1, 60, 2)), "grid": grid}
    if factor == 1 and random.random() < 0.5:
        return {}
    height, width = (int(factor) * n for n in shape[-2:])
    if random.random() < 0.2 and height > 8 and width > 8:
        box = segpost.Letterbox.fit((31, 47), (height, width))
        return {"letterbox": box, "grid": grid}
    return {"size": (height, width), "grid": grid}


def of_argmax() -> Iterator[tuple[str, Case]]:
    """Labels of logits of every kind and type."""
    for kind in KINDS:
        for dtype in (*FLOATS, *INTEGERS):
            for seed in range(2 if dtype in FLOATS else 1):
                random = np.random.default_rng([*map(ord, kind + dtype), seed])
                classes = int(random.choice(CLASSES))
                logits = hard_logits(random, kind, dtype, classes)
                options = any_geometry(random, logits.shape)
                rule = "propagate" if random.random() < 0.5 else "raise"
                yield (
                    f"argmax {kind} {dtype} {seed}",
                    lambda x=logits, o=options, r=rule: segpost.argmax(x, nan=r, **o),
                )


def of_volumes() -> Iterator[tuple[str, Case]]:
    """Labels and masks of volumes."""
    for kind in KINDS:
        for dtype in FLOATS:
            random = np.random.default_rng([*map(ord, kind + dtype)])
            shape = (int(random.choice([2, 4])), 3, 4, 5)
            logits = adversarial(kind, shape, 1).astype(dtype)
            size = tuple(int(n) for n in random.integers(1, 14, 3))
            options: dict[str, Any] = {"volume": True, "nan": "propagate", "size": size}
            yield f"volume {kind} {dtype}", lambda x=logits, o=options: segpost.argmax(x, **o)
            yield (
                f"volume masks {kind} {dtype}",
                lambda x=logits, o=options: segpost.binarize(x, **o),
            )


def of_results() -> Iterator[tuple[str, Case]]:
    """Every result of `postprocess`, of floats and of bytes."""
    palette = segpost.Palette.distinct(70)
    for kind in KINDS:
        for dtype in ("float32", "float16", "int8"):
            for width in ("float32", "uint8"):
                random = np.random.default_rng([*map(ord, kind + dtype + width)])
                classes = int(random.choice(CLASSES))
                logits = hard_logits(random, kind, dtype, classes)
                options = any_geometry(random, logits.shape)
                size = options.get("size", logits.shape[-2:])
                if "letterbox" in options:
                    size = options["letterbox"].image_size
                image = random.integers(0, 256, (len(logits), *size, 3), np.uint8)
                options |= {"image": image, "palette": palette, "nan": "propagate"}
                options |= {"want": WANTED, "topk": min(3, classes)}
                if dtype == "int8":
                    options["quantization"] = (0.125, 3)
                options |= {"confidence_dtype": width, "probabilities_dtype": width}
                yield (
                    f"results {kind} {dtype} {width}",
                    lambda x=logits, o=options: [
                        getattr(segpost.postprocess(x, **o), name) for name in WANTED
                    ],
                )
    for rule in ("dice", "iou"):
        for kind in ("normal", "ties", "spread"):
            logits = adversarial(kind, (2, 5, 9, 14), 3)
            yield (
                f"decoding {rule} {kind}",
                lambda x=logits, r=rule: (
                    segpost.postprocess(x, size=(40, 51), decode=r, want=("labels",)).labels
                ),
            )


def of_masks() -> Iterator[tuple[str, Case]]:
    """Masks of one class each, in every encoding, and softmax."""
    for kind in KINDS:
        for encoding in ("mask", "bits", "rle", "labels"):
            random = np.random.default_rng([*map(ord, kind + encoding)])
            logits = hard_logits(random, kind, "float32", 5)
            options = any_geometry(random, logits.shape) | {"encoding": encoding}
            options["threshold"] = float(random.choice([0.5, 0.3, 0.9]))
            yield (
                f"binarize {kind} {encoding}",
                lambda x=logits, o=options: segpost.binarize(x, nan="propagate", **o),
            )
        for dtype in FLOATS:
            random = np.random.default_rng([*map(ord, kind + dtype)])
            logits = hard_logits(random, kind, dtype, 6)
            yield (
                f"softmax {kind} {dtype}",
                lambda x=logits: segpost.softmax(x, nan="propagate"),
            )


def of_colors() -> Iterator[tuple[str, Case]]:
    """Tables of every length, labels of every type and strides."""
    for classes in (2, 19, 31, 32, 33, 63, 64, 65, 150, 255, 256, 300):
        palette = segpost.Palette.distinct(classes)
        for seed in range(4):
            random = np.random.default_rng([classes, seed])
            shape = draw_shape(random, 1, 300)
            labels = label_map(random, shape, classes, wild=seed == 3)
            image = random.integers(0, 256, (*shape, 3), np.uint8)
            alpha = 0.5 if seed % 2 else random.random(classes)
            yield (
                f"colorize {classes} {seed}",
                lambda x=labels, p=palette: segpost.colorize(x, p),
            )
            yield (
                f"overlay {classes} {seed}",
                lambda i=image, x=labels, p=palette, a=alpha, s=seed: segpost.overlay(
                    i, x, p, alpha=a, contour=s
                ),
            )
            yield (
                f"labels_from_colors {classes} {seed}",
                lambda x=labels, p=palette: segpost.labels_from_colors(segpost.colorize(x, p), p),
            )


def of_counts() -> Iterator[tuple[str, Case]]:
    """Confusion matrices, with strata, and label maps of another size."""
    for seed in range(60):
        random = np.random.default_rng(seed)
        classes = int(random.choice([2, 5, 19, 150, 300]))
        shape = draw_shape(random, 1, 200)
        preds = label_map(random, shape, classes + 1, wild=seed % 3 == 0)
        target = label_map(random, shape, classes, wild=seed % 5 == 0)
        void = ignored(random, classes)
        yield (
            f"confusion {seed}",
            lambda p=preds, t=target, c=classes, v=void: segpost.confusion_matrix(
                p, t, num_classes=c, ignore_index=v.tolist()
            ),
        )
        strata = random.integers(0, 3, shape, np.uint8)
        yield (
            f"strata {seed}",
            lambda p=preds, t=target, c=classes, v=void, s=strata: _count(
                segpost.ConfusionMatrix(c, ignore_index=v.tolist(), strata=3), p, t, strata=s
            ),
        )
        size = tuple(int(n) for n in random.integers(1, 120, 2))
        yield (
            f"majority {seed}",
            lambda t=target, s=size: segpost.resize_labels(t, s, "majority"),
        )


def _count(measure: Any, *arguments: Any, **options: Any) -> str:
    measure.update(*arguments, **options)
    text: str = measure.to_json()
    return text


def of_measures() -> Iterator[tuple[str, Case]]:
    """States of measures: boundaries, surfaces, instances, segments, masks, calibration."""
    for seed in range(8):
        random = np.random.default_rng(seed)
        shape = draw_shape(random, 5, 90)
        target = label_map(random, shape, 5).astype(np.uint8)
        noise = random.integers(0, 5, shape, np.uint8)
        preds = np.where(random.random(shape) < 0.2, noise, target)
        target = np.where(random.random(shape) < 0.05, np.uint8(255), target)
        instances = np.where(
            target == 255, 0, target * 10 + random.integers(0, 3, (shape[0], 1, 1))
        )
        for measure in (segpost.BoundaryF, segpost.BoundaryIoU, segpost.TrimapIoU):
            yield (
                f"{measure.__name__} {seed}",
                lambda m=measure, p=preds, t=target: _count(m(5, ignore_index=255), p, t),
            )
        yield (
            f"InstanceIoU {seed}",
            lambda p=preds, t=target, i=instances: _count(
                segpost.InstanceIoU(5, things={1: 20.0, 3: 7.5}, ignore_index=255), p, t, i
            ),
        )
        logits = adversarial("normal", (2, 5, 7, 9), seed)
        yield (
            f"Calibration {seed}",
            lambda x=logits, t=target: _calibration(x, t),
        )
        yield (
            f"regions {seed}",
            lambda t=target: _regions(t),
        )
    for pair in awkward_pairs():
        volume = pair.target.ndim == 3
        options = {"volume": True} if volume else {}
        yield (
            f"SurfaceDistance {pair.name}",
            lambda p=pair, o=options: _count(
                segpost.SurfaceDistance(2, spacing=p.spacing, ignore_index=255, tolerance=1.0),
                p.preds[None],
                p.target[None],
                **o,
            ),
        )
    random = np.random.default_rng(5)
    segments = {**awkward_cases(), **{str(i): random_case(random) for i in range(30)}}
    for name, case in segments.items():
        yield (
            f"PanopticQuality {name}",
            lambda c=case: _count(
                segpost.PanopticQuality(THINGS, STUFF, ignore_index=VOID_CATEGORY), *c.maps
            ),
        )


def _calibration(logits: np.ndarray, target: np.ndarray) -> list[Any]:
    """Its counts, and errors of it: a sum of confidences has rounded ones."""
    measure = segpost.Calibration(5, bins=13, ignore_index=255)  # no 1/2 to 1/5 is a bin's edge
    totals = json.loads(_count(measure, logits, target))["totals"]
    counts = [np.array([row[:-1] for row in totals[name]]) for name in ("confidence", "classes")]
    return [*counts, np.float32(measure.compute().ece)]


def _regions(target: np.ndarray) -> list[Any]:
    """All columns of the table of one image."""
    table = segpost.regions(target[0], ignore_index=255)
    columns = (table.labels, table.areas, table.boxes, table.centroids, table.perimeters)
    return [np.asarray(column) for column in columns]


def of_queries() -> Iterator[tuple[str, Case]]:
    """Semantic, instance and panoptic segmentations of queries."""
    for seed in range(3):
        for head in (structured_head(seed), random_head(seed)):
            for task in ("semantic", "instance", "panoptic"):
                for dialect in ("mask2former", "maskformer"):
                    yield (
                        f"queries {len(head.masks)} {seed} {task} {dialect} {head.masks.sum():.3f}",
                        lambda h=head, t=task, d=dialect: _query_results(h, t, d),
                    )


def _query_results(head: Any, task: Any, dialect: Any) -> list[Any]:
    result = segpost.segment_queries(
        head.classes, head.masks, task=task, dialect=dialect, size=(77, 101)
    )
    segments = result.segments or ()
    rows = [(s.id, s.label, s.area, s.box) for s in segments]
    return [result.labels, rows, np.array([s.score for s in segments], np.float32)]


def of_images() -> Iterator[tuple[str, Case]]:
    """The network's input, and windows that are merged."""
    for seed in range(6):
        random = np.random.default_rng(seed)
        height, width = (int(n) for n in random.integers(3, 90, 2))
        image = random.integers(0, 256, (height, width, 3), np.uint8)
        box = segpost.Letterbox.fit((height, width), (64, 48))
        for dtype in ("float32", "float16"):
            yield f"letterbox {seed} {dtype}", lambda b=box, i=image, d=dtype: b.apply(i, dtype=d)
        for average in ("probabilities", "logits"):
            parts = [adversarial("normal", (4, 6, 7), 10 * seed + k) for k in range(4)]
            yield f"merger {seed} {average}", lambda a=average, p=parts: _merge_windows(a, p)


def _merge_windows(average: Any, parts: list[np.ndarray]) -> list[Any]:
    merger = segpost.Merger((40, 45), 4, average=average)
    for part, window in zip(parts, segpost.windows((40, 45), (24, 28), (16, 17)), strict=True):
        merger.add(part, window=window)
    return [np.asarray(merger.result())]


def of_crf() -> Iterator[tuple[str, Case]]:
    """Mean fields on lattices and grids, exact ones, with every normalization."""
    for labels in (2, 4, 9, 21):
        random = np.random.default_rng(labels)
        logits = random.normal(0, 2, (labels, 24, 31)).astype(np.float32)
        image = random.integers(0, 256, (24, 31, 3), np.uint8)
        image[:, :15] //= 4
        for name, options in {
            "default": {},
            "row": {"normalization": "row"},
            "fast": {"quality": "fast"},
            "high": {"quality": "high"},
            "tolerance": {"tolerance": 1e-3},
            "exact": {"method": "exact", "iterations": 2},
            "matrix": {"compatibility": 1 - np.eye(labels) * 0.5},
        }.items():
            yield (
                f"{OF_CRF} {labels} {name}",
                lambda x=logits, i=image, o=options: segpost.dense_crf(
                    segpost.softmax(x), i, **{"iterations": 3, **o}
                ),
            )


FAMILIES = (
    of_argmax,
    of_volumes,
    of_results,
    of_masks,
    of_colors,
    of_counts,
    of_measures,
    of_queries,
    of_images,
    of_crf,
)
