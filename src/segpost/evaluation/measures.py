"""Scores that an evaluation counts beside the confusion matrix: along boundaries, of instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segpost._core.arguments import check_choice
from segpost._core.arrays import Array
from segpost.evaluation.classes import Classes, read_thing_classes
from segpost.metrics.base import Accumulator
from segpost.metrics.boundary_f import BoundaryF
from segpost.metrics.boundary_iou import BoundaryIoU
from segpost.metrics.instances import InstanceIoU
from segpost.metrics.surface_distance import SurfaceDistance
from segpost.metrics.trimap_iou import TrimapIoU

BOUNDARY_MEASURES: dict[str, type[BoundaryIoU | TrimapIoU | BoundaryF | SurfaceDistance]] = {
    "boundary": BoundaryIoU,
    "trimap": TrimapIoU,
    "boundary-f": BoundaryF,
    "surface-distance": SurfaceDistance,
}
CITYSCAPES_FIRST_INSTANCE = 1000  # the smallest instance in its instanceIds


def build_boundary_measures(
    classes: Classes, settings: Mapping[str, Mapping[str, Any]]
) -> tuple[Accumulator, ...]:
    """Return empty boundary measures, in the order of `BOUNDARY_MEASURES`.

    Parameters
    ----------
    classes : Classes
        The classes of the evaluation.
    settings : mapping of str to mapping
        The arguments of every wanted measure, such as ``{"trimap": {"widths": [1, 2]}}``.

    Raises
    ------
    ValueError
        If there is no such measure, or an argument is out of range.
    """
    for name in settings:
        check_choice(name, "measure", tuple(BOUNDARY_MEASURES))
    return tuple(
        measure(
            classes.num_classes,
            ignore_index=classes.ignore_index,
            class_names=classes.names,
            **settings[name],
        )
        for name, measure in BOUNDARY_MEASURES.items()
        if name in settings
    )


def build_instance_measure(
    classes: Classes,
    things: str | None = None,
    first_instance: int | None = None,
    is_cityscapes: bool = False,
) -> InstanceIoU:
    """Return an empty instance-weighted IoU.

    Parameters
    ----------
    classes : Classes
        The classes of the evaluation.
    things : str, optional
        The classes that have instances: "cityscapes", or a .json file, as in
        `read_thing_classes`. It may be left out where `is_cityscapes`.
    first_instance : int, optional
        The smallest value that is an instance: 1000 for "cityscapes", otherwise 1.
    is_cityscapes : bool
        Whether the classes or their groups are those of Cityscapes.

    Raises
    ------
    ValueError, OSError
        If no things are given and none are known, or their file cannot be used.
    """
    if things is None:
        if not is_cityscapes:
            raise ValueError(
                "instances= needs things=FILE.json: which classes have instances, and how many "
                "pixels one has in the mean"
            )
        things = "cityscapes"
    if first_instance is None:
        first_instance = CITYSCAPES_FIRST_INSTANCE if things == "cityscapes" else 1
    return InstanceIoU(
        classes.num_classes,
        things=read_thing_classes(things, classes),
        groups=classes.groups,
        first_id=first_instance,
        ignore_index=classes.ignore_index,
        class_names=classes.names,
    )


def update_measures(
    measures: Sequence[Accumulator],
    name: str,
    preds: Array,
    target: Array,
    instances: Array | None,
    spacing: tuple[float, float, float] | None = None,
) -> None:
    """Count one image in every measure.

    Parameters
    ----------
    measures : sequence of Accumulator
        Boundary measures and instance-weighted IoU.
    name : str
        The id of the image.
    preds, target : integer array of shape (H, W), or (D, H, W) for distances alone
        Labels.
    instances : integer array of shape (H, W), optional
        The instance map, which instance-weighted IoU needs.
    spacing : (z, y, x), optional
        Of a volume, for distances.
    """
    for measure in measures:
        if isinstance(measure, InstanceIoU):
            measure.update(preds, target, instances, ids=name)
        elif isinstance(measure, SurfaceDistance):
            measure.update(preds, target, ids=name, volume=target.ndim == 3, spacing=spacing)
        elif isinstance(measure, (BoundaryIoU, TrimapIoU, BoundaryF)):
            measure.update(preds, target, ids=name)
