"""Reports: the same content in every form, and nothing in them that is not so."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from typing import Any

import numpy as np
import pytest

from segpost import ConfusionMatrix, Scores
from segpost.metrics.dialects import DIALECTS
from segpost.metrics.report import formats

NAMES = ["road", "car", "sky", "train"]


def counted(**options: Any) -> ConfusionMatrix:
    """Four classes: one only predicted, one absent; void; predictions of no class; two images."""
    cm = ConfusionMatrix(4, ignore_index=255, class_names=NAMES, per_image=True, **options)
    target = np.array([[0, 0, 0, 0, 1, 1, 255, 255]])
    cm.update(preds=np.array([[0, 0, 0, 1, 1, 1, 0, 9]]), target=target, ids="town/a")
    cm.update(preds=np.array([[0, 2, 1, 7, 1, 200, 2, 2]]), target=target, ids="town/b")
    return cm


def words(text: str) -> list[str]:
    """What a report says, without its lines and however it is spaced."""
    return [word for word in text.split() if set(word) - set("─-") or word == "-"]


def is_within(part: list[str], whole: list[str]) -> bool:
    """Whether these words stand there one after the other."""
    return any(whole[i : i + len(part)] == part for i in range(len(whole)))


def test_text_says_everything() -> None:
    """Summary, what is left out and why, void, invalid values, classes, confusions, images."""
    text = str(counted(groups={"ground": [0], "things": [1]}).compute())
    said = words(text)
    for line in (
        "mIoU 0.3333 mean of 3 of 4 classes",
        "mean category IoU 0.5000",
        "16 pixels, 4 of them void (25.0%).",
        "Left out of the mean: train (in neither map).",
        "In the mean as 0, being predicted but not in the target: sky.",
        "2 predictions of no class (16.7% of those on a class), counted as misses: "
        "7 (1 times), 200 (1 times).",
        "road 0.5000 0.6667 1.0000 0.5000 8 4",
        "train - - - - 0 0",
        "things 0.5000",
        "road car 2 25.0%",
        "road (none) 1 12.5%",
        "2 images",
        "town/b 0.1944 0.3333",
        "mIoU lies in 0.1944 to 0.7083 for 95% of 1,000 data sets",
    ):
        assert is_within(line.split(), said), line
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_names_are_shown_and_not_obeyed() -> None:
    """Markup, wide letters and terminal commands in names change nothing but their own cell."""
    names = ["[bold]a[/bold]", "\x1b[31mred", "道路", "a|b<c>\n"]
    cm = ConfusionMatrix(4, class_names=names)
    cm.update(np.array([[0, 1, 2, 3, 3]]), np.array([[0, 1, 2, 3, 0]]))
    text = str(cm.compute())
    assert "\x1b" not in text
    for name in ("[bold]a[/bold]", r"\x1b[31mred", "道路", r"a|b<c>\n"):
        assert re.search(rf"^{re.escape(name)} +[01]\.", text, re.MULTILINE), name
    marked = cm.compute().to_markdown()
    assert r"| a\|b\<c>\\n | 0.5000 |" in marked


def test_markdown_is_tables() -> None:
    """Every row of a table has as many cells as its head, and notes stand first."""
    scores = counted().compute()
    text = formats.markdown(scores, ["Only a part."])
    assert text.startswith("Only a part.\n")
    assert "### Classes\n\n| class | IoU | Dice | precision | recall |" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count(" |") for line in block.splitlines()}) == 1
    assert "| smp |" in counted().compare_dialects().to_markdown()


@pytest.mark.filterwarnings("ignore:nothing was counted")
def test_csv_is_exact() -> None:
    """A line a class as RFC 4180 has it, each number as it is, and nothing where there is none."""
    scores = counted().compute()
    text = scores.to_csv()
    assert text.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["name"] for row in rows] == NAMES
    for label, row in enumerate(rows):
        iou = float(scores.iou[label])
        assert row["iou"] == ("" if math.isnan(iou) else repr(iou))
        assert int(row["target_pixels"]) == scores.class_counts.support[label]
    assert [row["left_out"] for row in rows] == ["", "", "", "absent"]
    odd = ConfusionMatrix(1, class_names=['a,"b"\n'])
    assert (
        next(csv.DictReader(io.StringIO(odd.compute().to_csv(), newline="")))["name"] == 'a,"b"\n'
    )


def test_json_holds_everything() -> None:
    """Full precision, null for NaN, the policy, the state; the same bytes for the same counts."""
    cm = counted(groups={"things": [1, 2]})
    scores = cm.compute()
    text = scores.to_json()

    def no_nan(word: str) -> None:
        raise AssertionError(word)

    content = json.loads(text, parse_constant=no_nan)
    assert content["summary"]["miou"] == scores.miou
    assert content["classes"][3]["iou"] is None
    assert content["classes"][0]["recall"] == float(scores.recall[0])
    assert [row["left_out"] for row in content["classes"]] == [None, None, None, "absent"]
    assert content["policy"]["absent"] == "exclude"
    assert content["dialect"] is None
    assert content["state"] == cm.state.tolist()
    assert content["outside"] == [[t, p, n] for (t, p), n in sorted(cm.outside.items())]
    assert content["pixels"] == {"all": 16, "void": 4, "invalid_predictions": 2, "right": 7}
    assert [image["id"] for image in content["images"]] == ["town/a", "town/b"]
    assert content["categories"] == {"things": scores.category_iou["things"]}
    assert text == counted(groups={"things": [1, 2]}).compute().to_json()
    assert json.loads(cm.compute("mmseg").to_json())["dialect"] == "mmseg"


@pytest.mark.filterwarnings("ignore:nothing was counted")
def test_cityscapes_layout() -> None:
    """The keys and the sums of the benchmark's file; void is the last row and column."""
    cm = counted(groups={"things": [1, 2]})
    scores = cm.compute()
    content = json.loads(scores.to_json(layout="cityscapes"))
    assert sorted(content) == [
        "averageScoreCategories", "averageScoreClasses", "averageScoreInstCategories",
        "averageScoreInstClasses", "categoryInstScores", "categoryScores", "classInstScores",
        "classScores", "confMatrix", "labels", "perImageScores", "priors",
    ]  # fmt: skip
    assert content["labels"] == {"road": 0, "car": 1, "sky": 2, "train": 3, "void": 4}
    assert np.sum(content["confMatrix"]) == cm.pixels
    assert sum(content["priors"].values()) == pytest.approx(1.0)
    known = [score for score in content["classScores"].values() if not math.isnan(score)]
    assert content["averageScoreClasses"] == np.mean(known) == scores.miou
    assert content["perImageScores"]["town/b"] == {"nbNotIgnoredPixels": 6, "nbCorrectPixels": 2}
    twice = ConfusionMatrix(3, class_names=["void", "a", "a"]).compute()
    assert len(json.loads(twice.to_json(layout="cityscapes"))["labels"]) == 4


