"""Plans, shards and merges: every image is counted once, or it is said which is not."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import signal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from evaluation_files import label_pair, write_labels
from numpy.testing import assert_array_equal

import segpost
from segpost.cli import main
from segpost.cli.commands.count import parse_ranges
from segpost.cli.progress import LineProgress
from segpost.evaluation import Plan, PlanError
from segpost.evaluation.shard_files import decode_shard, encode_shard
from segpost.evaluation.tries import TryRecord

IMAGES = 10
OPTIONS = ("--num-classes", "4", "--ignore-index", "255", "--measure", "boundary,trimap,boundary-f")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with predictions and targets, of which `evaluate.json` is the state."""
    folder = tmp_path_factory.mktemp("pairs")
    for k in range(IMAGES):
        preds, target = label_pair(k)
        preds[0, k] = 9  # no class
        write_labels(folder / f"preds/i{k}.png", preds)
        write_labels(folder / f"gt/i{k}.png", target)
    state = str(folder / "evaluate.json")
    assert main(["evaluate", *places(folder), *OPTIONS, "--state", state, "--quiet"]) == 0
    return folder


def places(folder: Path) -> list[str]:
    """The arguments that say where predictions and targets are."""
    return [str(folder / "preds"), str(folder / "gt")]


def job(folder: Path, **options: Any) -> segpost.Evaluation:
    """The evaluation of `OPTIONS`."""
    measures = ("boundary", "trimap", "boundary-f")
    settings = {"num_classes": 4, "ignore_index": 255, "measures": measures, **options}
    return segpost.Evaluation(*places(folder), **settings)


@pytest.fixture
def run(pairs: Path, tmp_path: Path) -> Path:
    """A run whose shards are counted: 4 of 3 images, the last of one."""
    plan = job(pairs).plan(tmp_path / "run", shard_images=3)
    for shard in plan.missing():
        segpost.count_shard(plan.run, shard)
    return plan.run


def test_the_commands_give_the_state_of_one_process(pairs: Path, tmp_path: Path) -> None:
    """Plan, count and merge, and all of it at once: byte for byte what `evaluate` writes."""
    wanted = (pairs / "evaluate.json").read_bytes()
    folder, state = str(tmp_path / "run"), tmp_path / "state.json"
    assert main(["plan", *places(pairs), *OPTIONS, "--run", folder, "--shard-images", "3"]) == 0
    assert main(["count", folder, "--jobs", "2"]) == 0
    assert main(["merge", folder, "--state", str(state), "--quiet"]) == 0
    assert state.read_bytes() == wanted
    state.unlink()
    more = ["--run", folder, "--shard-images", "3", "--state", str(state), "--quiet"]
    assert main(["evaluate", *places(pairs), *OPTIONS, *more]) == 0
    assert state.read_bytes() == wanted


def test_python_gives_the_state_of_one_process(pairs: Path, run: Path) -> None:
    """Matrix, counts of images and every measure; a job can be pickled, and is equal then."""
    done = segpost.merge_shards(run)
    text = "".join(f"{one.to_json()}\n" for one in (done.cm, *done.measures))
    assert text == (pairs / "evaluate.json").read_text()
    assert (done.coverage.is_complete, done.coverage.counted) == (True, IMAGES)
    assert done.cm.compute().images.ids == tuple(f"i{k}" for k in range(IMAGES))
    one = job(pairs)
    assert pickle.loads(pickle.dumps(one)) == one == job(pairs)
    assert one != job(pairs, tolerance=0.1)
    total: Any = sum((cast(Any, one.count(p)).counts.cm for p in one.pairing().pairs), start=0)
    assert_array_equal(total.state, done.cm.state)


def test_the_same_files_give_the_same_bytes(pairs: Path, run: Path, tmp_path: Path) -> None:
    """Plans and shards of copies of the files, in another place and counted by another process."""
    shutil.copytree(pairs, tmp_path / "copy")
    plan = job(tmp_path / "copy").plan(tmp_path / "other", shard_images=3)
    assert plan.id == Plan.read(run).id
    assert main(["count", str(plan.run), "--quiet"]) == 0
    for path in (run / "shards").iterdir():
        assert path.read_bytes() == (plan.run / "shards" / path.name).read_bytes()
        counts = decode_shard(path.read_bytes())
        assert encode_shard(counts) == path.read_bytes()


