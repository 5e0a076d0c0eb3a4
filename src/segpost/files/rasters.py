"""Writers of georeferenced rasters: GeoTIFF and cloud-optimized GeoTIFF, which need rasterio."""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.files.writing import atomic_write

MAX_TILE = 512  # pixels of a side of a tile of the file
TILE_UNIT = 16  # that TIFF wants tiles to be multiples of
COMPRESSION = "deflate"  # which every reader of TIFF knows


class Georeference(NamedTuple):
    """Where a raster lies.

    Attributes
    ----------
    size : (H, W)
        The size of the raster.
    crs : rasterio.crs.CRS or None
        The coordinate reference system.
    transform : affine.Affine
        From column and row to coordinates.
    """

    size: tuple[int, int]
    crs: Any
    transform: Any


def read_georeference(path: Path) -> Georeference:
    """Return where a raster lies, by its CRS and its affine transform.

    Raises
    ------
    ValueError, OSError
        If the file is no raster, or has no affine transform.
    ImportError
        If rasterio is not installed.
    """
    rasterio = import_rasterio()
    with _own_errors(path), without_warnings(), rasterio.open(path) as source:
        if source.transform.is_identity:
            points = f", but {len(source.gcps[0])} ground control points" if source.gcps[0] else ""
            raise ValueError(
                f"{display_path(path)} has no affine transform{points}: it does not say where its "
                "pixels lie"
            )
        return Georeference((source.height, source.width), source.crs, source.transform)


class RasterWriter:
    """One band that is written block by block; `write_raster` opens it."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._checksums: dict[tuple[int, int, int, int], int] = {}

    def write(self, y: int, x: int, values: Array) -> None:
        """Write a block (height, width) at a position; blocks do not overlap."""
        part = (y, x, *values.shape)
        self._dataset.write(values, 1, window=_as_window(part))
        self._checksums[part] = zlib.crc32(values.tobytes())

    def check(self, dataset: Any) -> None:
        """Raise an OSError unless a file has the blocks that were written.

        GDAL reports some errors, such as that of a full disk, only to its log.
        """
        for part, checksum in self._checksums.items():
            if zlib.crc32(dataset.read(1, window=_as_window(part)).tobytes()) != checksum:
                raise OSError(
                    f"the block at y {part[0]}, x {part[1]} is not in the file as written"
                )


@contextmanager
def write_raster(
    path: Path,
    size: tuple[int, int],
    dtype: str,
    *,
    block: int,
    georeference: Georeference | None = None,
    colors: Array | None = None,
    nodata: float | None = None,
    averaged: bool = False,
    cog: bool = False,
) -> Iterator[RasterWriter]:
    """Write a tiled, compressed GeoTIFF with overviews, atomically, block by block.

    Parameters
    ----------
    path : Path
        The file to write.
    size : (H, W)
        The size of the raster.
    dtype : str
        The type of its values.
    block : int
        The side of the blocks that will be written, a multiple of 16.
    georeference : Georeference, optional
        Where the raster lies.
    colors : uint8 array of shape (K, 4), optional
        Red, green, blue and alpha of the values 0 to K - 1 of uint8 rasters: the color table.
    nodata : number, optional
        The value of pixels without data.
    averaged : bool
        Compute overviews by the mean; by default they have values of the raster itself.
    cog : bool
        Write a cloud-optimized GeoTIFF. Meanwhile there is a second file, without compression.

    Yields
    ------
    RasterWriter

    Raises
    ------
    ValueError, OSError
        If the file cannot be written, or does not have the values that were written to it.
    ImportError
        If rasterio is not installed.
    """
    rasterio = import_rasterio()
    tile = math.gcd(block, MAX_TILE)
    if tile < TILE_UNIT:
        raise ValueError(f"block must be a multiple of {TILE_UNIT}, as tiles of TIFF, got {block}")
    resampling = "average" if averaged else "nearest"
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": size[0],
        "width": size[1],
        "count": 1,
        "dtype": dtype,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": tile,
        "blockysize": tile,
        "compress": None if cog else COMPRESSION,  # of a COG this is the file before the last
        "bigtiff": "IF_SAFER",
        "photometric": "palette" if colors is not None else "minisblack",
    }
    if georeference is not None:
        profile.update(crs=georeference.crs, transform=georeference.transform)
    with atomic_write(path) as temporary, _own_errors(path), without_warnings():
        plain = temporary.with_name(f"{temporary.stem}-plain.tif") if cog else temporary
        try:
            with rasterio.open(plain, "w", **profile) as dataset:
                if colors is not None:
                    dataset.write_colormap(1, dict(enumerate(map(tuple, colors.tolist()))))
                writer = RasterWriter(dataset)
                yield writer
            with rasterio.open(plain, "r+") as dataset:
                dataset.build_overviews(
                    _overview_factors(size), rasterio.enums.Resampling[resampling]
                )
            if cog:
                rasterio.shutil.copy(
                    plain,
                    temporary,
                    driver="COG",
                    compress=COMPRESSION,
                    blocksize=max(tile, 128),
                    bigtiff="IF_SAFER",
                    overview_resampling=resampling,
                )
        finally:
            if cog:
                plain.unlink(missing_ok=True)
        with rasterio.open(temporary) as dataset:
            writer.check(dataset)


def _overview_factors(size: tuple[int, int]) -> list[int]:
    """Return the factors of overviews, down to one that fits in a tile."""
    levels = max(math.ceil(math.log2(max(size) / MAX_TILE)), 0)
    return [2**level for level in range(1, levels + 1)]


def _as_window(part: tuple[int, int, int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (y, x, height, width) as rasterio writes a window."""
    y, x, height, width = part
    return (y, y + height), (x, x + width)


def import_rasterio() -> Any:
    """Return rasterio, with the modules of it that are used."""
    try:
        import rasterio  # type: ignore[import-not-found,import-untyped,unused-ignore]
        import rasterio.enums  # type: ignore[import-not-found,import-untyped,unused-ignore]
        import rasterio.shutil  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError(
            f'a GeoTIFF needs rasterio ({error}): pip install "segpost[geo]"', name="rasterio"
        ) from None
    return rasterio


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hide the warning about rasters that lie nowhere, which is no defect of one."""
    rasterio = import_rasterio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    """Turn the errors of rasterio and GDAL into an OSError that names the file."""
    rasterio = import_rasterio()
    try:
        yield
    except rasterio.errors.RasterioError as error:
        raise OSError(f"{display_path(path)}: {error}") from error
