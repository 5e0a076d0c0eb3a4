"""`python -m benches.metrics.runs`: counts by stratum, and two runs compared on the images of both.

CPU time of the process, one thread; rounds are interleaved. Rivals count each stratum on its own:
the confusion matrix of masked labels by `np.bincount`, and by torchmetrics.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import segpost
from benches.harness import measure, scenes
from benches.harness.jobs import VOID, Absent, Array, Contender, need
from benches.harness.works import run_works

CLASSES, SIZE, STRATA = 19, (1024, 2048), 8
PLAIN = "segpost without strata"
BOUNDS = 2, 4, 8, 16, 32, 64, 128  # of distances to the next edge, in pixels
IMAGES, SAMPLES, SECONDS = 100_000, 10_000, 10


def regions() -> Array:
    """A grid of eight rectangles, as of the near and the far parts of a picture."""
    y, x = (np.arange(size) for size in SIZE)
    return np.add.outer(y // (SIZE[0] // 2) * 4, x // (SIZE[1] // 4)).astype(np.uint8)


def distances() -> Array:
    """Eight bands by the distance to the next edge of the target."""
    ndimage = need("scipy.ndimage")
    _, target = scenes.street_maps(*SIZE, CLASSES)
    is_edge = np.zeros(SIZE, bool)
    is_edge[1:] |= target[1:] != target[:-1]
    is_edge[:, 1:] |= target[:, 1:] != target[:, :-1]
    bands = np.digitize(ndimage.distance_transform_cdt(~is_edge), BOUNDS)
    return np.asarray(bands, np.uint8)


def update(
    cm: segpost.ConfusionMatrix, preds: Array, target: Array, strata: Array | None
) -> tuple[Array]:
    """The state of all pixels so far."""
    cm.update(preds, target, strata=strata)
    return (cm.state,)


def count_strata(preds: Array, target: Array, strata: Array) -> Array:
    """(8, C, C) matrices of the strata."""
    cm = segpost.ConfusionMatrix(CLASSES, ignore_index=VOID, strata=STRATA)
    cm.update(preds, target, strata=strata)
    return np.stack([cm.of_stratum(k).matrix for k in range(STRATA)])


def by_bincount(preds: Array, target: Array, strata: Array) -> tuple[Array]:
    """NumPy: one index of all three maps, and one `np.bincount`."""
    used = target != VOID
    index = (strata[used].astype(np.int64) * CLASSES + target[used]) * CLASSES + preds[used]
    cells = np.bincount(index, minlength=STRATA * CLASSES**2)
    return (cells.reshape(STRATA, CLASSES, CLASSES),)


def by_torchmetrics(preds: Array, target: Array, strata: Array) -> tuple[Array]:
    """A metric for each stratum."""
    torch, classification = need("torch"), need("torchmetrics.functional.classification")
    matrices = []
    for k in range(STRATA):
        one = torch.from_numpy(np.where(strata == k, target, VOID).astype(np.int64))
        options = {"num_classes": CLASSES, "ignore_index": VOID, "validate_args": False}
        matrix = classification.multiclass_confusion_matrix(
            torch.from_numpy(preds.astype(np.int64)), one, **options
        )
        matrices.append(matrix.numpy())
    return (np.stack(matrices),)


def measure_strata(title: str, strata: Array, rounds: int) -> dict[str, Any]:
    """Print a table, and return its numbers."""
    preds, target = scenes.street_maps(*SIZE, CLASSES)
    plain, divided = (
        segpost.ConfusionMatrix(CLASSES, ignore_index=VOID, strata=names)
        for names in (None, STRATA)
    )
    contenders = [
        Contender(PLAIN, partial(update, plain, preds, target, None)),
        Contender("segpost, 8 strata", partial(update, divided, preds, target, strata)),
        Contender("np.bincount", partial(by_bincount, preds, target, strata)),
    ]
    try:
        need("torchmetrics")
        contenders.append(
            Contender("torchmetrics", partial(by_torchmetrics, preds, target, strata))
        )
    except Absent as error:
        print(f"\nAbsent: torchmetrics: {error}.")
    timings = measure.interleave(contenders, rounds, time.process_time)
    own = count_strata(preds, target, strata)
    print(f"\n## {title}\n\n| | CPU ms | / {PLAIN} | wanted | different counts |")
    print("|---|--:|--:|--:|--:|")
    data = {}
    for one, timing in zip(contenders, timings, strict=True):
        ratio = timing.best_ms / timings[0].best_ms
        wanted = "<= 1.3" if one is contenders[1] else ""
        other = "-" if one in contenders[:2] else int((one.run()[0] != own).sum())
        print(f"| {one.name} | {timing.best_ms:.2f} | {ratio:.2f} | {wanted} | {other} |")
        data[one.name] = {"ms": timing.best_ms, "ratio": ratio}
    return data


def run_of_images(images: int, right: float, seed: int) -> segpost.ConfusionMatrix:
    """A run of images of which five to nine classes are in each."""
    random = np.random.default_rng(0)
    cm = segpost.ConfusionMatrix(CLASSES, per_image=True)
    mistakes = np.random.default_rng(seed)
    for k in range(images):
        classes = random.choice(CLASSES, random.integers(5, 10), replace=False)
        target = np.repeat(classes, 12).astype(np.uint8)[None]
        wrong = mistakes.choice(classes, target.shape).astype(np.uint8)
        preds = np.where(mistakes.random(target.shape) < right, target, wrong)
        cm.update(preds, target, ids=k)
    return cm


def measure_comparison(rounds: int) -> dict[str, Any]:
    """Print the time of a comparison, and return it."""
    runs = run_of_images(IMAGES, 0.7, 1), run_of_images(IMAGES, 0.71, 2)
    once = Contender("compare", lambda: (segpost.compare(*runs, samples=SAMPLES),))
    (timing,) = measure.interleave([once], min(rounds, 2), time.process_time)
    seconds = timing.best_ms / 1e3
    print("\n## compare\n")
    print(
        f"{IMAGES:,} images of {CLASSES} classes, {SAMPLES:,} data sets drawn for the intervals "
        f"and as many for the p-values: {seconds:.1f} s (wanted: <= {SECONDS})."
    )
    return {"seconds": seconds}


WORKS: dict[str, Callable[[int], dict[str, Any]]] = {
    "regions": lambda rounds: measure_strata("eight regions", regions(), rounds),
    "distances": lambda rounds: measure_strata("eight bands of distance", distances(), rounds),
    "compare": measure_comparison,
}


def main() -> int:
    """Print the tables."""
    warnings.simplefilter("ignore")
    return run_works(
        "python -m benches.metrics.runs", WORKS, lambda name, rounds: WORKS[name](rounds)
    )


if __name__ == "__main__":
    sys.exit(main())
