"""`segpost run` when its process is killed, its disk is full, or its inputs change."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import scene

from segpost.cli import main
from segpost.cli.run import work
from segpost.cli.run.inputs import Item

pytest.importorskip("PIL.Image")

# Sends itself a signal after so many of its own outputs have taken their names, or before.
STOPPED = """
import os, signal, sys, segpost.cli
count, number, *arguments = sys.argv[1:]
replace, places = os.replace, iter(range(10**6))
for end in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(end, signal.SIG_DFL)  # nohup ignores one

def stopping(source, target):
    is_output = "/.segpost-" not in str(target)
    if is_output and next(places) == int(count):
        os.kill(os.getpid(), int(number))
    replace(source, target)

os.replace = stopping
sys.exit(segpost.cli.main(arguments))
"""
LIMITED = """
import resource, sys, segpost.cli
limit, *arguments = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
sys.exit(segpost.cli.main(arguments))
"""
ITEMS = 12


@pytest.fixture
def logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command for a folder of logits, and the right outputs in another folder."""
    monkeypatch.chdir(tmp_path)
    Path("logits").mkdir()
    for seed in range(ITEMS):
        np.save(f"logits/{'x' * 80}{seed}.npy", scene(5, 4, 6, seed))
    command = ["run", "logits", "--palette", "voc", "--size", "16", "24"]
    assert main([*command, "--out", "right"]) == 0
    return [*command, "--out", "out", "--resume"]


def written(out: str) -> dict[str, bytes]:
    """The content of the outputs by their names."""
    return {path.name: path.read_bytes() for path in Path(out).glob("[!.]*")}


def temporaries() -> list[str]:
    """The temporary files and folders."""
    return [
        name for name in os.listdir("out") if name.startswith(".segpost-") and "run" not in name
    ]


def run_child(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code with arguments."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.faults)]
)
def test_a_signal_to_end_leaves_nothing_temporary(logits: list[str], number: int) -> None:
    """Between the outputs of an item; the rest is made by the next run."""
    result = run_child(STOPPED, 5, number, *logits)
    assert result.returncode == 128 + number, result.stderr
    assert temporaries() == []
    assert main(logits) == 0
    assert written("out") == written("right")


@pytest.mark.parametrize("count", [5, pytest.param(0, marks=pytest.mark.faults)])
def test_a_killed_run_goes_on(logits: list[str], count: int) -> None:
    """Before an item and between its outputs: the same bytes, and nothing temporary stays."""
    assert run_child(STOPPED, count, signal.SIGKILL, *logits).returncode == -signal.SIGKILL
    assert len(temporaries()) == 1
    assert main(logits) == 0
    assert temporaries() == []
    assert written("out") == written("right")


@pytest.mark.faults
def test_runs_that_are_killed_at_random_write_the_same(logits: list[str]) -> None:
    """20 kills; the process is waited for at a random output, so no clock is involved."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        shutil.rmtree("out", ignore_errors=True)
        counts = generator.integers(0, ITEMS, 2)  # the second run goes on after the first
        for count in counts:
            result = run_child(STOPPED, int(count), signal.SIGKILL, *logits, "--jobs", "2")
            assert result.returncode == -signal.SIGKILL, result.stderr
        assert main(logits) == 0
        assert written("out") == written("right")
        assert temporaries() == []


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes")
def test_a_full_disk_stops_the_run(logits: list[str]) -> None:
    """The journal fits no more: the first failure ends the run, and the next one goes on."""
    result = run_child(LIMITED, 4400, *logits)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "No space left on device" in result.stderr
    assert 2 < len(written("out")) < 2 * ITEMS - 2
    assert temporaries() == []
    assert main(logits) == 0
    assert written("out") == written("right")


@pytest.mark.faults
def test_a_disk_that_is_full_at_the_start(logits: list[str]) -> None:
    """The probe fails before the first item."""
    assert run_child(LIMITED, 100, *logits).returncode == 2
    assert written("out") == {}


@pytest.mark.faults
def test_a_small_file_system(logits: list[str]) -> None:
    """A tmpfs that is full in the middle, and has space again."""
    Path("out").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", "out"], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed")
    try:
        assert main(logits) == 2
        assert 0 < len(written("out")) < 2 * ITEMS
        subprocess.run(["mount", "-o", "remount,size=1m", "out"], check=True)
        assert main(logits) == 0
        assert written("out") == written("right")
        subprocess.run(["mount", "-o", "remount,ro", "out"], check=True)
        assert main([word for word in logits if word != "--resume"]) == 2
    finally:
        subprocess.run(["umount", "out"], check=True)


def test_two_processes_of_one_number_share_a_folder(
    logits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in two containers: the same items at the same time, without one failure."""
    monkeypatch.setattr("os.getpid", lambda: 1)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(main([*logits, "--jobs", "2"])))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0, 0]
    assert written("out") == written("right")


def test_an_input_that_shrinks_is_the_error_of_its_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that is cut after its first image: a message, and no signal."""
    path = tmp_path / "batch.npy"
    np.save(path, np.zeros((4, 5, 6, 7), np.float32))
    make = work.Worker.make

    def cut_after_the_first(worker: work.Worker, item: Item) -> work.ItemResult:
        result = make(worker, item)
        if path.stat().st_size > 1000:
            os.truncate(path, 1000)
        return result

    monkeypatch.setattr(work.Worker, "make", cut_after_the_first)
    assert main(["run", str(path), "--batch", "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "1 done, 3 failed" in captured.out
    assert "it is cut: 872 bytes of 3,360" in captured.err
