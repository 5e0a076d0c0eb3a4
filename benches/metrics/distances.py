"""`python -m benches.metrics.distances`: HD95, ASSD and surface Dice of all classes at once.

Rivals measure the classes one after the other, on masks without void. CPU time of the process,
one thread; rounds are interleaved. A rival by the same convention is compared score by score.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import measure, scenes
from benches.harness.jobs import VOID, Absent, Array, Contender, need
from benches.harness.works import run_works

STREET, VOLUME = "street, 19 classes, 1024 x 2048", "volume, 25 classes, 96 x 128 x 128"
GOALS: dict[str, dict[str, float]] = {
    STREET: {"edt": 12, "MONAI": 15, "MedPy": 20},
    VOLUME: {"edt": 10, "surface-distance": 20},
}
TOLERANCE = 2.0
Scores = tuple[float, float, float]  # HD95, ASSD, surface Dice
OfClass = Callable[[Array, Array], Scores]


class Scene(NamedTuple):
    """Two label maps."""

    preds: Array
    target: Array
    classes: int
    spacing: tuple[float, ...]

    def masks(self) -> Iterator[tuple[Array, Array]]:
        """The masks of every class, without void."""
        valid = self.target != VOID
        for c in range(self.classes):
            yield (self.preds == c) & valid, self.target == c


def street() -> Scene:
    """A prediction and a target with void, as of a driving data set."""
    preds, target = scenes.street_maps(1024, 2048, 19)
    return Scene(preds, target, 19, (1.0, 1.0))


def volume() -> Scene:
    """Organs, of which the prediction is another network's."""
    size = (96, 128, 128)
    logits = scenes.volume(25, size)
    logits[0] += 10  # the background
    noise = np.random.default_rng(1).normal(0, 1.5, (25, 12, 16, 16)).astype(np.float32)
    target = logits.argmax(0).astype(np.uint8)
    preds = (logits + in_blocks(noise, size)).argmax(0).astype(np.uint8)
    return Scene(preds, target, 25, (1.5, 1.0, 1.0))


