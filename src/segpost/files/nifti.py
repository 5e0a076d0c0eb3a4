"""Reader of NIfTI volumes (.nii, .nii.gz); nibabel parses their headers.

Arrays are (D, H, W) or (C, D, H, W): the reversed axes of the file, whose elements lie in this
order already (see `geometry`). Files are read, not mapped; extensions of headers are skipped.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import numpy as np

from segpost._core.arrays import Array
from segpost._core.errors import warn_of_input
from segpost.files.arrays import BLOCK, MAX_ARCHIVE_BYTES, open_regular, take_element
from segpost.files.geometry import VolumeGeometry, format_size, format_spacing
from segpost.files.listing import file_ending

NIFTI_SUFFIXES = (".nii", ".nii.gz")
GZIP_MAGIC = b"\x1f\x8b"
MAX_EXPANSION = 1100  # times that gzip makes content smaller at most
MAX_OFFSET = 1 << 24  # bytes of a header with its extensions
MAX_TRAILING = 1 << 20  # bytes behind the values that are read for the check sum of gzip
HEADERS = {348: ("Nifti1Header", b"n+1"), 540: ("Nifti2Header", b"n+2")}
ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
SPACING_TOLERANCE = 0.05  # of an affine and of pixdim, which is that of another transform
WHOLE_TOLERANCE = 1e-4  # of labels that scl_slope, a float32, scales
MILLIMETERS = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}


class NiftiHeader(NamedTuple):
    """What a NIfTI file says of its array.

    Attributes
    ----------
    shape : tuple of int
        (D, H, W), or with more axes before them.
    dtype : dtype
        Of the values in the file, in the byte order of this machine.
    scaling : (float, float) or None
        Slope and intercept of the values; None where these are 1 and 0.
    geometry : VolumeGeometry
    fields : nibabel.Nifti1Header or nibabel.Nifti2Header
        Everything.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scaling: tuple[float, float] | None
    geometry: VolumeGeometry
    fields: Any

    @property
    def read_dtype(self) -> np.dtype[np.generic]:
        """The dtype of the array that `read_nifti` returns."""
        return self.dtype if self.scaling is None else np.dtype(np.float32)


class LabelVolume(NamedTuple):
    """The labels of a NIfTI file, (D, H, W) integers, and where their voxels lie."""

    labels: Array
    geometry: VolumeGeometry


def is_nifti(path: Path) -> bool:
    """Return whether a file has the name of a NIfTI file."""
    return file_ending(path) in NIFTI_SUFFIXES


def read_nifti_header(path: Path) -> NiftiHeader:
    """Return what a NIfTI file says of its array.

    Raises
    ------
    ValueError, OSError
        If it is no NIfTI file of one part, or its header is damaged.
    ImportError
        If nibabel is not installed.
    """
    with _open_stream(path) as (stream, _):
        return _read_header(stream)


def read_nifti(path: Path, index: int | None = None) -> Array:
    """Return the array of a NIfTI file, or one element of its first axis.

    Parameters
    ----------
    path : Path
        The file.
    index : int, optional
        An index of the first axis.

    Returns
    -------
    array : array of shape (D, H, W), or with more axes before them
        Values of the file; float32 where the header scales them.

    Raises
    ------
    ValueError, OSError
        If it is damaged, or larger than what is there.
    ImportError
        If nibabel is not installed.
    """
    with _open_stream(path) as (stream, size):
        header = _read_header(stream)
        array = _read_values(stream, header, size)
    if header.scaling is not None:
        slope, intercept = header.scaling
        scaled = np.empty(array.shape, np.float32)
        for values, raw in zip(scaled, array, strict=True):
            values[...] = raw * slope + intercept
        array = scaled
    return take_element(array, index)


