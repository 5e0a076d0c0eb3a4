"""Arguments of `segpost evaluate`, and what they are for `segpost.evaluation`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from segpost import Evaluation
from segpost._core.sampling import GRIDS
from segpost.cli.gates import add_gates
from segpost.cli.options import (
    PALETTES,
    file_path,
    fraction,
    natural_number,
    positive_integer,
    positive_integers,
)
from segpost.evaluation.class_names import read_class_names
from segpost.evaluation.measures import BOUNDARY_MEASURES, CITYSCAPES_FIRST_INSTANCE
from segpost.evaluation.options import MAP_TO
from segpost.evaluation.panoptic import LABEL_DIVISOR, PANOPTIC_FORMS
from segpost.evaluation.planning import SHARD_IMAGES
from segpost.files.images import MAX_PIXELS
from segpost.metrics.dialects import DIALECTS
from segpost.metrics.matrix import INVALID_PREDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `segpost evaluate`."""
    add_data_set(parser)
    add_scoring(parser)
    add_outputs(parser)
    add_execution(parser, "processes with --run, threads without")


def add_data_set(parser: argparse.ArgumentParser) -> None:
    """Declare what is compared, and how."""
    parser.add_argument(
        "preds", type=file_path, metavar="PREDS", help="predictions: labels or logits"
    )
    parser.add_argument("targets", type=file_path, metavar="TARGETS", help="what is true")
    _add_pairing(parser)
    _add_labels(parser)
    _add_comparison(parser)
    _add_measures(parser)
    _add_panoptic(parser)


def evaluation_from(arguments: argparse.Namespace) -> Evaluation:
    """Return the evaluation that the arguments of `add_data_set` describe.

    Raises
    ------
    ValueError, OSError
        If arguments contradict each other, or a file that one names cannot be used.
    """
    named = None if arguments.class_names is None else read_class_names(arguments.class_names)
    return Evaluation(
        arguments.preds,
        arguments.targets,
        num_classes=arguments.num_classes,
        palette=arguments.palette,
        class_names=named and named.names,
        ignore_index=arguments.ignore_index or (named.ignore_index if named else ()),
        groups=arguments.groups,
        label_table=arguments.map,
        map_to=arguments.map_to,
        colors=arguments.colors,
        resize=arguments.resize,
        axis=arguments.axis,
        grid=arguments.grid,
        threshold=arguments.threshold,
        key=arguments.key,
        invalid_preds=arguments.invalid_preds,
        measures=arguments.measure,
        dilation_ratio=arguments.dilation_ratio,
        trimap_widths=arguments.trimap_widths,
        tolerance=arguments.tolerance,
        surface_tolerance=arguments.surface_tolerance,
        instances=arguments.instances,
        things=arguments.things,
        first_instance=arguments.first_instance,
        panoptic=arguments.panoptic,
        label_divisor=arguments.label_divisor,
        thing_classes=[int(c) if c.isdecimal() else c for c in arguments.thing_classes],
        pred_suffixes=arguments.pred_suffix,
        target_suffixes=arguments.target_suffix,
        instance_suffixes=arguments.instance_suffix,
        allow_missing=arguments.allow_missing,
        max_pixels=arguments.max_pixels,
    )


def input_files(arguments: argparse.Namespace) -> list[Path]:
    """Return the files and folders that the arguments of an evaluation name."""
    names = ("preds", "targets", "instances", "class_names", "map", "groups", "things", "images")
    values = (getattr(arguments, name) for name in (*names, "baseline"))
    return [Path(value) for value in values if value is not None]


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
    add(
        "--class-names",
        type=file_path,
        metavar="FILE",
        help="names of the classes, one a line, or nnU-Net's dataset.json",
    )
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
    add("--key", metavar="NAME", help="tensor of logits in .safetensors, .pt and .h5 files")
    add(
        "--invalid-preds",
        choices=INVALID_PREDS,
        default="miss",
        help="predictions of no class are misses (the default), an error, or left out",
    )
    add(
        "--max-pixels",
        type=positive_integer,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger images; {MAX_PIXELS} by default",
    )


