"""The arguments of `segpost run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import segpost
from segpost._core.sampling import GRIDS
from segpost._core.text import display_path
from segpost.cli.options import PALETTES, file_path, fraction, positive_integer, shard, sides
from segpost.cli.parser import CommandParser
from segpost.cli.run.volume_arguments import (
    DEFAULT_ALPHA,
    VOLUME_OUTPUTS,
    add_volume_arguments,
    check_image_arguments,
    check_volume_arguments,
)
from segpost.crf.terms import PRESETS
from segpost.files.arrays import ArrayHeader
from segpost.files.images import IMAGE_SUFFIXES, MAX_PIXELS
from segpost.files.tensors import LOGITS_SUFFIXES
from segpost.pipeline.decoding import DECODINGS
from segpost.runtimes.table import ALIASES

OUTPUTS = ("labels", "color", "overlay", "confidence")
LOGITS_HELP = ".npy, .npz, .safetensors, .pt or .h5 files, of volumes also NIfTI, or folders"


def add_arguments(parser: CommandParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("logits", nargs="+", type=file_path, metavar="LOGITS", help=LOGITS_HELP)
    add("--key", metavar="NAME", help="the tensor in .safetensors, .pt and .h5 files of several")
    add(
        "--out",
        type=file_path,
        required=True,
        metavar="DIR",
        help="where to write; made if missing",
    )
    add("--image", type=file_path, help="the image, or a folder of them with the logits' names")
    add("--palette", metavar="NAME", help=f"colors of the classes: {PALETTES}")
    conventions = segpost.Convention.names()
    add(
        "--convention",
        choices=(*conventions, *ALIASES),
        metavar="NAME",
        help="the runtime that made the logits: sets the class axis, the grid and whether they are "
        f"logits, probabilities or labels; one of {', '.join(conventions)} (segpost info "
        "--conventions lists them)",
    )
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        "--batch",
        action="store_true",
        help="files of four dimensions hold batches (N, C, H, W); not needed with a --convention",
    )
    layout.add_argument(
        "--volume",
        action="store_true",
        help="files of four dimensions hold volumes (C, D, H, W): labels are written as .nii.gz "
        "with --like, or else as .npy",
    )
    add_volume_arguments(add)
    add("--axis", type=int, choices=(-3, -1), help="the class axis; -3 by default")
    add(
        "--size",
        type=sides,
        metavar="H W",
        help="upsample to this size, of volumes D H W; the image's where there is one, or else the "
        "logits'",
    )
    add(
        "--grid",
        choices=GRIDS,
        help="how the network's grid lies on the image; half_pixel, torch's default, by default",
    )
    add(
        "--threshold",
        type=fraction,
        metavar="T",
        help="for a one-channel sigmoid head, such as 0.5",
    )
    add(
        "--decode",
        choices=DECODINGS,
        default="argmax",
        help="labels of argmax, the default, or those that maximise the expected Dice or IoU of "
        "each image",
    )
    add(
        "--quantization",
        nargs=2,
        type=float,
        metavar=("SCALE", "ZERO"),
        help="of integer logits; confidence needs it",
    )
    add(
        "--crf",
        choices=tuple(PRESETS),
        help="refine the probabilities along the image's edges before anything is made of them, by "
        "a dense CRF with these settings",
    )
    add(
        "--want",
        type=_output_names,
        metavar="LIST",
        help=f"any of {','.join(OUTPUTS)}, with commas; by default labels, color where there is a "
        "palette, and overlay where there are both palette and image; of volumes any of "
        f"{','.join(VOLUME_OUTPUTS)}, labels by default",
    )
    add(
        "--alpha",
        type=fraction,
        default=DEFAULT_ALPHA,
        help=f"weight of the overlay's colors; {DEFAULT_ALPHA} by default",
    )
    _add_arguments_of_many(parser)
    parser.describe_words = join_outputs
    parser.joined_options = ("--size",)


def join_outputs(words: Sequence[str]) -> str:
    """Return how words that are outputs are passed; nothing for other words."""
    if not all(word.strip(",") in OUTPUTS for word in words):
        return ""
    return f"; commas join the words of --want, without spaces: --want {','.join(OUTPUTS[:2])}"


def _add_arguments_of_many(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments for many files."""
    add = parser.add_argument
    add(
        "--glob",
        metavar="PATTERN",
        help="of the files below a folder, those whose path matches, such as 'val/*_logits.npy'",
    )
    add("--jobs", type=positive_integer, default=1, metavar="N", help="threads; 1 by default")
    add(
        "--shard",
        type=shard,
        default=(0, 1),
        metavar="I/N",
        help="every Nth file, from the Ith on, counted from 0: a part for each of N processes",
    )
    add(
        "--resume",
        action="store_true",
        help="leave out what former runs into --out have made of the same inputs and options",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace files in --out that no run has written; inputs are never replaced",
    )
    add(
        "--max-pixels",
        type=positive_integer,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse images of more pixels; {MAX_PIXELS} by default",
    )


