"""`postprocess` for outputs that are labels already."""

from __future__ import annotations

from typing import Any

from segpost._core import arguments, validation
from segpost._core.arrays import as_input_array
from segpost.color.operations import colorize_labels, overlay
from segpost.labels.decoded import as_label_ids, decode_mask, squeeze_label_maps
from segpost.pipeline.options import Options
from segpost.pipeline.results import OF_PROBABILITIES
from segpost.pipeline.segmentation import Segmentation


def segment_labels(labels: Any, image: Any, options: Options) -> Segmentation[Any, Any]:
    """Return the labels of a network, and the colors and the overlay of them.

    Raises
    ------
    ValueError, TypeError
        If the options need logits, or if the labels do not fit them.
    """
    convention = options.convention
    assert convention is not None  # which says that these are labels
    _refuse_logit_options(options, convention.name)
    source = as_label_ids(labels, options.quantization)
    validation.refuse_image_as_labels(source.array)
    array = squeeze_label_maps(source.array)
    if convention.foreground is not None:
        array = decode_mask(array, convention.foreground, convention.background, convention.name)
    if options.letterbox is not None:
        array = options.letterbox.undo_labels(array)
    if options.size is not None and arguments.as_output_size(options.size) != array.shape[-2:]:
        raise ValueError(
            f"labels of shape {array.shape} cannot be resized to size={tuple(options.size)} "
            "without loss; take the network's logits, or pass letterbox= if they cover a padded "
            "input"
        )
    labels, palette, color, blended = source.wrap(array), options.palette, None, None
    if "color" in options.outputs:
        if palette is None:
            raise ValueError('want has "color", which needs palette=')
        color = colorize_labels(as_input_array(labels, "labels"), palette, check=options.check)
    if "overlay" in options.outputs:
        if palette is None:
            raise ValueError('want has "overlay", which needs palette=')
        if image is None:
            raise ValueError('want has "overlay", which needs image=')
        blended = overlay(image, labels, palette, alpha=options.alpha, check=options.check)
    regions = None
    if "regions" in options.outputs:
        maps = array if array.ndim == 3 else array[None]
        from segpost.pipeline.regions import find_regions  # most calls want none

        regions = find_regions(maps, None, array.ndim == 3)
    return Segmentation(
        regions=regions,
        labels=labels if "labels" in options.outputs else None,
        color=color,
        overlay=blended,
        palette=palette,
        image=None if image is None else validation.as_image_array(image).array,
    )


def _refuse_logit_options(options: Options, convention: str) -> None:
    """Refuse results and settings that need logits."""
    reasons = [f'want has "{name}"' for name in sorted(options.outputs & OF_PROBABILITIES)]
    settings = {"crf": options.crf, "threshold": options.threshold, "scale": options.scale}
    settings["decode"] = None if options.decode == "argmax" else options.decode
    if options.convention is not None and options.convention.quantization is None:
        settings["quantization"] = options.quantization
    reasons += [f"{name}= is given" for name, value in settings.items() if value is not None]
    if reasons:
        raise ValueError(
            f"{reasons[0]}, but by convention {convention!r} the output is labels, which have no "
            "such information; take the network's logits (or probabilities) instead"
        )
