"""Heads of queries, and what a segmentation of them is: full-size arrays, in float64."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._core.sampling import axis
from segpost.pipeline.queries.rules import RULES


class Head(NamedTuple):
    """The output of a query head for one image."""

    classes: np.ndarray  # [Q, C + 1] float32
    masks: np.ndarray  # [Q, h, w] float32


def structured_head(
    seed: int = 0, queries: int = 24, classes: int = 5, shape: tuple[int, int] = (20, 36)
) -> Head:
    """Ellipses of all sizes with soft, noisy edges; a quarter of the queries are no object."""
    rng = np.random.default_rng(seed)
    (height, width), y, x = shape, *np.mgrid[: shape[0], : shape[1]]
    masks = np.empty((queries, *shape), np.float32)
    class_logits = rng.normal(size=(queries, classes + 1)).astype(np.float32)
    for q in range(queries):
        radius = rng.uniform(0.3, 0.7) if q % 6 == 0 else rng.uniform(0.08, 0.25)
        center = rng.uniform(0, height), rng.uniform(0, width)
        distance = np.hypot((y - center[0]) / height, (x - center[1]) / width) / radius
        masks[q] = np.clip(6 * (1 - distance), -9, 6) + 0.2 * rng.normal(size=shape)
        class_logits[q, classes if q % 4 == 3 else rng.integers(classes)] += 6
    return Head(class_logits, masks)


def random_head(
    seed: int = 0, queries: int = 24, classes: int = 5, shape: tuple[int, int] = (20, 36)
) -> Head:
    """Noise: no query can be left out anywhere."""
    rng = np.random.default_rng(seed)
    masks = 3 * rng.normal(size=(queries, *shape)).astype(np.float32)
    class_logits = 4 * rng.normal(size=(queries, classes + 1)).astype(np.float32)
    return Head(class_logits, masks)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


def resize(planes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Planes (..., h, w) of the size, bilinearly, on the half_pixel grid."""
    matrices = []
    for n_in, n_out in zip(planes.shape[-2:], size, strict=True):
        table = axis(n_in, n_out, "half_pixel")
        matrix = np.zeros((n_out, n_in))
        for o in range(n_out):
            matrix[o, table.cell[o]] += table.w0[o] / table.den
            matrix[o, min(table.cell[o] + 1, n_in - 1)] += table.w1[o] / table.den
        matrices.append(matrix)
    return np.asarray(matrices[0] @ planes.astype(np.float64) @ matrices[1].T)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def on_score_grid(head: Head, dialect: str) -> np.ndarray:
    """The mask logits on the grid of the scores."""
    rules, shape = RULES[dialect], head.masks.shape[1:]
    grid = (4 * shape[0], 4 * shape[1]) if rules.is_input_grid else rules.score_grid
    return head.masks.astype(np.float64) if grid is None else resize(head.masks, grid)


def class_scores(head: Head, dialect: str, size: tuple[int, int]) -> np.ndarray:
    """The scores of the classes (C, H, W) of task "semantic"."""
    masks = sigmoid(on_score_grid(head, dialect))
    planes = np.einsum("qc,qhw->chw", softmax(head.classes)[:, :-1], masks)
    return resize(planes, size)


class Panoptic(NamedTuple):
    """What task "panoptic" gives, and what decides on it."""

    id_map: np.ndarray
    segments: list[tuple[int, float]]  # class and score, in order of id
    margin: np.ndarray  # by how much a pixel's best query beats the next, relative


def panoptic(
    head: Head,
    dialect: str,
    size: tuple[int, int],
    things: frozenset[int] | None = None,
    threshold: float = 0.5,
    mask_threshold: float = 0.5,
    overlap: float = 0.8,
) -> Panoptic:
    """The definition of task "panoptic": one loop over the queries."""
    rules = RULES[dialect]
    probabilities = softmax(head.classes)
    labels, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    selection = np.flatnonzero((labels < probabilities.shape[1] - 1) & (scores > threshold))
    logits = on_score_grid(head, dialect)[selection]
    late = sigmoid(resize(logits, size)) if rules.sigmoid_last else resize(sigmoid(logits), size)
    weighted = late * scores[selection, None, None]
    first = weighted.argmax(axis=0)
    ordered = np.sort(weighted, axis=0)
    margin = (ordered[-1] - ordered[-2]) / ordered[-1]
    id_map, segments = np.zeros(size, int), []
    fused: dict[int, int] = {}
    for k, query in enumerate(selection):
        mask = (weighted if rules.weighs_mask_area else late)[k] >= mask_threshold
        won = first == k
        share = won.sum() / max(mask.sum(), 1)
        enough = share >= overlap if rules.keeps_equal_overlap else share > overlap
        left = won & mask if rules.cuts_masks else won
        if not (enough and mask.any() and left.any()):
            continue
        label = int(labels[query])
        if things is not None and label not in things and label in fused:
            id_map[left] = fused[label]
            continue
        segments.append((label, float(scores[query])))
        fused[label] = len(segments)
        id_map[left] = len(segments)
    return Panoptic(id_map, segments, margin)


def instances(head: Head, dialect: str, size: tuple[int, int]) -> list[tuple[int, float, Any]]:
    """The class, the score and the mask of the instances, best first; not for "oneformer"."""
    rules = RULES[dialect]
    probabilities, logits = softmax(head.classes)[:, :-1], on_score_grid(head, dialect)
    count, classes = probabilities.shape
    candidates = [(q, int(probabilities[q].argmax())) for q in range(count)]
    if not rules.best_class_only:
        order = np.argsort(-probabilities.ravel(), kind="stable")[:count]
        candidates = [(int(i) // classes, int(i) % classes) for i in order]
    if rules.sigmoid_last:
        logits = resize(logits, size)
    segments = []
    for query, label in candidates:
        mask = logits[query] > 0
        mean = (sigmoid(logits[query]) * mask).sum() / (mask.sum() + 1e-6)
        score = probabilities[query, label] * mean
        if mask.any() and score >= 0.5:
            if not rules.sigmoid_last:
                rows, columns = (
                    np.arange(n) * m // n for n, m in zip(size, mask.shape, strict=True)
                )
                mask = mask[rows[:, None], columns]
            segments.append((label, float(score), mask))
    return segments if rules.best_class_only else sorted(segments, key=lambda one: -one[1])
