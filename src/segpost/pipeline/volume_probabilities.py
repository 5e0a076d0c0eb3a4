"""`postprocess` of volumes that are probabilities already, as those in nnU-Net's .npz files.

Without another size their results are those of the slices as images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.logits import InputLogits, as_logits
from segpost.pipeline.execute import execute
from segpost.pipeline.options import Options
from segpost.pipeline.plan import build_plan, wrap_outputs
from segpost.pipeline.ranked import as_levels, segment_ranked
from segpost.pipeline.results import RANKED, TopK
from segpost.pipeline.segmentation import Segmentation


def segment_probability_volumes(
    source: InputLogits, argument_type: type, options: Options
) -> Segmentation[Any, Any]:
    """Return the results of probabilities (N, C, D, H, W) of their own size.

    Raises
    ------
    ValueError
        For another size, and values that are no probabilities.
    """
    argument, array, _ = source
    check_own_size(source, options)
    of_slices = options._replace(volume=False, axis=-3, is_axis_default=False, size=None)
    of_slices = of_slices._replace(nearest_axis=None, outputs=options.outputs - {"probabilities"})
    volumes = []
    for values in argument.values:
        slices = as_logits(array._replace(array=values.swapaxes(0, 1), wrap=np.asarray), -3)
        plan = build_plan(slices, argument_type, "probabilities", _planned(of_slices), None)
        if of_slices.outputs.isdisjoint(RANKED):
            volume = wrap_outputs(plan, *execute(plan, slices.logits, None))
        else:
            volume = segment_ranked(plan, slices.logits, None, of_slices)
        volumes.append(volume)
    is_batch = array.array.ndim == 5

    def result(name: str, axis: int | None = None) -> Any:
        results = [getattr(volume, name) for volume in volumes]
        if results[0] is None:
            return None
        return array.wrap(_stack(results, is_batch, axis))

    top = volumes[0].topk
    if top is not None:
        parts = ([volume.topk[k] for volume in volumes] for k in range(2))
        top = TopK(*(array.wrap(_stack(part, is_batch, 1)) for part in parts))
    probabilities = None
    if "probabilities" in options.outputs:
        real = widen(array.array, array.kind).astype(np.float32, copy=False)
        probabilities = array.wrap(as_levels(real, options.probabilities_dtype))
    return Segmentation(
        labels=result("labels"),
        confidence=result("confidence"),
        entropy=result("entropy"),
        margin=result("margin"),
        probabilities=probabilities,
        topk=top,
        palette=options.palette,
        volume=True,
    )


def check_own_size(source: InputLogits, options: Options) -> None:
    """Refuse another size than that of the probabilities."""
    size = source.logits.values.shape[2:]
    if options.scale is not None or (options.size is not None and tuple(options.size) != size):
        raise ValueError(
            f"logits are probabilities by the convention, of size {size}, and get no other size: "
            "leave size and scale out, want labels alone, or pass np.log(probabilities) without a "
            "convention, which have the labels and the confidence of the network's logits"
        )


def _planned(options: Options) -> Options:
    """Return options with the probabilities, from which the order of the classes follows."""
    if options.outputs.isdisjoint(RANKED):
        return options
    return options._replace(outputs=options.outputs | {"probabilities"})


def _stack(results: list[Array], is_batch: bool, classes: int | None) -> Array:
    """Return results of slices as volumes; the axis `classes` comes before that of the slices."""
    moved = results if classes is None else [np.moveaxis(one, classes, 0) for one in results]
    return np.stack(moved) if is_batch else moved[0]
