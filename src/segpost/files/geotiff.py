"""Reader of georeferenced TIFF as an image or a label map, which needs rasterio."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost.files.rasters import import_rasterio, without_warnings

TIFF_SUFFIXES = (".tif", ".tiff")
GEOREFERENCE_TAGS = {33550, 34264, 34735}  # pixel scale, transformation, directory of keys
MAX_TAGS = 4096
# GDAL tries no other format and reads no file beside the raster.
SETTINGS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


def is_geotiff(path: Path) -> bool:
    """Return whether a file is a TIFF with a georeference that rasterio, if installed, reads."""
    if path.suffix.lower() not in TIFF_SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return False
        (version,) = struct.unpack(order + "H", head[2:4])
        if version not in (42, 43):
            return False
        is_big = version == 43  # BigTIFF
        (position,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
        file.seek(min(position, path.stat().st_size))
        kind, entry_size = ("Q", 20) if is_big else ("H", 12)
        count_bytes = file.read(struct.calcsize("=" + kind))
        if len(count_bytes) < struct.calcsize("=" + kind):
            return False
        (count,) = struct.unpack(order + kind, count_bytes)
        entries = file.read(min(count, MAX_TAGS) * entry_size)
    tags = {
        struct.unpack_from(order + "H", entries, start)[0]
        for start in range(0, len(entries) - entry_size + 1, entry_size)
    }
    return bool(tags & GEOREFERENCE_TAGS) and _has_rasterio()


def read_geotiff(path: Path, check: Callable[[tuple[int, int]], None]) -> tuple[Array, Any]:
    """Return the bands (B, H, W) of a GeoTIFF as they are, and its color table or None.

    Overviews, masks and the value of no data are left alone.

    Parameters
    ----------
    path : Path
        The file.
    check : function of (height, width)
        Called with the size before anything is decoded; what it raises is raised.

    Raises
    ------
    ValueError, OSError
        If it is damaged, or has more bands than an image of colors and transparency.
    """
    rasterio = import_rasterio()
    try:
        with (
            without_warnings(),
            rasterio.Env(**SETTINGS),
            rasterio.open(path, driver="GTiff") as dataset,
        ):
            check((dataset.height, dataset.width))
            if dataset.count > 4:
                raise ValueError(f"it has {dataset.count} bands; an image or label map has 1 to 4")
            colors = None
            if dataset.count == 1 and dataset.colorinterp[0] == rasterio.enums.ColorInterp.palette:
                colors = dataset.colormap(1)
            return np.asarray(dataset.read()), colors
    except rasterio.errors.RasterioError as error:
        cause = error.__cause__ or error
        raise ValueError(f"cannot be decoded: {cause}") from error


def image_of_bands(bands: Array, colors: Any) -> npt.NDArray[np.uint8]:
    """Return the bands of a GeoTIFF as an image (H, W, 3); transparency is left out.

    Raises
    ------
    ValueError
        If they have more than 8 bits a channel.
    """
    if bands.dtype != np.uint8:
        raise ValueError(
            f"it is {bands.dtype}, with more than 8 bits a channel; convert it to 8 bits"
        )
    if colors is not None:
        table = np.zeros((256, 3), np.uint8)
        for value, color in colors.items():
            table[value] = color[:3]
        return np.asarray(table[bands[0]])
    if len(bands) < 3:
        return np.repeat(bands[0][..., None], 3, axis=-1)
    return np.ascontiguousarray(bands[:3].transpose(1, 2, 0))


def _has_rasterio() -> bool:
    try:
        import_rasterio()
    except ImportError:
        return False
    return True