def test_a_shard_that_is_there_is_left_alone(run: Path) -> None:
    """Nothing is counted twice; a damaged shard is counted again, with the same bytes."""
    path = run / "shards/000001.counts"
    before, time = path.read_bytes(), path.stat().st_mtime_ns
    report = segpost.count_shard(run, 1)
    assert (report.counted, report.failed, report.was_there) == (3, 0, True)
    assert path.stat().st_mtime_ns == time
    path.write_bytes(before[:-1])
    assert Plan.read(run).missing() == [1]
    assert not segpost.count_shard(run, 1).was_there
    assert path.read_bytes() == before
    for shard in (-1, 4):
        with pytest.raises(ValueError, match=r"shard must be in 0\.\.3"):
            segpost.count_shard(run, shard)


def test_folders_may_be_elsewhere(pairs: Path, run: Path, tmp_path: Path) -> None:
    """Other machines mount the files in other places."""
    shutil.copytree(pairs, tmp_path / "elsewhere")
    before = (run / "shards/000002.counts").read_bytes()
    (run / "shards/000002.counts").unlink()
    folders = ["--preds", str(tmp_path / "elsewhere/preds"), "--targets", str(pairs / "gt")]
    assert main(["count", str(run), *folders, "--quiet"]) == 0
    assert (run / "shards/000002.counts").read_bytes() == before


