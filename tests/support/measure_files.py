"""Files for the tests of the measures of `segpost evaluate`, and what the API counts of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation_files import instance_map, label_pair, write_labels

from segpost import InstanceIoU

NAMES = ("sky", "car", "person", "road")


def write_images(folder: Path) -> Path:
    """Write predicted labels, targets and instances of four images, and their classes' names."""
    for seed, name in enumerate(("a/1", "a/2", "b/1", "c")):
        preds, target = label_pair(seed)
        write_labels(folder / "preds" / f"{name}.png", preds)
        write_labels(folder / "gt" / f"{name}.png", target)
        write_labels(folder / "inst" / f"{name}_instances.png", instance_map(target))
    (folder / "names.txt").write_text("\n".join(NAMES))
    (folder / "things.json").write_text('{"Car": 16, "2": 12.5}')
    return folder


def pass_places(data: Path) -> tuple[object, ...]:
    """The places, and what the classes are."""
    return data / "preds", data / "gt", "--class-names", data / "names.txt", "--ignore-index", 255


def pass_instances(data: Path) -> tuple[object, ...]:
    """The options that instances take."""
    return "--instances", data / "inst", "--things", data / "things.json"


def count_instances(*seeds: int, **options: Any) -> InstanceIoU:
    """What the API counts of the same maps."""
    measure = InstanceIoU(4, ignore_index=255, things={1: 16, 2: 12.5}, **options)
    for seed in seeds:
        preds, target = label_pair(seed)
        measure.update(preds, target, instance_map(target))
    return measure
