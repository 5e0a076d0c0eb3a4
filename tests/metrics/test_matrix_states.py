"""Saved states of the measures: everything comes back, and damaged ones are refused."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from matrix_maps import count_maps

import segpost
from segpost import ConfusionMatrix
from segpost.metrics.saved_state import encode_state

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("options", [{}, {"per_image": True}, {"invalid_preds": "drop"}])
def test_saved_and_loaded(options: dict[str, Any]) -> None:
    """JSON, pickle and state_dict bring back everything."""
    cm = count_maps(3, **options)
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


def signed(state: dict[str, Any]) -> str:
    """A state as JSON, with the checksum of its content."""
    content = {key: value for key, value in state.items() if key != "sha256"}
    return "".join(encode_state(content))


def test_damaged_states_are_refused() -> None:
    """Text that is no state, another version, negative counts, other shapes: errors that say so."""
    good = json.loads(count_maps(2, per_image=True).to_json())

    def damaged(*path: object, value: object) -> str:
        state = json.loads(json.dumps(good))
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return signed(state)

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
        (damaged("complete", value=1), "complete is 1"),
        (damaged("expected", value=-1), "expected is -1"),
        (damaged("failed", value=[0.5]), r"failed is \[0.5\]"),
        (json.dumps({**good, "expected": 7}), "its checksum is that of other content"),
        (json.dumps(good)[:-1] + ', "version": 2}', "'version' is there twice"),
        (json.dumps(good) + "x", "not a saved"),
        (2 * (json.dumps(good) + "\n"), "2 states of ConfusionMatrix"),
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
            measure.from_json(signed(state))
    for sums in (
        [1, 0, 1, 0, 0],
        [1, -5, -1, 9, 9],
        "12345",
        [1, 10**400, 1, 0, 0],
        [0, 4, 1, 0, 0],
    ):
        instances["totals"]["sums"] = [sums]
        with pytest.raises(ValueError, match="damaged"):
            segpost.InstanceIoU.from_json(signed(instances))


def test_states_say_whether_they_are_complete() -> None:
    """A sum is complete only if all parts are, in memory and in files; images are added up."""
    cm = count_maps(3)
    assert cm.is_complete
    whole, part = cm.copy(), cm.copy()
    whole.record_coverage(complete=True, expected=3)
    part.record_coverage(complete=False, expected=4, failed=["d"])
    loaded = ConfusionMatrix.from_json(part.to_json())
    assert not loaded.is_complete
    assert "incomplete" in repr(loaded)
    for parts in ([whole, loaded], [loaded, whole], [ConfusionMatrix(5, ignore_index=255), loaded]):
        state = json.loads(sum(parts).to_json())  # type: ignore[union-attr]
        expected = 7 if whole in parts else 4
        assert (state["complete"], state["expected"], state["failed"]) == (False, expected, ["d"])
    loaded.reset()
    assert loaded.is_complete


def test_states_of_version_1_load() -> None:
    """They have neither completeness nor a checksum."""
    cm = count_maps(2, per_image=True)
    state = json.loads(cm.to_json())
    old = {key: state[key] for key in ("segpost", "settings", "totals")}
    old |= {"version": 1, "reduced": False}
    assert ConfusionMatrix.from_json(json.dumps(old)) == cm


def test_what_is_no_text_of_a_state(tmp_path: Path) -> None:
    """The path of a state, what is no text, and constants that are no JSON."""
    path, cm = tmp_path / "state.json", ConfusionMatrix(2)
    path.write_text(cm.to_json())
    with pytest.raises(ValueError, match=r"pass its text, pathlib\.Path\(.*\)\.read_text"):
        ConfusionMatrix.from_json(str(path))
    assert ConfusionMatrix.from_json(path.read_text()) == cm  # the cure
    with pytest.raises(TypeError, match="must be the text of a saved ConfusionMatrix, got None"):
        ConfusionMatrix.from_json(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a saved ConfusionMatrix: it holds NaN"):
        ConfusionMatrix.from_json(cm.to_json().replace("null", "NaN", 1))
    with pytest.raises(TypeError, match=r"cannot add list to ConfusionMatrix; sum\(parts\)"):
        cm.merge_state([cm])  # type: ignore[arg-type]


def test_states_in_lines() -> None:
    """A text may hold a state of each measure; every class loads its own."""
    cm, measure = count_maps(2), segpost.BoundaryIoU(5)
    text = f"{cm.to_json()}\n{measure.to_json()}\n"
    assert ConfusionMatrix.from_json(text.encode()) == cm
    assert segpost.BoundaryIoU.from_json(text) == measure
    with pytest.raises(ValueError, match="not a saved TrimapIoU"):
        segpost.TrimapIoU.from_json(text)


def test_no_state_is_written_that_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of the reader is that of the writer, too."""
    cm = count_maps(2)
    monkeypatch.setattr("segpost.metrics.saved_state.MAX_STATE_BYTES", len(cm.to_json()) - 1)
    with pytest.raises(ValueError, match="over the limit"):
        cm.to_json()
