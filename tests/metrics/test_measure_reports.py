"""Reports of boundary and instance measures beside the scores of a matrix."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from evaluation_files import instance_map, label_pair

from segpost import (
    BoundaryF,
    BoundaryIoU,
    Calibration,
    ConfusionMatrix,
    InstanceIoU,
    PanopticQuality,
    SurfaceDistance,
    TrimapIoU,
)
from segpost.metrics.report import documents
from segpost.metrics.report import formats as reports
from segpost.render.tables import format_text

NAMES = ("sky", "car", "person", "road")


def all_measures(classes: int = 4) -> list[Any]:
    """Return all measures of a pair of label maps, in which class 3 does not occur."""
    preds, target = (np.where(m == 3, 2, m) for m in label_pair(0))
    measures = [kind(classes, ignore_index=255) for kind in (BoundaryIoU, TrimapIoU, BoundaryF)]
    for measure in measures:
        measure.update(preds, target)
    things = InstanceIoU(classes, ignore_index=255, things={1: 9.0, 3: 2.0})
    things.update(preds, target, instance_map(target))
    return [*measures, things]


@pytest.mark.filterwarnings("ignore:nothing was counted")
def test_reports_take_measures() -> None:
    """NaN is a dash, and null in JSON; the means stand below a line."""
    scores = ConfusionMatrix(4, class_names=NAMES).compute()
    text = reports.text(scores, measures=all_measures())
    assert re.search(r"^road +- +- +-$", text, re.MULTILINE)
    assert re.search(r"^road +-$", text, re.MULTILINE)
    assert not re.search(r"^sky +0\.\d{4}$", text, re.MULTILINE)  # has no instances
    assert re.search(r"\n-+  -+\nmean +0\.\d{4}", text)
    found = json.loads(documents.json(scores, all_measures()))["measures"]
    assert found["boundary"]["classes"][3]["boundary_iou"] is None
    assert found["trimap"]["widths"][0]["iou"][3] is None
    assert found["boundary_f"]["classes"][3]["f"] is None
    assert found["instances"]["mean_category_iiou"] is None


def test_a_measure_prints_as_its_tables() -> None:
    """Under the names of the constructor, or numbers; its short form is one line."""
    preds, target = label_pair(0)
    measures = [*all_measures(), Calibration(4, ignore_index=255), PanopticQuality([3], [9])]
    for measure in measures:
        tables = measure.tables()
        assert str(measure) == format_text(tables)
        assert repr(measure) == f"<{type(measure).__name__}: {measure.num_classes} classes>"
        assert tables[-1].head[0] in ("class", "width")
    assert [row[0] for row in measures[-1].tables()[-1].rows] == ["3", "9", "mean"]
    for kind in (BoundaryIoU, BoundaryF, SurfaceDistance):
        named = kind(4, ignore_index=255, class_names=NAMES)
        named.update(preds, target, ids="a")
        assert [row[0] for row in named.tables()[0].rows] == [*NAMES, "mean"]
        assert repr(named) == f"<{kind.__name__}: 4 classes, 1 image>"


@pytest.mark.filterwarnings("ignore:nothing was counted")
def test_reports_refuse_what_is_not_of_their_scores() -> None:
    """Another number of classes, and what is no such measure."""
    scores = ConfusionMatrix(3).compute()
    for measure in all_measures():
        with pytest.raises(ValueError, match="is of 4 classes, the scores are of 3"):
            reports.text(scores, measures=[measure])
    with pytest.raises(ValueError, match="is of 4 classes"):
        documents.cityscapes_json(scores, all_measures())
    with pytest.raises(TypeError, match="know nothing of ConfusionMatrix"):
        documents.json(scores, [ConfusionMatrix(3)])
