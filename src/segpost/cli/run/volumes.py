"""What `segpost run --volume` makes of each item: NIfTI files or arrays, and pages of slices."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import segpost
from segpost._core.text import display_path
from segpost.cli.run.inputs import Images, Item
from segpost.cli.run.volume_arguments import VOLUME_OUTPUTS
from segpost.color.distinct import repeated_colors
from segpost.evaluation.class_names import read_class_names
from segpost.files.arrays import archive_array_name
from segpost.files.geometry import VolumeGeometry, format_size, warn_of_fine_axis
from segpost.files.nifti import NIFTI_SUFFIXES, read_nifti_header
from segpost.pipeline.saving import save_slices

CHANNELS = ("", "_0000")  # what nnU-Net puts behind the name of a case for its first image
PROBABILITIES = ("probabilities", "softmax")  # the names of the array in nnU-Net's .npz files


class LikeImages(Images):
    """The images that the results get their affines from.

    Parameters
    ----------
    source : Path, optional
        One NIfTI file for all items, or a folder with files that have the items' names, or
        nnU-Net's: with _0000 behind them.
    """

    suffixes = NIFTI_SUFFIXES
    option, ending = "--like", ".nii.gz"

    def names_of(self, name: str) -> Sequence[str]:
        """Return the names that the image of an item may have."""
        return [name + channel for channel in CHANNELS]

    def check_source(self, path: Path) -> None:
        """Read the header of the one image, so that an error stops the command."""
        read_geometry(path)


class VolumeMaker:
    """Computes and saves the results of one volume after the other.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    want : set of str
        The outputs.
    """

    def __init__(self, arguments: argparse.Namespace, want: set[str]) -> None:
        self.want, self.size, self.drawing = want, arguments.size, arguments.overlay_as
        self.are_probabilities = arguments.probabilities
        quantization = arguments.quantization
        self.options: dict[str, Any] = {
            "volume": True,
            "axis": arguments.axis,
            "nearest_axis": arguments.nearest_axis,
            "grid": arguments.grid,
            "threshold": arguments.threshold,
            "decode": arguments.decode,
            "quantization": None if quantization is None else tuple(quantization),
            "palette": _palette_of(arguments),
            "want": (want - {"overlay"}) | {"labels"},
        }

    def segment(self, item: Item, like: Path | None) -> segpost.Segmentation:
        """Return the results of an item.

        Raises
        ------
        ValueError, OSError
            If its files cannot be read, or do not fit.
        """
        options = dict(self.options)
        size = self.size
        logits = item.read()
        if like is not None:
            geometry = read_geometry(like)
            size = size or geometry.shape
            self._check_size(tuple(size), like, geometry)
            check_axis_order(logits.shape, self.options["axis"], like, geometry)
            if options["nearest_axis"] is not None:
                warn_of_fine_axis(options["nearest_axis"], geometry, display_path(like))
        if self.are_probabilities or self._is_named_probabilities(item):
            axis = options["axis"] or -3
            options["convention"] = segpost.Convention(kind="probabilities", axis=axis)
        return segpost.postprocess(logits, size=size, **options)

    def save(
        self, seg: segpost.Segmentation, folder: Path, item: Item, like: Path | None
    ) -> list[str]:
        """Write the outputs of an item into a folder, and return their names."""
        names = []
        for what in VOLUME_OUTPUTS:
            if what not in self.want:
                continue
            names.append(volume_name(what, like is not None, self.drawing))
            path = folder / names[-1]
            if what == "overlay":
                save_slices(seg, path, path.suffix, like, display_path(Path(item.name)))
            else:
                seg.save(path, what=what, like=like)
        return names

    def _check_size(self, size: tuple[int, ...], like: Path, geometry: VolumeGeometry) -> None:
        if size != geometry.shape:
            raise ValueError(
                f"--size is {format_size(size)}, and --like {display_path(like)} is "
                f"{format_size(geometry.shape)} (D x H x W): leave --size out"
            )

    def _is_named_probabilities(self, item: Item) -> bool:
        """Whether an .npz file says so by the name of its array."""
        path = item.file.path
        return path.suffix.lower() == ".npz" and archive_array_name(path) in PROBABILITIES


def _palette_of(arguments: argparse.Namespace) -> segpost.Palette | None:
    """Return names and colors of the classes, None where neither is known."""
    if arguments.palette is not None:
        return segpost.Palette.named(arguments.palette)
    if arguments.class_names is None:
        return None
    names = read_class_names(arguments.class_names).names
    return segpost.Palette(repeated_colors(len(names)), names)


def read_geometry(path: Path) -> VolumeGeometry:
    """Return where the voxels of a NIfTI file lie; errors have its name."""
    try:
        return read_nifti_header(path).geometry
    except ValueError as error:
        raise ValueError(f"{display_path(path)}: {error}") from error


def check_axis_order(
    shape: tuple[int, ...], axis: int | None, like: Path, geometry: VolumeGeometry
) -> None:
    """Refuse logits whose axes are in another order than the image shows.

    Raises
    ------
    ValueError
        If the sizes are those of the image, with the classes at the other end, or with x before z.
    """
    if len(shape) != 4:
        return
    first, last = shape[1:], shape[:3]
    own, other = (last, first) if axis == -1 else (first, last)
    size = geometry.shape
    if own == size:
        return
    where = f"its shape is {shape}, and --like {display_path(like)} is {format_size(size)}"
    if other == size:
        cure = "leave --axis out" if axis == -1 else "pass --axis -1"
        raise ValueError(f"{where} (D x H x W): the classes are on the other end, {cure}")
    if own[::-1] == size:
        transposed = (2, 1, 0, 3) if axis == -1 else (0, 3, 2, 1)
        raise ValueError(
            f"{where} (D x H x W): its axes are x, y, z, as nibabel has them; save "
            f"logits.transpose{transposed}"
        )


def volume_name(what: str, is_nifti: bool, drawing: str) -> str:
    """Return the name of an output, without that of the item."""
    if what == "overlay":
        return f"overlay.{drawing}"
    return f"{what}{'.nii.gz' if is_nifti else '.npy'}"
