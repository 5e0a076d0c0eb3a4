"""GeoTIFF as image, labels and target: with overviews, and in compressions that Pillow has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segpost._core.arrays import Array
from segpost.files import limit_pixels, read_image, read_labels
from segpost.files.geotiff import is_geotiff

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning:affine"  # by rasterio itself
)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 19, (60, 70)).astype(np.uint8)
IMAGE = RNG.integers(0, 256, (60, 70, 3)).astype(np.uint8)


def write(path: Path, bands: Array, overviews: tuple[int, ...] = (2, 4), **profile: Any) -> Path:
    height, width = bands.shape[1:]
    transform = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=len(bands),
        dtype=bands.dtype,
        crs="EPSG:32633",
        transform=transform,
        **profile,
    ) as dataset:
        dataset.write(bands)
        dataset.build_overviews(overviews)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32])
@pytest.mark.parametrize("compress", ["none", "deflate", "lerc"])
def test_labels(dtype: type[Any], compress: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", LABELS[None].astype(dtype), compress=compress)
    labels = read_labels(path)
    assert labels.dtype == dtype
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize("options", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}])
def test_images(options: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.tiff", IMAGE.transpose(2, 0, 1), photometric="RGB", **options)
    assert is_geotiff(path)
    assert np.array_equal(read_image(path), IMAGE)
    with pytest.raises(ValueError, match=r"a picture of 3 bands, not labels; x"):
        read_labels(path, cure="x")
    assert np.array_equal(read_labels(path, lambda colors: colors[..., 0]), IMAGE[..., 0])


def test_a_color_table_is_the_colors_of_the_image(tmp_path: Path) -> None:
    table = {value: (value, 0, 255 - value, 255) for value in range(256)}
    path = write(tmp_path / "a.tif", LABELS[None], photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, table)
    assert np.array_equal(read_labels(path), LABELS)
    assert np.array_equal(read_image(path)[..., 2], 255 - LABELS)


def test_what_is_refused(tmp_path: Path) -> None:
    deep = write(tmp_path / "a.tif", IMAGE.transpose(2, 0, 1).astype(np.uint16) * 256)
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        read_image(deep)
    floats = write(tmp_path / "b.tif", LABELS[None].astype(np.float32))
    with pytest.raises(ValueError, match="it holds float32; labels are integers"):
        read_labels(floats)
    with limit_pixels(1000), pytest.raises(ValueError, match=r"60 x 70 are more than 1000 pixels"):
        read_image(write(tmp_path / "c.tif", LABELS[None]))
    cut = tmp_path / "d.tif"
    content = write(tmp_path / "e.tif", LABELS[None], overviews=()).read_bytes()
    for end in range(0, len(content), 97):
        cut.write_bytes(content[:end])
        with pytest.raises((ValueError, OSError)):
            read_labels(cut)


def test_a_plain_tiff_is_no_geotiff(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(LABELS).save(tmp_path / "a.tif")
    assert not is_geotiff(tmp_path / "a.tif")
    for content in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff" + bytes(8), b"MM\0+" + b"\xff" * 12):
        (tmp_path / "b.tif").write_bytes(content)
        assert not is_geotiff(tmp_path / "b.tif")