def read_nifti_labels(
    path: Path, check: Callable[[VolumeGeometry], None] = lambda geometry: None
) -> LabelVolume:
    """Return the labels of a NIfTI file, and where their voxels lie.

    Integers are taken as they are. Floats, as MONAI writes labels, and values that the header
    scales (``scl_slope``) must be whole numbers.

    Parameters
    ----------
    path : Path
        The file.
    check : function of a VolumeGeometry
        Called before the values are read; what it raises is raised.

    Raises
    ------
    ValueError, OSError
        As `read_nifti`, and if it holds several volumes, or values that are no labels.
    """
    with _open_stream(path) as (stream, size):
        header = _read_header(stream)
        if prod(header.shape[:-3]) != 1:
            raise ValueError(
                f"labels are (depth, height, width), got {prod(header.shape[:-3])} volumes of "
                f"{format_size(header.geometry.shape)}: save one label a voxel"
            )
        check(header.geometry)
        labels = _read_values(stream, header, size).reshape(header.geometry.shape)
    if header.scaling is not None:
        slope, intercept = header.scaling
        reason = f"its header scales them by {slope:g}"
        labels = _as_whole(labels, slope, intercept, reason, WHOLE_TOLERANCE)
    elif header.dtype.kind == "f":
        labels = _as_whole(labels, 1.0, 0.0, f"it holds {header.dtype}", 0.0)
    return LabelVolume(labels, header.geometry)


def check_spacing(header: NiftiHeader, name: str) -> None:
    """Warn where a header has two spacings; the affine's is used. `name` is that of the file.

    Raises
    ------
    ValueError
        If the affine has no spacing.
    """
    spacing = header.geometry.spacing
    if min(spacing) <= 0:
        raise ValueError(
            f"its header is damaged: the spacing of its affine is {format_spacing(spacing)} "
            "(D x H x W)"
        )
    unit = MILLIMETERS[header.fields.get_xyzt_units()[0]]
    x, y, z = (abs(float(step)) * unit for step in header.fields["pixdim"][1:4])
    pairs = zip(spacing, (z, y, x), strict=True)
    if any(abs(step - other) > SPACING_TOLERANCE * step for step, other in pairs):
        warn_of_input(
            f"{name}: the header contradicts itself: its affine has a spacing of "
            f"{format_spacing(spacing)}, which is used, and its pixdim "
            f"{format_spacing((z, y, x))} (D x H x W)"
        )


def import_nibabel() -> Any:
    """Return the module nibabel.

    Raises
    ------
    ImportError
        If it is not installed; it says what installs it.
    """
    try:
        import nibabel
    except ImportError as error:
        raise ImportError(
            f'a NIfTI file needs nibabel ({error}): pip install "segpost[medical]"', name="nibabel"
        ) from None
    return nibabel


@contextmanager
def _open_stream(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file that may be compressed, with the number of bytes that it can hold at most.

    What a damaged one raises inside the block is a ValueError.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        is_compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        try:
            if is_compressed:
                with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                    yield cast("IO[bytes]", stream), size * MAX_EXPANSION
            else:
                yield cast("IO[bytes]", file), size
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"it is damaged: {error}") from error


def _read_header(stream: IO[bytes]) -> NiftiHeader:
    """Return what the header at the start of a stream says."""
    nibabel = import_nibabel()
    start = stream.read(4)
    if not start:
        raise ValueError("it is empty")
    sizes = {order: int.from_bytes(start, order) for order in ORDERS}
    order = next((order for order, size in sizes.items() if size in HEADERS), None)
    if order is None:
        raise ValueError("it is no NIfTI file")
    name, magic = HEADERS[sizes[order]]
    block = start + stream.read(sizes[order] - len(start))
    if len(block) < sizes[order]:
        raise ValueError("it is cut: its header is not whole")
    try:
        fields = getattr(nibabel, name)(block, "<" if order == "little" else ">", check=False)
        if bytes(fields["magic"])[: len(magic)] != magic:
            raise ValueError("its header is of a file of two parts, .hdr and .img; save it as .nii")
        with np.errstate(all="ignore"):  # what is not finite is an error below
            return _describe_header(fields)
    except (
        nibabel.spatialimages.HeaderDataError,
        KeyError,
        OverflowError,
        np.linalg.LinAlgError,
    ) as error:
        raise ValueError(f"its header is damaged: {error}") from error


