"""Semantic segmentation of queries: the classes' planes, and then `postprocess`."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core import sampling
from segpost._core.arrays import InputArray
from segpost._core.contract import Logits
from segpost._core.logits import InputLogits
from segpost.pipeline.execute import as_guide, execute
from segpost.pipeline.options import Options
from segpost.pipeline.plan import build_plan, with_image_size, wrap_outputs
from segpost.pipeline.queries.class_planes import class_planes
from segpost.pipeline.queries.geometry import HALF_PIXEL, score_grid
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
    height, width = head.masks.shape[2:]
    grid = score_grid((height, width), rules, input_size, options.letterbox)
    to_grid = None
    if grid != (height, width):
        to_grid = sampling.axes((height, width), grid, HALF_PIXEL)
    planes = np.stack(
        [
            class_planes(probabilities[:, :-1], masks, head.kind, to_grid)
            for probabilities, masks in zip(head.probabilities, head.masks, strict=True)
        ]
    )
    array = planes if head.is_batch else planes[0]
    source = InputLogits(
        Logits(planes, "float32"), InputArray(array, "float32", head.wrap), class_axis=-3
    )
    guide = None
    if image is not None:
        guide = as_guide(image)
        masks = Logits(head.masks, head.kind)
        options = with_image_size(options, masks, guide)
    if options.size is None and options.letterbox is None:
        options = options._replace(size=(height, width))
    options = options._replace(is_axis_default=False)
    plan = build_plan(source, head.mask_type, "scores", options, guide)
    return wrap_outputs(plan, *execute(plan, source.logits, guide))


def _refuse_logit_options(options: Options) -> None:
    """Refuse results and settings that need logits."""
    reasons = [f'want has "{name}"' for name in sorted(options.outputs & OF_PROBABILITIES)]
    settings = {
        "crf": options.crf,
        "threshold": options.threshold,
        "scale": options.scale,
        "quantization": options.quantization,
    }
    reasons += [f"{name}= is given" for name, value in settings.items() if value is not None]
    if reasons:
        raise ValueError(
            f"{reasons[0]}, but the classes of a head of queries have scores, sums over masks that "
            "do not add up to 1: ask for labels, color and overlay"
        )
