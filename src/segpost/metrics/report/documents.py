"""Scores as JSON: segpost's own layout, and that of the Cityscapes benchmark."""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from segpost.metrics.base import Accumulator
from segpost.metrics.report import content as report_content
from segpost.metrics.report import measures as report_measures
from segpost.metrics.scores import PER_CLASS, Scores

VERSION = 1
NO_CLASS = "void"  # the last row and column of the Cityscapes layout


def json(scores: Scores, measures: Sequence[Accumulator] = ()) -> str:
    """Everything that the scores and measures hold, one line a class and a row of the state."""
    return dumps(document(scores, measures))


def document(scores: Scores, measures: Sequence[Accumulator] = ()) -> dict[str, Any]:
    """The content of the JSON as plain data; NaN is None, counts are integers."""
    cm = scores._cm
    hits, target, preds = (part.tolist() for part in scores.tally)
    columns = {name: _numbers(getattr(scores, name)) for name in PER_CLASS}
    reasons = report_content.left_out(scores)
    groups = cm.groups is not None
    more = report_measures.content(measures, scores.class_names)
    settings = {key: value for key, value in cm.settings().items() if key != "class_names"}
    return {
        "segpost": "Scores",
        "version": VERSION,
        "dialect": scores.dialect or None,
        "policy": asdict(scores.policy),
        "settings": settings,
        "summary": {name: _number(value) for name, value in scores.summary().items()},
        "classes_in_mean": int(scores.in_mean.sum()),
        "pixels": {
            "all": cm.pixels,
            "void": int(cm.state[-1].sum()),
            "invalid_predictions": int(cm.state[:-1, -1].sum()),
            "right": int(scores.tally.hits.sum()),
        },
        "classes": [
            {
                "class": label,
                "name": name,
                **{key: column[label] for key, column in columns.items()},
                "target_pixels": target[label],
                "predicted_pixels": preds[label],
                "hits": hits[label],
                "left_out": reasons[label],
            }
            for label, name in enumerate(scores.class_names)
        ],
        "categories": (
            {name: _number(value) for name, value in scores.category_iou.items()}
            if groups
            else None
        ),
        "measures": _without_nan(more) or None,
        "top_confusions": [confused._asdict() for confused in scores.top_confusions(20)],
        **_images(scores),
        "state": cm.state.tolist(),
        "outside": [[t, p, times] for (t, p), times in sorted(cm.outside.items())],
    }


def dumps(content: dict[str, Any]) -> str:
    """JSON with a line an element of each top-level list; the same bytes for the same content."""
    lines = []
    for key, value in content.items():
        text = _dumped(value)
        if isinstance(value, list) and value:
            text = "[\n    " + ",\n    ".join(map(_dumped, value)) + "\n  ]"
        lines.append(f"  {json_module.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def cityscapes_json(scores: Scores, measures: Sequence[Accumulator] = ()) -> str:
    """The layout of csEvalPixelLevelSemanticLabeling's resultPixelLevelSemanticLabeling.json.

    Void targets and predictions of no class are the last row and column of ``confMatrix``, so that
    its sum is the number of pixels, as there. A class that is not in the mean has no score; that is
    NaN, which that program writes and its readers expect, though strict JSON has no such word.
    Instance-weighted scores are those of an InstanceIoU among the measures; without one, NaN.
    """
    cm = scores._cm
    names: dict[str, None] = {}  # every one once: they are the keys
    for name in (*scores.class_names, NO_CLASS):
        while name in names:
            name += "_"
        names[name] = None
    prior = cm.state.sum(axis=1) / max(cm.pixels, 1)
    in_mean = np.where(scores.in_mean, scores.iou, math.nan).tolist()
    categories = {} if cm.groups is None else scores.category_iou
    instances = report_measures.instance_scores(measures, scores.class_names)
    iiou = [math.nan] * scores.num_classes if instances is None else instances.iiou.tolist()
    category_iiou = {} if instances is None else instances.category_iiou
    content: dict[str, Any] = {
        "confMatrix": cm.state.tolist(),
        "priors": dict(zip(names, prior.tolist(), strict=True)),
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
        tally = scores.images.tally
        content["perImageScores"] = {
            str(name): {"nbNotIgnoredPixels": int(known), "nbCorrectPixels": int(right)}
            for name, known, right in zip(
                scores.images.ids, tally.target.sum(axis=1), tally.hits.sum(axis=1), strict=True
            )
        }
    return json_module.dumps(content, indent=4, sort_keys=True) + "\n"


def _images(scores: Scores) -> dict[str, Any]:
    if not report_content.has_images(scores):
        return {"image_summary": None, "images": None}
    images = scores.images
    miou, accuracy = _numbers(images.miou), _numbers(images.pixel_accuracy)
    known = [value for value in miou if value is not None]
    drawn = report_content.interval(scores)
    names = ("low", "high", "samples")
    return {
        "image_summary": {
            "count": len(miou),
            "mean_miou": sum(known) / len(known) if known else None,
            "quantiles": {
                name: _number(images.quantile(q)) for name, q in report_content.QUANTILES.items()
            },
            "interval_95": None if drawn is None else dict(zip(names, drawn, strict=True)),
        },
        "images": [
            {"id": name, "miou": miou[i], "pixel_accuracy": accuracy[i], "pixels": pixels}
            for i, (name, pixels) in enumerate(
                zip(images.ids, images.tally.target.sum(axis=1).tolist(), strict=True)
            )
        ],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _numbers(values: np.ndarray) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _without_nan(value: Any) -> Any:
    """Plain data with None for NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return _number(value) if isinstance(value, float) else value


def _dumped(value: Any) -> str:
    return json_module.dumps(value, allow_nan=False, separators=(", ", ": "))
