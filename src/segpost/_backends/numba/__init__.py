"""The Numba backend: the operations for installations without a C++ compiler."""

from segpost._backends import features
from segpost._backends.numba import color, queries, spatial
from segpost._backends.numba.crf import solver
from segpost._backends.numba.labels import (
    decoding,
    majority,
    masks,
    operations,
    ranking,
    volume_masks,
    volumes,
)
from segpost._backends.numba.metrics import (
    boundary,
    calibration,
    confusion,
    detections,
    distances,
    instances,
    panoptic,
)
from segpost._backends.numba.objects import codes, connect, polygons, runs
from segpost._backends.operations import collect_operations
from segpost._backends.reference import queries as defined_queries
from segpost._backends.volumes import image_by_image
from segpost._core import rle, run_lengths

globals().update(collect_operations(defined_queries))  # those that follow replace some
globals().update(
    collect_operations(
        boundary,
        calibration,
        codes,
        color,
        confusion,
        connect,
        decoding,
        detections,
        distances,
        features,
        instances,
        majority,
        masks,
        operations,
        panoptic,
        polygons,
        queries,
        ranking,
        rle,
        run_lengths,
        runs,
        solver,
        spatial,
        volume_masks,
        volumes,
    )
)

softmax_volume = image_by_image(operations.softmax)
rank_volume = image_by_image(ranking.rank_classes)
