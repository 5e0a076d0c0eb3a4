"""`postprocess(crf=)` of volumes: all results follow from the refined probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from segpost._core.logits import as_logits
from segpost.crf.model import DenseCRF
from segpost.pipeline.options import Options
from segpost.pipeline.segmentation import Segmentation
from segpost.pipeline.volume_probabilities import segment_probability_volumes


def segment_refined_volumes(
    crf: DenseCRF, probabilities: Any, class_axis: int, image: Any, options: Options
) -> Segmentation[Any, Any]:
    """Return the results of probabilities that a CRF refines.

    Parameters
    ----------
    crf : DenseCRF
        Of volumes.
    probabilities : array of shape (C, D, H, W) or (N, C, D, H, W), or with C last
    class_axis : int
        -4 or -1.
    image : array of shape (D, H, W) or (D, H, W, G), with N in front of a batch; or None
        As `DenseCRF` takes it.
    options : Options

    Raises
    ------
    ValueError, TypeError
        As `DenseCRF`.
    """
    refined = replace(crf, axis=class_axis)(probabilities, image)
    rest = options._replace(crf=None, quantization=None, size=None, scale=None)
    source = as_logits(refined, class_axis, 3)
    return segment_probability_volumes(source, type(probabilities), rest)
