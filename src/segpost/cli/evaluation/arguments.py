"""Arguments of `segpost evaluate`, and what they are for `segpost.evaluation`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from segpost import Palette
from segpost._core.sampling import GRIDS
from segpost.cli.options import (
    PALETTES,
    fraction,
    natural_number,
    positive_integer,
    positive_integers,
)
from segpost.evaluation.classes import Classes, build_classes
from segpost.evaluation.counting import PairCounter
from segpost.evaluation.label_maps import LabelTable, read_label_table
from segpost.evaluation.measures import (
    BOUNDARY_MEASURES,
    CITYSCAPES_FIRST_INSTANCE,
    build_boundary_measures,
    build_instance_measure,
)
from segpost.evaluation.options import MAP_TO, EvaluationOptions
from segpost.evaluation.pairing import Pairing, add_instances, pair_files
from segpost.evaluation.reading import PairReader
from segpost.files.images import MAX_PIXELS
from segpost.files.tables import read_names
from segpost.metrics.base import Accumulator
from segpost.metrics.dialects import DIALECTS
from segpost.metrics.matrix import INVALID_PREDS

# The option of each boundary measure, and the argument of its class.
SETTINGS = {
    "boundary": ("dilation_ratio", "dilation_ratio"),
    "trimap": ("trimap_widths", "widths"),
    "boundary-f": ("tolerance", "tolerance"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("preds", type=Path, metavar="PREDS", help="predictions: labels or logits")
    parser.add_argument("targets", type=Path, metavar="TARGETS", help="what is true")
    _add_pairing(parser)
    _add_labels(parser)
    _add_comparison(parser)
    _add_measures(parser)
    _add_outputs(parser)
    _add_execution(parser)


def pairing_from(arguments: argparse.Namespace) -> Pairing:
    """Return the pairs of files.

    Raises
    ------
    ValueError, OSError
        If files cannot be paired, or some pair with nothing without --allow-missing.
    """
    pairing = pair_files(
        arguments.preds,
        arguments.targets,
        pred_suffixes=arguments.pred_suffix,
        target_suffixes=arguments.target_suffix,
    )
    if arguments.instances is not None:
        pairing = add_instances(pairing, arguments.instances, arguments.instance_suffix)
    unpaired = pairing.describe_unpaired()
    if unpaired and not arguments.allow_missing:
        count = len(pairing.pairs)
        raise ValueError(
            f"{'; '.join(unpaired)}. --allow-missing goes on with the {count} that "
            f"pair{'s' if count == 1 else ''}"
        )
    return pairing


def counter_from(arguments: argparse.Namespace) -> PairCounter:
    """Return what reads and counts the pairs.

    Raises
    ------
    ValueError, OSError
        If arguments contradict each other, or a file that one names cannot be used.
    """
    table = None if arguments.map is None else read_label_table(arguments.map)
    options = EvaluationOptions(
        map_to=arguments.map_to,
        colors=None if arguments.colors is None else Palette.named(arguments.colors),
        resize=arguments.resize,
        axis=arguments.axis,
        grid=arguments.grid,
        threshold=arguments.threshold,
        invalid_preds=arguments.invalid_preds,
        max_pixels=arguments.max_pixels,
    )
    classes = _classes_from(arguments, table, options)
    return PairCounter(PairReader(classes, options, table), _measures_from(arguments, classes))


def _classes_from(
    arguments: argparse.Namespace, table: LabelTable | None, options: EvaluationOptions
) -> Classes:
    """Return the classes of the evaluation."""
    names = None if arguments.class_names is None else read_names(arguments.class_names)
    return build_classes(
        num_classes=arguments.num_classes,
        palette=arguments.palette,
        class_names=names,
        ignore_index=arguments.ignore_index or (),
        implied_ignore_index=(
            table.ignore_index if table is not None and options.maps_targets else None
        ),
        groups=arguments.groups,
    )


def _measures_from(arguments: argparse.Namespace, classes: Classes) -> tuple[Accumulator, ...]:
    """Return the empty measures, in the order of the reports."""
    settings: dict[str, dict[str, Any]] = {}
    for name, (option, argument) in SETTINGS.items():
        value = getattr(arguments, option)
        if name in arguments.measure:
            settings[name] = {} if value is None else {argument: value}
        elif value is not None:
            raise ValueError(f"--{option.replace('_', '-')} is of --measure {name}")
    measures = build_boundary_measures(classes, settings)
    if arguments.instances is None:
        for option in ("things", "first_instance", "instance_suffix"):
            if getattr(arguments, option) not in (None, []):
                raise ValueError(f"--{option.replace('_', '-')} is of --instances PLACE")
        return measures
    is_cityscapes = "cityscapes" in (arguments.palette, arguments.groups)
    instance_measure = build_instance_measure(
        classes, arguments.things, arguments.first_instance, is_cityscapes
    )
    return (*measures, instance_measure)


def _add_pairing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("which files belong together").add_argument
    ends = (
        "end of the names that is taken off, as in _pred or _pred.png; only such files count "
        "(repeatable)"
    )
    add("--pred-suffix", action="append", default=[], metavar="END", help=f"of PREDS: {ends}")
    add("--target-suffix", action="append", default=[], metavar="END", help="the same of TARGETS")
    add("--allow-missing", action="store_true", help="go on with the files that pair")


def _add_labels(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what the labels mean").add_argument
    add("--num-classes", type=positive_integer, metavar="N", help="number of classes")
    add(
        "--palette",
        metavar="NAME",
        help=f"classes, names, ignored label, colors of: {PALETTES}",
    )
    add("--class-names", type=Path, metavar="FILE", help="names of the classes, one a line")
    add(
        "--ignore-index",
        type=int,
        action="append",
        metavar="N",
        help="label of the target that is ignored (repeatable); the palette's by default",
    )
    add(
        "--map",
        metavar="MAP",
        help="what the files' labels become: cityscapes (labelId to trainId), reduce_zero_label, "
        'or a .json file {"from": to, ...}',
    )
    add("--map-to", choices=MAP_TO, default="target", help="what is mapped")
    add("--groups", metavar="GROUPS", help="categories: cityscapes, or a .json file of lists")
    add("--colors", metavar="PALETTE", help="read labels from the colors of RGB images")


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how they are compared").add_argument
    add(
        "--resize",
        choices=("nearest",),
        help="bring predicted labels to the target's size; logits are always upsampled to it",
    )
    add("--axis", type=int, choices=(-3, -1), default=-3, help="class axis of logits; -3")
    add("--grid", choices=GRIDS, default="half_pixel", help="how logits lie on the target")
    add("--threshold", type=fraction, metavar="T", help="for logits of a one-channel sigmoid head")
    add(
        "--invalid-preds",
        choices=INVALID_PREDS,
        default="miss",
        help="predictions of no class are misses (the default), an error, or left out",
    )
    add(
        "--dialect",
        choices=tuple(DIALECTS),
        metavar="NAME",
        help=f"score by the convention of {', '.join(DIALECTS)}",
    )
    add(
        "--exclude",
        nargs="+",
        default=(),
        metavar="CLASS",
        help="classes, by number or name, that are left out of means, such as the background",
    )
    add("--compare", action="store_true", help="add the score of each of those conventions")


def _add_measures(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what else is measured").add_argument
    add(
        "--measure",
        type=_measure_names,
        action="extend",
        default=[],
        metavar="LIST",
        help=f"any of {', '.join(BOUNDARY_MEASURES)}, separated by commas",
    )
    add("--dilation-ratio", type=fraction, metavar="R", help="of boundary: share of the diagonal")
    add(
        "--trimap-widths",
        type=positive_integers,
        metavar="LIST",
        help="of trimap: pixels, as in 1,2,4",
    )
    add("--tolerance", type=fraction, metavar="R", help="of boundary-f: share of the diagonal")
    add(
        "--instances",
        type=Path,
        metavar="PLACE",
        help="maps of instances, for instance-weighted IoU: a folder, file or list as TARGETS",
    )
    add(
        "--instance-suffix",
        action="append",
        default=[],
        metavar="END",
        help="end of their names, as --target-suffix",
    )
    add(
        "--things",
        metavar="THINGS",
        help="the classes that have instances: cityscapes (so with its palette or groups), or a "
        '.json file {"class": mean size in pixels, ...}',
    )
    add(
        "--first-instance",
        type=natural_number,
        metavar="N",
        help=f"smallest value that is an instance; {CITYSCAPES_FIRST_INSTANCE} in cityscapes, "
        "else 1",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="everything; as for each of these, - prints it alone",
    )
    add("--csv", type=Path, metavar="FILE", help="a line a class")
    add("--per-image", type=Path, metavar="FILE", help="CSV, a line an image")
    add("--markdown", type=Path, metavar="FILE", help="the report in Markdown")
    add("--html", type=Path, metavar="FILE", help="the report with images, in one file")
    add(
        "--worst",
        type=natural_number,
        default=8,
        metavar="N",
        help="worst images in it; 8 by default",
    )
    add("--images", type=Path, metavar="DIR", help="images to show beside them")
    add("--cityscapes-json", type=Path, metavar="FILE", help="in the benchmark's layout")
    add("--state", type=Path, metavar="FILE", help="the counts, for ConfusionMatrix.from_json")
    add("--allow-partial", action="store_true", help="give scores although files failed")
    add("--quiet", action="store_true", help="no report on the terminal, and no progress bar")


def _add_execution(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how it runs").add_argument
    add(
        "--jobs",
        type=positive_integer,
        default=_usable_cores(),
        metavar="N",
        help="threads; one a core",
    )
    add(
        "--max-pixels",
        type=positive_integer,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger images; {MAX_PIXELS} by default",
    )


def _measure_names(text: str) -> list[str]:
    """Return the names of boundary measures, which commas separate."""
    names = text.split(",")
    for name in names:
        if name not in BOUNDARY_MEASURES:
            raise argparse.ArgumentTypeError(
                f"no measure is called {name!r}; there are {', '.join(BOUNDARY_MEASURES)}"
            )
    return names


def _usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