def add_dialect(add: Callable[..., argparse.Action]) -> None:
    """Declare whose convention scores follow."""
    add(
        "--dialect",
        choices=tuple(DIALECTS),
        metavar="NAME",
        help=f"score by the convention of {', '.join(DIALECTS)}",
    )


def add_exclude(add: Callable[..., argparse.Action]) -> None:
    """Declare which classes are in no mean."""
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="CLASS",
        help="a class, by number or name, that is left out of means, such as the background "
        "(repeatable)",
    )


def add_scoring(parser: argparse.ArgumentParser) -> None:
    """Declare what is computed of the counts."""
    add = parser.add_argument_group("which scores").add_argument
    add_dialect(add)
    add_exclude(add)
    add("--compare", action="store_true", help="add the score of each of those conventions")
    add_gates(parser, has_baseline=False)


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
        "--surface-tolerance",
        type=float,
        metavar="T",
        help="of surface-distance: for the surface Dice, in pixels or in mm of NIfTI files",
    )
    add(
        "--instances",
        type=file_path,
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


def _add_panoptic(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("panoptic maps").add_argument
    add(
        "--panoptic",
        nargs="?",
        const="coco",
        choices=PANOPTIC_FORMS,
        metavar="FORM",
        help="PREDS and TARGETS are panoptic maps: coco (the default), JSON files of segments or "
        "the folders of PNG files beside them; cityscapes, instanceIds; ids, images of class * N + "
        "instance",
    )
    add(
        "--label-divisor",
        type=positive_integer,
        metavar="N",
        help=f"of ids; {LABEL_DIVISOR} by default",
    )
    add(
        "--thing-classes",
        nargs="+",
        default=[],
        metavar="CLASS",
        help="of ids: the classes, by number or name, whose objects are segments of their own",
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Declare the files that are written."""
    add = parser.add_argument_group("what is written").add_argument
    add(
        "--json",
        type=file_path,
        metavar="FILE",
        help="everything; as for each of these, - prints it alone",
    )
    add("--csv", type=file_path, metavar="FILE", help="a line a class")
    add("--per-image", type=file_path, metavar="FILE", help="CSV, a line an image")
    add("--markdown", type=file_path, metavar="FILE", help="the report in Markdown")
    add("--latex", type=file_path, metavar="FILE", help="the report in LaTeX, for booktabs")
    add(
        "--percent",
        action="store_true",
        help="scores as percentages on the terminal, in Markdown and LaTeX",
    )
    add("--html", type=file_path, metavar="FILE", help="the report with images, in one file")
    add(
        "--worst",
        type=natural_number,
        default=8,
        metavar="N",
        help="worst images in it; 8 by default",
    )
    add("--images", type=file_path, metavar="DIR", help="images to show beside them")
    add("--cityscapes-json", type=file_path, metavar="FILE", help="in the benchmark's layout")
    add(
        "--state",
        type=file_path,
        metavar="FILE",
        help="the counts, for ConfusionMatrix.from_json and the other measures' from_json",
    )
    add("--allow-partial", action="store_true", help="give scores although files failed")
    add("--quiet", action="store_true", help="no report on the terminal, and no progress bar")


def add_shard_images(add: Callable[..., argparse.Action]) -> None:
    """Declare the size of a shard, by the function that adds an argument to a group."""
    add(
        "--shard-images",
        type=positive_integer,
        default=SHARD_IMAGES,
        metavar="N",
        help=f"images of a shard; {SHARD_IMAGES} by default",
    )


def add_execution(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare how much runs at once; `what` is what runs."""
    add = parser.add_argument_group("how it runs").add_argument
    add(
        "--jobs",
        type=positive_integer,
        default=_usable_cores(),
        metavar="N",
        help=f"{what}; one a core",
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
