"""Inference of a dense CRF: from its settings and arrays to what a backend computes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import OutputArray, allocate_output, label_dtype
from segpost._core.contract import CrfStep, Logits
from segpost._core.validation import refuse_exchanged, refuse_image_as_labels
from segpost.crf.batch import UnaryBatch, pairwise_terms_of_image
from segpost.crf.inputs import as_guide, as_unary_batch
from segpost.crf.pairwise import build_pairwise_terms
from segpost.crf.settings import Settings


class Solution(NamedTuple):
    """The refined probabilities of a batch, and the steps of every image."""

    batch: UnaryBatch
    output: OutputArray
    steps: list[list[CrfStep]]

    def labels(self) -> Any:
        """Return the first index of the largest probability, of the caller's array type."""
        batch = self.batch
        wrap, array = batch.input_array.wrap, batch.input_array.array
        output = allocate_output(None, batch.map_shape, label_dtype(batch.num_labels), wrap, array)
        probabilities, labels = batch.as_stack(self.output.array), batch.as_map_stack(output.array)
        backend = registry.backend(array)
        for n in range(batch.num_images):
            if labels[n].size:
                logits = Logits(probabilities[n].transpose(1, 0, 2, 3), "float32")  # slices: images
                backend.argmax(logits, None, labels[n])
        return output.result()


def solve(settings: Settings, probabilities: Any, image: Any, trace: bool) -> Solution:
    """Refine every image of a batch.

    Parameters
    ----------
    settings : Settings
    probabilities, image : arrays
        As in `dense_crf`.
    trace : bool
        Whether the steps have energies.

    Raises
    ------
    ValueError, TypeError
        If arrays and settings do not fit together, or values are bad.
    """
    try:
        batch = as_unary_batch(probabilities, settings)
    except (ValueError, TypeError):
        refuse_exchanged(probabilities, image, "dense_crf(probabilities, image)")
        raise
    guide = None if image is None else as_guide(image, batch, "image")
    is_colored = guide is not None and guide.values.shape[-1] > 1  # so the labels are a batch
    if settings.unary == "labels" and not settings.volume and not is_colored:
        cure = f"pass image= of shape {(*batch.map_shape, 3)}, or refine the maps one by one"
        refuse_image_as_labels(batch.input_array.array, batch.name, batch=cure)
    wrap, array = batch.input_array.wrap, batch.input_array.array
    output = allocate_output(None, batch.shape, np.float32, wrap, array)
    terms, guide_arrays = build_pairwise_terms(batch, guide)
    backend = registry.backend(array, *guide_arrays)
    steps: list[list[CrfStep]] = []
    for n in range(batch.num_images):
        if not math.prod(batch.size):
            steps.append([CrfStep(0.0, 0.0, 0.0, math.nan)])
            continue
        q = batch.as_stack(output.array)[n]
        solver = backend.dense_crf(
            batch.image(n),
            pairwise_terms_of_image(terms, n),
            settings.own_term,
            settings.method,
            settings.quality,
        )
        if solver.bad.count or solver.bad.out_of_range or solver.bad.infeasible:
            batch.raise_bad_values(solver.bad, n)
        steps.append(solver.infer(q, settings.iterations, None, settings.tolerance, trace))
    return Solution(batch, output, steps)
