"""What version 0.1 wrote is read: pickles by their old module paths, JSON, and old imports."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import _moved

DATA = Path(__file__).resolve().parents[1] / "data" / "version_0_1"
EXPECTED = json.loads((DATA / "expected.json").read_text())  # as version 0.1 described each object
PICKLES = sorted(path.stem for path in DATA.glob("*.pickle"))


def describe(value: Any) -> Any:
    """The content of an object, in the way in which `expected.json` has it."""
    if isinstance(value, segpost.Scores):
        scores = json.loads(value.to_json())
        assert scores["policy"].pop("exclude") == []  # which version 0.1 did not have
        return scores
    if isinstance(value, segpost.Fingerprint):
        record = json.loads(value.to_json())
        for summary in (record["logits"], *record["stages"].values()):
            for name in ("precision", "resolution", "enlarging"):  # which version 0.1 did not have
                del summary[name]
        return record
    if hasattr(value, "state_dict"):
        return as_version_1(value.state_dict())
    if hasattr(value, "to_json"):
        return json.loads(value.to_json())
    if isinstance(value, segpost.Segmentation):
        confidence = np.round(np.asarray(value.confidence, float), 6)
        return [value.labels.tolist(), confidence.tolist(), value.color.tolist()]
    if isinstance(value, segpost.Merger):
        return np.round(np.asarray(value.result(log=True), float), 5).tolist()
    if isinstance(value, segpost.Palette):
        return [value.colors.tolist(), list(value.names or ()), value.ignore_index]
    if isinstance(value, segpost.Refinement):
        return [value.labels.tolist()]
    if isinstance(value, segpost.Stream):
        return value(np.load(DATA / "logits.npy")).labels.tolist()
    if type(value).__name__ == "ImageScores":
        return [list(value.ids), value.miou.tolist()]
    return repr(value)


def as_version_1(state: dict[str, Any]) -> dict[str, Any]:
    """A state without what version 1 did not have."""
    assert (state.pop("complete"), state.pop("expected"), state.pop("failed")) == (True, None, [])
    if state["segpost"] != "ConfusionMatrix":
        assert state["settings"].pop("duplicates") == "raise"
    return {**state, "version": 1}


def approximate(value: Any) -> Any:
    """The same with floats compared to 4 digits, as far as text allows that."""
    if isinstance(value, list):
        return [approximate(part) for part in value]
    if isinstance(value, dict):
        return {key: approximate(part) for key, part in value.items()}
    return pytest.approx(value, rel=1e-4, abs=1e-4) if isinstance(value, float) else value


NEWER = {  # than 0.1
    "calibration",
    "evaluation",
    "incompleteerror",
    "maskap",
    "maskapscores",
    "panopticquality",
    "panopticscores",
    "region",
    "regions",
    "runcomparison",
    "segment",
    "surfacedistance",
    "topk",
    "volumemerger",
    "volumeregion",
    "volumeregions",
}


def test_pickles_cover_the_classes() -> None:
    """Every public class of version 0.1 that holds data has a pickle of it."""
    values = {name: getattr(segpost, name) for name in segpost.__all__}
    classes = {name.lower() for name, value in values.items() if isinstance(value, type)}
    warnings = {name for name in classes if name.endswith("warning")}  # hold no data
    assert {name.replace("_", "") for name in PICKLES} >= classes - warnings - NEWER


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", PICKLES)
def test_pickles_load(name: str) -> None:
    """An old pickle gives the object that it was made of; a new one names public paths."""
    value = pickle.loads((DATA / f"{name}.pickle").read_bytes())
    assert describe(value) == approximate(EXPECTED[name])
    content = pickle.dumps(value)
    assert describe(pickle.loads(content)) == approximate(EXPECTED[name])
    if type(value).__name__ in segpost.__all__:
        assert type(value).__module__ == "segpost"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_public_names_are_the_same_after_old_pickles() -> None:
    """Loading by an old path puts no module in the place of a function."""
    code = (
        "import pathlib, pickle, sys, segpost; "
        "before = {name: getattr(segpost, name) for name in segpost.__all__}; "
        "[pickle.loads(path.read_bytes()) for path in pathlib.Path(sys.argv[1]).glob('*.pickle')]; "
        "import segpost.fingerprint, segpost.diagnose, segpost.postprocess, segpost.matrix; "
        "assert all(getattr(segpost, name) is value for name, value in before.items())"
    )
    run = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, str(DATA)]
    result = subprocess.run(run, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_old_paths_warn() -> None:
    """A name of an old module is the new one's, with a warning that says where it is."""
    matrix = importlib.import_module("segpost.matrix")
    with pytest.warns(DeprecationWarning, match=r"segpost\.ConfusionMatrix; the old path"):
        assert matrix.ConfusionMatrix is segpost.ConfusionMatrix
    with pytest.raises(AttributeError, match=r"segpost\.matrix.*no_such_name"):
        _ = matrix.no_such_name


@pytest.mark.parametrize("name", sorted(_moved.MOVED))
def test_old_paths_have_targets(name: str) -> None:
    """Every old path leads to modules that exist."""
    for target in _moved.MOVED[name]:
        assert importlib.import_module(f"segpost.{target}")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("confusion_matrix", segpost.ConfusionMatrix.from_json),
        ("boundaryiou", segpost.BoundaryIoU.from_json),
        ("trimapiou", segpost.TrimapIoU.from_json),
        ("boundaryf", segpost.BoundaryF.from_json),
        ("instanceiou", segpost.InstanceIoU.from_json),
        ("fingerprint", segpost.Fingerprint.from_json),
    ],
)
def test_json_of_version_1_is_read(name: str, read: Any) -> None:
    """States and fingerprints of version 1 are read and written as they were."""
    assert describe(read(json.dumps(EXPECTED[name]))) == EXPECTED[name]
