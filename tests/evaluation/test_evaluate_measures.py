"""`segpost evaluate --measure` and `--instances`: what is counted beside the matrix."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from evaluation_files import (
    SIZE,
    Evaluate,
    instance_map,
    label_pair,
    read_json,
    write_labels,
)

import segpost
from segpost import (
    BoundaryF,
    BoundaryIoU,
    ConfusionMatrix,
    InstanceIoU,
    SurfaceDistance,
    TrimapIoU,
)

NAMES = ("sky", "car", "person", "road")
ALL = ("--measure", "boundary,trimap,boundary-f")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command."""
    return Evaluate(capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four images: predicted labels, targets, instances, and the names of their classes."""
    for seed, name in enumerate(("a/1", "a/2", "b/1", "c")):
        preds, target = label_pair(seed)
        write_labels(tmp_path / "preds" / f"{name}.png", preds)
        write_labels(tmp_path / "gt" / f"{name}.png", target)
        write_labels(tmp_path / "inst" / f"{name}_instances.png", instance_map(target))
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    (tmp_path / "things.json").write_text('{"Car": 16, "2": 12.5}')
    return tmp_path


def basics(data: Path) -> tuple[object, ...]:
    """The places, and what the classes are."""
    return data / "preds", data / "gt", "--class-names", data / "names.txt", "--ignore-index", 255


def of_instances(data: Path) -> tuple[object, ...]:
    """The options that instances take."""
    return "--instances", data / "inst", "--things", data / "things.json"


def instance_iou(*seeds: int, **options: Any) -> InstanceIoU:
    """What the API counts of the same maps."""
    measure = InstanceIoU(4, ignore_index=255, things={1: 16, 2: 12.5}, **options)
    for seed in seeds:
        preds, target = label_pair(seed)
        measure.update(preds, target, instance_map(target))
    return measure


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
        *basics(data), "--axis", -1, "--grid", "align_corners", "--json", data / "x.json",
        "--measure", "trimap,boundary-f", "--measure", "boundary", *settings,
    )  # fmt: skip
    assert (status, err) == (0, "")
    found = read_json(data / "x.json")["measures"]
    assert list(found) == ["boundary", "trimap", "boundary_f"]
    scores = boundary.compute()
    assert found["boundary"]["dilation_ratio"] == 0.05
    assert found["boundary"]["mean_boundary_iou"] == scores.mean_boundary_iou
    for key in ("boundary_iou", "iou", "min_iou"):
        values = [row[key] for row in found["boundary"]["classes"]]
        assert values == getattr(scores, key).tolist()
    bands = trimap.compute()
    assert [row["width"] for row in found["trimap"]["widths"]] == [1, 3]
    for key in ("miou", "pixel_accuracy", "iou"):
        values = [row[key] for row in found["trimap"]["widths"]]
        assert values == getattr(bands, key).tolist()
    f = near.compute()
    assert (found["boundary_f"]["tolerance"], found["boundary_f"]["mean_f"]) == (0.02, f.mean_f)
    for key in ("f", "precision", "recall"):
        values = [row[key] for row in found["boundary_f"]["classes"]]
        assert values == getattr(f, key).tolist()
    for line in (
        rf"Boundary IoU, dilation ratio 0\.05\n[^~]*mean +{scores.mean_boundary_iou:.4f}",
        rf"Trimap IoU\n[^~]*3 +{bands.miou[1]:.4f} +{bands.pixel_accuracy[1]:.4f}",
        rf"Boundary F, tolerance 0\.02\n[^~]*mean +{f.mean_f:.4f}",
    ):
        assert re.search(line, out), line


def test_defaults_are_those_of_the_classes(data: Path, run: Evaluate) -> None:
    """No width is said twice; without options nothing is measured."""
    assert run(*basics(data), *ALL, "--json", data / "x.json", "--quiet") == (0, "", "")
    found = read_json(data / "x.json")["measures"]
    assert found["boundary"]["dilation_ratio"] == BoundaryIoU(1).dilation_ratio
    assert [row["width"] for row in found["trimap"]["widths"]] == list(TrimapIoU(1).widths)
    assert found["boundary_f"]["tolerance"] == BoundaryF(1).tolerance
    assert run(*basics(data), "--json", data / "y.json", "--quiet") == (0, "", "")
    assert read_json(data / "y.json")["measures"] is None


def test_instances_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """Things by name or number, a first id, categories; NaN is null."""
    (data / "groups.json").write_text('{"moving": [1, 2], "rest": [0, 3]}')
    groups = {"moving": [1, 2], "rest": [0, 3]}
    for first in (None, 320):
        more = () if first is None else ("--first-instance", first)
        status, out, err = run(
            *basics(data), *of_instances(data), *more, "--groups", data / "groups.json",
            "--json", data / "x.json",
        )  # fmt: skip
        assert (status, err) == (0, "")
        found = read_json(data / "x.json")["measures"]["instances"]
        scores = instance_iou(0, 1, 2, 3, groups=groups, first_id=first or 1).compute()
        assert found["first_id"] == (first or 1)
        assert found["mean_iiou"] == scores.mean_iiou
        assert found["mean_category_iiou"] == scores.mean_category_iiou
        assert found["categories"] == scores.category_iiou
        assert [row["name"] for row in found["classes"]] == list(NAMES)
        assert [row["mean_size"] for row in found["classes"]] == [None, 16.0, 12.5, None]
        assert [row["iou"] for row in found["classes"]] == scores.iou.tolist()
        wanted = [None if math.isnan(v) else v for v in scores.iiou.tolist()]
        assert [row["iiou"] for row in found["classes"]] == wanted
        assert re.search(rf"^person +{scores.iiou[2]:.4f}$", out, re.MULTILINE)
        assert re.search(rf"^moving +{scores.category_iiou['moving']:.4f}$", out, re.MULTILINE)


def street(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """LabelIds of Cityscapes and their instanceIds."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, 34, (6, 8)).repeat(4, 0).repeat(4, 1)
    alone = np.arange(48).reshape(6, 8).repeat(4, 0).repeat(4, 1)
    return ids.astype(np.uint8), np.where(ids >= 24, 1000 * ids + alone, ids).astype(np.uint16)


@pytest.mark.parametrize("more", [["--palette", "cityscapes"], ["--num-classes", "19"]])
def test_cityscapes(tmp_path: Path, run: Evaluate, more: list[str]) -> None:
    """The folders of the data set as they are give the benchmark's own file, iIoU included."""
    table = np.full(256, 255, np.uint8)
    every = segpost.Palette.named("cityscapes_labelid").names or ()
    train = segpost.Palette.named("cityscapes").names or ()
    for label, name in enumerate(every):
        table[label] = train.index(name) if name in train else 255
    measure = InstanceIoU.cityscapes()
    matrix = ConfusionMatrix(19, ignore_index=255, class_names=train, per_image=True)
    for seed, city in enumerate(("bonn", "ulm")):
        ids, inside = street(seed)
        preds = np.where(np.random.default_rng(9).random(SIZE) < 0.3, np.uint8(26), ids)
        name = f"{city}/{city}_000000_000019"
        write_labels(tmp_path / "gtFine" / f"{name}_gtFine_labelIds.png", ids)
        write_labels(tmp_path / "gtFine" / f"{name}_gtFine_instanceIds.png", inside)
        for other in ("color", "instanceTrainIds"):
            write_labels(tmp_path / "gtFine" / f"{name}_gtFine_{other}.png", ids)
        write_labels(tmp_path / "preds" / f"{Path(name).name}.png", preds)
        measure.update(table[preds], table[ids], inside)
        matrix.update(table[preds], table[ids])
    status, out, err = run(
        tmp_path / "preds", tmp_path / "gtFine", "--map", "cityscapes", "--map-to", "both",
        "--groups", "cityscapes", "--instances", tmp_path / "gtFine", *more,
        "--cityscapes-json", tmp_path / "c.json",
    )  # fmt: skip
    assert (status, err) == (0, "")
    content, scores = read_json(tmp_path / "c.json"), measure.compute()
    inst = content["classInstScores"]
    assert list(inst) == sorted(content["labels"])
    order = sorted(content["labels"], key=content["labels"].__getitem__)
    np.testing.assert_array_equal([inst[name] for name in order], [*scores.iiou, math.nan])
    assert content["averageScoreInstClasses"] == scores.mean_iiou
    assert content["averageScoreInstCategories"] == scores.mean_category_iiou
    assert content["categoryInstScores"]["vehicle"] == scores.category_iiou["vehicle"]
    assert math.isnan(content["categoryInstScores"]["sky"])
    assert content["averageScoreClasses"] == matrix.compute().miou
    assert re.search(rf"^human +{scores.category_iiou['human']:.4f}$", out, re.MULTILINE)


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
            *basics(data), *ALL, *of_instances(data), *pairs, "--jobs", jobs, "--allow-partial"
        )
        assert printed[0] == 1
        assert "2_instances.png: the map of instances is 3 x 4, its target 24 x 32" in printed[2]
        own = f"{jobs}--", f"--jobs {jobs} "  # of the command line in the page
        texts = [path.read_text() for path in places]
        seen.append((printed, [text.replace(own[0], "").replace(own[1], "") for text in texts]))
    assert seen[0] == seen[1]
    assert "1970-01-01 00:00 UTC" in seen[0][1][2]
    found = read_json(data / "1--json")
    scores = instance_iou(0, 2, 3).compute()
    assert found["failed"][0]["id"] == "a/2"
    assert found["measures"]["instances"]["mean_iiou"] == scores.mean_iiou
    boundary = BoundaryIoU(4, ignore_index=255)
    for seed in (0, 2, 3):
        boundary.update(*label_pair(seed))
    mean = boundary.compute().mean_boundary_iou
    assert found["measures"]["boundary"]["mean_boundary_iou"] == mean
    marked = (data / "1--markdown").read_text()
    page = (data / "1--html").read_text()
    for title in ("Boundary IoU, dil", "Trimap IoU", "Boundary F, tol", "Instance-weighted IoU"):
        assert f"### {title}" in marked
        assert f"<h3>{title}" in page
    assert f"| mean | {mean:.4f} |" in marked
    assert f'<tfoot><tr><th scope="row">mean</th><td class="number" data-key="{mean!r}">' in page


