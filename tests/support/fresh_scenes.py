"""Scenes of thin, repeated and hidden structures, which the other hold-outs do not have."""

from __future__ import annotations

import numpy as np
from corpus_scenes import VOID, Kind, Scene
from unseen_scenes import _as_image, _field


def draw_strokes(seed: int, height: int = 104, width: int = 160) -> Scene:
    """Return lines of text in three hands on paper, with a stamp over them."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.zeros((height, width), np.uint8)
    stamp = np.hypot(y - random.uniform(0.2, 0.8) * height, x - random.uniform(0.6, 0.9) * width)
    target[abs(stamp - random.uniform(14, 22)) < 5] = 4
    top = random.uniform(6, 14)
    while top < height - 8:
        label, left = random.randint(1, 4), random.uniform(4, 24)
        while left < width * random.uniform(0.6, 1.0):
            points = np.cumsum(random.normal((0, 2.2), (3.0, 1.5), (random.randint(5, 12), 2)), 0)
            for down, right in np.clip(points, (-5, 0), (5, 40)):
                near = np.hypot(y - top - down, x - left - right) < (2.6, 2.0, 3.2)[label - 1]
                target[near] = label
            left += float(points[-1, 1]) + random.uniform(5, 11)
        top += random.uniform(13, 19)
    colors = [(225, 220, 205), (40, 45, 90), (125, 125, 125), (190, 60, 60), (150, 110, 180)]
    shade = 18 * _field(random, height, width, 14.0)[..., None]
    return Scene(_as_image(random, np.array(colors)[target] + shade, 20), target)


def draw_membranes(seed: int, height: int = 112, width: int = 112) -> Scene:
    """Return cells that touch, their membranes, nuclei and dead cells; the frame is void."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    centers = random.uniform(-8, 120, (random.randint(18, 34), 2))
    distances = np.hypot(y - centers[:, 0, None, None], x - centers[:, 1, None, None])
    owner = distances.argmin(0)
    nearest = np.sort(distances, axis=0)
    target = np.where(random.uniform(size=len(centers)) < 0.25, 3, 0).astype(np.uint8)[owner]
    radii = random.uniform(4, 8, len(centers))[owner]
    target[(nearest[0] < radii) & (target == 0)] = 2
    target[nearest[1] - nearest[0] < random.uniform(2.5, 4.5)] = 1
    gray = np.array([150, 70, 105, 190])[target] + 16 * _field(random, height, width, 10.0)
    target[:4], target[:, :6] = VOID, VOID
    return Scene(_as_image(random, gray[..., None] * np.array((1.0, 0.85, 0.95)), 24), target)


def draw_roads(seed: int, height: int = 128, width: int = 128) -> Scene:
    """Return a graph of streets of two widths over fields, woods and water seen from above."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.digitize(_field(random, height, width, 12.0), (-0.5, 0.7)).astype(np.uint8)
    nodes = random.uniform(0, 128, (random.randint(7, 12), 2))
    for k, node in enumerate(nodes):
        for other in np.argsort(np.hypot(*(nodes - node).T))[1:3]:
            line = nodes[other] - node
            part = ((y - node[0]) * line[0] + (x - node[1]) * line[1]) / (line @ line)
            part = part.clip(0, 1)
            away = np.hypot(y - node[0] - part * line[0], x - node[1] - part * line[1])
            target[away < (4.5 if k % 3 == 0 else 2.5)] = 4 if k % 3 == 0 else 3
    colors = [(60, 90, 130), (150, 160, 90), (50, 85, 50), (150, 140, 125), (120, 120, 130)]
    return Scene(_as_image(random, np.array(colors)[target], 26), target)


def draw_stripes(seed: int, height: int = 96, width: int = 128) -> Scene:
    """Return slanted stripes of five cloths, partly hidden by gray boxes and a pole."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    along = x * np.cos(random.uniform(-0.5, 0.5)) + y * random.uniform(-0.6, 0.6)
    edges = np.cumsum(random.uniform(9, 22, 40)) - 120
    target = random.randint(0, 5, 41).astype(np.uint8)[np.digitize(along, edges)]
    for _ in range(random.randint(2, 5)):
        top, left = random.randint(0, height - 20), random.randint(0, width - 20)
        target[top : top + random.randint(14, 34), left : left + random.randint(14, 40)] = 5
    pole = random.randint(10, width - 16)
    target[random.randint(0, 40) :, pole : pole + 7] = 6
    colors = [(170, 60, 70), (70, 90, 170), (210, 190, 90), (90, 150, 90), (150, 90, 150),
              (120, 120, 120), (60, 60, 60)]  # fmt: skip
    tint = random.normal(0, 10, (7, 3))
    return Scene(_as_image(random, (np.array(colors) + tint)[target], 22), target)


KINDS = {
    "strokes": Kind(5, draw_strokes),
    "membranes": Kind(4, draw_membranes),
    "roads": Kind(5, draw_roads),
    "stripes": Kind(7, draw_stripes),
}