def test_what_is_missing_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No scores of a part without being asked; then text, JSON and state say INCOMPLETE."""
    for shard in (0, 2, 3):
        (run / f"shards/00000{shard}.counts").unlink()
    with pytest.raises(segpost.IncompleteError) as caught:
        segpost.merge_shards(run)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.missing, error.damaged, error.failed) == ([0, 2, 3], {}, [])
    assert str(error) == "3 of 10 images are counted; 3 shards are missing: 0,2-3"
    assert main(["merge", str(run), "--json", "-"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["complete"], document["missing_shards"]) == (False, [0, 2, 3])
    assert "summary" not in document
    assert "so there are no scores; --allow-partial gives those of the 3" in err
    state = run / "state.json"
    assert main(["merge", str(run), "--allow-partial", "--state", str(state)]) == 1
    assert capsys.readouterr().out.startswith("INCOMPLETE: 3 of 10 images are counted")
    assert not segpost.ConfusionMatrix.from_json(state.read_text()).is_complete
    assert not segpost.merge_shards(run, allow_partial=True).cm.is_complete
    assert main(["status", str(run), "--missing"]) == 1
    assert capsys.readouterr().out == "0,2-3\n"
    assert main(["status", str(run), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["missing"], document["done"], document["counted"]) == ("0,2-3", 1, 3)
    assert main(["count", str(run), "--shards", "0,2-3", "--jobs", "2"]) == 0
    assert main(["status", str(run)]) == 0


def test_shards_of_something_else_are_named(pairs: Path, run: Path, tmp_path: Path) -> None:
    """Of another plan, of another size of shards, in the place of another, or there twice."""
    shards = run / "shards"
    good = {path.name: path.read_bytes() for path in shards.iterdir()}
    other = job(pairs, tolerance=0.05).plan(tmp_path / "other", shard_images=3)
    size = job(pairs).plan(tmp_path / "size", shard_images=4)
    for plan in (other, size):
        segpost.count_shard(plan.run, 0)
    foreign, sized = ((p.run / "shards/000000.counts").read_bytes() for p in (other, size))
    for name, content, key, reason in (
        ("000000.counts", foreign, 0, "it is of another plan"),
        ("000000.counts", sized, 0, "it is of another plan"),
        ("000001.counts", good["000000.counts"], 1, "it is shard 0, not 1"),
        ("000009.counts", good["000001.counts"], "000009.counts", "it is shard 1 a second time"),
        ("copy.counts", good["000001.counts"], "copy.counts", "it is shard 1 a second time"),
        ("copy.counts", foreign, "copy.counts", "it is of another plan"),
        ("000002.counts", b"", 2, "it is empty"),
    ):
        (shards / name).write_bytes(content)
        with pytest.raises(segpost.IncompleteError) as caught:
            segpost.merge_shards(run)
        assert list(caught.value.damaged) == [key]
        assert caught.value.damaged[key].startswith(reason)
        (shards / name).unlink()
        if name in good:
            (shards / name).write_bytes(good[name])
    assert segpost.merge_shards(run).coverage.is_complete


def test_no_damage_of_a_shard_is_silent(run: Path) -> None:
    """Each of 300 flipped bits and of the cuts at every 97th byte is named."""
    path = run / "shards/000001.counts"
    good = path.read_bytes()
    random = np.random.default_rng(0)
    contents = [good[:end] for end in range(0, len(good), 97)]
    for bit in random.integers(0, 8 * len(good), 300).tolist():
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        contents.append(bytes(damaged))
    for content in contents:
        with pytest.raises(ValueError, match=r"checksum|empty"):
            decode_shard(content)
    path.write_bytes(contents[-1])
    with pytest.raises(segpost.IncompleteError, match="shard 1 is not used: its checksum"):
        segpost.merge_shards(run)


def test_a_damaged_plan_is_an_error(run: Path) -> None:
    """Whichever bit is flipped in the plan or its index; nothing is merged."""
    random = np.random.default_rng(1)
    for name in ("plan.jsonl", "plan.index"):
        good = (run / name).read_bytes()
        roots = range(good.find(b'"roots"'), good.find(b'"segpost"'))  # no part of the plan's id
        facts = range(good.find(b'"facts"'), good.find(b'"id"'))
        tried = [bit for bit in random.integers(0, 8 * len(good), 60).tolist()
                 if bit // 8 not in roots and bit // 8 not in facts]  # fmt: skip
        for bit in tried:
            damaged = bytearray(good)
            damaged[bit // 8] ^= 1 << bit % 8
            (run / name).write_bytes(damaged)
            with pytest.raises(PlanError):
                segpost.merge_shards(run)
        (run / name).write_bytes(good)
    assert segpost.merge_shards(run).coverage.is_complete


def test_a_plan_does_not_change(pairs: Path, run: Path, tmp_path: Path) -> None:
    """The same one is used; other options, shards or files need another folder."""
    shutil.copytree(pairs, tmp_path / "pairs")
    assert job(tmp_path / "pairs").plan(run, shard_images=3).id == Plan.read(run).id
    for options, images, message in (
        ({}, 4, "its shards have 3 images, not 4"),
        ({"tolerance": 0.1}, 3, "its options are others"),
    ):
        with pytest.raises(PlanError, match=message):
            job(tmp_path / "pairs", **options).plan(run, shard_images=images)
    (tmp_path / "pairs/preds/i9.png").unlink()
    (tmp_path / "pairs/gt/i9.png").unlink()
    with pytest.raises(PlanError, match="its 10 images are not the 9"):
        job(tmp_path / "pairs").plan(run, shard_images=3)
    with pytest.raises(PlanError, match="has no plan"):
        segpost.merge_shards(tmp_path)


def test_files_that_fail_are_recorded(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing on both sides, damaged, and changed since the plan; counted again on request."""
    shutil.copytree(pairs, tmp_path / "pairs")
    folder = tmp_path / "pairs"
    plan = job(folder).plan(tmp_path / "run", shard_images=4)
    for name in ("preds/i2.png", "gt/i2.png"):
        (folder / name).rename(folder / f"{name}.gone")
    png = bytearray((folder / "gt/i5.png").read_bytes())
    png[60] ^= 1
    (folder / "gt/i5.png").write_bytes(png)
    (folder / "preds/i6.png").write_bytes(b"x")
    assert main(["count", str(plan.run), "--jobs", "1"]) == 1
    assert "7 images counted, 3 failed" in capsys.readouterr().out
    assert main(["merge", str(plan.run)]) == 1
    err = capsys.readouterr().err
    assert "preds/i2.png: No such file or directory" in err
    assert "preds/i6.png: it has 1 bytes, and had" in err
    with pytest.raises(segpost.IncompleteError) as caught:
        segpost.merge_shards(plan.run)
    assert [(one.id, one.file) for one in caught.value.failed] == [
        ("i2", "preds/i2.png"),
        ("i5", "targets/i5.png"),
        ("i6", "preds/i6.png"),
    ]
    assert plan.missing() == []
    shutil.rmtree(folder)
    shutil.copytree(pairs, folder)
    assert main(["count", str(plan.run), "--failed", "--quiet"]) == 0
    assert segpost.merge_shards(plan.run).coverage.is_complete