def test_pandas() -> None:
    """A row a class, under its name."""
    pytest.importorskip("pandas")
    scores = counted().compute()
    frame = scores.to_pandas()
    assert list(frame.index) == NAMES
    assert frame.loc["car", "iou"] == scores.iou[1]
    assert frame["in_mean"].tolist() == [True, True, True, False]


def test_policies_are_told() -> None:
    """What a policy decides is said where it decides something."""
    cm = counted()
    assert "train counts as 0.5" in str(cm.compute(absent=0.5))
    assert "train counts as NaN, and so is the mean" in str(cm.compute(absent="nan"))
    assert "sky (predicted, but not in the target)" in str(cm.compute(predicted_only="exclude"))
    assert "mean of the images' own mean IoU" in str(cm.compute(mean="image"))
    assert "as mmseg has it" in str(cm.compute("mmseg"))
    assert "left out: 7" in str(counted(invalid_preds="drop").compute())
    ignored = ConfusionMatrix(2, ignore_index=1, class_names=["a", "b"])
    ignored.update(np.array([[0, 1]]), np.array([[0, 1]]))
    assert "Left out of the mean: b (an ignored value)." in str(ignored.compute())
    void = ConfusionMatrix(2, invalid_target="drop")
    void.update(np.array([[0, 1, 1]]), np.array([[0, 77, 2**40]]))
    text = str(void.compute())
    assert "2 targets neither class nor void, counted as void: 77 (1 times), 1024 or above" in text


