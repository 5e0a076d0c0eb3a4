"""`segpost evaluate --panoptic`: files of COCO, of Cityscapes, and ids of classes and instances."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panoptic_cases import STUFF, THINGS, Case, random_case

import segpost
from segpost.cli import main

Image = pytest.importorskip("PIL.Image")

CATEGORIES = [
    {"id": c, "name": f"class {c}", "isthing": int(c in THINGS)} for c in sorted(THINGS + STUFF)
]
CLASSES = ["--num-classes", "4", "--thing-classes", "2", "3"]


def cases() -> list[Case]:
    """Images with segments, whose categories are known."""
    random = np.random.default_rng(5)
    found = (random_case(random) for _ in range(200))
    known = {*THINGS, *STUFF}
    right = (
        case
        for case in found
        if all(i["category_id"] in known for i in (*case.pred_infos, *case.target_infos))
    )
    return [case for case in right if case.target.size > 20 and len(case.pred_infos) > 1][:4]


def write_coco(folder: Path, side: str, maps: list[tuple[Any, Any]], **more: Any) -> Path:
    """A JSON file, and the PNG files in the folder beside it."""
    (folder / side).mkdir()
    rows = []
    for number, (ids, infos) in enumerate(maps):
        colors = np.stack([ids >> 8 * k & 255 for k in range(3)], axis=-1).astype(np.uint8)
        Image.fromarray(colors).save(folder / side / f"{number}.png")
        row = {"image_id": 10 + number, "file_name": f"{number}.png", "segments_info": infos}
        rows.append(row)
    path = folder / f"{side}.json"
    path.write_text(json.dumps({"annotations": rows, "categories": CATEGORIES, **more}))
    return path


@pytest.fixture
def coco(tmp_path: Path) -> list[Path]:
    """The JSON files of predictions and targets."""
    maps = [case.maps for case in cases()]
    return [
        write_coco(tmp_path, side, [pair[k] for pair in maps])
        for k, side in enumerate(("preds", "targets"))
    ]


def run(arguments: list[Any], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["evaluate", *map(str, arguments)])
    output = capsys.readouterr()
    return status, output.out, output.err


def wanted() -> segpost.PanopticQuality:
    """The same maps as arrays."""
    measure = segpost.PanopticQuality(THINGS, STUFF)
    for case in cases():
        measure.update(*case.maps)
    return measure


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_of_coco_are_counted_as_arrays(
    coco: list[Path], jobs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scores of the report, of the JSON and of the state are those of the maps."""
    outputs = ["--json", tmp_path / "scores.json", "--state", tmp_path / "state.json"]
    status, text, _ = run([*coco, "--panoptic", "--jobs", jobs, *outputs], capsys)
    assert status == 0
    scores = wanted().compute()
    assert f"{scores.mean_pq:.4f}" in text
    assert "Panoptic quality, IoU above 0.5" in text
    assert "Boundaries" not in text
    content = json.loads((tmp_path / "scores.json").read_text())["measures"]["panoptic"]
    assert content["means"]["all"]["pq"] == scores.mean_pq
    assert [row["name"] for row in content["classes"]] == [row["name"] for row in CATEGORIES]
    state = segpost.PanopticQuality.from_json((tmp_path / "state.json").read_bytes())
    np.testing.assert_array_equal(state.compute().true_positives, scores.true_positives)
    assert state.compute().iou_sum.tolist() == scores.iou_sum.tolist()


def test_shards_give_the_same(coco: list[Path], tmp_path: Path) -> None:
    """The folders of PNG files stand for the JSON files, and a plan is counted in shards."""
    job = segpost.Evaluation(*(p.with_suffix("") for p in coco), panoptic="coco")
    plan = job.plan(tmp_path / "run", shard_images=3)
    for shard in plan.missing():
        segpost.count_shard(tmp_path / "run", shard)
    merged = segpost.merge_shards(tmp_path / "run")
    (measure,) = merged.measures
    assert isinstance(measure, segpost.PanopticQuality)
    assert measure.compute().iou_sum.tolist() == wanted().compute().iou_sum.tolist()


