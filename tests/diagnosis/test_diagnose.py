"""`segpost.diagnose`: every failure is named, and nothing is said of runs that are right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnosis_runs import FAILURES, FAILURES_OF_FILES, RIGHT, RIGHT_OF_FILES, examine
from diagnosis_scenes import CLASSES, SIZE, Failure, Run, logits_of, open_saved, pair, regions
from hypothesis import given, settings
from hypothesis import strategies as st

import segpost
from segpost.diagnosis import registry
from segpost.diagnosis.context import DiagnosticContext, DiagnosticInputs
from segpost.diagnosis.registry import MODULES, ORDER, TABLE, collect_rules

GRIDS = ("half_pixel", "align_corners", "asymmetric")


@pytest.mark.parametrize(
    "failure", [*FAILURES, *FAILURES_OF_FILES], ids=lambda f: f"{f.code}: {f.what}"
)
def test_every_failure_is_named(failure: Failure) -> None:
    """What was done wrong on purpose is among the findings, with evidence, a cure and a rank."""
    found = examine(failure).diagnosis
    assert failure.code in found.codes
    assert not found.ok
    for finding in found.findings:
        assert finding.rank in TABLE[finding.code].ranks
        assert finding.cure
        assert "{" not in finding.cure
    json.loads(found.to_json())


@pytest.mark.parametrize("run", [*RIGHT, *RIGHT_OF_FILES], ids=lambda r: r.what)
def test_right_runs_are_silent(run: Run) -> None:
    """Nothing is found where nothing is wrong."""
    found = examine(run).diagnosis
    assert found.codes == (), str(found)


def test_every_rule_has_a_failure() -> None:
    """No rule is in the table without a failure that it finds."""
    assert set(TABLE) == {failure.code for failure in FAILURES}
    assert len(TABLE) == 94


def test_every_rule_is_applied_in_right_runs() -> None:
    """The silence of a rule counts only where it was applied: each is, to inputs that it needs."""
    checked = set().union(*(examine(run).checked for run in RIGHT))
    assert set(TABLE) - checked == {"target-is-a-picture"}  # which no right run has


def test_the_order_names_every_rule_once() -> None:
    """A rule without a place in the order, and a place without a rule, are errors."""
    assert tuple(TABLE) == ORDER
    for order in (ORDER[1:], (*ORDER, "no-rule"), (*ORDER, ORDER[0])):
        with pytest.raises(ValueError, match=r"one place in the order: \['(class-axis|no-rule)'\]"):
            collect_rules(MODULES, order)


def test_the_table_is_in_order() -> None:
    """A rule that leaves the word to others comes after them, and they exist."""
    codes = list(TABLE)
    for code, entry in TABLE.items():
        for other in entry.unless:
            assert codes.index(other) < codes.index(code), (code, other)
        assert entry.means
        assert set(entry.ranks) <= {"certain", "likely", "hint"}


def test_needs_are_inputs() -> None:
    """What a rule needs is a field of the inputs, or the prediction that follows from them."""
    names = {field.name for field in dataclasses.fields(DiagnosticInputs)} | {"predicted"}
    for code, entry in TABLE.items():
        assert {name for need in entry.needs for name in need.split("|")} <= names, code


def test_a_rule_reads_what_it_needs() -> None:
    """An input that is read without being there is an error of the rule, not an answer."""
    context = DiagnosticContext(DiagnosticInputs())
    assert not any(registry.has_inputs(entry, context) for entry in TABLE.values())
    with pytest.raises(LookupError, match="reads labels without naming it"):
        _ = context.labels


def test_again_is_repeat_logits() -> None:
    """The name of version 0.1 is accepted; both names at once are an error."""
    logits = pair()[0]
    found = segpost.diagnose(logits=logits, again=2 * logits)
    assert found.codes == ("runs-differ",)
    assert found == segpost.diagnose(logits=logits, repeat_logits=2 * logits)
    with pytest.raises(TypeError, match="again is the old name"):
        segpost.diagnose(logits=logits, repeat_logits=logits, again=logits)


def test_findings_are_ordered_by_rank() -> None:
    """The most certain finding comes first."""
    target = np.array([7, 8, 11, 21, 23, 26, 33], np.uint8)[regions()]
    found = segpost.diagnose(target=target, num_classes=19)
    assert found.codes == ("target-labelid",)  # the cause takes the place of target-outside
    found = segpost.diagnose(target=np.where(target == 7, 99, target), num_classes=19)
    assert found.codes == ("target-outside",)
    labels = np.where(regions() == 0, 255, regions())
    found = segpost.diagnose(labels=open_saved(labels), num_classes=7)
    assert [finding.rank for finding in found.findings] == ["certain", "hint"]


@st.composite
def runs(draw: Callable[..., Any]) -> dict[str, Any]:
    """Draw the arguments of a run without a mistake: any sizes, classes, types and strides."""
    classes = draw(st.sampled_from([2, 3, 5, 19, 40, 255, 300]))
    size = draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    stride = draw(st.sampled_from([1, 2, 4, 8]))
    grid = draw(st.sampled_from(GRIDS))
    seed = draw(st.integers(0, 9))
    noise = draw(st.sampled_from([0.1, 1.0, 4.0]))
    random = np.random.default_rng(seed)
    target = regions(min(classes, 200), size, seed)
    if draw(st.booleans()):
        target[:] = target[0, 0]
    if min(size) < 2:
        grid = "half_pixel"
    logits = logits_of(target, classes, stride, grid, noise, seed)
    given: dict[str, Any] = {"logits": logits, "grid": grid}
    if draw(st.booleans()):
        given["logits"] = logits.astype(draw(st.sampled_from(["float16", "float64"])))
    labels = segpost.argmax(given["logits"], size=size, grid=grid)
    if draw(st.booleans()):
        given["labels"] = labels.astype(draw(st.sampled_from(["uint8", "int16", "int64"])))\
            if classes <= 255 else labels  # fmt: skip
    if draw(st.booleans()):
        truth = target.copy()
        truth[random.random(size) < draw(st.sampled_from([0.0, 0.1, 0.9]))] = 255
        if classes <= 255:
            given |= {"target": truth.astype(np.int32), "ignore_index": 255}
    if draw(st.booleans()):
        given["repeat_logits"] = given["logits"].copy()
    if draw(st.booleans()):
        given["palette"] = segpost.Palette.distinct(classes)
        if "labels" in given:
            given["color"] = segpost.colorize(given["labels"], given["palette"])
    if draw(st.booleans()):
        given["num_classes"] = classes
    if draw(st.booleans()):
        for name in ("labels", "target", "color"):
            if name in given:
                given[name] = np.stack([given[name]] * 2)
        for name in ("logits", "repeat_logits"):
            if name in given:
                given[name] = np.stack([given[name]] * 2)[..., ::-1][..., ::-1]
    return given


@settings(max_examples=60)
@given(runs())
def test_no_certain_finding_is_wrong(run: dict[str, Any]) -> None:
    """Whatever the sizes and types, a run with nothing wrong gets no finding that is certain.

    Only the network may miss a class of the target altogether, which is a fact.
    """
    found = segpost.diagnose(**run)
    certain = [f.code for f in found.findings if f.rank == "certain" and f.code != "one-class"]
    assert certain == [], str(found)


def test_a_picture_of_background_may_be_right() -> None:
    """A prediction of background without a target is an open question, not a finding."""
    zeros = np.zeros(SIZE, np.uint8)
    found = segpost.diagnose(labels=zeros, palette="voc")
    assert found.ok
    assert "background" in found.cannot_tell[0].question
    assert "target" in found.cannot_tell[0].would_tell
    both = segpost.diagnose(labels=zeros, target=zeros)
    assert both.ok
    assert "more than one class" in both.cannot_tell[0].would_tell


def test_what_is_missing_is_asked_for() -> None:
    """Open questions name the arguments that would answer them."""
    told = " ".join(u.would_tell for u in segpost.diagnose(logits=pair()[0]).cannot_tell)
    assert all(name in told for name in ("target=", "repeat_logits=", "input=", "mean="))


def test_a_bad_network_is_not_explained_away() -> None:
    """Labels that fit the target in no way get no cause, but an open question."""
    found = segpost.diagnose(labels=regions(seed=8), target=regions(seed=1), num_classes=CLASSES)
    assert not any(f.rank == "certain" for f in found.findings)
    assert found.ok
    assert "training" in found.cannot_tell[0].question


def test_one_wrong_class_is_no_permutation() -> None:
    """A network that predicts one class as another has its classes in order."""
    _, labels, target = pair()
    taken = np.where(labels == 3, 5, labels).astype(np.uint8)
    assert segpost.diagnose(labels=taken, target=target).ok
    swapped = np.where(target > 4, 7, 0).astype(np.uint8)
    assert segpost.diagnose(labels=swapped // 7 * 2, target=swapped).ok


def test_reports_say_the_same() -> None:
    """Text, Markdown, JSON and HTML have the findings and the open questions."""
    _, labels, target = pair()
    found = segpost.diagnose(
        labels=np.roll(labels, 5, 1), target=target, image=np.zeros((*SIZE, 3), np.uint8)
    )
    for page in (str(found), found.to_markdown(), found.to_json(), found.to_html()):
        assert "shifted" in page
        assert "logits=" in page
    assert found.to_html().count("<figure>") == 4  # image, target, prediction, differences
    content = json.loads(found.to_json())
    assert content["findings"][0]["evidence"]["right"] == 5
    assert content["looked_at"]["target"].endswith("uint8")


def test_names_in_reports_are_escaped() -> None:
    """Class names are escaped in every report."""
    names = ["<script>", "`a`", "\x1b[31m"]
    found = segpost.diagnose(
        labels=np.zeros((64, 64), np.uint8), target=np.eye(64, dtype=np.uint8) * 2 + 0,
        class_names=names,
    )  # fmt: skip
    logits = np.zeros((3, 32, 32), np.float32)
    logits[0, 2, 3] = np.nan
    found = segpost.diagnose(logits=logits, class_names=names)
    assert found.codes == ("nan-logits",)
    assert "<script>" not in found.to_html()
    assert "\x1b" not in str(segpost.diagnose(logits=logits[::-1], class_names=names))


def test_torch_tensors_are_read() -> None:
    """Tensors of torch are read as NumPy arrays are, bfloat16 included."""
    torch = pytest.importorskip("torch")
    logits, labels, target = pair()
    given = {"logits": torch.from_numpy(logits), "labels": torch.from_numpy(labels),
             "target": torch.from_numpy(target)}  # fmt: skip
    assert segpost.diagnose(**given).ok
    assert segpost.diagnose(logits=given["logits"].bfloat16(), target=given["target"]).ok
    assert segpost.diagnose(logits=given["logits"].half() * 1e6).codes == ("infinite-logits",)


def test_a_network_in_training_mode() -> None:
    """Dropout of a real module is found, and not found after eval()."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3), torch.nn.Dropout(0.2), torch.nn.Conv2d(16, 5, 1)
    )
    x = torch.randn(1, 3, 40, 40)
    found = segpost.diagnose(logits=model(x), repeat_logits=model(x))
    assert "runs-differ" in found.codes
    model.eval()
    assert "runs-differ" not in segpost.diagnose(logits=model(x), repeat_logits=model(x)).codes


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ValueError, "nothing to look at"),
        ({"labels": np.full((4, 4), 0.3)}, TypeError, "labels must be integers"),
        ({"labels": np.array([[[9, 8, 7]] * 4] * 4, np.uint8)}, ValueError, "labels_from_colors"),
        ({"labels": np.zeros((2, 1, 4, 4), np.uint8)}, ValueError, r"labels\[:, 0\]"),
        ({"target": [[1, 2]]}, TypeError, "target must be an array"),
        ({"logits": np.zeros((4, 4), np.float32)}, ValueError, "3 dimensions"),
        ({"logits": np.zeros((3, 4, 4)), "axis": 1}, ValueError, "axis must be"),
        ({"logits": np.zeros((3, 4, 4)), "grid": "nearest"}, ValueError, "grid must be"),
        ({"logits": np.zeros((3, 4, 4)), "letterbox": (4, 4)}, TypeError, "letterbox must be"),
        ({"logits": np.zeros((3, 4, 4)), "threshold": 0.5}, ValueError, "threshold"),
        (
            {"logits": np.zeros((3, 4, 4)), "repeat_logits": np.zeros((3, 4, 5))},
            ValueError,
            "repeat_logits must have the shape",
        ),
        (
            {"repeat_logits": np.zeros((3, 4, 4)), "labels": np.zeros((4, 4), int)},
            ValueError,
            "repeat_logits are of a second run",
        ),
        ({"palette": "vocc"}, ValueError, "no palette named"),
        ({"palette": "voc", "class_names": ["a"], "num_classes": 2}, ValueError, "class_names"),
        ({"image": np.zeros((4, 4), np.uint8)}, ValueError, "image must have shape"),
        ({"color": np.zeros((4, 4, 3))}, TypeError, "color must be uint8"),
        ({"input": np.zeros((4, 4))}, ValueError, "input must have shape"),
        ({"input": np.zeros((3, 4, 4)), "mean": (0, 0, 0)}, ValueError, "belong together"),
        (
            {"input": np.zeros((3, 4, 4)), "mean": (0, 0, 0), "std": (1, 1, 0)},
            ValueError,
            "std must be above 0",
        ),
        (
            {"input": np.zeros((3, 4, 4)), "mean": (0, 0), "std": (1, 1, 1)},
            ValueError,
            "mean must hold three numbers",
        ),
    ],
)
def test_mistakes_of_the_caller(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    """What is no array, or of the wrong kind, is an error that names the argument."""
    with pytest.raises(error, match=words):
        segpost.diagnose(**arguments)


def test_nothing_in_is_nothing_out() -> None:
    """Arrays without pixels and single pixels have no finding."""
    empty = segpost.diagnose(labels=np.zeros((0, 4), np.uint8), target=np.zeros((0, 4), np.uint8))
    assert empty.ok
    assert segpost.diagnose(logits=np.zeros((3, 0, 4), np.float32)).ok
    assert segpost.diagnose(labels=np.zeros((1, 1), np.uint8)).ok


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_the_largest_integers_are_no_classes(dtype: str) -> None:
    """The largest values of an integer type are counted like any other."""
    most = np.iinfo(dtype).max
    labels = np.full((16, 16), most, dtype)
    labels[:8] = 0
    found = segpost.diagnose(
        labels=labels,
        target=labels,
        color=np.zeros((16, 16, 3), np.uint8),
        palette="voc",
        num_classes=2,
    )
    assert {"labels-outside", "target-0-255"} <= set(found.codes)


def test_inputs_are_left_alone() -> None:
    """Read-only arrays are read, and no argument is written to."""
    logits, labels, target = pair()
    before = [array.copy() for array in (logits, labels, target)]
    for array in (logits, labels, target):
        array.flags.writeable = False
    segpost.diagnose(
        logits=logits, repeat_logits=logits, labels=labels, target=target, palette="voc"
    )
    for array, kept in zip((logits, labels, target), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_cures_that_are_code_cure() -> None:
    """The cure for labels that were moved, rotated or reshaped, run as code, ends the finding."""
    _, labels, target = pair()
    changes: list[np.ndarray] = [
        labels[:, ::-1],
        labels[::-1],
        labels[::-1, ::-1],
        labels.T.copy().reshape(SIZE),
        labels.reshape(96, 512),
        np.roll(labels, (5, -3), (0, 1)),
    ]
    square = labels[:192, :192]
    changes += [square.T, np.rot90(square), np.rot90(square, -1)]
    for changed in changes:
        true = target[:192, :192] if changed.shape == square.shape else target
        (finding,) = segpost.diagnose(labels=changed, target=true).findings[:1]
        names: dict[str, Any] = {"labels": changed, "target": true, "np": np}
        exec(finding.cure, names)
        after = segpost.diagnose(labels=names["labels"], target=true)
        assert finding.code not in after.codes, finding.cure
