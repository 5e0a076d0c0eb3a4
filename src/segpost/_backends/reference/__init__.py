"""The reference backend: NumPy in float64, the definition that tests compare backends with."""

from segpost._backends import features
from segpost._backends.operations import collect_operations
from segpost._backends.reference import (
    boundary,
    calibration,
    codes,
    color,
    components,
    confusion,
    crf,
    decoding,
    detections,
    distances,
    instances,
    labels,
    masks,
    objects,
    panoptic,
    queries,
    ranking,
    resize,
    rings,
    spatial,
    volumes,
)
from segpost._backends.volumes import image_by_image
from segpost._core import rle, run_lengths

globals().update(
    collect_operations(
        boundary,
        calibration,
        codes,
        color,
        components,
        confusion,
        crf,
        decoding,
        detections,
        distances,
        features,
        instances,
        labels,
        masks,
        objects,
        panoptic,
        queries,
        ranking,
        resize,
        rings,
        rle,
        run_lengths,
        spatial,
        volumes,
    )
)

softmax_volume = image_by_image(labels.softmax)
rank_volume = image_by_image(ranking.rank_classes)
