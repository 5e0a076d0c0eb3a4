"""Synthetic logits with the statistics of a segmentation head, and pairs of label maps.

A label map (warped Voronoi regions, ellipses, thin poles) is drawn at four times the resolution of
the logits; the share of every class in a logit's square, blurred a little, times a gain, is its
logit, to which smooth and white noise are added. Pairs of label maps are such a drawing and the
same with its edges moved, wrong blobs and void. Everything follows from the seed.

Probabilities that a CRF refines belong to a photograph: regions of like color of it take the place
of the drawing, and the logits, at an eighth of its size, are enlarged before the softmax.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benches.harness.jobs import need

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]

DETAIL = 4  # pixels of the drawn label map a logit, each way
GAIN = 12.0


def scene(
    classes: int,
    height: int,
    width: int,
    *,
    regions: int,
    objects: int,
    poles: int,
    white: float = 0.6,
    seed: int = 0,
) -> FloatArray:
    """Logits of shape (classes, height, width)."""
    rng = np.random.default_rng(seed)
    shares = coverage(draw(rng, classes, height, width, regions, objects, poles), classes)
    logits = GAIN * blur(shares, 0.8)
    wavy = np.stack([smooth(rng, height, width, 8.0) for _ in range(classes)])
    logits += 0.8 * wavy + white * rng.standard_normal(logits.shape)
    return logits.astype(np.float32)


def volume(classes: int, size: tuple[int, int, int], *, seed: int = 0) -> FloatArray:
    """(classes, *size): organs, each a few balls, with a wavy border and noise."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")).astype(np.float32)
    planes = np.empty((classes, *size), np.float32)
    for plane in planes:
        plane[:] = -6
        for center in rng.uniform(0, 1, (4, 3)) * size:
            away = np.sqrt(((places - center[:, None, None, None]) ** 2).sum(0))
            np.maximum(plane, rng.uniform(2, 8) - 0.5 * away, out=plane)
        plane += blur(rng.standard_normal(size), 1.5).astype(np.float32) * 4
        plane += rng.standard_normal(size, np.float32) * np.float32(0.3)
    return planes


def undecided(logits: FloatArray) -> float:
    """The share of a volume's cells whose corners do not agree on a label."""
    top = logits.argmax(0)
    same = np.ones(tuple(n - 1 for n in top.shape), bool)
    for corner in np.ndindex(2, 2, 2):
        here = tuple(slice(at, n - 1 + at) for at, n in zip(corner, top.shape, strict=True))
        same &= top[here] == top[:-1, :-1, :-1]
    return float(1 - same.mean())


def enlarged(logits: FloatArray, height: int, width: int, *, seed: int = 0) -> FloatArray:
    """The same at another size, as a head at full resolution would give it: with noise a pixel."""
    module, rng = need("PIL.Image"), np.random.default_rng(seed)
    full = rng.standard_normal((len(logits), height, width), np.float32) * np.float32(0.3)
    for small, large in zip(logits, full, strict=True):
        large += np.asarray(module.fromarray(small).resize((width, height), resample=2))  # bilinear
    return full


def iid(classes: int, height: int, width: int, *, seed: int = 0) -> FloatArray:
    """Independent noise: no two neighbors agree, the worst case of everything that skips work."""
    return np.random.default_rng(seed).standard_normal((classes, height, width), np.float32)


