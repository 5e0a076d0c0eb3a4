"""Small cases of every CUDA kernel, compared with the CPU: for sanitizers, which are slow.

`PYTHONPATH=tests python tests/support/cases_on_device.py cuda-emulated|cuda-device [FLAG ...]`,
where flags are for the compiler of the emulated kernels.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any, cast

import numpy as np
import on_device
from emulated.build import build

import segpost
from segpost._backends import registry
from segpost._core import contract
from segpost._core.device import Array

SIZES = ((2, 1, 1), (19, 17, 23), (21, 24, 32), (33, 20, 3), (300, 5, 9))  # classes, rows, columns


def everything(logits: Array, size: tuple[int, int] | None, image: Array) -> list[Array]:
    """What all operations make of the logits."""
    classes = logits.shape[1]
    labels = segpost.argmax(logits, size=size)
    results = [labels, segpost.softmax(logits)]
    want: Any = ("labels", "confidence", "probabilities")
    seg = segpost.postprocess(logits, size=size, want=want)
    results += [seg.labels, seg.confidence, seg.probabilities]
    seg = segpost.postprocess(logits, size=size, want=want[:2])
    results += [seg.labels, seg.confidence]
    target = (labels.astype(np.int32) * 7 + np.arange(labels.shape[-1]) % 3) % classes
    results.append(segpost.confusion_matrix(labels, target, num_classes=classes))
    results.append(segpost.confusion_matrix(logits, target, num_classes=classes))
    if classes <= 256:
        palette = segpost.Palette.distinct(classes)
        color = segpost.colorize(labels, palette)
        photograph = image[:, : labels.shape[1], : labels.shape[2]]
        results += [color, segpost.labels_from_colors(color, palette)]
        results += [segpost.overlay(photograph, labels, palette, contour=c) for c in (0, 3)]
    return results


def ranked(logits: Array, size: tuple[int, int] | None) -> list[Array]:
    """What is known of the order of the classes, with one rank, a few and many."""
    results: list[Array] = []
    for ranks in {min(k, logits.shape[1]) for k in (1, 3, 16)}:
        want: Any = ("confidence", "entropy", "margin", "topk")
        seg: Any = segpost.postprocess(logits, size=size, want=want, topk=ranks)
        results += [seg.confidence, seg.entropy, seg.margin, seg.topk.probabilities]
        results.append(seg.topk.labels[:, 0])
    return results


def results_of_queries() -> list[Array]:
    """Labels and segments of small query heads, of few classes and of many."""
    random = np.random.default_rng(2)
    results = []
    for queries, classes, kind in ((1, 1, "float32"), (5, 19, "float16"), (9, 300, "float64")):
        class_logits = random.normal(0, 4, (2, queries, classes + 1))
        masks = random.normal(0, 3, (2, queries, 6, 7)).astype(kind)
        for size in (None, (13, 20)):
            seg = segpost.segment_queries(class_logits, masks, dialect="maskformer", size=size)
            results.append(seg.labels)
        for task in ("panoptic", "instance"):
            for dialect, size in (("maskformer", (13, 20)), ("eomt", (35, 3)), ("oneformer", None)):
                options: Any = {"task": task, "dialect": dialect, "size": size, "threshold": 0.2}
                segments = segpost.segment_queries(class_logits, masks, **options)
                results.append(segments.labels)
    return results


def masks_of_logits() -> list[Array]:
    """Masks of small logits in all encodings; codes as their letters."""
    random = np.random.default_rng(4)
    results: list[Array] = []
    for shape, size in (((3, 1, 1), (1, 1)), ((2, 9, 7), (33, 40)), ((1, 5, 20), (130, 31))):
        logits = random.normal(size=shape).astype(np.float32)
        results.append(segpost.binarize(logits, size=size))
        results.append(segpost.binarize(logits, size=size, encoding="bits"))
        results.append(segpost.binarize(logits, size=size, encoding="labels"))
        codes = segpost.binarize(logits, size=size, encoding="rle")
        results += [np.frombuffer(code["counts"], np.uint8) for code in codes]
    return results


def regions_of_maps() -> list[Array]:
    """The runs of small maps, masks and logits."""
    random = np.random.default_rng(3)
    results = []
    for height, width in ((1, 1), (64, 3), (65, 40), (130, 33)):
        for dtype in (np.uint8, np.int16, np.uint32, np.int64):
            labels = random.integers(0, 3, (height, width)).astype(dtype)
            confidence = random.random((height, width)).astype(np.float32)
            results.append(segpost.regions(labels[::-1], confidence=confidence))
            results.append(segpost.regions(masks=np.stack([labels == 0, labels == 1])))
    logits = random.normal(size=(4, 9, 7)).astype(np.float32)
    results.append(segpost.regions(logits=logits, size=(31, 40)))
    return [array for one in results for array in (one.labels, one.areas, one.boxes, one.centroids)]


def exact_results() -> list[Array]:
    """Results that are equal on every backend."""
    return results_of_queries() + masks_of_logits() + regions_of_maps()


def refined() -> list[Array]:
    """What dense CRFs make of small images and a volume."""
    random = np.random.default_rng(1)
    results: Any = []
    small: dict[str, Any] = {"iterations": 3, "gaussian": {"sigma": 3, "weight": 2}}
    for labels, height, width in ((2, 1, 1), (5, 14, 19), (140, 7, 5)):
        p = segpost.softmax(random.normal(0, 2, (labels, height, width)).astype(np.float32))
        image = random.integers(0, 60, (height, width, 3), np.uint8)
        bilateral: dict[str, Any] = {"sigma_xy": 9, "sigma_rgb": 20, "weight": 4}
        for method, quality in (("lattice", "default"), ("lattice", "high"), ("exact", "fast")):
            options: dict[str, Any] = {**small, "method": method, "quality": quality}
            results.append(segpost.dense_crf(p, image, bilateral=bilateral, **options))
        costs = random.uniform(0, 1, (labels, labels))
        guided = {**bilateral, "guide": random.normal(0, 9, (height, width, 2)), "sigma_rgb": 5}
        more: dict[str, Any] = {"compatibility": costs, "own_term": False, "tolerance": 1e-9}
        more["quality"] = "high"
        results.append(segpost.dense_crf(p, image, bilateral=[bilateral, guided], **small, **more))
        many = [{"sigma": s, "weight": 0.5} for s in (1, 2, 4, 6, 9)]
        crf = segpost.DenseCRF(iterations=2, gaussian=many, bilateral=None)
        done = crf.refine(p.astype(np.float16), trace=True)
        results += [done.probabilities, np.float32(done.kl) / p.size]
    volume = segpost.softmax(random.normal(0, 2, (3, 4 * 5 * 6, 1)).astype(np.float32))
    volume = volume.reshape(3, 4, 5, 6)
    results.append(segpost.dense_crf(volume, volume=True, bilateral=None, iterations=2))
    return results  # type: ignore[no-any-return]


def compare(one: Array, other: Array, tolerance: float) -> None:
    """Floats agree within a tolerance, integers are equal."""
    if one.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)
    else:
        np.testing.assert_array_equal(one, other)


def main(name: str, *flags: str) -> None:
    """Run the cases on the backend of that name."""
    random = np.random.default_rng(0)
    if flags:
        runtime = build(*flags)
        backend = on_device.OnDevice(runtime)
    else:
        backend = on_device.backend(name)
    registry._loaded[name] = cast(contract.Backend, backend)
    for classes, height, width in SIZES:
        logits = random.normal(0, 4, (2, classes, height, width)).astype(np.float32)
        image = random.integers(0, 256, (2, 3 * height, 5 * width, 3), np.uint8)
        half, mirrored = logits.astype(np.float16), logits[:, :, ::-1, ::2]
        last = np.ascontiguousarray(half.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        for view in (logits, half, last, mirrored, logits.astype(np.float64)):
            sizes = (None, (3 * height, 5 * width), (height // 2 + 1, 2 * width))
            for size in sizes[:1] if view is last else sizes:
                here = everything(view, size, image)
                token = registry._forced.set(name)
                there = everything(view, size, image)
                registry._forced.reset(token)
                for one, other in zip(here, there, strict=True):
                    compare(one, other, 2e-6)
                order = ranked(view, size)
                token = registry._forced.set(name)
                order_there = ranked(view, size)
                registry._forced.reset(token)
                for one, other in zip(order, order_there, strict=True):
                    compare(one, other, 1e-5)
    exact = exact_results()
    here = refined()
    token = registry._forced.set(name)
    for one, other in zip(exact, exact_results(), strict=True):
        compare(one, other, 0)
    there = refined()
    registry._forced.reset(token)
    digest = hashlib.sha256()
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)
        digest.update(other.tobytes())
    bad = np.full((3, 8, 8), np.nan, np.float32)
    token = registry._forced.set(name)
    assert (segpost.argmax(bad, size=(20, 20), nan="propagate") == 0).all()
    registry._forced.reset(token)
    print("same", digest.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
