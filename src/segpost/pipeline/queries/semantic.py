"""Semantic segmentation of queries: the class with the largest sum of weighted masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, label_dtype
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost._core.suspicious_sizes import check_sides
from segpost.pipeline.execute import as_guide, check_guide
from segpost.pipeline.options import Options
from segpost.pipeline.plan import color_tables, with_image_size
from segpost.pipeline.queries.geometry import plan_geometry
from segpost.pipeline.queries.inputs import QueryLogits
from segpost.pipeline.queries.rules import Rules
from segpost.pipeline.results import OF_PROBABILITIES
from segpost.pipeline.segmentation import Segmentation


def segment_semantic(
    head: QueryLogits, rules: Rules, options: Options, image: Any, input_size: object = None
) -> Segmentation[Any, Any]:
    """Return the labels of the class with the largest score, and colors and overlay of them.

    Raises
    ------
    ValueError
        For options that need logits or probabilities of the classes.
    """
    _refuse_logit_options(options)
    values = head.masks.values
    images, _, height, width = values.shape
    guide = None
    if image is not None:
        guide = as_guide(image)
        options = with_image_size(options, Logits(values, head.masks.kind), guide)
    geometry = plan_geometry((height, width), rules, options.size, input_size, options.letterbox)
    if options.size is not None and height != width:
        check_sides((height, width), geometry.size, None, confirmed=guide is not None)
    lut, alpha = color_tables(
        options, head.classes, (head.classes, height, width), -3, head.description
    )
    empty = context_of(values).empty
    labels = empty((images, *geometry.size), label_dtype(head.classes))
    if guide is not None or "overlay" in options.outputs:
        guide = check_guide(guide, labels.shape, options)
    registry.backend(labels, operation="label_classes").label_classes(
        head.masks,
        geometry.grids,
        np.ascontiguousarray(head.probabilities[:, :, :-1]),
        labels,
    )
    return _with_pictures(labels, lut, alpha, guide, head, options)


def _with_pictures(
    labels: Array,
    lut: Array | None,
    alpha: Array | None,
    guide: Array | None,
    head: QueryLogits,
    options: Options,
) -> Segmentation[Any, Any]:
    """Return labels (N, H, W) with the color, the overlay and the regions that are wanted."""
    backend, index = registry.backend(labels, guide), ... if head.is_batch else 0
    empty = context_of(labels).empty
    color = blended = regions = None
    if lut is not None and "color" in options.outputs:
        color = empty((*labels.shape, 3), np.uint8)
        backend.colorize(labels, lut, None, color)
    if lut is not None and alpha is not None and guide is not None:
        blended = empty((*labels.shape, 3), np.uint8)
        backend.overlay(guide, labels, lut, alpha, None, 0, blended)
    if "regions" in options.outputs:
        from segpost.pipeline.regions import find_regions  # most calls want none

        regions = find_regions(labels, None, head.is_batch)
    return Segmentation(
        labels=head.wrap(labels[index]) if "labels" in options.outputs else None,
        color=None if color is None else head.wrap(color[index]),
        overlay=None if blended is None else head.wrap(blended[index]),
        palette=options.palette,
        image=None if guide is None else guide[index],
        regions=regions,
    )


def _refuse_logit_options(options: Options) -> None:
    """Refuse results and settings that need logits."""
    reasons = [f'want has "{name}"' for name in sorted(options.outputs & OF_PROBABILITIES)]
    settings = {
        "crf": options.crf,
        "threshold": options.threshold,
        "decode": None if options.decode == "argmax" else options.decode,
        "scale": options.scale,
        "quantization": options.quantization,
    }
    reasons += [f"{name}= is given" for name, value in settings.items() if value is not None]
    if reasons:
        raise ValueError(
            f"{reasons[0]}, but the classes of a head of queries have scores, sums over masks that "
            "do not add up to 1: ask for labels, color and overlay"
        )
