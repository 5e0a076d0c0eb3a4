"""Runs that are killed, images that kill, and damaged files: the counts are those of a calm run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from evaluation_files import pass_folders, write_counted_pairs

import segpost
from segpost.cli import main
from segpost.evaluation.shard_files import decode_shard

pytestmark = pytest.mark.faults

IMAGES, SHARD_IMAGES = 200, 5
OPTIONS = ("--num-classes", "4", "--ignore-index", "255", "--measure", "boundary,trimap,boundary-f")
KILLS = 60
# An interpreter that has this as sitecustomize dies when it opens a file of this name.
POISON = """
import os, signal, sys
sys.addaudithook(
    lambda event, values: event == "open" and str(values[0]).endswith("preds/i003.png")
    and os.kill(os.getpid(), signal.SIGKILL)
)
"""

FLIPS = 2000


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 pairs, of which `evaluate.json` is the state."""
    return write_counted_pairs(tmp_path_factory.mktemp("pairs"), IMAGES, OPTIONS)


def environment(*folders: Path) -> dict[str, str]:
    """Variables with which a process imports this segpost, and what is in the folders."""
    parts = [*map(str, folders), str(Path(segpost.__file__).parents[1])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(parts)}


def start(*arguments: object, folders: tuple[Path, ...] = ()) -> subprocess.Popen[bytes]:
    """Start a command in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "segpost", *map(str, arguments)],
        env=environment(*folders),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@contextlib.contextmanager
def small_file_system(folder: Path, size: str) -> Iterator[None]:
    """Mount a tmpfs of a size on a folder; the test is skipped where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def plan_of(pairs: Path, run: Path) -> Path:
    """A plan of all pairs."""
    size = ["--shard-images", str(SHARD_IMAGES)]
    assert main(["plan", *pass_folders(pairs), *OPTIONS, "--run", str(run), *size]) == 0
    return run


def damage(path: Path, dice: random.Random) -> None:
    """Empty a file, cut it, or flip a bit of it."""
    content = bytearray(path.read_bytes())
    kind = dice.randrange(3)
    if kind == 0 or not content:
        content = bytearray()
    elif kind == 1:
        del content[dice.randrange(len(content)) :]
    else:
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def seconds_of(*arguments: object) -> float:
    """How long a command takes now, undisturbed: kills are drawn from that time."""
    begin = time.monotonic()
    process = start(*arguments)
    process.communicate()
    assert process.returncode == 0
    return time.monotonic() - begin


def test_kills_of_two_workers_on_the_same_shards(pairs: Path, tmp_path: Path) -> None:
    """60 SIGKILLs at random instants, and shards damaged between them: the same state."""
    whole = seconds_of("count", plan_of(pairs, tmp_path / "undisturbed"), "--jobs", "1")
    run = plan_of(pairs, tmp_path / "run")
    dice = random.Random(0)
    workers: list[tuple[subprocess.Popen[bytes], float]] = []
    kills = kills_at_work = 0
    while kills < KILLS:
        while len(workers) < 2:
            worker = start("count", run, "--shards", "0-39", "--jobs", "1")
            workers.append((worker, time.monotonic() + dice.uniform(0.2, 1.5) * whole))
        worker, end = workers.pop(dice.randrange(2))
        try:  # its own end, or the instant of the kill
            _, err = worker.communicate(timeout=max(0.0, end - time.monotonic()))
            assert (worker.returncode, err) == (0, b"")
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.communicate()
            kills += 1
            kills_at_work += any((run / "shards").glob("*.try"))
        for path in sorted((run / "shards").glob("[0-9]*.counts")):
            if dice.random() < 0.3:
                damage(path, dice)
    for worker, _ in workers:
        worker.communicate()
    assert kills_at_work  # the others came while the program was loaded
    assert main(["count", str(run), "--quiet"]) == 0
    state = tmp_path / "state.json"
    assert main(["merge", str(run), "--state", str(state), "--quiet"]) == 0
    assert state.read_bytes() == (pairs / "evaluate.json").read_bytes()


