"""`python -m benches.objects`: regions beside NumPy, pycocotools, OpenCV, SciPy and cc3d.

CPU time of one thread, median of the rounds; the contenders take turns. The label map is 21 classes
of a scene, upsampled to 3456 x 4608; the components are of a street of 1024 x 2048. A library that
is missing is left out. Every result is compared with segpost's before anything is timed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import segpost
from benches.harness import scenes
from benches.harness.jobs import Contender
from benches.harness.measure import interleave, one_thread

Array = npt.NDArray[Any]
SIZE = (3456, 4608)
CLASSES = 21


def optional(name: str) -> Any:
    """A library, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def measures(regions: segpost.Regions) -> list[Any]:
    """Label, area, box and code of every region, as the rivals make them."""
    parts = zip(regions.labels, regions.areas, regions.boxes, regions.rle(), strict=True)
    return [(int(label), int(area), box.tolist(), code) for label, area, box, code in parts]


def coco(labels: Array, mask: Any) -> list[Any]:
    """np.unique, then a mask in column order and a code for every class."""
    records = []
    for label in np.unique(labels):
        code = mask.encode(np.asfortranarray(labels == label).view(np.uint8))
        box = [int(number) for number in mask.toBbox(code)]
        records.append((int(label), int(mask.area(code)), box, code))
    return records


def coco_once(labels: Array, mask: Any) -> list[Any]:
    """The same with np.bincount, and one copy in column order for all classes."""
    columns = np.asfortranarray(labels)
    areas = np.bincount(labels.ravel())
    records = []
    for label in np.flatnonzero(areas):
        code = mask.encode((columns == label).view(np.uint8))
        box = [int(number) for number in mask.toBbox(code)]
        records.append((int(label), int(areas[label]), box, code))
    return records


def outlines(labels: Array, cv2: Any) -> None:
    """Contours with holes of every class, as OpenCV has them: through the centers of pixels."""
    for label in np.unique(labels):
        mask = (labels == label).view(np.uint8)
        cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)


def jobs() -> Iterator[tuple[str, list[tuple[str, Callable[[], Any]]]]]:
    """The title of every table, and its contenders, segpost first."""
    logits = scenes.scene(CLASSES, 192, 256, regions=40, objects=30, poles=10)
    labels = segpost.argmax(logits, size=SIZE)
    mask, cv2, cc3d = map(optional, ("pycocotools.mask", "cv2", "cc3d"))
    ndimage = optional("scipy.ndimage")
    regions = segpost.regions(labels)
    rows: list[tuple[str, Callable[[], Any]]] = [
        ("segpost", lambda: measures(segpost.regions(labels)))
    ]
    if mask is not None:
        rows += [
            ("np.unique, pycocotools a class", lambda: coco(labels, mask)),
            ("np.bincount, one copy, pycocotools a class", lambda: coco_once(labels, mask)),
        ]
        assert coco(labels, mask) == coco_once(labels, mask) == measures(regions)
    yield "areas, boxes and codes of 3456 x 4608, 21 classes", rows

    def of_logits() -> list[Any]:
        return measures(segpost.regions(logits=logits, size=SIZE))

    assert of_logits() == measures(regions)
    yield (
        "the same of 21 x 192 x 256 logits",
        [
            ("segpost, no label map", of_logits),
            (
                "segpost.argmax, then regions",
                lambda: measures(segpost.regions(segpost.argmax(logits, size=SIZE))),
            ),
        ],
    )
    rows = [
        ("segpost", lambda: segpost.regions(labels).polygons()),
        ("segpost, tolerance=2", lambda: segpost.regions(labels).polygons(2.0)),
    ]
    if cv2 is not None:
        rows.append(("cv2.findContours a class", lambda: outlines(labels, cv2)))
    yield "polygons of the same label map", rows
    street = scenes.street_maps(1024, 2048, 19)[0]
    components = segpost.regions(street, connectivity=8)
    rows = [
        ("segpost", lambda: segpost.regions(street, connectivity=8).boxes),
    ]
    if cc3d is not None:
        above = street + 1  # 0 is its background
        numbered = cc3d.connected_components(above, connectivity=8)
        assert int(numbered.max()) == len(components)
        rows += [
            ("cc3d", lambda: cc3d.connected_components(above, connectivity=8)),
            (
                "cc3d with statistics",
                lambda: cc3d.statistics(
                    cc3d.connected_components(above, connectivity=8), no_slice_conversion=True
                ),
            ),
        ]
    if ndimage is not None:
        cross = np.ones((3, 3))
        rows.append(
            (
                "scipy.ndimage.label a class",
                lambda: [ndimage.label(street == label, cross) for label in np.unique(street)],
            )
        )
    if cv2 is not None:
        rows.append(
            (
                "cv2.connectedComponents a class",
                lambda: [
                    cv2.connectedComponentsWithStats((street == label).view(np.uint8))
                    for label in np.unique(street)
                ],
            )
        )
    yield f"components of 1024 x 2048 ({len(components)} of 19 classes)", rows


def main() -> int:
    """Print a table for every job."""
    parser = argparse.ArgumentParser(prog="python -m benches.objects")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    one_thread()
    for title, rows in jobs():
        for _, call in rows:
            call()  # code is loaded and compiled
        timings = interleave([Contender(name, call) for name, call in rows], options.rounds)
        print(f"### {title}\n\n| | ms | quietest | / segpost |\n|---|--:|--:|--:|")
        for timing in timings:
            ratio = timing.ms / timings[0].ms
            print(f"| {timing.name} | {timing.ms:.3g} | {timing.best_ms:.3g} | {ratio:.2f} |")
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
