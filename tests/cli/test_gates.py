"""Gates of `segpost evaluate`: limits of scores, the exit status, JUnit's XML, annotations."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from evaluation_files import (
    CLASSES,
    Evaluate,
    expected_matrix,
    label_pair,
    read_json,
    write_labels,
    write_pairs,
)

from segpost.metrics.conventions import MetricConvention
from segpost.metrics.gates import Gate
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.score_names import score_named
from segpost.metrics.values import PER_CLASS, ScoreValues

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    return write_pairs(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """The command, with the classes of the pairs, outside of GitHub."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return Evaluate(capsys, CLASSES)


def all_scores() -> ScoreValues:
    """The scores of the five pairs."""
    policy = AveragingPolicy()
    snapshot = expected_matrix(0, 1, 2, 3, 4).snapshot()
    return ScoreValues(snapshot, MetricConvention.own(policy))


def test_a_missed_gate_is_status_3_and_all_files_are_written(data: Path, run: Evaluate) -> None:
    """Standard error names the gate and the shortfall; a gate that is kept is silent."""
    miou = all_scores().summary()["miou"]
    limit = round(miou + 0.05, 3)
    files = ("--json", data / "x.json", "--latex", data / "x.tex", "--junit", data / "x.xml")
    status, out, err = run(
        data / "preds", data / "gt", *files, "--fail-under", f"miou={limit}",
        "--fail-under", "0.1", "--fail-under", "iou.2=0.2",
    )  # fmt: skip
    assert status == 3
    assert err == (
        f"segpost: gate missed: --fail-under miou={limit}: miou is {miou:.6g}, "
        f"{limit - miou:.6g} under the limit of {limit}\n"
    )
    assert "mIoU" in out
    assert read_json(data / "x.json")["summary"]["miou"] == miou
    assert r"\begin{tabular}" in (data / "x.tex").read_text()
    suite = ElementTree.parse(data / "x.xml").getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    names = [case.attrib["name"] for case in suite]
    assert names == [f"fail_under miou={limit}", "fail_under miou=0.1", "fail_under iou.2=0.2"]
    assert [len(case) for case in suite] == [1, 0, 0]
    status, _, err = run(data / "preds", data / "gt", "--fail-under", f"miou={miou - 0.01}")
    assert (status, err) == (0, "")