def check_arguments(arguments: argparse.Namespace, want: set[str]) -> None:
    """Refuse arguments that no input could be used with."""
    _check_out(arguments.out)
    _check_size(arguments.size, 3 if arguments.volume else 2)
    if arguments.volume:
        check_volume_arguments(arguments, want)
        return
    check_image_arguments(arguments)
    if arguments.palette is None and not want.isdisjoint(("color", "overlay")):
        raise ValueError("--want color or overlay needs --palette NAME")
    if arguments.image is None and "overlay" in want:
        raise ValueError("--want overlay needs --image IMAGE")
    if arguments.crf is None:
        return
    if arguments.image is None:
        raise ValueError(f"--crf {arguments.crf} follows the edges of a photograph: give --image")
    if arguments.threshold is not None:
        raise ValueError(
            "--crf refines logits of two classes or more, and --threshold is for heads of one: "
            "leave one of them out, or save two classes, zeros before the head's logits"
        )


def check_header(arguments: argparse.Namespace, header: ArrayHeader) -> None:
    """Refuse an array that the arguments do not fit."""
    shape, ndim = header.shape, len(header.shape)
    if arguments.crf is not None and ndim == 2 and header.dtype.kind in "iu":
        raise ValueError("it holds labels; --crf refines the probabilities of logits")
    if arguments.volume and ndim == 3:
        raise ValueError(
            f"it has three dimensions, {shape}, and --volume takes one volume (C, D, H, W): "
            "leave --volume out if this is one image (C, H, W)"
        )
    if ndim == 5:
        raise ValueError(
            f"it has five dimensions, {shape}: save each of its {shape[0]} volumes (C, D, H, W) "
            "as a file, and pass --volume"
        )
    if arguments.volume and ndim != 4:
        raise ValueError(f"its shape is {shape}, and --volume takes one volume (C, D, H, W)")
    is_plain = not arguments.batch and not arguments.volume and arguments.convention is None
    if ndim == 4 and shape[0] > 1 and is_plain:
        raise ValueError(
            f"it has four dimensions, {shape}: pass --batch if these are {shape[0]} images "
            f"of {shape[1]} classes, or --volume if this is one volume of {shape[0]}"
        )


def default_outputs(has_palette: bool, has_image: bool) -> set[str]:
    """Return what is written where --want is left out."""
    if not has_palette:
        return {"labels"}
    return {"labels", "color", "overlay"} if has_image else {"labels", "color"}


def _check_out(out: Path) -> None:
    """Refuse a folder for the outputs that has the name of a file, unless it is there."""
    if out.suffix.lower() in (*IMAGE_SUFFIXES, *LOGITS_SUFFIXES) and not out.is_dir():
        folder = display_path(out.parent)
        raise ValueError(
            f"--out {display_path(out)} is a folder, in which NAME.labels.png and so on are "
            f"written, and has the name of a file: pass --out {folder}"
        )


def _check_size(size: Sequence[int] | None, axes: int) -> None:
    """Refuse a size of another number of axes."""
    if size is not None and len(size) != axes:
        words = "D H W with --volume" if axes == 3 else "H W; D H W with --volume"
        raise ValueError(f"--size takes {words}, got {' '.join(map(str, size))}")


def _output_names(text: str) -> set[str]:
    """Return the names of outputs, which commas separate."""
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in OUTPUTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"takes any of {', '.join(OUTPUTS)} with commas between them, got {text!r}"
        )
    return set(names)