def test_many_images_are_summed_in_blocks(data: Path, run: Evaluate) -> None:
    """More images than a block of the sum holds."""
    listed: dict[str, list[str]] = {"preds": [], "gt": [], "inst": []}
    for place, names in listed.items():
        end = "_instances" if place == "inst" else ""
        for number in range(260):
            link = data / place / f"{number}{end}.png"
            link.symlink_to(data / place / f"c{end}.png")
            names.append(link.name)
        (data / place / "list.txt").write_text("\n".join(names))
    status, _, err = run(
        *(data / place / "list.txt" for place in ("preds", "gt")), *basics(data)[2:],
        "--instances", data / "inst/list.txt", "--things", data / "things.json",
        "--json", data / "x.json", "--quiet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    found = read_json(data / "x.json")["measures"]["instances"]
    assert found["mean_iiou"] == instance_iou(*(3,) * 260).compute().mean_iiou


# Which maps of instances belong to which pairs


def test_missing_instances(data: Path, run: Evaluate) -> None:
    """They are named; --allow-missing leaves their pairs out of everything."""
    (data / "inst/a/2_instances.png").unlink()
    write_labels(data / "inst/more_instances.png", np.zeros(SIZE, np.uint16))
    arguments = (*basics(data), *of_instances(data), "--json", data / "x.json")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "1 of 4 targets have no map of instances: 'a/2'. --allow-missing goes on" in err
    status, out, err = run(*arguments, "--allow-missing")
    assert (status, err) == (0, "")
    assert "INCOMPLETE: 1 of 4 targets have no map of instances: 'a/2'." in out
    content = read_json(data / "x.json")
    assert (content["complete"], content["counted"]) == (False, 3)
    assert content["targets_without_instances"] == ["a/2"]
    assert (
        content["measures"]["instances"]["mean_iiou"] == instance_iou(0, 2, 3).compute().mean_iiou
    )


def test_places_of_instances(data: Path, run: Evaluate) -> None:
    """By name alone, by an end that is told, in the targets' folder, and file to file."""
    wanted = instance_iou(0, 1, 2, 3).compute().mean_iiou
    flat = data / "flat"
    for seed, name in enumerate(("1", "2", "3", "c")):
        preds, target = label_pair(seed)
        for kind, labels in (("p", preds), ("t", target), ("i", instance_map(target))):
            write_labels(flat / f"{name}.{kind}.tif", labels)
            write_labels(data / kind / "deep" / f"{name}.png", labels)
    names = ("--class-names", data / "names.txt", "--ignore-index", 255)
    rest = (*names, "--things", data / "things.json", "--json", data / "x.json", "--quiet")
    (data / "i/deep").rename(data / "i/other")
    ends = ("--pred-suffix", ".p", "--target-suffix", ".t", "--instance-suffix", ".i")
    for places in (
        (data / "p", data / "t", "--instances", data / "i"),
        (flat, flat, "--instances", flat, *ends),
    ):
        assert run(*places, *rest) == (0, "", "")
        assert read_json(data / "x.json")["measures"]["instances"]["mean_iiou"] == wanted
    one = (flat / "1.p.tif", flat / "2.t.tif", "--instances", data / "i/other/2.png")
    assert run(*one, *rest) == (0, "", "")
    assert "TARGETS: 1 name" not in run(flat, flat, "--instances", flat, *ends[:4], *rest)[2]
    status, _, err = run(
        flat, flat, "--instances", flat, *ends[:4], "--instance-suffix", ".t", *rest
    )
    assert status == 2
    assert "is target and instances at once" in err


# What cannot be


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.full(SIZE, 7, np.uint16), "instances: 7 has target pixels of several classes"),
        (np.zeros((*SIZE, 3), np.uint8), "in colors (RGB), not labels; wanted is one number"),
        (None, "it is empty"),
    ],
)
def test_instances_that_cannot_be(
    data: Path, run: Evaluate, labels: np.ndarray | None, says: str
) -> None:
    """The file is named and its image fails; the others go on."""
    path = data / "inst/b/1_instances.png"
    if labels is None:
        path.write_bytes(b"")
    else:
        write_labels(path, labels)
    status, out, err = run(*basics(data), *of_instances(data))
    assert (status, out) == (1, "")
    assert f"{path}: " in err
    assert says in err
    assert "1 of 4 pairs failed" in err


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
    (data / "given.json").write_text(next((a for a in arguments if a.startswith("{")), ""))
    given = ["given.json" if a.startswith("{") else a for a in arguments]
    status, out, err = run(*basics(data), *given)
    assert (status, out) == (2, "")
    assert says in err


def test_surface_distances_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """Images in pixels, by the command's own tolerance."""
    options = ("--measure", "surface-distance", "--surface-tolerance", 2)
    status, out, err = run(*basics(data), *options, "--json", data / "x.json")
    assert (status, err) == (0, "")
    measure = SurfaceDistance(4, ignore_index=255, tolerance=2)
    for seed in range(4):
        measure.update(*label_pair(seed))
    scores, found = measure.compute(), read_json(data / "x.json")["measures"]["surface_distance"]
    assert found["mean_hd"] == scores.mean_hd
    assert [row["nsd"] for row in found["classes"]] == scores.nsd.tolist()
    assert re.search(r"Surface distance\n[^~]*HD95", out)
    status, _, err = run(*basics(data), "--surface-tolerance", 2)
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
    found = read_json(tmp_path / "x.json")["measures"]["surface_distance"]
    assert [row["hd"] for row in found["classes"]] == [2.5, 2.5]
