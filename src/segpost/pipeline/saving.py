"""Files with the results of one image: indexed, RGB and gray PNG, and arrays.

The writers are imported where something is saved: most calls of `postprocess` save nothing.
"""

from __future__ import annotations

import re
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core import arguments, errors, validation
from segpost._core.arrays import Array, as_input_array
from segpost._core.contract import LabelErrors
from segpost._core.device import to_host
from segpost.color.palette import Palette, PaletteLike, as_palette
from segpost.pipeline.results import Want

FORMATS: dict[Want, tuple[str, ...]] = {
    "labels": (".png", ".npy"),
    "color": (".png",),
    "overlay": (".png",),
    "confidence": (".png", ".npy"),
    "probabilities": (".npy",),
    "entropy": (".npy",),
    "margin": (".npy",),
    "topk": (".npz",),
    "regions": (".geojson",),
}
VOLUME_ENDINGS = (".nii.gz", ".nii", ".npy")
FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".npy", ".npz", ".tif", ".tiff", ".gz", ".nii")
VOLUME_FORMATS: dict[Want, tuple[str, ...]] = {
    "labels": VOLUME_ENDINGS,
    "confidence": VOLUME_ENDINGS,
    "probabilities": VOLUME_ENDINGS,
    "entropy": VOLUME_ENDINGS,
    "margin": VOLUME_ENDINGS,
    "topk": (".npz",),
    "overlay": (".html", ".gif", ".mp4"),
}
OVERLAY_ALPHA = 0.5  # of the labels over the image of a volume
RECORDS = ("topk", "regions")  # results that are no arrays


def default_endings(volume: bool, like: object) -> dict[Want, str]:
    """Return the ending of the file of each result, which `Segmentation.save_all` writes."""
    if not volume:
        if like is not None:
            raise ValueError(f"like is for volumes, got like={like!r} with images")
        return {what: endings[0] for what, endings in FORMATS.items()}
    return {
        what: ".npy" if like is None and ".npy" in endings else endings[0]
        for what, endings in VOLUME_FORMATS.items()
    }


def refuse_file_as_folder(folder: str | PathLike[str]) -> None:
    """Raise an error for the path of a picture, which would be the name of a folder.

    Raises
    ------
    ValueError
    """
    path = Path(folder)
    if path.suffix.lower() in FILE_ENDINGS and not path.is_dir():
        raise ValueError(
            f"folder {fspath(folder)!r} has the name of a file: pass a folder, such as "
            f"{str(path.parent / path.stem)!r}, or save one result, seg.save(path, what=...)"
        )


def save_result(
    segmentation: Any,
    path: str | PathLike[str],
    palette: PaletteLike | None,
    what: Want,
    like: str | PathLike[str] | None,
) -> None:
    """Write one result of a segmentation to a file; see `Segmentation.save`."""
    arguments.check_choice(what, "what", tuple(FORMATS))
    if palette is not None and what != "labels":
        raise ValueError(f'palette is for what="labels", got what={what!r} too')
    results: tuple[str, ...] = tuple(FORMATS)
    if isinstance(palette, str) and palette in results:
        raise ValueError(
            f"palette is {palette!r}, which is a result: seg.save({fspath(path)!r}, "
            f"what={palette!r})"
        )
    ending = check_path(path, what, segmentation.volume, palette)
    if like is not None:
        arguments.check_path(like, "like")
    _check_like(path, ending, what, like)
    if segmentation.volume and what == "overlay":
        save_slices(segmentation, path, ending, like)
        return
    if getattr(segmentation, what) is None:
        wanted = '("labels", ...)' if what == "labels" else f'(..., "{what}")'
        raise ValueError(f"this segmentation has no {what}: ask for them with want={wanted}")
    is_batch = segmentation._is_batch_of_one(what, "save")
    value = getattr(segmentation, what)
    if what in RECORDS:
        save_record(path, what, value, 0 if is_batch else ...)
        return
    is_labels = what == "labels"
    source = validation.as_label_array(value) if is_labels else as_input_array(value, what)
    array = to_host(source.array)[0 if is_batch else ...]
    if ending == ".npy":
        save_array(path, array)
    elif like is not None:
        save_volume(path, array, what, like)
    elif what == "labels":
        if palette is None:
            has_own = segmentation.palette is not None or segmentation.segments is not None
            palette = segmentation._palette() if has_own else Palette.distinct(256)
        save_indexed(path, array, as_palette(palette))
    else:
        save_image(path, as_gray(array) if what == "confidence" else array)


