"""The regions of the labels that a call of `postprocess` has computed, and those of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.pipeline.queries.segments import Segment


def find_regions(labels: Array, confidence: Array | None, is_batch: bool) -> Any:
    """Return the `Regions` of an image, or a tuple with those of every image of a batch.

    Parameters
    ----------
    labels, confidence : array of shape (N, H, W)
    is_batch : bool
    """
    from segpost.objects.api import regions

    parts = tuple(
        regions(labels[n], confidence=None if confidence is None else confidence[n])
        for n in range(len(labels))
    )
    return parts if is_batch else parts[0]


def find_segment_regions(id_map: Array, segments: Sequence[Segment]) -> tuple[Any, Array]:
    """Return the `Regions` of segments, and the id of each.

    Their labels are the classes, their confidences the scores; they are in order of the ids.

    Parameters
    ----------
    id_map : integer array of shape (H, W)
    segments : sequence of Segment
        One for every id of the map but 0.

    Raises
    ------
    ValueError
        For ids without a segment.
    """
    from segpost.objects.collection import Regions
    from segpost.objects.sources import table_of_labels

    by_id = {segment.id: segment for segment in segments}
    table = table_of_labels(id_map, None, None, 0)
    unknown = [i for i in table.labels.tolist() if i not in by_id]
    if unknown:
        raise ValueError(
            f"labels have {len(unknown)} ids without a segment, first {unknown[0]}; segments have "
            f"{len(by_id)}"
        )
    segments_in_order = [by_id[i] for i in table.labels.tolist()]
    classes = np.array([segment.label for segment in segments_in_order], np.int64)
    scores = np.array([segment.score for segment in segments_in_order], np.float64)
    return Regions(replace(table, labels=classes, scores=scores)), table.labels