def test_a_stop_is_no_death(tmp_path: Path) -> None:
    """An image in work is no death, nor is a stop; what a dead process has begun is one."""
    path = tmp_path / "000000.try"
    record, stopped = TryRecord(path), TryRecord(path)
    record.begin(3)
    stopped.begin(4)
    stopped.close()
    host, pid, start, _ = record._worker.split()
    with path.open("a") as file:
        file.write(f"{host} {pid} {int(start) + 1} aa 5\n")  # an older process of this id
        file.write(f"{host} {2**22 + 5} 1 bb 6\n{host} {2**22 + 5} 1 bb 7\n")
        file.write("0123abcd 1 1 cc 8\nnonsense\n")
    here, elsewhere = TryRecord(path).deaths()
    assert (dict(here), dict(elsewhere)) == ({5: 1, 7: 1}, {8: 1})


def test_a_death_beside_an_image_is_not_blamed_on_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waits for another one, or writes the shard, is at no image."""
    path = run / "shards/000000.try"
    path.with_suffix(".counts").unlink()
    dead = TryRecord(path)._worker.split()[0] + f" {2**22 + 5} 1 aa"
    path.write_text(f"{dead} 1\n{dead} 2\n")
    last_lines = []

    def survives(*arguments: object) -> bool:
        last_lines.append(path.read_text().splitlines()[-1])
        return True

    def write(counts: object) -> bytes:
        last_lines.append(path.read_text().splitlines()[-1])
        return encode_shard(counts)  # type: ignore[arg-type]

    monkeypatch.setattr("segpost.evaluation.shards.survives", survives)
    monkeypatch.setattr("segpost.evaluation.shards.encode_shard", write)
    assert segpost.count_shard(run, 0).failed == 0
    assert [line.rpartition(" ")[2] for line in last_lines] == ["-1", "-1"]


def test_a_full_or_closed_folder_stops_the_count(run: Path) -> None:
    """It is an error of the run: status 2, before the first image."""
    shutil.rmtree(run / "shards")
    (run / "shards").write_text("")
    assert main(["count", str(run), "--shards", "0-3", "--quiet"]) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_count_leaves_no_record(run: Path, number: int) -> None:
    """A worker that is stopped says so, and is no death at its image."""
    plan = Plan.read(run)
    record = TryRecord(plan.shard_path(0).with_suffix(".try"))
    plan.shard_path(0).unlink()

    def stop() -> None:
        raise SystemExit if number == signal.SIGTERM else KeyboardInterrupt

    with pytest.raises((SystemExit, KeyboardInterrupt)):
        segpost.count_shard(run, 0, on_image=stop)
    assert [sum(deaths.values()) for deaths in record.deaths()] == [0, 0]
    assert segpost.count_shard(run, 0).counted == 3


def test_progress_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A line at most every ten seconds."""
    now = iter([0.0, 1.0, 9.0, 10.0, 12.0, 19.0, 20.5])
    with LineProgress(20, "image", clock=lambda: next(now)) as lines:
        for _ in range(6):
            lines.advance(2, "shards 1/5")
    assert capsys.readouterr().err.splitlines() == [
        "segpost: images 6/20, shards 1/5, 0.6 images/s",
        "segpost: images 12/20, shards 1/5, 0.585 images/s",
    ]


def test_ranges() -> None:
    """They are those of Slurm; what is no shard is an error."""
    assert parse_ranges("3,7-9,8", 10) == [3, 7, 8, 9]
    for text in ("", "x", "3-", "9-7", "10", "-1", "1:2"):
        with pytest.raises(ValueError, match="--shards"):
            parse_ranges(text, 10)
    for arguments in (["--shard", "3/3"], ["--shard", "a/3"], ["--shards", "1"]):
        assert main(["count", "nowhere", *arguments]) == 2


def test_shards_of_many_workers(run: Path) -> None:
    """I of N: every shard belongs to one worker."""
    sha = hashlib.sha256((run / "shards/000002.counts").read_bytes()).hexdigest()
    for path in (run / "shards").iterdir():
        path.unlink()
    for worker in range(3):
        assert main(["count", str(run), "--shard", f"{worker}/3", "--quiet"]) == 0
        assert Plan.read(run).missing() == {0: [1, 2], 1: [2], 2: []}[worker]
    assert hashlib.sha256((run / "shards/000002.counts").read_bytes()).hexdigest() == sha
