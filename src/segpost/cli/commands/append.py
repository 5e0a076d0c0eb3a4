"""The command `segpost append`: a model whose graph ends in labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arguments import NAN_RULES
from segpost._core.sampling import GRIDS
from segpost._core.text import display_path
from segpost.cli.messages import describe_cli_error
from segpost.cli.options import PALETTES, file_path, fraction, sides
from segpost.cli.output import print_text, refuse_inputs
from segpost.cli.parser import CommandParser, format_epilog
from segpost.files.arrays import read_array
from segpost.files.writing import check_writable
from segpost.runtimes import append_postprocess
from segpost.runtimes.appending.options import RESULTS, SIZES
from segpost.spatial.letterbox import Letterbox

EXAMPLES = (
    "segpost append deeplab.onnx --out deeplab.labels.onnx",
    "segpost append deeplab.xml --out deeplab.picture.xml --want labels,overlay --palette voc "
    "--size image",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Find the resize, softmax and argmax behind a model's logits, and put operators of segpost "
        "in their place: the graph returns labels. They are compared with those of the unchanged "
        "model before the file is written."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "exit status: 0 done; 2 the model is not understood, labels differ, or the file cannot be "
        "written",
    )
    parser.joined_options = ("--size", "--letterbox")
    add = parser.add_argument
    add("model", type=file_path, metavar="MODEL", help="a file .onnx, or .xml of OpenVINO")
    add(
        "--out",
        type=file_path,
        required=True,
        metavar="FILE",
        help="the new model, in the same format",
    )
    add(
        "--want",
        type=_results,
        default=("labels",),
        metavar="LIST",
        help=f"results, with commas between: {', '.join(RESULTS)}; labels",
    )
    add(
        "--size",
        type=_size,
        metavar="H W",
        help="of the labels, or input, image (that of the overlay) or logits; that which the model "
        "resizes to",
    )
    add("--grid", choices=GRIDS, help="for a model that does not resize its logits")
    add("--output", metavar="NAME", help="the output with the logits, where several are resized")
    add("--threshold", type=fraction, metavar="P", help="for logits of one channel")
    add(
        "--letterbox",
        type=_letterbox,
        metavar="H W INPUT_H INPUT_W",
        help="the size of the images, and of the network's input that they were fitted into, "
        "centered; 4 numbers more, the size of the resized image and its offset, if it lies "
        "elsewhere. Labels have the size of the images",
    )
    add(
        "--nan",
        choices=NAN_RULES,
        default="raise",
        help="NaN in the logits is an error of the runtime, or the first NaN wins; raise",
    )
    add("--palette", metavar="NAME", help=f"for color and overlay: {PALETTES}")
    add("--alpha", type=fraction, default=0.5, metavar="A", help="weight of its colors; 0.5")
    add(
        "--standard",
        action="store_true",
        help="standard operators in the best order, which need no library",
    )
    add(
        "--input",
        action="append",
        type=file_path,
        default=[],
        metavar="FILE",
        help="an input of the network to compare labels on, .npy; may be repeated",
    )
    add("--no-check", action="store_true", help="do not run the models to compare labels")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Append to the model, write it, and print what was done."""
    refuse_inputs({"--out": arguments.out}, (arguments.model, *arguments.input))
    check_writable(arguments.out)
    appended = append_postprocess(
        arguments.model,
        want=arguments.want,
        size=arguments.size,
        grid=arguments.grid,
        output=arguments.output,
        threshold=arguments.threshold,
        letterbox=arguments.letterbox,
        nan=arguments.nan,
        palette=arguments.palette,
        alpha=arguments.alpha,
        standard=arguments.standard,
        inputs=[_read_input(path) for path in arguments.input] or None,
        check=not arguments.no_check,
    )
    appended.save(arguments.out)
    print_text(f"{appended}\nwrote {display_path(arguments.out)}")
    return 0


def _read_input(path: Path) -> Any:
    """Return the array of a file; errors name the file."""
    try:
        return np.asarray(read_array(path))
    except ValueError as error:
        raise ValueError(describe_cli_error(error, path)) from None


def _results(text: str) -> tuple[str, ...]:
    """Return the results that commas separate."""
    return tuple(part.strip() for part in text.split(","))


def _size(text: str) -> tuple[int, int] | str:
    """Return (H, W) or a word."""
    if text in SIZES:
        return text
    try:
        numbers = sides(text)
    except argparse.ArgumentTypeError:
        numbers = []
    if len(numbers) != 2:
        raise argparse.ArgumentTypeError(f"takes H W, or {', '.join(SIZES)}, got {text!r}")
    return numbers[0], numbers[1]


def _letterbox(text: str) -> Letterbox:
    """Return the letterbox of four numbers, or of all eight."""
    parts = text.split()
    if len(parts) not in (4, 8) or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(
            f"takes H W of the images and H W of the network's input, such as 375 500 513 513, "
            f"got {text!r}"
        )
    a, b, c, d, *rest = map(int, parts)
    try:
        if not rest:
            return Letterbox.fit((a, b), (c, d))
        return Letterbox((a, b), (c, d), (rest[0], rest[1]), (rest[2], rest[3]))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