def test_a_drop_is_measured_from_a_baseline(data: Path, run: Evaluate) -> None:
    """A limit that is reached exactly is kept; one image that is worse misses it."""
    state = data / "state.json"
    assert run(data / "preds", data / "gt", "--state", state, "--quiet")[0] == 0
    gate = ("--baseline", state, "--max-drop", "miou=0", "--max-drop", "iou.1=0.01")
    assert run(data / "preds", data / "gt", "--quiet", *gate) == (0, "", "")
    write_labels(data / "preds/c.png", label_pair(9)[0])
    status, _, err = run(data / "preds", data / "gt", "--quiet", *gate)
    assert status == 3
    assert re.search(r"--max-drop miou=0: miou is 0\.\d+, 0\.\d+ below the baseline's 0\.", err)
    (data / "preds/c.png").unlink()
    status, _, err = run(data / "preds", data / "gt", "--quiet", "--allow-missing", *gate)
    assert "warning: the baseline has 1 images that this run has not" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--fail-under", "miuo=0.7"), "--fail-under: there is no score 'miuo'; did you mean"),
        (("--fail-under", "iou.raod=0.7"), "none of the 4 classes is 'raod'"),
        (("--fail-under", "iou.4=0.7"), "none of the 4 classes is '4'"),
        (("--fail-under", "70"), "scores are shares: 0.7, not 70"),
        (("--fail-under", "miou"), "takes SCORE=X, such as miou=0.7, got 'miou'"),
        (("--fail-under", "miou=nan"), "X must be in -1..1, got nan"),
        (("--max-drop", "miou=-0.1"), "X must be in 0..1, got -0.1"),
        (("--max-drop", "miou=0.1"), "--max-drop SCORE=X needs --baseline FILE"),
        (("--baseline", "state.json"), "--baseline FILE needs --max-drop SCORE=X"),
        (("--junit", "x.xml"), "--junit FILE needs a gate"),
    ],
)
def test_mistakes_are_found_before_anything_is_counted(
    arguments: tuple[str, ...], sentence: str, data: Path, run: Evaluate
) -> None:
    """Status 2, and nothing is written."""
    status, out, err = run(data / "preds", data / "gt", "--json", data / "x.json", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err.replace("\n", " ")
    assert not (data / "x.json").exists()


def test_a_baseline_must_be_comparable(data: Path, run: Evaluate) -> None:
    """A report is no state; a state of other classes is named with both values."""
    report, state = data / "report.json", data / "state.json"
    run(data / "preds", data / "gt", "--json", report, "--state", state, "--quiet")
    gate = ("--max-drop", "0.1", "--baseline")
    status, _, err = run(data / "preds", data / "gt", *gate, report)
    assert status == 2
    assert "segpost evaluate --state FILE writes one" in err
    other = ("--num-classes", "5", "--ignore-index", "255")
    status, _, err = run(data / "preds", data / "gt", *gate, state, *other, classes=False)
    assert status == 2
    assert f"{state} and this run cannot be compared: --num-classes is 4 and 5" in err
    state.write_text(expected_matrix(0, per_image=True).sums().to_json())
    assert run(data / "preds", data / "gt", *gate, state, "--quiet") == (0, "", "")


def test_failed_files(data: Path, run: Evaluate) -> None:
    """Without scores the status is that of the failure; with them a missed gate counts more."""
    (data / "preds/c.png").write_bytes(b"")
    gate = ("--fail-under", "0.99", "--quiet", "--junit", data / "x.xml")
    assert run(data / "preds", data / "gt", *gate)[0] == 1
    assert ElementTree.parse(data / "x.xml").getroot().attrib["failures"] == "1"
    assert run(data / "preds", data / "gt", *gate, "--allow-partial")[0] == 3


def test_annotations(data: Path, run: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that GitHub shows, where the environment says so or the option."""
    names = data / "names.txt"
    names.write_text("sky\n100% road\nc\nd\n")
    gate = ("--class-names", names, "--quiet", "--fail-under", "iou.100% road=1")
    line = "::error title=segpost::gate missed: --fail-under iou.100%25 road=1: iou.100%25 road is"
    assert "::error" not in run(data / "preds", data / "gt", *gate)[2]
    assert line in run(data / "preds", data / "gt", *gate, "--annotate", "github")[2]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert line in run(data / "preds", data / "gt", *gate)[2]
    assert "::error" not in run(data / "preds", data / "gt", *gate, "--annotate", "none")[2]


def test_merged_shards_have_gates(data: Path, run: Evaluate) -> None:
    """As an evaluation in one process."""
    gate = ("--run", data / "counts", "--quiet", "--fail-under")
    assert run(data / "preds", data / "gt", *gate, "0.99")[0] == 3
    assert run(data / "preds", data / "gt", *gate, "0.01")[0] == 0


def test_percent(data: Path, run: Evaluate) -> None:
    """The terminal, Markdown and LaTeX have percentages and say so; JSON has shares."""
    files = ("--markdown", data / "x.md", "--latex", data / "x.tex", "--json", data / "x.json")
    status, out, _ = run(data / "preds", data / "gt", *files, "--percent", "--measure", "boundary")
    assert status == 0
    scores = all_scores()
    text = f"{100 * scores.miou:.2f}"
    for page in (out, (data / "x.md").read_text(), (data / "x.tex").read_text()):
        assert "Scores are percentages." in page
        assert text in page
        assert not re.search(r"\b0\.\d{4}", page)
        assert f"{100 * scores.dice[2]:.2f}" in page
    assert read_json(data / "x.json")["summary"]["miou"] == scores.miou


def test_percent_is_of_shares_alone(data: Path, run: Evaluate) -> None:
    """Distances stay in pixels; the scores of dialects are percentages, too."""
    files = ("--markdown", data / "x.md", "--json", data / "x.json")
    measured = ("--percent", "--measure", "surface-distance", "--compare")
    status, out, _ = run(data / "preds", data / "gt", *files, *measured)
    assert status == 0
    distance = read_json(data / "x.json")["measures"]["surface_distance"]["mean_hd"]
    miou = all_scores().miou
    for page in (out, (data / "x.md").read_text()):
        assert f"{distance:.4f}" in page
        assert re.search(rf"mmseg[ |]+{100 * miou:.2f} ", page)
        assert f"{miou:.4f}" not in page


def test_every_name_of_a_score_has_its_value() -> None:
    """Those of the summary, the mean of those of classes, classes by name and number, groups."""
    cm = expected_matrix(0, 1, class_names=["a", "3", "c.d", "e"], groups={"x": [0, 1]})
    scores = cm.compute()
    for name, value in scores.summary().items():
        assert score_named(scores, name) == value
    for name in PER_CLASS:
        assert score_named(scores, name) == scores.mean(name)  # type: ignore[arg-type]
        values = getattr(scores, name)
        assert [score_named(scores, f"{name}.{c}") for c in ("a", "3", "c.d", "2")] == [
            values[label] for label in (0, 1, 2, 2)
        ]
    assert score_named(scores, "category_iou.x") == scores.category_iou["x"]
    with pytest.raises(ValueError, match=r"did you mean 'category_iou\.x'"):
        score_named(scores, "category_iou.y")


def test_a_class_without_a_score_misses_its_gate() -> None:
    """In the run, or in the baseline; a drop needs a baseline."""
    absent, present = expected_matrix(0).compute(), expected_matrix(0).compute()
    absent.__dict__["iou"] = absent.iou * float("nan")
    gate = Gate("max_drop", "iou.1", 0.1)
    assert not gate.check(present, present).is_missed
    assert "has no score" in gate.check(absent, present).describe()
    assert "the baseline has no such score" in gate.check(present, absent).describe()
    assert gate.check(absent, present).is_missed
    assert gate.check(present, absent).is_missed
    with pytest.raises(ValueError, match="needs a baseline"):
        gate.check(present)