def test_gates_of_panoptic_quality(
    coco: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores of all, of things and of a class have limits, and a baseline."""
    state = tmp_path / "state.json"
    assert run([*coco, "--panoptic", "--state", state, "--quiet"], capsys)[0] == 0
    pq = wanted().compute().mean_pq
    limits = ["--fail-under", f"pq={pq + 0.01}", "--fail-under", "rq.things=0"]
    status, _, problem = run([*coco, "--panoptic", "--quiet", *limits], capsys)
    assert status == 3
    assert "--fail-under pq=" in problem
    assert "rq.things" not in problem
    drop = ["--baseline", state, "--max-drop", "pq.class 7=0"]
    assert run([*coco, "--panoptic", "--quiet", *drop], capsys)[0] == 0
    status, _, problem = run([*coco, "--panoptic", "--fail-under", "pqq=0.5"], capsys)
    assert status == 2
    assert "did you mean 'pq'" in problem


def test_ids_of_classes_and_instances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Class times 1000 plus instance, of 16 bits: the counts of `label_divisor=`."""
    maps = {"preds": [[1000, 2001, 2001, 3001]], "targets": [[1000, 2001, 2002, 3001]]}
    for side, ids in maps.items():
        (tmp_path / side).mkdir()
        Image.fromarray(np.array(ids, np.uint16)).save(tmp_path / side / "a.png")
    measure = segpost.PanopticQuality([2, 3], [0, 1])
    measure.update(*(np.array(ids, np.uint16) for ids in maps.values()), label_divisor=1000)
    places = [tmp_path / side for side in maps]
    state = tmp_path / "state.json"
    assert run([*places, "--panoptic", "ids", *CLASSES, "--state", state], capsys)[0] == 0
    found = segpost.PanopticQuality.from_json(state.read_bytes()).compute()
    np.testing.assert_array_equal(found.pq, measure.compute().pq)
    np.testing.assert_array_equal(found.iou_sum, measure.compute().iou_sum)


def test_cityscapes(tmp_path: Path) -> None:
    """A labelId alone is stuff, or a group of things, which is a crowd; others are void."""
    target = np.array([[7, 7, 26001, 26001, 26, 0], [7, 7, 26001, 26001, 26, 0]], np.uint16)
    preds = np.array(
        [[7, 7, 26005, 26005, 26006, 26007], [7, 7, 26005, 7, 26006, 26007]], np.uint16
    )
    for side, ids in (("preds", preds), ("targets", target)):
        (tmp_path / side).mkdir()
        Image.fromarray(ids).save(tmp_path / side / "a_gtFine_instanceIds.png")
    job = segpost.Evaluation(tmp_path / "preds", tmp_path / "targets", panoptic="cityscapes")
    ((result),) = map(job.count, job.pairing().pairs)
    assert result.counts is not None, result.reason
    (measure,) = result.counts.measures
    assert isinstance(measure, segpost.PanopticQuality)
    scores = measure.compute()
    assert (scores.true_positives[0], scores.true_positives[13]) == (1, 1)
    assert scores.false_positives.sum() == scores.false_negatives.sum() == 0
    assert measure.class_names is not None
    assert measure.class_names[13] == "car"


def test_wrong_files(coco: list[Path], tmp_path: Path) -> None:
    """Errors name the file, the image and the cure."""
    preds, targets = coco

    def evaluate(content: Any, **more: Any) -> segpost.Evaluation:
        other = tmp_path / "other.json"
        other.write_text(json.dumps(content))
        return segpost.Evaluation(other, targets, panoptic="coco", **more)

    content = json.loads(preds.read_text())
    with pytest.raises(ValueError, match=r"4 of 4 PNG files are not in .*other: '0.png'.*without"):
        evaluate(content).pairing()
    with pytest.raises(ValueError, match=r"no list of annotations"):
        evaluate({}).pairing()
    twice = {"annotations": content["annotations"] * 2}
    with pytest.raises(ValueError, match=r"8 images are there twice, first 10; leave one out"):
        evaluate(twice).pairing()
    with pytest.raises(ValueError, match=r"annotation 0 needs 'image_id', 'file_name'"):
        evaluate({"annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1]}]}).pairing()
    outside = [{**content["annotations"][0], "file_name": "../0.png"}]
    with pytest.raises(ValueError, match=r"leaves the folder"):
        evaluate({"annotations": outside}).pairing()
    with pytest.raises(ValueError, match=r"missing\.json is missing: panoptic=coco takes"):
        segpost.Evaluation(tmp_path / "missing", targets, panoptic="coco")
    with pytest.raises(ValueError, match=r"palette= is not of panoptic=coco"):
        evaluate(content, palette="voc")
    with pytest.raises(ValueError, match=r'panoptic="ids" needs thing_classes='):
        segpost.Evaluation(preds, targets, panoptic="ids", num_classes=4)
    with pytest.raises(ValueError, match=r"resize= is of label maps"):
        evaluate(content, resize="nearest")
    with pytest.raises(ValueError, match=r'label_divisor= is of panoptic="ids"'):
        segpost.Evaluation(preds, targets, label_divisor=10, num_classes=4)


def problem_of(folder: Path, change: Any, **options: Any) -> str:
    """What is wrong with the first image, whose predicted list of segments is changed."""
    path = folder / "preds.json"
    content = json.loads(path.read_text())
    change(content["annotations"][0]["segments_info"])
    path.write_text(json.dumps(content))
    job = segpost.Evaluation(path, folder / "targets.json", panoptic="coco", **options)
    result = job.count(job.pairing().pairs[0])
    return "" if result.problem is None else str(result.problem)


def test_wrong_segments(coco: list[Path], tmp_path: Path) -> None:
    """Ids that are listed twice or not at all, and unknown categories, fail their image."""
    preds = coco[0].read_text()

    def after(change: Any, **options: Any) -> str:
        coco[0].write_text(preds)
        return problem_of(tmp_path, change, **options)

    assert after(lambda rows: None) == ""
    assert "is listed twice" in after(lambda rows: rows.append(rows[0]))
    assert "ids that its segments do not list" in after(lambda rows: rows.clear())
    unknown = after(lambda rows: rows[0].update(category_id=77))
    assert "unknown categories, first 77" in unknown
    assert "ignore_index=77" in unknown
    assert after(lambda rows: rows[0].update(category_id=77), ignore_index=77) == ""


def test_a_map_without_colors(coco: list[Path], tmp_path: Path) -> None:
    """A gray PNG is no panoptic PNG of COCO, whose ids are colors."""
    Image.fromarray(np.array([[1, 2]], np.uint8)).save(tmp_path / "preds" / "0.png")
    assert 'panoptic="ids" takes numbers' in problem_of(tmp_path, lambda rows: None)
