"""`python -m benches.metrics.mask_ap`: average precision of masks beside what people run for it.

CPU time of one thread, median of the rounds; the contenders take turns. The data set has images of
480 x 640 with objects of 80 classes, and about 60 predictions an image, as run-length codes that
all contenders read. The other libraries are timed twice: from annotations, as segpost is, and from
`evaluate` on, with annotations that are indexed. All give the same 12 numbers before anything is
timed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness.jobs import Array, Contender, Run, need
from benches.harness.measure import interleave, one_thread
from benches.objects.__main__ import optional

SIZE = (480, 640)
CLASSES = 80
PREDICTIONS = 60  # an image, at least
Rows = dict[int, list[dict[str, Any]]]  # annotations by image
Numbers = tuple[float, ...]


class DataSet(NamedTuple):
    """Annotations and results of COCO by image."""

    target: Rows
    preds: Rows


def blob(random: np.random.Generator, like: tuple[float, ...] | None = None) -> tuple[float, ...]:
    """Center, half axes and phase of a blob, anywhere or near another one."""
    height, width = SIZE
    if like is None:
        sides = random.uniform(6, 110, 2)
        return (random.uniform(0, height), random.uniform(0, width), *sides, random.uniform(0, 6))
    y, x, a, b, phase = like
    scale = random.uniform(0.8, 1.2, 2)
    return (y + random.normal() * 4, x + random.normal() * 4, a * scale[0], b * scale[1], phase)


def draw(shape: tuple[float, ...]) -> Array:
    """The mask of a blob: an ellipse with a wavy border."""
    cy, cx, a, b, phase = shape
    mask = np.zeros(SIZE, np.uint8, order="F")
    y0, y1 = (int(np.clip(v, 0, SIZE[0])) for v in (cy - 1.3 * a, cy + 1.3 * a + 1))
    x0, x1 = (int(np.clip(v, 0, SIZE[1])) for v in (cx - 1.3 * b, cx + 1.3 * b + 1))
    y, x = np.mgrid[y0:y1, x0:x1]
    angle, radius = np.arctan2((y - cy) / a, (x - cx) / b), np.hypot((y - cy) / a, (x - cx) / b)
    mask[y0:y1, x0:x1] = radius < 1 + 0.2 * np.sin(5 * angle + phase)
    return mask


def data_set(images: int) -> DataSet:
    """Objects, and predictions near them and elsewhere."""
    random = np.random.default_rng(0)
    encode = need("pycocotools.mask").encode
    target: Rows = {}
    preds: Rows = {}

    def row(shape: tuple[float, ...], category: int, **more: Any) -> dict[str, Any]:
        return {"segmentation": encode(draw(shape)), "category_id": category, **more}

    for image in range(images):
        target[image], preds[image] = [], []
        for _ in range(random.integers(1, 15)):
            shape, category = blob(random), int(random.integers(CLASSES))
            one = row(shape, category, iscrowd=int(random.random() < 0.02))
            one["area"] = float(need("pycocotools.mask").area(one["segmentation"]))
            target[image].append(one)
            for _ in range(random.integers(0, 5)):
                guess = category if random.random() < 0.8 else int(random.integers(CLASSES))
                near = row(blob(random, shape), guess, score=float(random.random()))
                preds[image].append(near)
        while len(preds[image]) < PREDICTIONS:
            guess = int(random.integers(CLASSES))
            preds[image].append(row(blob(random), guess, score=float(random.random() / 2)))
    return DataSet(target, preds)


def ours(data: DataSet) -> Numbers:
    """The 12 numbers of segpost."""
    measure = segpost.MaskAP(CLASSES)
    for image, target in data.target.items():
        measure.update(data.preds[image], target, ids=image)
    return measure.compute().stats


def content(data: DataSet, *, is_text: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The files of annotations and of results, as JSON has them; codes are text or bytes."""
    height, width = SIZE

    def listed(rows: Rows) -> list[dict[str, Any]]:
        every = [{**row, "image_id": k} for k, of_image in rows.items() for row in of_image]
        for number, row in enumerate(every, 1):
            code = row["segmentation"]
            counts = code["counts"].decode() if is_text else code["counts"]
            row |= {"id": number, "segmentation": {"size": code["size"], "counts": counts}}
        return every

    truth = {
        "info": {},
        "images": [{"id": k, "height": height, "width": width} for k in data.target],
        "categories": [{"id": k, "name": str(k)} for k in range(CLASSES)],
        "annotations": listed(data.target),
    }
    return truth, listed(data.preds)


class Library(NamedTuple):
    """A library with pycocotools' classes."""

    data: tuple[dict[str, Any], list[dict[str, Any]]]
    coco: Any
    evaluator: Any

    def read(self) -> tuple[Any, Any]:
        """Annotations and results; the library writes into the dicts of results."""
        content, guesses = self.data
        truth = self.coco()
        truth.dataset = content
        truth.createIndex()
        return truth, truth.loadRes([dict(row) for row in guesses])

    def evaluate(self, truth: Any, results: Any) -> Numbers:
        """The 12 numbers."""
        evaluation = self.evaluator(truth, results, "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return tuple(evaluation.stats[:12])


class HotCoco(Library):
    """hotcoco, of which two methods have other names."""

    def read(self) -> tuple[Any, Any]:
        content, guesses = self.data
        truth = self.coco(content)
        return truth, truth.load_res(guesses)


def calls_of(name: str, library: Library) -> Iterator[tuple[str, Callable[[], Numbers]]]:
    """From annotations, and from indexed ones; what they print is dropped."""

    def silent(call: Callable[[], Any]) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return call()

    indexed = silent(library.read)
    yield f"{name}, from annotations", lambda: silent(lambda: library.evaluate(*library.read()))
    yield f"{name}, from indexed ones", lambda: silent(lambda: library.evaluate(*indexed))


def rows_of(data: DataSet) -> Iterator[tuple[str, Callable[[], Numbers]]]:
    """Everybody."""

    def on_numba() -> Numbers:
        with segpost.use_backend("numba"):
            return ours(data)

    yield "segpost", lambda: ours(data)
    yield "segpost on Numba", on_numba
    files = content(data, is_text=False)
    coco, cocoeval = need("pycocotools.coco"), need("pycocotools.cocoeval")
    yield from calls_of("pycocotools", Library(files, coco.COCO, cocoeval.COCOeval))
    faster, hot = optional("faster_coco_eval"), optional("hotcoco")
    if faster is not None:
        yield from calls_of("faster-coco-eval", Library(files, faster.COCO, faster.COCOeval_faster))
    if hot is not None:
        files = content(data, is_text=True)
        yield from calls_of("hotcoco", HotCoco(files, hot.COCO, hot.COCOeval))


def as_run(call: Callable[[], Numbers]) -> Run:
    return lambda: (call(),)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benches.metrics.mask_ap")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    one_thread()
    data = data_set(options.images)
    rows = dict(rows_of(data))
    numbers = {name: run() for name, run in rows.items()}
    for name, values in numbers.items():
        np.testing.assert_allclose(values, numbers["segpost"], rtol=0, atol=1e-12, err_msg=name)
    contenders = [Contender(name, as_run(run)) for name, run in rows.items()]
    timings = interleave(contenders, options.rounds)
    count = sum(map(len, data.preds.values()))
    print(f"### {options.images} images, {count} predictions\n")
    print("| | ms an image | quietest | / segpost |\n|---|--:|--:|--:|")
    for timing in timings:
        one, best = timing.ms / options.images, timing.best_ms / options.images
        ratio = timing.ms / timings[0].ms
        print(f"| {timing.name} | {one:.3g} | {best:.3g} | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