def _describe_header(fields: Any) -> NiftiHeader:
    """Return what the fields of a header say."""
    sides = [int(side) for side in fields.get_data_shape()]
    if not 2 <= len(sides) <= 7 or min(sides) < 1:
        raise ValueError(f"its header is damaged: its shape is {tuple(sides)}")
    sides += [1] * (3 - len(sides))
    while len(sides) > 3 and 1 in sides[3:]:
        sides.pop(3 + sides[3:].index(1))
    shape = tuple(reversed(sides))
    dtype = np.dtype(fields.get_data_dtype()).newbyteorder("=")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise ValueError(f"it holds {dtype}; wanted are integers or floats of at most 64 bits")
    slope, intercept = fields.get_slope_inter()
    scaling = None if slope is None or (slope, intercept) == (1.0, 0.0) else (slope, intercept)
    affine = np.array(fields.get_best_affine(), np.float64)
    affine[:3] *= MILLIMETERS[fields.get_xyzt_units()[0]]
    if not np.isfinite(affine).all():
        raise ValueError("its header is damaged: its affine has values that are not finite")
    geometry = VolumeGeometry((shape[-3], shape[-2], shape[-1]), affine)
    return NiftiHeader(shape, dtype, scaling, geometry, fields)


def _read_values(stream: IO[bytes], header: NiftiHeader, available: int) -> Array:
    """Return the values behind a header; memory is taken where the file can hold as many."""
    offset = int(header.fields.get_data_offset())
    skipped = stream.tell()
    if not skipped <= offset <= MAX_OFFSET:
        raise ValueError(f"its header is damaged: its values begin at byte {offset:,}")
    size = prod(header.shape) * header.dtype.itemsize
    is_compressed = isinstance(stream, gzip.GzipFile)
    if size + offset > available:
        raise ValueError(f"it is cut: {available:,} bytes of {size + offset:,} can be there")
    if is_compressed and size > MAX_ARCHIVE_BYTES:
        raise ValueError(f"it would become {size:,} bytes in memory; save it as .nii instead")
    stream.read(offset - skipped)
    values = np.empty(prod(header.shape), header.dtype)
    target, done = values.view(np.uint8).data, 0
    while done < size:
        block = stream.readinto(target[done : done + BLOCK])  # type: ignore[attr-defined]
        if not block:
            raise ValueError(f"it is cut: {done:,} bytes of {size:,} of its values are there")
        done += block
    if is_compressed:
        stream.read(MAX_TRAILING)  # to the end, where the check sum is
    if header.fields.endianness != header.fields.__class__().endianness:
        values.byteswap(inplace=True)
    return values.reshape(header.shape)


def _as_whole(
    labels: Array, slope: float, intercept: float, reason: str, tolerance: float
) -> Array:
    """Return scaled labels, or those of floats, as integers; all must be whole numbers."""
    whole = np.empty(labels.shape, np.int32)
    limits = np.iinfo(np.int32)
    for z, raw in enumerate(labels):
        with np.errstate(invalid="ignore", over="ignore"):
            values = raw * slope + intercept
            rounded = np.rint(values)
            bad = ~((abs(values - rounded) <= tolerance) & (abs(rounded) <= limits.max))
        if bad.any():
            y, x = (int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"labels are whole numbers, but {reason}, and {int(bad.sum())} of the {bad.size} "
                f"values of slice {z} are none, first {values[y, x]:g} at [{z}, {y}, {x}]: save "
                "them as integers, as nibabel.Nifti1Image(labels.astype('uint8'), image.affine)"
            )
        whole[z] = rounded
    return whole
