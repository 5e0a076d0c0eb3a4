"""`segpost diagnose`: why is it black, why are the colors wrong, why is the IoU low."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import segpost
from segpost import Diagnosis
from segpost._core.sampling import GRIDS
from segpost.cli.demo.page import STYLE
from segpost.cli.evaluation.outputs import written
from segpost.cli.messages import sentence, shown
from segpost.cli.options import share, whole
from segpost.color.datasets import list_palettes
from segpost.evaluation import classes
from segpost.files import images
from segpost.files.images import ARRAYS

ARRAY_FILES = ("logits", "again", "input")
PICTURE_FILES = ("labels", "target", "image", "color")


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "diagnose",
        help="look for known mistakes in logits, labels, targets, palettes and inputs",
        description="Say what is wrong with a segmentation, by which evidence, and what helps. "
        "Give whatever there is; every file lets more be told.",
        epilog="exit status: 0 nothing was found, 1 something was, 2 the command cannot be carried "
        "out as given",
    )
    group = parser.add_argument_group("what there is").add_argument
    group("--logits", type=Path, metavar="FILE", help="of the network: .npy or .npz")
    group("--again", type=Path, metavar="FILE", help="logits of a second run of the same input")
    group("--labels", type=Path, metavar="FILE", help="labels that were made: picture or .npy")
    group("--color", type=Path, metavar="FILE", help="the colored picture of them")
    group("--target", type=Path, metavar="FILE", help="what is true: picture or .npy")
    group("--image", type=Path, metavar="FILE", help="the photograph")
    group("--input", type=Path, metavar="FILE", help="what the network was fed: .npy")

    group = parser.add_argument_group("what it means").add_argument
    group("--palette", metavar="NAME", help=f"of the labels: {', '.join(list_palettes())}")
    group("--class-names", type=Path, metavar="FILE", help="names of the classes, one a line")
    group("--num-classes", type=whole, metavar="N", help="number of classes")
    group(
        "--ignore-index",
        type=int,
        action="append",
        metavar="N",
        help="label of the target that is void (repeatable); the palette's by default",
    )
    group("--axis", type=int, choices=(-3, -1), default=-3, help="class axis of logits; -3")
    group("--grid", choices=GRIDS, help="how the logits were enlarged")
    group("--threshold", type=share, metavar="T", help="for logits of a one-channel sigmoid head")
    group(
        "--quantization",
        nargs=2,
        type=float,
        metavar=("SCALE", "ZERO"),
        help="of integer logits: a logit is SCALE * (value - ZERO)",
    )
    numbers = ("R", "G", "B")
    group("--mean", nargs=3, type=float, metavar=numbers, help="of the normalization that is meant")
    group("--std", nargs=3, type=float, metavar=numbers, help="the same")

    group = parser.add_argument_group("what is written").add_argument
    group("--json", type=Path, metavar="FILE", help="everything")
    group("--markdown", type=Path, metavar="FILE", help="the findings in Markdown")
    group("--report", type=Path, metavar="FILE", help="the findings with pictures: one HTML file")
    group("--quiet", action="store_true", help="nothing on the terminal")
    group(
        "--max-pixels",
        type=whole,
        default=images.MOST_PIXELS,
        metavar="N",
        help=f"refuse larger pictures; {images.MOST_PIXELS} by default",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the files, print the findings, and write what was asked for."""
    files = {
        name: path
        for name in (*ARRAY_FILES, *PICTURE_FILES)
        if (path := getattr(arguments, name)) is not None
    }
    writers: dict[str, Callable[[Diagnosis], str]] = {
        "json": Diagnosis.to_json,
        "markdown": Diagnosis.to_markdown,
        "report": lambda found: page(found, files),
    }
    places = {name: path for name in writers if (path := getattr(arguments, name)) is not None}
    for name, path in places.items():
        if path.resolve() in [other.resolve() for other in files.values()]:
            raise ValueError(f"--{name} {shown(path)} would overwrite what is diagnosed")
    with images.pixel_limit(arguments.max_pixels):
        read = {name: _read(name, path, arguments.max_pixels) for name, path in files.items()}
    names = arguments.class_names
    found = segpost.diagnose(
        **read,
        axis=arguments.axis,
        grid=arguments.grid,
        threshold=arguments.threshold,
        quantization=None if arguments.quantization is None else tuple(arguments.quantization),
        palette=arguments.palette,
        class_names=None if names is None else classes.names_in(names),
        num_classes=arguments.num_classes,
        ignore_index=arguments.ignore_index,
        mean=arguments.mean,
        std=arguments.std,
    )
    if not arguments.quiet:
        print(found)
    problems = [
        problem
        for name, path in places.items()
        if (problem := written(lambda name=name: writers[name](found), path))  # type: ignore[misc]
    ]
    for problem in problems:
        print(f"segpost: {problem}", file=sys.stderr)
    if problems:
        return 2
    return 0 if found.ok else 1


def _read(name: str, path: Path, most_pixels: int) -> Any:
    """An array, or a picture as Pillow has it."""
    try:
        if name in ARRAY_FILES or path.suffix.lower() in ARRAYS:
            array = images.read_logits(path)
            if name not in ("logits", "again") and array.size > 3 * most_pixels:
                raise ValueError(
                    f"it holds {array.size} values, and --max-pixels allows {most_pixels} pixels"
                )
            return array
        return images.read_as_it_is(path)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        raise ValueError(sentence(error, f"--{name} {shown(path)}")) from error


def page(found: Diagnosis, files: dict[str, Path]) -> str:
    """The findings as one HTML file; nothing is loaded from anywhere."""
    said = ", ".join(f"{name}: {shown(path)}" for name, path in files.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>segpost diagnosis</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>segpost diagnosis</h1>
<p class="soft">{escape(said)}</p>
{found.to_html()}
</main>
</body>
</html>
"""
