"""Writer of NIfTI volumes, with the geometry of a file that is there."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Any

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.files.geometry import format_size
from segpost.files.listing import file_ending
from segpost.files.nifti import NiftiHeader, check_spacing, import_nibabel, read_nifti_header
from segpost.files.writing import atomic_write

COMPRESSION = 1  # of gzip, as nibabel's: labels become small at any level
MAX_SIDE = 32767  # of NIfTI-1


def write_nifti(path: Path, array: Array, like: Path, scale: float = 1.0) -> None:
    """Write a volume with the affine, spacing, orientation and units of a NIfTI file, atomically.

    The same array and file give the same bytes.

    Parameters
    ----------
    path : Path
        It ends in .nii, or in .nii.gz for compression.
    array : array of shape (D, H, W), or (C, D, H, W)
        Integers or floats of at most 64 bits.
    like : Path
        The file, such as the image that the network saw.
    scale : float
        What the values are multiplied by when the file is read (``scl_slope``).

    Raises
    ------
    ValueError
        If the file has another size, or is the one to be written.
    OSError
        If a file cannot be read or written.
    ImportError
        If nibabel is not installed.
    """
    header = _read_like(like)
    if path.exists() and path.samefile(like):
        raise ValueError(f"{display_path(path)} is the image that like= names: choose another name")
    if array.shape[-3:] != header.geometry.shape:
        raise ValueError(
            f"{display_path(path)} would be {format_size(array.shape[-3:])}, and like="
            f"{display_path(like)} is {format_size(header.geometry.shape)} (D x H x W): like is "
            "the image that the results belong to"
        )
    fields = _fields_like(header, array, scale)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        if file_ending(path) == ".nii":
            _write_volume(file, fields, array)
            return
        with gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as stream:
            _write_volume(stream, fields, array)  # type: ignore[arg-type]


def _read_like(like: Path) -> NiftiHeader:
    """Return the header of a file; errors have its name."""
    name = f"like={display_path(like)}"
    try:
        header = read_nifti_header(like)
        check_spacing(header, name)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return header


def _fields_like(header: NiftiHeader, array: Array, scale: float) -> Any:
    """Return the header of an array, with the geometry of another file."""
    nibabel = import_nibabel()
    source = header.fields
    is_large = max(array.shape) > MAX_SIDE
    fields: Any = (nibabel.Nifti2Header if is_large else nibabel.Nifti1Header)()
    fields.set_data_dtype(array.dtype)
    fields.set_data_shape(array.shape[::-1])
    pixdim = np.array(fields["pixdim"])
    pixdim[:4] = source["pixdim"][:4]  # the first is the sign of the quaternion
    fields["pixdim"] = pixdim
    for name in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z"):
        fields[name] = source[name]
    for axis in "bcd":
        fields[f"quatern_{axis}"] = source[f"quatern_{axis}"]
    for axis in "xyz":
        fields[f"qoffset_{axis}"] = source[f"qoffset_{axis}"]
    fields["xyzt_units"] = int(source["xyzt_units"]) % 8
    fields["scl_slope"], fields["scl_inter"] = scale, 0
    fields["descrip"] = b"segpost"
    fields["magic"] = b"n+2" if is_large else b"n+1"
    fields["vox_offset"] = 544 if is_large else 352
    return fields


def _write_volume(file: IO[bytes], fields: Any, array: Array) -> None:
    """Write a header without extensions, and values from the first slice to the last."""
    file.write(fields.binaryblock)
    file.write(bytes(4))
    for part in array:
        file.write(np.ascontiguousarray(part).view(np.uint8).data)