def check_path(path: str | PathLike[str], what: Want, volume: bool, palette: object = None) -> str:
    """Return the ending of a file name, which must be of a format that can hold the result.

    A name that is that of another result is an error too, before a wrong ending is.
    """
    from segpost.files.listing import file_ending, name_without_ending

    if not isinstance(path, (str, PathLike)):
        raise TypeError(
            f"path must be the path of a file, got {type(path).__name__}: pass path.name of an "
            "opened file"
        )
    text = fspath(path)
    suffix = file_ending(Path(text))
    stem = name_without_ending(Path(text)).lower()
    formats = VOLUME_FORMATS if volume else FORMATS
    if what not in formats:
        raise ValueError(f"volumes have no {what}, got what={what!r}")
    endings = {ending for some in formats.values() for ending in some}
    if stem in formats and stem != what and suffix in endings:
        cure = f'pass what="{stem}" to save the {stem}'
        if suffix not in formats[stem]:
            cure += f", to a file that ends in {' or '.join(formats[stem])}"
        raise ValueError(
            f"path {text!r} has the name of another result, and what is {what!r}: {cure}, or "
            "choose another name"
        )
    if text in FORMATS and palette is not None:
        raise ValueError(
            f"path is {text!r}, and the second argument is the palette: "
            f'seg.save("FILE.png", what={text!r})'
        )
    if suffix in formats[what]:
        _warn_of_other_name(text, stem, suffix, what)
        return suffix
    reason = {
        "labels": "other formats change ids",
        "probabilities": "image formats cannot hold them",
    }.get(what, "other formats change values")
    if volume:
        reason = "other formats hold no volumes"
    elif suffix in VOLUME_ENDINGS:
        reason = (
            "NIfTI holds volumes (D, H, W): pass volume=True to postprocess, or of labels save "
            "segpost.Segmentation(labels=labels, volume=True)"
        )
    raise ValueError(
        f"path must end in {' or '.join(formats[what])} for what={what!r}, got {text!r}; {reason}"
    )


def _check_like(
    path: str | PathLike[str], ending: str, what: Want, like: str | PathLike[str] | None
) -> None:
    """Refuse NIfTI without an image that says where its voxels lie, and such an image otherwise."""
    is_nifti = ending in (".nii", ".nii.gz")
    if is_nifti and like is None:
        raise ValueError(
            f"path {fspath(path)!r} is a NIfTI file, whose affine and spacing are those of the "
            'image: pass like="IMAGE.nii.gz", or save an array without them, to a .npy file'
        )
    if like is not None and not is_nifti and ending not in VOLUME_FORMATS["overlay"]:
        raise ValueError(
            f"like is for NIfTI files of volumes, got path {fspath(path)!r} for what={what!r}: "
            "leave it out"
        )


def _warn_of_other_name(path: str, stem: str, suffix: str, what: Want) -> None:
    """Warn of labels in a file whose name ends with the name of another result."""
    words = [word for word in re.split(r"[\W_]+", stem) if not word.isdecimal()]
    other = words[-1] if words else ""
    holds_other = any(other == name and suffix in FORMATS[name] for name in FORMATS)
    if what == "labels" != other and holds_other:
        errors.warn_of_input(
            f"path {path!r} has the name of another result, and labels are written to it: pass "
            f'what="{other}" to save the {other}, or choose another name'
        )


def save_array(path: str | PathLike[str], array: Array) -> None:
    """Write an array unchanged, to a file of exactly this name."""
    from segpost.files import write_array

    write_array(Path(path), array)