@pytest.mark.filterwarnings("ignore:nothing was counted")
@pytest.mark.parametrize("void", [False, True])
def test_nothing_to_report(void: bool) -> None:
    """No pixel, or void alone: every report is made, without a warning."""
    cm = ConfusionMatrix(2, ignore_index=255, per_image=True)
    if void:
        for name in ("a", "b"):
            cm.update(np.array([[0, 1]]), np.array([[255, 255]]), ids=name)
    scores = cm.compute()
    text = str(scores)
    assert ("Every target is void" if void else "Nothing was counted yet") in text
    assert json.loads(scores.to_json())["summary"]["miou"] is None
    assert scores.to_markdown()
    assert scores.to_csv()
    assert scores.to_json(layout="cityscapes")


def test_interval_follows_the_conventions() -> None:
    """The interval is that of the mean that the report shows."""
    cm = counted()
    policies: list[dict[str, Any]] = [{}, {"absent": 1.0}, {"mean": "image"}]
    intervals = set()
    for policy in policies:
        scores = cm.compute(**policy)
        interval = json.loads(scores.to_json())["image_summary"]["interval_95"]
        assert interval["low"] <= scores.miou <= interval["high"]
        intervals.add(interval["low"])
        assert "bootstrap" in str(scores)
    assert len(intervals) > 1


def test_comparison() -> None:
    """A line a library, with its reasons or why it stops."""
    comparison = counted().compare_dialects()
    text = str(comparison)
    for name in DIALECTS:
        assert re.search(rf"^{name} ", text, re.MULTILINE), name
    assert re.search(r"smp +0\.\d{4} +4 +a class in neither map counts as 1: train", text)
    assert re.search(r"voc +error ", text)


def figure(scores: Scores, kind: Any, **options: Any) -> bytes:
    """A figure as PNG."""
    buffer = io.BytesIO()
    scores.plot(kind, **options).savefig(buffer, dpi=40)
    return buffer.getvalue()


@pytest.mark.parametrize("classes", [1, 2, 19, pytest.param(150, marks=pytest.mark.slow)])
def test_plots(classes: int, rng: np.random.Generator) -> None:
    """Both figures for few and many classes, absent ones among them, on light and dark pages."""
    pytest.importorskip("matplotlib")
    cm = ConfusionMatrix(classes, class_names=[f"$class {c} {'x' * c}" for c in range(classes)])
    target = rng.integers(0, max(classes - 1, 1), (1, 5000))
    cm.update(preds=np.where(rng.random(target.shape) < 0.1, classes, target), target=target)
    scores = cm.compute()
    every: tuple[dict[str, Any], ...] = ({}, {"over": "preds"}, {"over": "all"}, {"dark": True})
    for options in every if classes < 100 else every[:1]:
        assert figure(scores, "matrix", **options).startswith(b"\x89PNG")
    assert figure(scores, "classes", score="recall", dark=True).startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:nothing was counted")
def test_plots_show_what_is_not_there() -> None:
    """A row without pixels is masked, and its bar has words; an empty matrix is drawn, too."""
    pytest.importorskip("matplotlib")
    scores = counted().compute()
    panel = scores.plot("matrix").axes[0]
    shown = panel.images[0].get_array()
    assert shown.mask[2:].all()
    assert not shown.mask[:2].any()
    assert [label.get_text() for label in panel.get_xticklabels()] == [*NAMES, "(none)"]
    texts = [text.get_text() for text in scores.plot("classes").axes[0].texts]
    assert texts == ["0.500", "0.500", "0.000", "not there"]
    assert figure(ConfusionMatrix(3).compute(), "matrix", over="all")
    assert figure(ConfusionMatrix(3).compute(), "classes")
    with pytest.raises(ValueError, match="score must be one of"):
        scores.plot("classes", score="miou")
    with pytest.raises(ValueError, match="over must be one of"):
        scores.plot("matrix", over="rows")