def test_a_killed_evaluation_is_resumed(pairs: Path, tmp_path: Path) -> None:
    """SIGKILL of `evaluate --run` at 10 random instants; the same command ends with the state.

    What was finished when the process died is not counted again.
    """
    state, run = tmp_path / "state.json", tmp_path / "run"
    size = ["--shard-images", SHARD_IMAGES, "--jobs", 2]
    command = [
        "evaluate",
        *pass_folders(pairs),
        *OPTIONS,
        *size,
        "--state",
        state,
        "--quiet",
        "--run",
    ]
    whole = seconds_of(*command, tmp_path / "undisturbed")
    dice = random.Random(1)
    finished: dict[Path, int] = {}
    for _ in range(10):
        process = start(*command, run)
        try:
            process.communicate(timeout=dice.uniform(0.2, 0.9) * whole)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        for path in (run / "shards").glob("[0-9]*.counts"):
            finished.setdefault(path, path.stat().st_ino)
    assert main(list(map(str, [*command, run]))) == 0
    assert {path: path.stat().st_ino for path in finished} == finished
    assert state.read_bytes() == (pairs / "evaluate.json").read_bytes()


def test_a_full_file_system_stops_the_count(pairs: Path, tmp_path: Path) -> None:
    """Full at the start, and in the middle: status 2; with space again, the same state."""
    run = tmp_path / "run"
    run.mkdir()
    with small_file_system(run, "40k"):
        plan_of(pairs, run)
        space = os.statvfs(run)
        (run / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize))
        assert main(["count", str(run), "--quiet"]) == 2
        assert not list((run / "shards").glob("*.counts"))
        (run / "filler").unlink()
        assert main(["count", str(run), "--quiet"]) == 2
        assert 0 < len(list((run / "shards").glob("[!.]*.counts"))) < IMAGES // SHARD_IMAGES
        subprocess.run(["mount", "-o", "remount,size=4m", run], check=True)
        assert main(["count", str(run), "--quiet"]) == 0
        state = tmp_path / "state.json"
        assert main(["merge", str(run), "--state", str(state), "--quiet"]) == 0
        assert state.read_bytes() == (pairs / "evaluate.json").read_bytes()


@pytest.mark.parametrize("option", ["--state", "--json", "--csv", "--run"])
def test_a_read_only_file_system_is_known_before_the_first_image(
    option: str, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No image is counted whose scores could not be written."""

    def count(*_: object) -> None:
        raise AssertionError("an image was counted")

    monkeypatch.setattr("segpost.evaluation.counting.PairCounter.count", count)
    folder = tmp_path / "read-only"
    folder.mkdir()
    with small_file_system(folder, "64k"):
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        words = ["evaluate", *pass_folders(pairs), *OPTIONS, option, str(folder / "x"), "--quiet"]
        assert main(words) == 2


def test_damage_of_a_shard(pairs: Path, tmp_path: Path) -> None:
    """None of 2,000 flipped bits, and no cut at every 97th byte, is silent."""
    run = plan_of(pairs, tmp_path / "run")
    segpost.count_shard(run, 3)
    good = (run / "shards/000003.counts").read_bytes()
    dice = random.Random(2)
    contents = [good[:end] for end in range(0, len(good), 97)]
    for bit in dice.sample(range(8 * len(good)), FLIPS):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        contents.append(bytes(damaged))
    silent = 0
    for content in contents:
        try:
            decode_shard(content)
            silent += 1
        except ValueError:
            pass
    assert silent == 0


def test_an_image_at_which_two_processes_die_is_left_out(pairs: Path, tmp_path: Path) -> None:
    """It is named; all other images are counted."""
    plan = segpost.Evaluation(*pass_folders(pairs), num_classes=4, ignore_index=255).plan(
        tmp_path / "run", shard_images=40
    )
    (tmp_path / "sitecustomize.py").write_text(POISON)
    process = start("count", plan.run, "--jobs", 2, folders=(tmp_path,))
    assert b"--failed counts their shards again" in process.communicate()[1]
    assert process.returncode == 1
    with pytest.raises(segpost.IncompleteError) as caught:
        segpost.merge_shards(plan.run)
    assert [tuple(one) for one in caught.value.failed] == [
        ("i003", "", "its process died twice here")
    ]
    assert caught.value.coverage.counted == IMAGES - 1
    assert not list((plan.run / "shards").glob("*.try"))