def save_volume(
    path: str | PathLike[str], array: Array, what: Want, like: str | PathLike[str]
) -> None:
    """Write a volume, (D, H, W) or with a class axis at either end, as NIfTI.

    Integers that stand for 0..1 get the slope that makes them so.
    """
    from segpost.files import read_nifti_header, write_nifti

    stands_for_shares = what != "labels" and array.dtype.kind == "u"
    scale = 1 / np.iinfo(array.dtype).max if stands_for_shares else 1.0
    if array.ndim == 4:
        size = read_nifti_header(Path(like)).geometry.shape
        if array.shape[-3:] != size == array.shape[:3]:
            array = np.moveaxis(array, -1, 0)
    write_nifti(Path(path), array, Path(like), scale)


def save_slices(
    segmentation: Any,
    path: str | PathLike[str],
    ending: str,
    like: str | PathLike[str] | None,
    title: str | None = None,
) -> None:
    """Write the labels of a volume over its image: a page with a slider, a GIF or an MP4.

    The title of the page is by default the name of its file.
    """
    from segpost.pipeline import slice_movie, slice_page
    from segpost.pipeline.volume_slices import slices_of

    if segmentation._is_batch_of_one("labels", "save"):
        segmentation = segmentation[0]
    slices = slices_of(segmentation, like)
    alpha = 1.0 if like is None else OVERLAY_ALPHA
    if ending == ".gif":
        slice_movie.write_slice_gif(Path(path), slices, alpha)
    elif ending == ".mp4":
        slice_movie.write_slice_mp4(Path(path), slices, alpha)
    else:
        slice_page.write_slice_page(Path(path), slices, alpha, title)


def save_record(path: str | PathLike[str], what: Want, value: Any, index: Any) -> None:
    """Write a result that is no array, or that of one image: topk as .npz, regions as GeoJSON."""
    from segpost.files import write_arrays, write_text

    if what == "regions":
        regions = value if index is ... else value[index]
        import json  # for this result alone: it loads five modules

        write_text(Path(path), json.dumps(regions.geojson(), allow_nan=False))
        return
    arrays = (to_host(as_input_array(array, "topk").array) for array in value)
    labels, probabilities = (array[index] for array in arrays)
    write_arrays(Path(path), {"labels": labels, "probabilities": probabilities})


def save_image(path: str | PathLike[str], image: Array) -> None:
    """Write an (H, W) or (H, W, 3) uint8 image as PNG."""
    from segpost.files import write_png

    write_png(Path(path), image)


def as_gray(confidence: Array) -> Array:
    """Return confidence as 8 bits: round(255 c), and 0 where it is NaN."""
    if confidence.dtype == np.uint8:
        return confidence
    outside = (confidence < 0) | (confidence > 1)
    if outside.any():
        y, x = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"confidence has {int(outside.sum())} of {outside.size} values outside 0..1, first "
            f"{confidence[y, x]:g} at [{y}, {x}]; a .npy file keeps them"
        )
    return np.rint(255 * np.nan_to_num(confidence.astype(np.float32), nan=0.0)).astype(np.uint8)


def save_indexed(path: str | PathLike[str], labels: Array, palette: Palette) -> None:
    """Write labels as an indexed PNG; every label needs a color."""
    from segpost.files import write_png

    outside = (labels < 0) | (labels > 255)
    if outside.any():
        y, x = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"an indexed PNG holds labels 0..255; {int(outside.sum())} are outside, first "
            f"{labels[y, x]} at [{y}, {x}]. "
            f"save({fspath(path)[: -len('.png')] + '.npy'!r}) keeps them"
        )
    labels = labels.astype(np.uint8)
    table = np.zeros((256, 3), np.uint8)
    table[: min(len(palette), 256)] = palette.colors[:256]
    has_color = np.arange(256) < len(palette)
    ignore = palette.ignore_index
    if ignore is not None and 0 <= ignore <= 255:
        table[ignore] = palette.color(ignore)
        has_color[ignore] = True
    missing = ~has_color[labels]
    if missing.any():
        bad = LabelErrors(int(missing.sum()), int(missing.argmax()))
        errors.raise_bad_labels(bad, labels, len(palette), ignore)
    write_png(Path(path), labels, table)
