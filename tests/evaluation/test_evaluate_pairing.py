"""Pairing of the files that `segpost evaluate` is given: by path, by name, by suffix."""

from __future__ import annotations

import csv
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import (
    CLASSES,
    SIZE,
    Evaluate,
    expected_matrix,
    label_pair,
    read_json,
    write_labels,
    write_pairs,
)

import segpost
from segpost.evaluation import Plan
from segpost.evaluation.pairing import ListedPairs, PairFiles, Pairing, pair_files
from segpost.evaluation.planning import write_plan
from segpost.evaluation.shard_files import encode_json

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    return write_pairs(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command, with the classes of the pairs."""
    return Evaluate(capsys, CLASSES)


@pytest.mark.parametrize("option", ["--allow-missing", ""])
def test_files_that_pair_with_nothing(data: Path, run: Evaluate, option: str) -> None:
    """They are named; --allow-missing goes on, and the report says that it is of a part."""
    (data / "preds/a/2.png").unlink()
    write_labels(data / "preds/z.png", label_pair(0)[0])
    arguments = [data / "preds", data / "gt", "--json", data / "x.json"]
    status, out, err = run(*arguments, *([option] if option else []))
    if not option:
        assert status == 2
        assert "1 of 5 targets have no prediction: 'a/2'; 1 predictions have no target: 'z'" in err
        assert "--allow-missing goes on with the 4 that pair" in err
        return
    assert (status, err) == (0, "")
    assert "INCOMPLETE: 1 of 5 targets have no prediction: 'a/2'" in out
    content = read_json(data / "x.json")
    assert content["complete"] is False
    assert content["targets_without_prediction"] == ["a/2"]
    assert content["predictions_without_target"] == ["z"]
    assert content["summary"]["miou"] == expected_matrix(0, 2, 3, 4).compute().miou


@pytest.mark.parametrize(
    ("pred", "target"),
    [
        ("x_leftImg8bit_pred.png", "x_gtFine_labelIds.png"),
        ("x_pred.png", "x_mask.tif"),
        ("x.npy", "x_labels.png"),
        ("deep/down/x.png", "x.png"),
        ("x.tar.png", "x.tar.tif"),
    ],
)
def test_names_that_pair(tmp_path: Path, run: Evaluate, pred: str, target: str) -> None:
    """Common ends are taken off, and folders do not matter where they have nothing in common."""
    preds, truth = label_pair(5)
    write_labels(tmp_path / "p" / pred, preds)
    write_labels(tmp_path / "t" / target, truth)
    write_labels(tmp_path / "p" / pred.replace("x", "y"), preds)
    write_labels(tmp_path / "t" / target.replace("x", "y"), truth)
    counts = run.state(tmp_path, tmp_path / "p", tmp_path / "t")
    np.testing.assert_array_equal(counts, 2 * expected_matrix(5).state)


def test_ends_by_option(tmp_path: Path, run: Evaluate) -> None:
    """Both kinds of file in one folder, told apart by how their names end."""
    preds, target = label_pair(5)
    for name in ("x", "y"):
        write_labels(tmp_path / "d" / f"{name}.out.png", preds)
        write_labels(tmp_path / "d" / f"{name}.true.png", target)
        write_labels(tmp_path / "d" / f"{name}.png", target)
    place = tmp_path / "d"
    ends = ("--pred-suffix", ".out", "--target-suffix", ".true")
    counts = run.state(tmp_path, place, place, *ends)
    np.testing.assert_array_equal(counts, 2 * expected_matrix(5).state)
    assert "ends with '_nope'" in run(place, place, "--pred-suffix", "_nope")[2]
    status, _, err = run(place, place)
    assert status == 2
    assert "is prediction and target at once" in err


def test_cityscapes_folders(tmp_path: Path, run: Evaluate) -> None:
    """The folders of the data set as they are; ids become trainIds."""
    random = np.random.default_rng(0)
    for city in ("ulm", "bonn"):
        name = f"{city}/{city}_000000_000019"
        ids = random.integers(0, 34, SIZE).astype(np.uint8)
        write_labels(tmp_path / "gtFine" / f"{name}_gtFine_labelIds.png", ids)
        for other in ("color", "instanceIds"):
            write_labels(tmp_path / "gtFine" / f"{name}_gtFine_{other}.png", ids)
        write_labels(tmp_path / "preds" / f"{Path(name).name}_leftImg8bit.png", ids)
    (tmp_path / "gtFine/ulm/ulm_000000_000019_gtFine_polygons.json").write_text("{}")
    folders = (tmp_path / "preds", tmp_path / "gtFine", "--palette", "cityscapes")
    status, _, err = run(*folders, classes=False)
    assert status == 1
    assert "are these Cityscapes labelIds? --map cityscapes makes trainIds of them" in err
    mapped = ("--map", "cityscapes", "--map-to", "both", "--groups", "cityscapes")
    counts = run.state(tmp_path, *folders, *mapped, classes=False)
    assert (counts[:19, :19] == np.diag(np.diag(counts[:19, :19]))).all()
    assert counts[-1].sum() > 0
    assert counts[:19, 19].sum() == 0
    write_labels(
        tmp_path / "gtFine/ulm/ulm_000000_000019_gtFine_labelTrainIds.png", np.zeros(SIZE, np.uint8)
    )
    status, _, err = run(*folders, classes=False)
    assert status == 2
    assert "1 name belongs to more than one file" in err
    assert "--target-suffix says which are meant" in err


def test_names_alone_may_be_ambiguous(tmp_path: Path, run: Evaluate) -> None:
    """Folders that are called otherwise pair by name only where each name is there once."""
    for folder in ("p/x", "p/y", "t/u", "t/v"):
        write_labels(tmp_path / folder / "1.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "p", tmp_path / "t")
    assert status == 2
    assert "their folders are called otherwise" in err


def test_lists_and_single_files(data: Path, run: Evaluate) -> None:
    """A .txt file names paths relative to itself; two files pair whatever their names."""
    (data / "preds/list.txt").write_text("c.png\r\n\r\na/1.png\n")
    (data / "targets.txt").write_text(f"gt/a/1.png\n{data / 'gt/c.png'}\n")
    counts = run.state(data, data / "preds/list.txt", data / "targets.txt")
    np.testing.assert_array_equal(counts, expected_matrix(0, 4).state)
    counts = run.state(data, data / "preds/a/1.png", data / "gt/c.png")
    assert counts.sum() == 24 * 32
    assert run(data / "preds/c.png", data / "gt", "--allow-missing", "--quiet")[0] == 0
    (data / "preds/list.txt").write_text("c.png\nno.png\n")
    err = run(data / "preds/list.txt", data / "targets.txt")[2]
    assert "names 1 of 2 files that are not there" in err
    assert "'no.png'" in err
    (data / "preds/list.txt").write_text("c.png\nc.png\n")
    assert "'c.png' more than once" in run(data / "preds/list.txt", data / "targets.txt")[2]
    (data / "preds/list.txt").write_text("\n")
    assert "names no file" in run(data / "preds/list.txt", data / "targets.txt")[2]


def test_worst_file_names(tmp_path: Path, run: Evaluate) -> None:
    """Names of any bytes are evaluated and listed; they are no commands and no formulas."""
    names = [
        "-n", "a b", "it's \"this\"", "=1+1", "<b>&amp;", "日本", "%s{0}", "new\nline", "\x1b[31m",
        "com,ma", "x" * 200, os.fsdecode(b"\xff\xfe"), "tab\there", "[bold]", "a.b.c",
    ]  # fmt: skip
    for seed, name in enumerate(names):
        preds, target = label_pair(seed)
        write_labels(tmp_path / "p" / f"{name}.png", preds)
        write_labels(tmp_path / "t" / f"{name}.png", target)
    (tmp_path / "p/.hidden.png").write_bytes(b"")
    files = ("--per-image", tmp_path / "i.csv", "--json", tmp_path / "x.json")
    more = ("--html", tmp_path / "x.html", "--worst", len(names), "--markdown", tmp_path / "x.md")
    pytest.importorskip("matplotlib")
    status, out, err = run(tmp_path / "p", tmp_path / "t", *files, *more)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    with (tmp_path / "i.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    escaped = {"-n": "'-n", "=1+1": "'=1+1", "\x1b[31m": r"\x1b[31m", "tab\there": r"tab\there"}
    in_json = [image["id"] for image in read_json(tmp_path / "x.json")["images"]]
    assert sorted(in_json) == sorted(names)
    assert ids == [escaped.get(name, name) for name in in_json]
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "<b>&amp;<" not in page
    assert "\x1b" not in page + (tmp_path / "x.md").read_text("utf-8")
    (tmp_path / "p" / "\x1b[31m.png").write_bytes(b"no")
    err = run(tmp_path / "p", tmp_path / "t")[2]
    assert "\x1b" not in err
    assert r"\x1b[31m.png" in err


def test_links_and_pipes(data: Path, run: Evaluate) -> None:
    """Links are followed and never in a circle; a dead one fails, a pipe is no file."""
    (data / "gt/loop").symlink_to(data / "gt")
    (data / "preds/loop").symlink_to(data / "preds")
    os.mkfifo(data / "preds/pipe.png")
    assert run(data / "preds", data / "gt", "--quiet")[0] == 0
    (data / "preds/dead.png").symlink_to(data / "nowhere.png")
    write_labels(data / "gt/dead.png", label_pair(0)[1])
    status, _, err = run(data / "preds", data / "gt", "--quiet")
    assert status == 1
    assert "dead.png: No such file" in err


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_the_target_is_no_prediction(link: Any, tmp_path: Path) -> None:
    for folder in ("preds", "gt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "gt" / "a.png").write_bytes(b"x")
    link(tmp_path / "gt" / "a.png", tmp_path / "preds" / "a.png")
    with pytest.raises(ValueError, match="is prediction and target at once"):
        pair_files(tmp_path / "preds", tmp_path / "gt")


@pytest.mark.parametrize(
    ("places", "stats"), [(("preds", "gt"), (0, 1)), (("preds.txt", "gt.txt"), (1, 1))]
)
def test_files_are_looked_up_once_at_most(
    places: tuple[str, str], stats: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders say all that pairing needs; a plan needs the sizes, and lists may name nothing."""
    for folder in ("preds", "gt"):
        (tmp_path / folder / "below").mkdir(parents=True)
        names = [f"{folder}/below/{k}.png" for k in range(50)]
        for name in names:
            (tmp_path / name).touch()
        (tmp_path / f"{folder}.txt").write_text("\n".join(names))
    calls, stat = [], os.stat

    def count(path: Any, **options: Any) -> os.stat_result:
        calls.append(str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", count)
    sources = [tmp_path / place for place in places]
    assert len(pair_files(*sources).pairs) == 50
    looked_up = sum(path.endswith(".png") for path in calls)
    calls.clear()
    plan = segpost.Evaluation(*sources, num_classes=2).plan(tmp_path / "run")
    of_plan = sum(path.endswith(".png") for path in calls)
    assert plan.images == 50
    assert (looked_up, of_plan) == (100 * stats[0], 100 * stats[1])


def test_lines_of_a_plan_are_plain_json(tmp_path: Path) -> None:
    """Names of any bytes, and paths that leave their folder, come back as they were."""
    names = ['"', "\\", "é\u2028", "tab\t", os.fsdecode(b"\xff"), ',"],[']
    for folder in ("preds", "gt"):
        for k, name in enumerate(names):
            write_labels(tmp_path / folder / f"{name}.png", np.full((k + 1, 2), k % 2, np.uint8))
    (tmp_path / "lists").mkdir()
    lines = [f"../preds/{name}.png" for name in names]
    (tmp_path / "lists/p.txt").write_text("\n".join(lines), "utf-8", "surrogateescape")
    for preds, prefix in (("preds", ""), ("lists/p.txt", "../preds/")):
        job = segpost.Evaluation(tmp_path / preds, tmp_path / "gt", num_classes=2)
        plan = job.plan(tmp_path / f"run of {Path(preds).name}", shard_images=3)
        images = [image for k in range(plan.shards) for image in plan.shard(k).images]
        assert [image.id for image in images] == sorted(names)
        written = (plan.run / "plan.jsonl").read_bytes().splitlines()[1:]
        assert written == [encode_json(list(image)).encode() for image in images]
        for image in images:
            assert image.paths == (f"{prefix}{image.id}.png", f"{image.id}.png")
            paths = [root / path for root, path in zip(plan.roots(), image.paths, strict=True)]
            assert image.sizes == tuple(path.stat().st_size for path in paths)


def test_a_shard_is_read_alone(tmp_path: Path) -> None:
    """The memory is that of its lines, not of the plan: 1.6 MB of 20,000 images."""
    write_pairs(tmp_path)
    job = segpost.Evaluation(tmp_path / "preds", tmp_path / "gt", num_classes=4)
    names = [f"folder/{k:06}" for k in range(20_000)]
    listed = [
        PairFiles(name, (f"{name}.png", f"{name}.png"), (k, 7)) for k, name in enumerate(names)
    ]
    sources = {"preds": tmp_path / "preds", "targets": tmp_path / "gt"}
    pairing = Pairing(ListedPairs(tuple(sources.values()), listed), [], [])
    run = write_plan(tmp_path / "run", pairing, job.counter, 100, sources, {}).run
    Plan.read(run).shard(0)
    tracemalloc.start()
    try:
        images = Plan.read(run).shard(150).images
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert images == listed[15_000:15_100]
    assert peak < (run / "plan.jsonl").stat().st_size / 5
