"""`segpost.evaluation` without the command: plain values in, counts and errors out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import (
    SIZE,
    expected_matrix,
    instance_map,
    label_pair,
    write_labels,
    write_pairs,
)

import segpost
from segpost.evaluation import (
    CountSum,
    EvaluationOptions,
    LabelTable,
    Outcome,
    PairCounter,
    PairReader,
    add_instances,
    build_boundary_measures,
    build_classes,
    build_instance_measure,
    count_pairs,
    pair_files,
    read_label_table,
)

PACKAGES = Path(segpost.__file__).parent


def counter(**options: object) -> PairCounter:
    """Return a counter of the four classes of the pairs."""
    classes = build_classes(num_classes=4, ignore_index=[255])
    return PairCounter(PairReader(classes, EvaluationOptions(**options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("package", ["evaluation", "files"])
def test_no_command_line_is_needed(package: str) -> None:
    """Neither package imports argparse or the command line, or names an option."""
    for path in (PACKAGES / package).glob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {
            name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        }
        assert "argparse" not in imported
        assert not any((name or "").startswith("segpost.cli") for name in imported)
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        assert not [t for t in texts if isinstance(t, str) and re.search(r"(?<!-)--\w", t)], path


@pytest.mark.parametrize("jobs", [1, 3])
def test_counts_are_those_of_the_arrays(tmp_path: Path, jobs: int) -> None:
    """Pairs are counted in order, and their sum is that of ConfusionMatrix."""
    write_pairs(tmp_path)
    pairing = pair_files(tmp_path / "preds", tmp_path / "gt")
    one = counter()
    results = list(count_pairs(one.count, pairing.pairs, jobs))
    assert [result.pair.id for result in results] == ["a/1", "a/2", "b/1", "b/2", "c"]
    total = CountSum(one.empty_counts)
    for result in results:
        assert result.counts is not None
        total.add(result.counts)
    cm, measures = total.total()
    np.testing.assert_array_equal(cm.state, expected_matrix(0, 1, 2, 3, 4).state)
    outcome = Outcome(cm, [], pairing, measures)
    assert outcome.is_complete
    assert outcome.has_scores(allow_partial=False)
    assert outcome.notes() == []


def test_a_bad_file_is_a_result_with_its_name(tmp_path: Path) -> None:
    """Counting goes on; the outcome says what is missing, and has scores of a part on demand."""
    write_pairs(tmp_path)
    (tmp_path / "preds/a/2.png").write_bytes(b"")
    (tmp_path / "preds/c.png").unlink()
    pairing = pair_files(tmp_path / "preds", tmp_path / "gt")
    one = counter()
    total, failed = CountSum(one.empty_counts), []
    for result in count_pairs(one.count, pairing.pairs):
        if result.counts is None:
            failed.append(result)
        else:
            total.add(result.counts)
    (problem,) = [result.problem for result in failed]
    assert problem == (str(tmp_path / "preds/a/2.png"), "it is empty")
    cm, measures = total.total()
    outcome = Outcome(cm, failed, pairing, measures)
    assert not outcome.is_complete
    assert (outcome.has_scores(False), outcome.has_scores(True)) == (False, True)
    assert outcome.notes() == [
        "INCOMPLETE: 1 of 4 pairs failed: 'a/2'; 1 of 5 targets have no prediction: 'c'."
    ]


def test_errors_name_arguments(tmp_path: Path) -> None:
    """Whoever calls the functions reads their arguments, not options of a command."""
    folder = write_pairs(tmp_path)
    for call, message in (
        (lambda: build_classes(), "Give num_classes=N or palette=NAME"),
        (lambda: build_classes(num_classes=4, palette="voc"), "num_classes= says 4, palette= says"),
        (lambda: build_classes(num_classes=4, groups="x"), "groups= takes cityscapes or a .json"),
        (lambda: read_label_table("x"), "label_table= takes cityscapes, reduce_zero_label or"),
        (lambda: pair_files(folder / "none", folder / "gt"), "No such file"),
        (lambda: pair_files(folder / "gt", folder / "gt"), "is prediction and target at once"),
        (lambda: EvaluationOptions(map_to="x"), "map_to must be one of 'target', 'preds', 'both'"),  # type: ignore[arg-type]
        (lambda: EvaluationOptions(resize="linear"), "resize must be one of 'nearest'"),  # type: ignore[arg-type]
        (lambda: EvaluationOptions(invalid_preds="x"), "invalid_preds must be one of 'miss'"),  # type: ignore[arg-type]
        (lambda: build_instance_measure(build_classes(num_classes=4)), "instances= needs things="),
        (
            lambda: build_boundary_measures(build_classes(num_classes=4), {"edge": {}}),
            "measure must be one of 'boundary', 'trimap', 'boundary-f', 'surface-distance', got",
        ),
        (
            lambda: PairCounter(
                counter(invalid_preds="drop").reader,
                build_boundary_measures(build_classes(num_classes=4), {"trimap": {}}),
            ),
            'invalid_preds="drop" leaves predictions out',
        ),
    ):
        with pytest.raises((ValueError, OSError)) as caught:
            call()
        assert message in str(caught.value)


def test_files_that_do_not_fit_name_the_argument(tmp_path: Path) -> None:
    """Size, pixels and colors: each refusal says which argument changes it."""
    write_labels(tmp_path / "p/a.png", np.zeros((3, 4), np.uint8))
    write_labels(tmp_path / "p/b.png", np.zeros((*SIZE, 3), np.uint8))
    for name in ("a", "b"):
        write_labels(tmp_path / f"t/{name}.png", label_pair(0)[1])
    pairs = pair_files(tmp_path / "p", tmp_path / "t").pairs
    problems = [result.problem for result in map(counter().count, pairs)]
    assert problems[0] is not None
    assert problems[1] is not None
    assert problems[0].reason.endswith('; resize="nearest" fits the prediction to it')
    assert "; colors=PALETTE reads the labels from its colors" in problems[1].reason
    limited = counter(max_pixels=100).count(pairs[0]).problem
    assert limited is not None
    assert limited.reason == "24 x 32 are more pixels than max_pixels=100"
    assert counter(resize="nearest").count(pairs[0]).counts is not None


def test_instances_are_added_to_pairs(tmp_path: Path) -> None:
    """Pairs without an instance map are left out and named."""
    write_pairs(tmp_path)
    for seed, name in ((0, "a/1"), (4, "c")):
        path = tmp_path / "inst" / f"{name}_instances.png"
        write_labels(path, instance_map(label_pair(seed)[1]))
    pairing = add_instances(pair_files(tmp_path / "preds", tmp_path / "gt"), tmp_path / "inst")
    assert [pair.id for pair in pairing.pairs] == ["a/1", "c"]
    assert pairing.pairs_without_instances == ["a/2", "b/1", "b/2"]
    assert pairing.describe_unpaired() == [
        "3 of 5 targets have no map of instances: 'a/2', 'b/1', 'b/2'"
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64"])
def test_label_tables(dtype: str) -> None:
    """The same replacements for every dtype; an unknown label is counted and located."""
    table = LabelTable({0: 3, 7: 1, 255: 255}, "test")
    labels = np.array([[0, 7], [255, 0]], dtype)
    np.testing.assert_array_equal(table(labels), [[3, 1], [255, 3]])
    labels[1, 0] = 9
    with pytest.raises(
        ValueError, match=r"1 of 4 labels are not .* test: 9 \(1 times\), first at "
    ):
        table(labels)
    with pytest.raises(TypeError, match="labels must be integers, got float32"):
        table(labels.astype(np.float32))
