"""The arguments of `segpost run --volume`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from segpost.cli.options import file_path
from segpost.pipeline.results import Want

VOLUME_OUTPUTS: tuple[Want, ...] = ("labels", "confidence", "overlay")
DRAWINGS = ("html", "gif", "mp4")  # of the overlay
DEFAULT_ALPHA = 0.5  # weight of the colors in an overlay
ONLY_IMAGES = ("image", "convention", "crf")  # options


def add_volume_arguments(add: Callable[..., argparse.Action]) -> None:
    """Declare them, by the function that adds an argument."""
    add(
        "--like",
        type=file_path,
        metavar="IMAGE",
        help="of volumes: the NIfTI image whose size, affine and spacing the results have, or a "
        "folder of images with the names of the logits, or nnU-Net's with _0000 behind them",
    )
    add(
        "--nearest-axis",
        type=int,
        choices=(0, 1, 2),
        metavar="N",
        help="of volumes: take the nearest sample along this axis of D, H, W, as nnU-Net's "
        "separate z does along the coarsest",
    )
    add(
        "--probabilities",
        action="store_true",
        help="of volumes: the files hold probabilities, not logits; known of nnU-Net's .npz",
    )
    add(
        "--class-names",
        type=file_path,
        metavar="FILE",
        help="of volumes: names of the classes in the overlay, one a line, or nnU-Net's "
        "dataset.json",
    )
    add(
        "--overlay-as",
        choices=DRAWINGS,
        default=DRAWINGS[0],
        metavar="KIND",
        help="of volumes: --want overlay is a page with a slider through the slices (html), or "
        "shows them one after the other (gif, mp4); html by default",
    )


def check_volume_arguments(arguments: argparse.Namespace, want: set[str]) -> None:
    """Refuse arguments that volumes do not have."""
    refused = sorted(want - {*VOLUME_OUTPUTS})
    if refused:
        raise ValueError(
            f"--want {refused[0]} is for images; --volume writes {', '.join(VOLUME_OUTPUTS)}"
        )
    for name in ("palette", "class_names"):
        if getattr(arguments, name) is not None and "overlay" not in want:
            raise ValueError(
                f"--{name.replace('_', '-')} is for --want overlay: NIfTI files and arrays have no "
                "colors and names"
            )
    if arguments.palette is not None and arguments.class_names is not None:
        raise ValueError("--palette has names of its own: leave it or --class-names out")
    for name in ONLY_IMAGES:
        if getattr(arguments, name) is not None:
            cure = ": --like IMAGE.nii.gz is the image of a volume" if name == "image" else ""
            raise ValueError(f"--{name} is for images, and --volume was passed{cure}")
    if arguments.alpha != DEFAULT_ALPHA:
        raise ValueError("--alpha is for images; the page of a volume has a slider for it")
    if arguments.axis == -3:
        raise ValueError("--axis -3 is of images; the classes of volumes are first, or --axis -1")


def check_image_arguments(arguments: argparse.Namespace) -> None:
    """Refuse arguments that only volumes have."""
    for name in ("like", "nearest_axis", "class_names"):
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is for volumes: pass --volume")
    if arguments.probabilities:
        raise ValueError("--probabilities is for volumes; --convention says it of images")
