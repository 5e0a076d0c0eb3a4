"""Inference of a dense CRF: from its settings and arrays to what a backend computes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import OutputArray, allocate_output, label_dtype
from segpost._core.contract import CrfStep, Logits
from segpost._core.device import context_of
from segpost._core.memory import check_memory, format_bytes
from segpost._core.validation import refuse_exchanged, refuse_image_as_labels
from segpost.crf.batch import PairwiseTerm, UnaryBatch, pairwise_terms_of_image
from segpost.crf.inputs import as_guide, as_unary_batch, warn_of_sigmoids
from segpost.crf.pairwise import build_pairwise_terms
from segpost.crf.settings import Settings

SMALLER = "refine parts of the image, or the image at a smaller size"


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


def solve(
    settings: Settings, probabilities: Any, image: Any, trace: bool, previous: Any = None
) -> Solution:
    """Refine every image of a batch.

    Parameters
    ----------
    settings : Settings
    probabilities, image : arrays
        As in `dense_crf`.
    trace : bool
        Whether the steps have energies.
    previous : array, optional
        Probabilities to start from, as `DenseCRF.refine` documents them.

    Raises
    ------
    ValueError, TypeError
        If arrays and settings do not fit together, or values are bad.
    MemoryError
        If the inference needs more memory than this process may have, or than there is.
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
    start = None
    if previous is not None:
        from segpost.crf.previous import as_previous  # most calls have none

        start = as_previous(previous, batch)
    warn_of_sigmoids(batch)
    wrap, array = batch.input_array.wrap, batch.input_array.array
    terms, guide_arrays = build_pairwise_terms(batch, guide)
    needed, subject = _least_memory(batch, terms), f"dense_crf of {_describe_size(batch)}"
    if context_of(array).on_cpu:
        check_memory(needed, subject, SMALLER)
    output = allocate_output(None, batch.shape, np.float32, wrap, array)
    starts = [] if start is None else [start]
    backend = registry.backend(array, *guide_arrays, *starts)
    steps: list[list[CrfStep]] = []
    for n in range(batch.num_images):
        if not math.prod(batch.size):
            steps.append([CrfStep(0.0, 0.0, 0.0, math.nan)])
            continue
        q = batch.as_stack(output.array)[n]
        try:
            solver = backend.dense_crf(
                batch.image(n),
                pairwise_terms_of_image(terms, n),
                settings.own_term,
                settings.method,
                settings.quality,
            )
            if solver.bad.count or solver.bad.out_of_range or solver.bad.infeasible:
                batch.raise_bad_values(solver.bad, n)
            first = None if start is None else start[n]
            steps.append(solver.infer(q, settings.iterations, first, settings.tolerance, trace))
        except MemoryError as error:  # the compiled code names no size
            raise MemoryError(
                f"{subject} needs at least {format_bytes(needed)} of memory, which could not be "
                f"allocated; {SMALLER}"
            ) from error
    return Solution(batch, output, steps)


def _least_memory(batch: UnaryBatch, terms: list[PairwiseTerm]) -> int:
    """Return the bytes that the inference of an image needs at least, beside the vertices.

    Of every label two floats a pixel; of every corner of a lattice an index and a weight, where
    the features are the coordinates and the channels of the guide.
    """
    corners = 0
    if batch.settings.method != "exact":
        for term in terms:
            if term.guide is not None:
                spatial = 0 if term.spatial_sigma is None else (3 if batch.settings.volume else 2)
                corners += spatial + term.guide.values.shape[-1] + 1
    return math.prod(batch.size) * (8 * batch.num_labels + 6 * corners)


def _describe_size(batch: UnaryBatch) -> str:
    """Return the size of an image of the batch as text."""
    depth, height, width = batch.size
    size = f"{height} x {width}" if depth == 1 else f"{depth} x {height} x {width}"
    return f"{batch.num_labels} labels and {size} pixels"