def photograph(height: int, width: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """An image to lay colors over; its content does not matter to any contender."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def street_maps(height: int, width: int, classes: int, *, seed: int = 7) -> tuple[Labels, Labels]:
    """Prediction and target of a street scene, by the look of it; sides are multiples of DETAIL."""
    rng = np.random.default_rng(seed)
    drawn = draw(rng, classes, height // DETAIL, width // DETAIL, 60, 100, 50).astype(np.uint8)
    target = moved(rng, drawn, 1.5, 8.0)
    return mistaken(rng, target), with_void(rng, target)


def mistaken(rng: np.random.Generator, labels: Labels) -> Labels:
    """Labels as a network would give them: edges moved by some pixels, and some wrong blobs."""
    made = moved(rng, labels, 3.0, 10.0)
    height, width = labels.shape
    wrong = smooth(rng, height, width, 48.0) > 1.3
    made[wrong] = moved(rng, labels, 200.0, 200.0)[wrong]
    return made


def moved(rng: np.random.Generator, labels: Labels, reach: float, scale: float) -> Labels:
    """Every pixel's label from about `reach` pixels away, differently every `scale` pixels."""
    height, width = labels.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y += reach * smooth(rng, height, width, scale)
    x += reach * smooth(rng, height, width, scale)
    rows = np.clip(np.rint(y), 0, height - 1).astype(np.int64)
    columns = np.clip(np.rint(x), 0, width - 1).astype(np.int64)
    return np.asarray(labels[rows, columns])


def with_void(rng: np.random.Generator, labels: Labels, void: int = 255) -> Labels:
    """A copy, about a tenth of which is void, in blobs."""
    height, width = labels.shape
    veil = smooth(rng, height, width, 64.0)
    return np.where(veil > np.quantile(veil, 0.9), np.uint8(void), labels)


def statistics(preds: Array, target: Array, void: int = 255) -> str:
    """What decides how quickly pairs are counted."""
    same = (target[:, 1:] == target[:, :-1]) & (preds[:, 1:] == preds[:, :-1])
    run = target.size / (len(target) + np.count_nonzero(~same))
    known = target != void
    accuracy = (preds == target)[known].mean()
    return (
        f"Mean run of equal pairs {run:.1f} pixels, pixel accuracy {accuracy:.3f}, "
        f"{1 - known.mean():.1%} void."
    )


def uniform_share(logits: Array) -> float:
    """Share of the cells (four neighboring logits) with the same largest class at all four."""
    top = logits.argmax(axis=0)
    same = (top[:-1, :-1] == top[1:, :-1]) & (top[:-1, :-1] == top[:-1, 1:])
    return float((same & (top[:-1, :-1] == top[1:, 1:])).mean())


def draw(
    rng: np.random.Generator,
    classes: int,
    height: int,
    width: int,
    regions: int,
    objects: int,
    poles: int,
) -> npt.NDArray[np.int64]:
    """The label map, DETAIL times the resolution of the logits."""
    rows, columns = height * DETAIL, width * DETAIL
    unit = float(min(rows, columns))
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    y += 0.04 * unit * smooth(rng, rows, columns, unit / 8)
    x += 0.04 * unit * smooth(rng, rows, columns, unit / 8)
    nearest = np.full((rows, columns), np.inf)
    labels = np.zeros((rows, columns), np.int64)
    for _ in range(regions):
        sy, sx, label = rng.uniform(0, rows), rng.uniform(0, columns), rng.integers(classes)
        distance = (y - sy) ** 2 + (x - sx) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        labels[closer] = label
    for _ in range(objects):
        oy, ox, label = rng.uniform(0, rows), rng.uniform(0, columns), rng.integers(classes)
        ry, rx = rng.uniform(0.02, 0.08, 2) * unit
        labels[((y - oy) / ry) ** 2 + ((x - ox) / rx) ** 2 < 1] = label
    for _ in range(poles):
        px, label = rng.uniform(0, columns), rng.integers(classes)
        top, length, half = rng.uniform(0, 0.6 * rows), rng.uniform(0.15, 0.4) * rows, 0.5 * DETAIL
        labels[(abs(x - px) < half) & (y > top) & (y < top + length)] = label
    return labels


def coverage(labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """(classes, h, w): how much of every logit's square each class covers."""
    rows, columns = labels.shape
    blocks = labels.reshape(rows // DETAIL, DETAIL, columns // DETAIL, DETAIL)
    return np.stack([(blocks == c).mean(axis=(1, 3)) for c in range(classes)])


def blur(planes: npt.NDArray[np.float64], sigma: float) -> npt.NDArray[np.float64]:
    """Gaussian blur of every plane, edges repeated."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        padded = np.pad(planes, pad, mode="edge")
        length = planes.shape[axis]
        planes = np.zeros_like(planes)
        for shift, weight in enumerate(kernel):
            window = [slice(None)] * 3
            window[axis] = slice(shift, shift + length)
            planes += weight * padded[tuple(window)]
    return planes


def smooth(
    rng: np.random.Generator, height: int, width: int, scale: float
) -> npt.NDArray[np.float64]:
    """Noise of unit spread that changes over `scale` pixels."""
    knots = rng.standard_normal((int(height / scale) + 2, int(width / scale) + 2))
    rows = np.linspace(0, knots.shape[0] - 1, height)
    columns = np.linspace(0, knots.shape[1] - 1, width)
    down = np.stack([np.interp(rows, np.arange(len(knots)), line) for line in knots.T], axis=1)
    return np.stack([np.interp(columns, np.arange(knots.shape[1]), line) for line in down])


STRIDE = 8  # pixels a logit, each way
REGIONS = 6  # colors by which a photograph is parted


@lru_cache(maxsize=8)
def refinable(
    name: str, height: int, width: int, classes: int, present: int | None = None
) -> tuple[FloatArray, Labels]:
    """Probabilities for a photograph, and the photograph."""
    image = sample(name, height, width, grain=4.0 if width > 640 else 0.0)
    return probabilities(image, classes, present=present, seed=1), image


def competing(name: str, height: int, width: int, classes: int) -> tuple[FloatArray, Labels]:
    """Probabilities of which many compete at every pixel, and the photograph."""
    image = sample(name, height, width)
    rng = np.random.default_rng(2)
    colors = rng.integers(0, 256, (classes, 3))
    blurred = blur(np.moveaxis(image.astype(np.float64), -1, 0), 3.0)
    logits = np.empty((classes, height, width), np.float32)
    for plane, color in zip(logits, colors, strict=True):
        unlike = ((blurred - color[:, None, None]) ** 2).sum(axis=0) / (2 * 60.0**2)
        plane[...] = 1.6 * smooth(rng, height, width, 24.0) - 1.2 * unlike
    return softmax_enlarged(logits, height, width), image


def sample(name: str, height: int, width: int, *, grain: float = 0.0) -> Labels:
    """A photograph that scikit-learn has, "china" or "flower"; enlarged ones lack their grain."""
    pixels = need("sklearn.datasets").load_sample_image(f"{name}.jpg")
    image = need("PIL.Image").fromarray(pixels).resize((width, height), resample=3)  # bicubic
    values = np.asarray(image).astype(np.float32)
    if grain:
        noise = np.random.default_rng(0).standard_normal(values.shape, np.float32)
        values += np.float32(grain) * noise
    return values.clip(0, 255).round().astype(np.uint8)


def probabilities(
    image: Labels, classes: int, *, present: int | None = None, seed: int = 0
) -> FloatArray:
    """(classes, height, width): a softmax for the photograph, as DeepLab would give it.

    Only `present` of the classes, if that is given, have a chance anywhere.
    """
    rng = np.random.default_rng(seed)
    possible = rng.permutation(classes)[:present]
    height, width = (-(-side // STRIDE) for side in image.shape[:2])
    labels = possible[parted(rng, image, height * DETAIL, width * DETAIL) % len(possible)]
    noise = blur(rng.standard_normal((classes, height, width)), 1.0)
    logits = 5.0 * coverage(labels, classes) + 1.6 * noise / noise.std()
    logits[np.setdiff1d(np.arange(classes), possible)] -= 30.0
    return softmax_enlarged(logits, image.shape[0], image.shape[1])


def parted(
    rng: np.random.Generator, image: Labels, height: int, width: int
) -> npt.NDArray[np.int64]:
    """Regions of like color (k-means of the blurred photograph) at another size."""
    small = need("PIL.Image").fromarray(image).resize((width, height), resample=4)  # means
    planes = blur(np.asarray(small).astype(np.float64).transpose(2, 0, 1), 3.0)
    pixels = planes.reshape(3, -1).T
    some = pixels[:: max(1, len(pixels) // 20_000)]
    centers = some[rng.choice(len(some), REGIONS, replace=False)]
    for _ in range(10):
        nearest = nearest_color(some, centers)
        for k in range(REGIONS):
            if (nearest == k).any():
                centers[k] = some[nearest == k].mean(axis=0)
    return nearest_color(pixels, centers).reshape(height, width)


def nearest_color(pixels: Array, centers: Array) -> npt.NDArray[np.int64]:
    """The center next to every pixel."""
    distances = [((pixels - center) ** 2).sum(axis=1) for center in centers]
    return np.asarray(np.argmin(distances, axis=0), np.int64)


def softmax_enlarged(logits: Array, height: int, width: int) -> FloatArray:
    """Logits enlarged bilinearly, then their softmax."""
    module = need("PIL.Image")
    full = np.empty((len(logits), height, width), np.float32)
    for small, large in zip(logits.astype(np.float32), full, strict=True):
        large[...] = module.fromarray(small).resize((width, height), resample=2)  # bilinear
    full -= full.max(axis=0)
    np.exp(full, out=full)
    full /= full.sum(axis=0)
    return full
