"""What `segpost evaluate` counts beside the matrix: along boundaries, and of instances."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segpost import BoundaryF, BoundaryIoU, InstanceIoU, TrimapIoU
from segpost.cli.options import count, several, share
from segpost.evaluation.classes import Classes, things
from segpost.files.images import Array
from segpost.metrics.base import Accumulator
from segpost.metrics.boundary_measure import BoundaryMeasure

MEASURES: dict[str, type[BoundaryMeasure]] = {
    "boundary": BoundaryIoU,
    "trimap": TrimapIoU,
    "boundary-f": BoundaryF,
}
SETTINGS = {  # the option of each measure, and the argument that it is
    "boundary": ("dilation_ratio", "dilation_ratio"),
    "trimap": ("trimap_widths", "widths"),
    "boundary-f": ("tolerance", "tolerance"),
}
CITYSCAPES_FIRST = 1000  # the smallest instance in its instanceIds


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("what else is measured").add_argument
    group(
        "--measure",
        type=_names,
        action="extend",
        default=[],
        metavar="LIST",
        help=f"any of {', '.join(MEASURES)}, separated by commas",
    )
    group("--dilation-ratio", type=share, metavar="R", help="of boundary: share of the diagonal")
    group("--trimap-widths", type=several, metavar="LIST", help="of trimap: pixels, as in 1,2,4")
    group("--tolerance", type=share, metavar="R", help="of boundary-f: share of the diagonal")
    group(
        "--instances",
        type=Path,
        metavar="PLACE",
        help="maps of instances, for instance-weighted IoU: a folder, file or list as TARGETS",
    )
    group(
        "--instance-suffix",
        action="append",
        default=[],
        metavar="END",
        help="end of their names, as --target-suffix",
    )
    group(
        "--things",
        metavar="THINGS",
        help="the classes that have instances: cityscapes (so with its palette or groups), or a "
        '.json file {"class": mean size in pixels, ...}',
    )
    group(
        "--first-instance",
        type=count,
        metavar="N",
        help=f"smallest value that is an instance; {CITYSCAPES_FIRST} in cityscapes, else 1",
    )


def wanted(arguments: argparse.Namespace, classes: Classes) -> tuple[Accumulator, ...]:
    """The measures that the options ask for, in the order of the reports and empty.

    Raises
    ------
    ValueError, OSError
        If options contradict each other, or a file of things cannot be used.
    """
    measures: list[Accumulator] = []
    common: dict[str, Any] = {"ignore_index": classes.ignore, "class_names": classes.names}
    for name, kind in MEASURES.items():
        option, argument = SETTINGS[name]
        given = getattr(arguments, option)
        if name in arguments.measure:
            more = {} if given is None else {argument: given}
            measures.append(kind(classes.number, **common, **more))
        elif given is not None:
            raise ValueError(f"--{option.replace('_', '-')} is of --measure {name}")
    instances = _instances(arguments, classes, common)
    if instances is not None:
        measures.append(instances)
    if measures and arguments.invalid_preds == "drop":
        raise ValueError(
            "--invalid-preds drop leaves predictions out of the confusion matrix alone; "
            "--measure and --instances count them as misses"
        )
    return tuple(measures)


def update(
    measures: Sequence[Accumulator], preds: Array, target: Array, instances: Array | None
) -> None:
    """Count one image."""
    for measure in measures:
        if isinstance(measure, InstanceIoU):
            measure.update(preds, target, instances)
        elif isinstance(measure, BoundaryMeasure):
            measure.update(preds, target)


def _instances(
    arguments: argparse.Namespace, classes: Classes, common: dict[str, Any]
) -> InstanceIoU | None:
    if arguments.instances is None:
        for option in ("things", "first_instance", "instance_suffix"):
            if getattr(arguments, option) not in (None, []):
                raise ValueError(f"--{option.replace('_', '-')} is of --instances PLACE")
        return None
    given, first = arguments.things, arguments.first_instance
    if given is None:
        if "cityscapes" not in (arguments.palette, arguments.groups):
            raise ValueError(
                "--instances needs --things FILE.json: which classes have instances, and how many "
                "pixels one has in the mean"
            )
        given = "cityscapes"
    if first is None:
        first = CITYSCAPES_FIRST if given == "cityscapes" else 1
    return InstanceIoU(
        classes.number,
        things=things(given, classes),
        groups=classes.groups,
        first_id=first,
        **common,
    )


def _names(text: str) -> list[str]:
    """Names of measures."""
    names = text.split(",")
    for name in names:
        if name not in MEASURES:
            raise argparse.ArgumentTypeError(
                f"no measure is called {name!r}; there are {', '.join(MEASURES)}"
            )
    return names
