"""`segpost evaluate --measure`: what is counted beside the matrix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from evaluation_files import SIZE, Evaluate, label_pair, read_json, write_labels
from measure_files import count_instances, pass_instances, pass_places, write_images

from segpost import (
    BoundaryF,
    BoundaryIoU,
    SurfaceDistance,
    TrimapIoU,
)

ALL = ("--measure", "boundary,trimap,boundary-f")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command."""
    return Evaluate(capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four images: predicted labels, targets, instances, and the names of their classes."""
    return write_images(tmp_path)


def test_measures_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """Every number of the JSON, in full, for labels and for logits of a lower size."""
    logits = scene(4, 6, 8).transpose(1, 2, 0)
    np.save(data / "preds/c.npy", logits)
    (data / "preds/c.png").unlink()
    common: dict[str, Any] = {"ignore_index": 255}
    boundary = BoundaryIoU(4, **common, dilation_ratio=0.05)
    trimap = TrimapIoU(4, **common, widths=(1, 3))
    near = BoundaryF(4, **common, tolerance=0.02)
    with_axis: dict[str, Any] = {"axis": -1, "grid": "align_corners"}
    for measure in (boundary, trimap, near):
        for seed in range(3):
            measure.update(*label_pair(seed))
        measure.update(logits, label_pair(3)[1], **with_axis)
    settings = ("--dilation-ratio", 0.05, "--trimap-widths", "3,1", "--tolerance", 0.02)
    status, out, err = run(
        *pass_places(data), "--axis", -1, "--grid", "align_corners", "--json", data / "x.json",
        "--measure", "trimap,boundary-f", "--measure", "boundary", *settings,
    )  # fmt: skip
    assert (status, err) == (0, "")
    measures = read_json(data / "x.json")["measures"]
    assert list(measures) == ["boundary", "trimap", "boundary_f"]
    scores = boundary.compute()
    assert measures["boundary"]["dilation_ratio"] == 0.05
    assert measures["boundary"]["mean_boundary_iou"] == scores.mean_boundary_iou
    for key in ("boundary_iou", "iou", "min_iou"):
        values = [row[key] for row in measures["boundary"]["classes"]]
        assert values == getattr(scores, key).tolist()
    bands = trimap.compute()
    assert [row["width"] for row in measures["trimap"]["widths"]] == [1, 3]
    for key in ("miou", "pixel_accuracy", "iou"):
        values = [row[key] for row in measures["trimap"]["widths"]]
        assert values == getattr(bands, key).tolist()
    f = near.compute()
    assert (measures["boundary_f"]["tolerance"], measures["boundary_f"]["mean_f"]) == (
        0.02,
        f.mean_f,
    )
    for key in ("f", "precision", "recall"):
        values = [row[key] for row in measures["boundary_f"]["classes"]]
        assert values == getattr(f, key).tolist()
    for line in (
        rf"Boundary IoU, dilation ratio 0\.05\n[^~]*mean +{scores.mean_boundary_iou:.4f}",
        rf"Trimap IoU\n[^~]*3 +{bands.miou[1]:.4f} +{bands.pixel_accuracy[1]:.4f}",
        rf"Boundary F, tolerance 0\.02\n[^~]*mean +{f.mean_f:.4f}",
    ):
        assert re.search(line, out), line


def test_defaults_are_those_of_the_classes(data: Path, run: Evaluate) -> None:
    """No width is said twice; without options nothing is measured."""
    assert run(*pass_places(data), *ALL, "--json", data / "x.json", "--quiet") == (0, "", "")
    measures = read_json(data / "x.json")["measures"]
    assert measures["boundary"]["dilation_ratio"] == BoundaryIoU(1).dilation_ratio
    assert [row["width"] for row in measures["trimap"]["widths"]] == list(TrimapIoU(1).widths)
    assert measures["boundary_f"]["tolerance"] == BoundaryF(1).tolerance
    assert run(*pass_places(data), "--json", data / "y.json", "--quiet") == (0, "", "")
    assert read_json(data / "y.json")["measures"] is None


def test_bytes_do_not_depend_on_jobs(
    data: Path, run: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread and three write the same; an image that fails counts in no measure."""
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    write_labels(data / "inst/a/2_instances.png", np.zeros((3, 4), np.uint16))
    options = ("--json", "--markdown", "--html", "--cityscapes-json", "--state")
    seen = []
    for jobs in (1, 3):
        places = [data / f"{jobs}{option}" for option in options]
        pairs = [part for pair in zip(options, places, strict=True) for part in pair]
        printed = run(
            *pass_places(data),
            *ALL,
            *pass_instances(data),
            *pairs,
            "--jobs",
            jobs,
            "--allow-partial",
        )
        assert printed[0] == 1
        assert "2_instances.png: the map of instances is 3 x 4, its target 24 x 32" in printed[2]
        own = f"{jobs}--", f"--jobs {jobs} "  # of the command line in the page
        texts = [path.read_text() for path in places]
        seen.append((printed, [text.replace(own[0], "").replace(own[1], "") for text in texts]))
    assert seen[0] == seen[1]
    assert "1970-01-01 00:00 UTC" in seen[0][1][2]
    measures = read_json(data / "1--json")
    scores = count_instances(0, 2, 3).compute()
    assert measures["failed"][0]["id"] == "a/2"
    assert measures["measures"]["instances"]["mean_iiou"] == scores.mean_iiou
    boundary = BoundaryIoU(4, ignore_index=255)
    for seed in (0, 2, 3):
        boundary.update(*label_pair(seed))
    mean = boundary.compute().mean_boundary_iou
    assert measures["measures"]["boundary"]["mean_boundary_iou"] == mean
    markdown = (data / "1--markdown").read_text()
    page = (data / "1--html").read_text()
    for title in ("Boundary IoU, dil", "Trimap IoU", "Boundary F, tol", "Instance-weighted IoU"):
        assert f"### {title}" in markdown
        assert f"<h3>{title}" in page
    assert f"| mean | {mean:.4f} |" in markdown
    assert f'<tfoot><tr><th scope="row">mean</th><td class="number" data-key="{mean!r}">' in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--measure", "boundary,edge"], "no measure is called 'edge'; there are boundary, trimap"),
        (["--measure", ""], "no measure is called ''"),
        (["--tolerance", "0.1"], "--tolerance is of --measure boundary-f"),
        (["--measure", "boundary", "--trimap-widths", "1"], "--trimap-widths is of --measure"),
        (["--measure", "trimap", "--trimap-widths", "0,1"], "must be at least 1, got 0"),
        (["--measure", "trimap", "--trimap-widths", "a"], "invalid list of integers value: 'a'"),
        (["--measure", "boundary", "--dilation-ratio", "2"], "must be in 0..1"),
        (["--measure", "boundary", "--invalid-preds", "drop"], "count them as misses"),
        (["--things", "things.json"], "--things is of --instances PLACE"),
        (["--first-instance", "5"], "--first-instance is of --instances PLACE"),
        (["--instances", "inst"], "--instances needs --things FILE.json"),
        (["--instances", "inst", "--things", "voc"], "--things takes cityscapes or a .json file"),
        (["--instances", "inst", "--things", "cityscapes"], "no class is called 'rider'"),
        (["--instances", "inst", "--things", '{"dog": 1}'], "no class is called 'dog'; names are"),
        (["--instances", "inst", "--things", '{"4": 1}'], "there is no class 4 among 4"),
        (["--instances", "inst", "--things", '{"car": 1, "1": 2}'], "class 1 is there twice"),
        (["--instances", "inst", "--things", '{"car": "1"}'], "'1' is no mean size of class 'car'"),
        (["--instances", "inst", "--things", '{"car": 0}'], "0 is no mean size"),
        (["--instances", "inst", "--things", '{"car": NaN}'], "nan is no mean size"),
        (["--instances", "inst", "--things", "{}"], "no class has instances"),
        (["--instances", "no", "--things", "things.json"], "no: No such file"),
        (["--instances", "far", "--things", "things.json"], "no map of instances has the name of"),
        (["--instances", "gt", "--things", "things.json"], "is target and instances at once"),
        (["--instances", "inst", "--things", "things.json", "--json", "inst"], "is a folder"),
    ],
)  # fmt: skip
def test_mistakes(
    data: Path, monkeypatch: pytest.MonkeyPatch, run: Evaluate, arguments: list[str], says: str
) -> None:
    """Each is one line on stderr and status 2, before anything is counted."""
    monkeypatch.chdir(data)
    write_labels(data / "far/q.png", np.zeros(SIZE, np.uint16))
    (data / "inline.json").write_text(next((a for a in arguments if a.startswith("{")), ""))
    values = ["inline.json" if a.startswith("{") else a for a in arguments]
    status, out, err = run(*pass_places(data), *values)
    assert (status, out) == (2, "")
    assert says in err