def in_blocks(noise: Array, size: tuple[int, int, int]) -> Array:
    """Noise in blocks, of the size of a volume."""
    for axis, length in enumerate(size, 1):
        noise = np.repeat(noise, length // noise.shape[axis], axis=axis)
    return noise


def ours(scene: Scene, **options: Any) -> tuple[Array]:
    """(3, C) scores in one pass."""
    measure = segpost.SurfaceDistance(
        scene.classes,
        spacing=scene.spacing,
        tolerance=TOLERANCE,
        ignore_index=VOID,
        **options,
    )
    measure.update(scene.preds, scene.target)
    scores = measure._scores()
    return (np.array([scores.hd95, scores.assd, scores.nsd]),)


def edges(mask: Array) -> Array:
    """Pixels with a side that is not in the mask, or at the end of the image."""
    inner = np.ones_like(mask)
    for axis in range(mask.ndim):
        ahead: list[Any] = [slice(None)] * mask.ndim
        behind: list[Any] = [slice(None)] * mask.ndim
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        inner[tuple(behind)] &= mask[tuple(ahead)]
        inner[tuple(ahead)] &= mask[tuple(behind)]
        for end in (0, -1):
            ahead[axis] = end
            inner[tuple(ahead)] = False
    return mask & ~inner


def in_box(preds: Array, target: Array) -> tuple[Array, Array]:
    """Both masks in the box around them."""
    both = preds | target
    box = []
    for axis in range(both.ndim):
        there = np.flatnonzero(both.any(tuple(a for a in range(both.ndim) if a != axis)))
        box.append(slice(there[0], there[-1] + 1))
    return preds[tuple(box)], target[tuple(box)]


def by_edt(scene: Scene, crop: bool) -> OfClass:
    """The recipe: edges, the distance transform of what is no edge, and a look-up."""
    edt = need("edt")

    def of_class(preds: Array, target: Array) -> Scores:
        if crop:
            preds, target = in_box(preds, target)
        a, b = edges(preds), edges(target)
        options = {"anisotropy": scene.spacing, "black_border": False, "parallel": 1}
        sides = [edt.edt(~b, **options)[a], edt.edt(~a, **options)[b]]
        both = np.concatenate(sides)
        hd95 = max(np.percentile(side, 95) for side in sides)
        return float(hd95), float(both.mean()), float((both <= TOLERANCE).mean())

    return of_class


def by_monai(scene: Scene) -> OfClass:
    """MONAI's three functions."""
    metrics, torch = need("monai.metrics"), need("torch")
    options: dict[str, Any] = {"include_background": True, "spacing": scene.spacing}

    def of_class(preds: Array, target: Array) -> Scores:
        one, other = (torch.from_numpy(mask)[None, None].float() for mask in (preds, target))
        hausdorff = metrics.compute_hausdorff_distance(one, other, percentile=95, **options)
        mean = metrics.compute_average_surface_distance(one, other, symmetric=True, **options)
        dice = metrics.compute_surface_dice(one, other, [TOLERANCE], **options)
        return float(hausdorff), float(mean), float(dice)

    return of_class


def by_medpy(scene: Scene) -> OfClass:
    """MedPy's HD95 and ASSD; it has no surface Dice."""
    binary = need("medpy.metric.binary")

    def of_class(preds: Array, target: Array) -> Scores:
        hd95, assd = (
            function(preds, target, voxelspacing=scene.spacing)
            for function in (binary.hd95, binary.assd)
        )
        return float(hd95), float(assd), float("nan")

    return of_class


def by_surface_distance(scene: Scene) -> OfClass:
    """DeepMind's package, with the names that NumPy and SciPy have dropped."""
    package, ndimage = need("surface_distance"), need("scipy.ndimage")
    for name in ("Inf", "NaN"):
        if not hasattr(np, name):
            setattr(np, name, getattr(np, name.lower()))
    for name in ("filters", "morphology"):
        setattr(ndimage, name, ndimage)

    def of_class(preds: Array, target: Array) -> Scores:
        distances = package.compute_surface_distances(target, preds, scene.spacing)
        means = package.compute_average_surface_distance(distances)
        return (
            float(package.compute_robust_hausdorff(distances, 95)),
            float(np.mean(means)),
            float(package.compute_surface_dice_at_tolerance(distances, TOLERANCE)),
        )

    return of_class


def all_classes(scene: Scene, of_class: OfClass) -> tuple[Array]:
    """(3, C) scores, NaN of classes that are not in both maps."""
    scores = np.full((3, scene.classes), np.nan)
    for c, (preds, target) in enumerate(scene.masks()):
        if preds.any() and target.any():
            scores[:, c] = of_class(preds, target)
    return (scores,)


RIVALS: dict[str, tuple[Callable[[Scene], OfClass], str]] = {  # and the dialect that it is
    "edt": (partial(by_edt, crop=False), "segpost"),
    "edt in boxes": (partial(by_edt, crop=True), "segpost"),
    "MONAI": (by_monai, "monai"),
    "MedPy": (by_medpy, "medpy"),
    "surface-distance": (by_surface_distance, ""),  # has no ASSD
}


def measured(title: str, scene: Scene, rounds: int) -> dict[str, Any]:
    """Print a table, and return its numbers."""
    contenders, absent = [Contender("segpost", partial(ours, scene))], {}
    for name, (make, _) in RIVALS.items():
        try:
            contenders.append(Contender(name, partial(all_classes, scene, make(scene))))
        except (Absent, ImportError) as error:
            absent[name] = str(error).partition("\n")[0]
    scores = {one.name: one.run()[0] for one in contenders}  # code is loaded and compiled
    timings = measure.interleave(contenders, rounds, time.process_time)
    print(f"\n## {title}\n\n| | CPU ms | / segpost | wanted | largest difference |")
    print("|---|--:|--:|--:|--:|")
    data = {}
    for one, timing in zip(contenders, timings, strict=True):
        ratio = timing.best_ms / timings[0].best_ms
        goal = GOALS[title].get(one.name)
        difference = "-"
        dialect = RIVALS[one.name][1] if one.name in RIVALS else ""
        if dialect:
            wanted, (own,) = scores[one.name], ours(scene, dialect=dialect)
            ours_there = np.where(np.isnan(wanted), np.nan, own)
            difference = f"{np.nanmax(np.abs(wanted - ours_there) / np.maximum(ours_there, 1)):.1g}"
        print(
            f"| {one.name} | {timing.best_ms:.1f} | {ratio:.1f} | "
            f"{f'>= {goal:g}' if goal else ''} | {difference} |",
            flush=True,
        )
        data[one.name] = {"ms": timing.best_ms, "ratio": ratio}
    for name, reason in absent.items():
        print(f"\nAbsent: {name}: {reason}.")
    return data


WORKS: dict[str, tuple[str, Callable[[], Scene]]] = {
    "street": (STREET, street),
    "volume": (VOLUME, volume),
}


def main() -> int:
    """Print the tables."""
    warnings.simplefilter("ignore")

    def run(name: str, rounds: int) -> dict[str, Any]:
        title, make = WORKS[name]
        return measured(title, make(), rounds)

    return run_works("python -m benches.metrics.distances", WORKS, run)


if __name__ == "__main__":
    sys.exit(main())
