"""Scores as JSON: segpost's own layout, and that of the Cityscapes benchmark."""

from __future__ import annotations

import itertools
import json as json_module
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from segpost.metrics.base import Accumulator
from segpost.metrics.per_image import QUANTILES
from segpost.metrics.report import content as report_content
from segpost.metrics.report import measures as report_measures
from segpost.metrics.values import PER_CLASS, ScoreValues
from segpost.render.jsonable import as_jsonable

VERSION = 1
NO_CLASS = "void"  # the last row and column of the Cityscapes layout
MAX_CONFUSIONS = 20
LINES_PER_PIECE = 100


def json(scores: ScoreValues, measures: Sequence[Accumulator] = ()) -> str:
    """Return everything in scores and measures, one line for each class and row of the state."""
    return "".join(encode(document(scores, measures)))


def document(scores: ScoreValues, measures: Sequence[Accumulator] = ()) -> dict[str, Any]:
    """Return the content of the JSON; NaN is None, counts are integers, images an iterator."""
    snapshot = scores.snapshot
    true_positives, support, predicted = (part.tolist() for part in scores.class_counts)
    columns = {name: as_jsonable(getattr(scores, name), nan="null") for name in PER_CLASS}
    reasons = report_content.left_out(scores)
    measured = report_measures.content(measures, scores.class_names)
    settings = {key: value for key, value in snapshot.settings.items() if key != "class_names"}
    categories = None
    if snapshot.groups is not None:
        categories = as_jsonable(dict(scores.category_iou), nan="null")
    return {
        "segpost": "Scores",
        "version": VERSION,
        "dialect": scores.dialect or None,
        "policy": asdict(scores.policy),
        "settings": settings,
        "summary": as_jsonable(scores.summary(), nan="null"),
        "classes_in_mean": int(scores.in_mean.sum()),
        "pixels": {
            "all": snapshot.pixels,
            "void": int(snapshot.state[-1].sum()),
            "invalid_predictions": int(snapshot.state[:-1, -1].sum()),
            "right": int(scores.class_counts.true_positives.sum()),
        },
        "classes": [
            {
                "class": label,
                "name": name,
                **{key: column[label] for key, column in columns.items()},
                "target_pixels": support[label],
                "predicted_pixels": predicted[label],
                "hits": true_positives[label],
                "left_out": reasons[label],
            }
            for label, name in enumerate(scores.class_names)
        ],
        "categories": categories,
        "measures": as_jsonable(measured, nan="null") or None,
        "top_confusions": [
            confused._asdict() for confused in scores.top_confusions(MAX_CONFUSIONS)
        ],
        **_images(scores),
        "state": snapshot.state.tolist(),
        "outside": [[t, p, count] for (t, p), count in sorted(snapshot.outside.items())],
    }


def encode(content: dict[str, Any]) -> Iterator[str]:
    """Yield the pieces of JSON with a line for each element of a top-level list or iterator.

    The same content gives the same bytes.
    """
    start = "{\n"
    for key, value in content.items():
        yield f"{start}  {json_module.dumps(key)}: "
        if isinstance(value, list | Iterator):
            yield from _encode_lines(iter(value))
        else:
            yield _dumped(value)
        start = ",\n"
    yield "\n}\n"


def cityscapes_json(scores: ScoreValues, measures: Sequence[Accumulator] = ()) -> str:
    """Return the JSON of the Cityscapes benchmark, resultPixelLevelSemanticLabeling.json.

    The layout is that of its program csEvalPixelLevelSemanticLabeling. Void targets and predictions
    of no class are the last row and column of ``confMatrix``, so that its sum is the number of
    pixels, as there. A class that is not in the mean has no score; that is NaN, which that program
    writes and its readers expect, though strict JSON has no such word.
    Instance-weighted scores are those of an InstanceIoU among the measures; without one, NaN.
    """
    snapshot = scores.snapshot
    names: dict[str, None] = {}  # they are keys: each must be unique
    for name in (*scores.class_names, NO_CLASS):
        while name in names:
            name += "_"
        names[name] = None
    priors = snapshot.state.sum(axis=1) / max(snapshot.pixels, 1)
    in_mean = np.where(scores.in_mean, scores.iou, math.nan).tolist()
    categories = {} if snapshot.groups is None else scores.category_iou
    instances = report_measures.instance_scores(measures, scores.class_names)
    iiou = [math.nan] * scores.num_classes if instances is None else instances.iiou.tolist()
    category_iiou = {} if instances is None else instances.category_iiou
    content: dict[str, Any] = {
        "confMatrix": snapshot.state.tolist(),
        "priors": dict(zip(names, priors.tolist(), strict=True)),
        "labels": {name: label for label, name in enumerate(names)},
        "classScores": dict(zip(names, [*in_mean, math.nan], strict=True)),
        "classInstScores": dict(zip(names, [*iiou, math.nan], strict=True)),
        "categoryScores": categories,
        "categoryInstScores": {name: category_iiou.get(name, math.nan) for name in categories},
        "averageScoreClasses": float(scores.miou),
        "averageScoreInstClasses": math.nan if instances is None else instances.mean_iiou,
        "averageScoreCategories": scores.mean_category_iou if categories else math.nan,
        "averageScoreInstCategories": (
            math.nan if instances is None else instances.mean_category_iiou
        ),
    }
    if report_content.has_images(scores):
        counts = scores.images.class_counts
        content["perImageScores"] = {
            str(name): {"nbNotIgnoredPixels": int(pixels), "nbCorrectPixels": int(right)}
            for name, pixels, right in zip(
                scores.images.ids,
                counts.support.sum(axis=1),
                counts.true_positives.sum(axis=1),
                strict=True,
            )
        }
    return json_module.dumps(content, indent=4, sort_keys=True) + "\n"


def _images(scores: ScoreValues) -> dict[str, Any]:
    if not report_content.has_images(scores):
        return {"image_summary": None, "images": None}
    images = scores.images
    miou, accuracy = as_jsonable((images.miou, images.pixel_accuracy), nan="null")
    numbers = [value for value in miou if value is not None]
    interval = report_content.interval(scores)
    names = ("low", "high", "samples")
    return {
        "image_summary": {
            "count": len(miou),
            "mean_miou": sum(numbers) / len(numbers) if numbers else None,
            "quantiles": {
                name: as_jsonable(images.quantile(q), nan="null") for name, q in QUANTILES.items()
            },
            "interval_95": None if interval is None else dict(zip(names, interval, strict=True)),
        },
        "images": (
            {"id": name, "miou": miou[i], "pixel_accuracy": accuracy[i], "pixels": pixels}
            for i, (name, pixels) in enumerate(
                zip(images.ids, images.class_counts.support.sum(axis=1).tolist(), strict=True)
            )
        ),
    }


def _encode_lines(values: Iterator[Any]) -> Iterator[str]:
    """Yield the pieces of a list with a line for each element."""
    start = first = "[\n    "
    while some := list(itertools.islice(values, LINES_PER_PIECE)):
        yield start + ",\n    ".join(map(_dumped, some))
        start = ",\n    "
    yield "[]" if start is first else "\n  ]"


def _dumped(value: Any) -> str:
    return json_module.dumps(value, allow_nan=False, separators=(", ", ": "))
