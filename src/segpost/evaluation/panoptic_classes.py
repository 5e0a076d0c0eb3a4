"""The classes of a panoptic data set, and the reader of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segpost._core.arguments import as_integer
from segpost._core.text import display_path
from segpost.evaluation.classes import Classes, build_classes
from segpost.evaluation.label_maps import IGNORED, read_label_table
from segpost.evaluation.panoptic import (
    LABEL_DIVISOR,
    PanopticForm,
    PanopticReader,
    cityscapes_things,
)
from segpost.evaluation.panoptic_files import find_json, read_panoptic_json
from segpost.metrics.arguments import as_class_number

WIDE_VOID = (1 << 16) - 1  # the label of void pixels where 255 is a class


def build_panoptic(
    form: PanopticForm,
    sources: tuple[Path, Path],
    named: Mapping[str, Any],
    *,
    ignore_index: Sequence[int],
    groups: str | None,
    label_divisor: int | None,
    thing_classes: Sequence[int | str],
) -> tuple[Classes, PanopticReader]:
    """Return the classes of an evaluation of panoptic maps, and the reader of its files.

    Parameters
    ----------
    form : {"coco", "cityscapes", "ids"}
        As in `PanopticReader`.
    sources : (Path, Path)
        Predictions and targets.
    named : mapping
        `num_classes`, `palette` and `class_names` of the evaluation.
    ignore_index : sequence of int
        Categories that are void.
    groups : str, optional
        Categories of classes.
    label_divisor, thing_classes
        Of the form "ids".

    Raises
    ------
    ValueError, OSError
        If the arguments contradict each other, or a file cannot be used.
    """
    if form != "ids":
        for name, value in (("label_divisor", label_divisor), ("thing_classes", thing_classes)):
            if value not in (None, ()):
                raise ValueError(f'{name}= is of panoptic="ids"')
    if form == "coco":
        return _of_coco(sources, named, ignore_index, groups)
    if form == "cityscapes":
        if named["num_classes"] is not None or named["class_names"] is not None:
            raise ValueError("panoptic=cityscapes has the classes of palette=cityscapes")
        named = {**named, "palette": named["palette"] or "cityscapes"}
    classes = build_classes(**named, ignore_index=ignore_index, groups=groups)
    count = classes.num_classes
    void = _void_label(count)
    ignored = tuple(sorted({*classes.ignore_index, void}))
    if form == "cityscapes":
        things, table = cityscapes_things(), read_label_table("cityscapes")
    else:
        things, table = _things_of(thing_classes, classes, named["palette"]), None
    divisor = LABEL_DIVISOR if label_divisor is None else as_integer(label_divisor, "label_divisor")
    if divisor < 1:
        raise ValueError(f"label_divisor must be at least 1, got {divisor}")
    reader = PanopticReader(
        form, tuple(range(count)), things, ignored, void, divisor, label_table=table
    )
    return classes._replace(ignore_index=ignored), reader


def _of_coco(
    sources: tuple[Path, Path],
    named: Mapping[str, Any],
    ignore_index: Sequence[int],
    groups: str | None,
) -> tuple[Classes, PanopticReader]:
    """Return classes and reader of a data set of COCO."""
    for name, value in named.items():
        if value is not None:
            raise ValueError(f"{name}= is not of panoptic=coco, whose categories are in JSON")
    paths = tuple(find_json(source) for source in sources)
    target = read_panoptic_json(paths[1])
    if not target.categories:
        raise ValueError(
            f"{display_path(target.path)}: it has no categories, of which each needs 'id', 'name' "
            "and 'isthing'"
        )
    own = [one for one in target.categories if one.id not in ignore_index]
    void = _void_label(len(own))
    classes = build_classes(
        class_names=[one.name for one in own], ignore_index=(void,), groups=groups
    )
    reader = PanopticReader(
        "coco",
        tuple(one.id for one in own),
        tuple(one.id for one in own if one.is_thing),
        tuple(sorted({*ignore_index})),
        void,
        sources=tuple(str(path.absolute()) for path in paths),
    )
    return classes, reader


def _things_of(
    thing_classes: Sequence[int | str], classes: Classes, palette: Any
) -> tuple[int, ...]:
    """Return the classes of things."""
    if not thing_classes:
        if palette == "cityscapes":
            return cityscapes_things()
        raise ValueError(
            'panoptic="ids" needs thing_classes=: the classes, by number or name, whose objects '
            "are segments of their own"
        )
    numbers = {as_class_number(value, "thing_classes", classes.names) for value in thing_classes}
    for number in numbers:
        if not 0 <= number < classes.num_classes:
            raise ValueError(f"thing_classes must be in 0..{classes.num_classes - 1}, got {number}")
    return tuple(sorted(numbers))


def _void_label(classes: int) -> int:
    """Return the label of void pixels."""
    return IGNORED if classes <= IGNORED else WIDE_VOID
