"""Saved states of the measures: everything comes back, and damaged ones are refused."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import pytest
from matrix_maps import counted

import segpost
from segpost import ConfusionMatrix

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("options", [{}, {"per_image": True}, {"invalid_preds": "drop"}])
def test_saved_and_loaded(options: dict[str, Any]) -> None:
    """JSON, pickle and state_dict bring back everything."""
    cm = counted(3, **options)
    assert ConfusionMatrix.from_json(cm.to_json()) == cm
    assert pickle.loads(pickle.dumps(cm)) == cm
    fresh = ConfusionMatrix(5, ignore_index=255, **options)
    fresh.load_state_dict(torch_round_trip(cm.state_dict()))
    assert fresh == cm
    fresh.reset()
    assert fresh == ConfusionMatrix(5, ignore_index=255, **options)


def torch_round_trip(state: dict[str, Any]) -> dict[str, Any]:
    """Through torch.save and a load that unpickles nothing but plain data."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    loaded: dict[str, Any] = torch.load(buffer, weights_only=True)
    return loaded


def test_damaged_states_are_refused() -> None:
    """Text that is no state, another version, negative counts, other shapes: errors that say so."""
    good = json.loads(counted(2, per_image=True).to_json())

    def damaged(*path: object, value: object) -> str:
        state = json.loads(json.dumps(good))
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return json.dumps(state)

    for text, message in [
        ("[1, 2", "not a saved ConfusionMatrix"),
        ("[]", "not a saved ConfusionMatrix: it says 'list'"),
        (segpost.BoundaryIoU(3).to_json(), "it says 'BoundaryIoU'"),
        (damaged("version", value=9), "version 9"),
        (damaged("settings", "num_classes", value=-1), "damaged.*num_classes"),
        (damaged("settings", "more", value=1), "damaged"),
        (damaged("totals", "state", 0, 0, value=-3), "outside 0"),
        (damaged("totals", "state", 0, 0, value=0.5), "must be integers"),
        (damaged("totals", "state", value=[[1]]), "shape"),
        (damaged("totals", "state", 0, 0, value=7), "do not add up"),
        (damaged("totals", "images", 0, 0, value=[]), "ids must be"),
        (damaged("totals", "images", 0, 1, 0, value=400), "outside the state"),
        (damaged("totals", "outside", value=[[0, 7, 10**6]]), "do not add up"),
        (damaged("totals", "outside", value=[[0, 7, -3]]), "outside has -3"),
        (damaged("totals", "outside", value=["123"]), "outside has '1'"),
        (damaged("totals", "outside", value=[[0, 1, 2]]), "which are classes"),
        (damaged("settings", "per_image", value=False), "ids must be"),
        (damaged("reduced", value=1), "reduced is 1"),
        ("[" * 100000, "not a saved"),
    ]:
        with pytest.raises(ValueError, match=message):
            ConfusionMatrix.from_json(text)


def test_damaged_states_of_other_measures_are_refused() -> None:
    """Hits beyond pixels, instances without pixels, and sums that are no numbers."""
    boundary = json.loads(segpost.BoundaryIoU(2).to_json())
    boundary["totals"]["near"][0][0] = 5
    matches = json.loads(segpost.BoundaryF(2).to_json())
    matches["totals"]["counts"][0][1] = 5
    instances = json.loads(segpost.InstanceIoU(2, things={1: 5.0}).to_json())
    pairs: list[tuple[Any, Any]] = [(boundary, segpost.BoundaryIoU), (matches, segpost.BoundaryF)]
    for state, measure in pairs:
        with pytest.raises(ValueError, match="damaged"):
            measure.from_json(json.dumps(state))
    for sums in (
        [1, 0, 1, 0, 0],
        [1, -5, -1, 9, 9],
        "12345",
        [1, 10**400, 1, 0, 0],
        [0, 4, 1, 0, 0],
    ):
        instances["totals"]["sums"] = [sums]
        with pytest.raises(ValueError, match="damaged"):
            segpost.InstanceIoU.from_json(json.dumps(instances))
