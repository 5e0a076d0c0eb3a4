"""`segpost evaluate --instances`: maps of instances beside the targets, and their scores."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import SIZE, Evaluate, instance_map, label_pair, read_json, write_labels
from measure_files import NAMES, count_instances, pass_instances, pass_places, write_images

import segpost
from segpost import ConfusionMatrix, InstanceIoU


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command."""
    return Evaluate(capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four images: predicted labels, targets, instances, and the names of their classes."""
    return write_images(tmp_path)


def test_instances_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """Things by name or number, a first id, categories; NaN is null."""
    (data / "groups.json").write_text('{"moving": [1, 2], "rest": [0, 3]}')
    groups = {"moving": [1, 2], "rest": [0, 3]}
    for first in (None, 320):
        more = () if first is None else ("--first-instance", first)
        status, out, err = run(
            *pass_places(data), *pass_instances(data), *more, "--groups", data / "groups.json",
            "--json", data / "x.json",
        )  # fmt: skip
        assert (status, err) == (0, "")
        measures = read_json(data / "x.json")["measures"]["instances"]
        scores = count_instances(0, 1, 2, 3, groups=groups, first_id=first or 1).compute()
        assert measures["first_id"] == (first or 1)
        assert measures["mean_iiou"] == scores.mean_iiou
        assert measures["mean_category_iiou"] == scores.mean_category_iiou
        assert measures["categories"] == scores.category_iiou
        assert [row["name"] for row in measures["classes"]] == list(NAMES)
        assert [row["mean_size"] for row in measures["classes"]] == [None, 16.0, 12.5, None]
        assert [row["iou"] for row in measures["classes"]] == scores.iou.tolist()
        wanted = [None if math.isnan(v) else v for v in scores.iiou.tolist()]
        assert [row["iiou"] for row in measures["classes"]] == wanted
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


def test_many_images_are_summed_in_blocks(data: Path, run: Evaluate) -> None:
    """More images than a block of the sum holds."""
    links: dict[str, list[str]] = {"preds": [], "gt": [], "inst": []}
    for place, names in links.items():
        end = "_instances" if place == "inst" else ""
        for number in range(260):
            link = data / place / f"{number}{end}.png"
            link.symlink_to(data / place / f"c{end}.png")
            names.append(link.name)
        (data / place / "list.txt").write_text("\n".join(names))
    status, _, err = run(
        *(data / place / "list.txt" for place in ("preds", "gt")), *pass_places(data)[2:],
        "--instances", data / "inst/list.txt", "--things", data / "things.json",
        "--json", data / "x.json", "--quiet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    measures = read_json(data / "x.json")["measures"]["instances"]
    assert measures["mean_iiou"] == count_instances(*(3,) * 260).compute().mean_iiou


def test_missing_instances(data: Path, run: Evaluate) -> None:
    """They are named; --allow-missing leaves their pairs out of everything."""
    (data / "inst/a/2_instances.png").unlink()
    write_labels(data / "inst/more_instances.png", np.zeros(SIZE, np.uint16))
    arguments = (*pass_places(data), *pass_instances(data), "--json", data / "x.json")
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
        content["measures"]["instances"]["mean_iiou"]
        == count_instances(0, 2, 3).compute().mean_iiou
    )


def test_places_of_instances(data: Path, run: Evaluate) -> None:
    """By name alone, by an end that is told, in the targets' folder, and file to file."""
    wanted = count_instances(0, 1, 2, 3).compute().mean_iiou
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
    status, out, err = run(*pass_places(data), *pass_instances(data))
    assert (status, out) == (1, "")
    assert f"{path}: " in err
    assert says in err
    assert "1 of 4 pairs failed" in err