def test_surface_distances_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """Images in pixels, by the command's own tolerance."""
    options = ("--measure", "surface-distance", "--surface-tolerance", 2)
    status, out, err = run(*pass_places(data), *options, "--json", data / "x.json")
    assert (status, err) == (0, "")
    measure = SurfaceDistance(4, ignore_index=255, tolerance=2)
    for seed in range(4):
        measure.update(*label_pair(seed))
    scores, measures = measure.compute(), read_json(data / "x.json")["measures"]["surface_distance"]
    assert measures["mean_hd"] == scores.mean_hd
    assert [row["nsd"] for row in measures["classes"]] == scores.nsd.tolist()
    assert re.search(r"Surface distance\n[^~]*HD95", out)
    status, _, err = run(*pass_places(data), "--surface-tolerance", 2)
    assert status == 2
    assert "--surface-tolerance is of" in err


def test_surface_distances_of_volumes_have_the_spacing_of_the_file(
    tmp_path: Path, run: Evaluate
) -> None:
    """Millimeters of NIfTI files."""
    pytest.importorskip("nibabel")
    from volume_files import write_volume

    target = np.zeros((6, 7, 8), np.uint8)
    target[2:4, 2:5, 2:5] = 1
    for folder, labels in (("preds", np.roll(target, 1, axis=0)), ("gt", target)):
        write_volume(tmp_path / folder / "a.nii.gz", labels, np.diag([1.0, 2.0, 2.5, 1.0]))
    places = tmp_path / "preds", tmp_path / "gt", "--num-classes", 2
    options = ("--measure", "surface-distance", "--json", tmp_path / "x.json", "--quiet")
    assert run(*places, *options) == (0, "", "")
    measures = read_json(tmp_path / "x.json")["measures"]["surface_distance"]
    assert [row["hd"] for row in measures["classes"]] == [2.5, 2.5]
