"""The command `segpost diagnose`: known mistakes in logits, labels, targets and inputs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import segpost
from segpost import Diagnosis
from segpost._core.sampling import GRIDS
from segpost._core.text import FILE_ERRORS, display_path
from segpost.cli.diagnosis.page import format_diagnosis
from segpost.cli.messages import describe_cli_error
from segpost.cli.options import PALETTES, file_path, fraction, positive_integer
from segpost.cli.origin import describe_origin
from segpost.cli.output import check_stdout, is_stdout, refuse_inputs, write_output
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import print_error
from segpost.evaluation.class_names import read_class_names
from segpost.files.arrays import ARRAY_SUFFIXES, read_array
from segpost.files.images import MAX_PIXELS, limit_pixels, read_unconverted

ARRAY_FILES = ("logits", "again", "input")
IMAGE_FILES = ("labels", "target", "image", "color")

EXAMPLES = ("segpost diagnose --logits logits.npy --target target.png --palette voc",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Say what is wrong with a segmentation, by which evidence, and what helps. "
        "Give whatever there is; every file makes more checks possible."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "exit status: 0 nothing or only hints, 1 something was found, 2 the command cannot be "
        "carried out as given",
    )
    group = parser.add_argument_group("what there is").add_argument
    group("--logits", type=file_path, metavar="FILE", help="of the network: .npy or .npz")
    group(
        "--again", type=file_path, metavar="FILE", help="logits of a second run of the same input"
    )
    group("--labels", type=file_path, metavar="FILE", help="predicted labels: image or .npy")
    group("--color", type=file_path, metavar="FILE", help="the colored image of them")
    group("--target", type=file_path, metavar="FILE", help="what is true: image or .npy")
    group("--image", type=file_path, metavar="FILE", help="the image that was segmented")
    group("--input", type=file_path, metavar="FILE", help="what the network was fed: .npy")

    group = parser.add_argument_group("what it means").add_argument
    group("--palette", metavar="NAME", help=f"of the labels: {PALETTES}")
    group("--class-names", type=file_path, metavar="FILE", help="names of the classes, one a line")
    group("--num-classes", type=positive_integer, metavar="N", help="number of classes")
    group(
        "--ignore-index",
        type=int,
        action="append",
        metavar="N",
        help="label of the target that is ignored (repeatable); the palette's by default",
    )
    group("--axis", type=int, choices=(-3, -1), default=-3, help="class axis of logits; -3")
    group("--grid", choices=GRIDS, help="how the logits were enlarged")
    group(
        "--threshold", type=fraction, metavar="T", help="for logits of a one-channel sigmoid head"
    )
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
    group("--json", type=file_path, metavar="FILE", help="everything; - prints it alone")
    group("--markdown", type=file_path, metavar="FILE", help="the findings in Markdown")
    group(
        "--report", type=file_path, metavar="FILE", help="the findings with images: one HTML file"
    )
    group("--quiet", action="store_true", help="no findings on the terminal")
    group(
        "--max-pixels",
        type=positive_integer,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger images; {MAX_PIXELS} by default",
    )
    parser.set_defaults(command=run)
    parser.describe_words = _describe_files


def _describe_files(words: Sequence[str]) -> str:
    """Return the options of files that are named without one."""
    if any(word.startswith("-") for word in words):
        return ""
    options = ("--logits" if word.endswith(ARRAY_SUFFIXES) else "--image" for word in words)
    named = " ".join(f"{option} {word}" for option, word in zip(options, words, strict=True))
    return f"; every file has an option that says what it is, such as {named}"


def run(arguments: argparse.Namespace) -> int:
    """Read the files, print the findings, and write what the arguments name."""
    files = {
        name: path
        for name in (*ARRAY_FILES, *IMAGE_FILES)
        if (path := getattr(arguments, name)) is not None
    }
    if not files:
        raise ValueError(
            "there is no file to look at: give "
            f"{', '.join('--' + name for name in (*ARRAY_FILES, *IMAGE_FILES))}, one or more of "
            "them, such as --logits logits.npy --target target.png"
        )
    writers: dict[str, Callable[[Diagnosis], str]] = {
        "json": Diagnosis.to_json,
        "markdown": Diagnosis.to_markdown,
        "report": lambda diagnosis: format_diagnosis(diagnosis, files, describe_origin(arguments)),
    }
    outputs = {name: path for name in writers if (path := getattr(arguments, name)) is not None}
    check_stdout({f"--{name}": path for name, path in outputs.items()})
    refuse_inputs(
        {f"--{name}": path for name, path in outputs.items()},
        [*files.values(), arguments.class_names],
    )
    with limit_pixels(arguments.max_pixels):
        inputs = {name: _read(name, path, arguments.max_pixels) for name, path in files.items()}
    class_names = arguments.class_names
    diagnosis = segpost.diagnose(
        **inputs,
        axis=arguments.axis,
        grid=arguments.grid,
        threshold=arguments.threshold,
        quantization=None if arguments.quantization is None else tuple(arguments.quantization),
        palette=arguments.palette,
        class_names=None if class_names is None else read_class_names(class_names).names,
        num_classes=arguments.num_classes,
        ignore_index=arguments.ignore_index,
        mean=arguments.mean,
        std=arguments.std,
    )
    if not arguments.quiet and not any(map(is_stdout, outputs.values())):
        print(diagnosis)
    has_failed = False
    for name, path in outputs.items():
        try:
            write_output(path, writers[name](diagnosis))
        except (ValueError, OSError) as error:  # the other files are still written
            has_failed = True
            print_error(describe_cli_error(error, display_path(path)))
    if has_failed:
        return 2
    return int(any(finding.rank != "hint" for finding in diagnosis.findings))


def _read(name: str, path: Path, max_pixels: int) -> Any:
    """Return an array, or an image as Pillow has it."""
    try:
        if name in ARRAY_FILES or path.suffix.lower() in ARRAY_SUFFIXES:
            array = read_array(path)
            if name not in ("logits", "again") and array.size > 3 * max_pixels:
                raise ValueError(
                    f"it holds {array.size} values, and --max-pixels allows {max_pixels} pixels"
                )
            return array
        return read_unconverted(path)
    except FILE_ERRORS as error:
        raise ValueError(describe_cli_error(error, f"--{name} {display_path(path)}")) from error
