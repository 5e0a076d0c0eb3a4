"""A segmentation as one line of text, and as a picture with a legend for a notebook.

`segpost.render` is imported where something is shown: most calls of `postprocess` show nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core import validation
from segpost._core.arrays import Array
from segpost._core.device import context_of, to_host
from segpost.color import operations
from segpost.color.color_table import MAX_COLORS
from segpost.color.distinct import color_of_label, repeated_colors
from segpost.color.palette import Color, Palette

MAX_IMAGES = 4  # of a batch
MAX_SIDE = 960  # pixels of the picture in HTML
MAX_CLASSES = 3  # on one line
MAX_LEGEND_CLASSES = 24


class LegendEntry(NamedTuple):
    """A class that occurs, its share of the pixels, and its color where it has one."""

    name: str
    share: float
    color: Color | None


def legend_entry(palette: Palette | None, label: int, share: float) -> LegendEntry:
    """Return the entry of a label; a label that the palette does not have is its number."""
    if palette is None:
        color = color_of_label(label) if label >= 0 else None
        return LegendEntry(f"class {label}", share, color)
    if not (0 <= label < len(palette) or label == palette.ignore_index):
        return LegendEntry(f"class {label}", share, None)
    from segpost.render.text import as_printable

    name = palette.name(label)
    color = palette.color(label) if label < len(palette) or palette.void else None
    return LegendEntry(as_printable(name), share, color)


def describe_segmentation(results: Mapping[str, Any], legend: Sequence[LegendEntry]) -> str:
    """Return shapes and dtypes of results, and the shares of the largest classes."""
    arrays = ", ".join(f"{name} {_describe_array(value)}" for name, value in results.items())
    shares = f"; {_describe_shares(legend, MAX_CLASSES)}" if legend else ""
    return f"<Segmentation: {arrays or 'no results'}{shares}>"


def format_segmentation(
    results: Mapping[str, Any],
    legend: Sequence[LegendEntry],
    picture: Array | None,
    hidden: str,
) -> str:
    """Return a picture, its legend, and the shapes of the results.

    Parameters
    ----------
    results : mapping of str to array
    legend : sequence of LegendEntry
        Largest share first.
    picture : (H, W, 3) uint8 or None
    hidden : str
        What the picture does not show.
    """
    from segpost.render.html.pictures import embed_image
    from segpost.render.notebook import format_colors, format_image, format_paragraph, format_result
    from segpost.render.tables import format_share

    shown = ""
    if picture is not None and (content := encode_picture(picture, MAX_SIDE)) is not None:
        kind = "overlay" if "overlay" in results else "labels in color"
        shares = _describe_shares(legend, MAX_LEGEND_CLASSES)
        shown = format_image(embed_image(content), f"{kind}: {shares}" if shares else kind)
    rest = legend[MAX_LEGEND_CLASSES:]
    entries = [
        (f"{entry.name} {format_share(entry.share)}", entry.color)
        for entry in legend[:MAX_LEGEND_CLASSES]
    ]
    if rest:
        share = format_share(sum(entry.share for entry in rest))
        entries.append((f"{_count_rest(rest)} {share}", None))
    arrays = ", ".join(f"{name} {_describe_array(value)}" for name, value in results.items())
    return format_result(
        "Segmentation", shown, format_colors(entries), format_paragraph(hidden + arrays)
    )


def describe_hidden(segmentation: Any) -> str:
    """Return what of a segmentation `picture_of` leaves out; nothing where it shows all."""
    images = len(segmentation)
    if not segmentation.volume:
        return f"The first {MAX_IMAGES} of {images} images. " if images > MAX_IMAGES else ""
    from segpost.pipeline.volume_slices import MAX_SHOWN

    depth = 0 if segmentation.labels is None else int(segmentation.labels.shape[-3])
    slices = f"{min(depth, MAX_SHOWN)} of {depth} slices" if depth > MAX_SHOWN else ""
    first = f"the first of {images} volumes" if images > 1 else ""
    text = " of ".join(filter(None, (slices, first)))
    return f"{text[0].upper()}{text[1:]}. " if text else ""


def picture_of(segmentation: Any) -> Array | None:
    """Return the overlay, or else the colored labels, of the first images; None for neither.

    Of volumes it is a montage of slices of the first.
    """
    if segmentation.volume:
        return _montage_of(segmentation)
    shown = segmentation.overlay if segmentation.overlay is not None else segmentation.color
    if shown is None:
        if segmentation.labels is None:
            return None
        try:
            labels = validation.as_label_array(segmentation.labels)
            shown = operations.colorize_labels(labels, segmentation._palette())
        except ValueError:  # labels that no palette has a color for
            return None
    array = to_host(validation.as_image_array(shown).array)
    if not array.size:
        return None
    if array.ndim == 4:
        array = np.concatenate(list(array[:MAX_IMAGES]), axis=1)
    return array


def _montage_of(segmentation: Any) -> Array | None:
    """Return slices of a volume, or of the first of a batch; None without labels to draw."""
    from segpost.pipeline.volume_slices import draw_montage, slices_of

    if segmentation.labels is None or not len(segmentation):
        return None
    try:
        is_batch = segmentation._is_batch()
        return draw_montage(slices_of(segmentation[0] if is_batch else segmentation))
    except ValueError:  # labels that no palette has a color for, or none
        return None


def legend_of(segmentation: Any) -> list[LegendEntry]:
    """Return name, share and color of the classes, largest first; none without CPU labels."""
    if segmentation.labels is None:
        return []
    try:
        if not context_of(segmentation._label_array()).on_cpu:
            return []
        shares = segmentation.shares()
    except (TypeError, ValueError):  # no label map: `repr` describes it nevertheless
        return []
    is_named = segmentation.palette is not None or segmentation.segments is not None
    palette = segmentation._palette() if is_named else None
    return [legend_entry(palette, label, share) for label, share in shares.items()]


def encode_picture(picture: Array | None, max_side: int | None = None) -> bytes | None:
    """Return an (H, W, 3) picture as PNG, made smaller to `max_side`; None without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return None
    if picture is None:
        return None
    image = Image.fromarray(np.ascontiguousarray(picture))
    if max_side is not None and max(image.size) > max_side:
        image.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _describe_array(array: Any) -> str:
    """Return shape and dtype, and the device where it is not the CPU."""
    if not hasattr(array, "shape"):
        return f"{len(array)}"
    device = str(getattr(array, "device", "cpu"))
    where = "" if device.startswith("cpu") else f" on {device}"
    kind = str(getattr(array, "dtype", type(array).__name__)).rpartition(".")[2]
    return f"{tuple(array.shape)} {kind}{where}"


def _describe_shares(legend: Sequence[LegendEntry], most: int) -> str:
    """Return the largest shares in words, and the sum of the others."""
    from segpost.render.tables import format_share

    rest = legend[most:]
    entries = [(entry.name, entry.share) for entry in legend[:most]]
    if rest:
        entries.append((_count_rest(rest), sum(entry.share for entry in rest)))
    return ", ".join(f"{name} {format_share(share)}" for name, share in entries)


def _count_rest(rest: Sequence[LegendEntry]) -> str:
    """Return how many classes are left."""
    return f"{len(rest)} other{'' if len(rest) == 1 else 's'}"


def colors_up_to(largest: int) -> Palette:
    """Return a palette for the labels up to one, whose colors repeat beyond 1024."""
    if largest >= MAX_COLORS:
        raise ValueError(f"labels go up to {largest}, which has no color: pass a palette")
    return Palette(repeated_colors(max(largest + 1, 2)))
