"""`segpost demo` that is killed while it writes: no file is torn, and the next run is whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.faults

KILLS = 6
# Kills itself at a call of a built-in function, counted from the first file that it writes.
KILLED = """
import os, signal, sys, segpost.cli
from segpost.cli.commands import demo
place, out = int(sys.argv[1]), sys.argv[2]
calls = 0

def count(frame, event, argument):
    global calls
    if event == "c_call":
        calls += 1
        if calls == place:
            os.kill(os.getpid(), signal.SIGKILL)

def write_photograph(*arguments, write=demo.write_photograph, **options):
    if sys.getprofile() is None:
        sys.setprofile(count)
    write(*arguments, **options)

demo.write_photograph = write_photograph
assert segpost.cli.main(["demo", "--no-timing", "--out", out]) == 0
sys.setprofile(None)
print(calls)
"""


def run_killed(place: int, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(place), str(out)], capture_output=True, text=True
    )


def contents(out: Path) -> dict[str, bytes]:
    """The files that are there, without hidden ones and the report, which has versions."""
    files = {path.name: path.read_bytes() for path in out.glob("[!.]*")}
    if "report.html" in files:
        assert files.pop("report.html").rstrip().endswith(b"</html>")
    # matplotlib's bytes may differ
    return {name: content for name, content in files.items() if Path(name).stem != "figure"}


def test_a_demo_that_is_killed_at_random_calls(tmp_path: Path) -> None:
    result = run_killed(-1, tmp_path / "right")
    assert result.returncode == 0, result.stderr
    calls = int(result.stdout.splitlines()[-1])
    right = contents(tmp_path / "right")
    assert len(right) == 9
    out = tmp_path / "out"
    for place in np.random.default_rng(0).integers(1, calls, KILLS):
        assert run_killed(int(place), out).returncode == -signal.SIGKILL
        there = contents(out)
        assert there == {name: right[name] for name in there}
        for figure in out.glob("figure.*"):
            Image.open(figure).load()
    assert run_killed(-1, out).returncode == 0
    assert contents(out) == right
    assert [path.name for path in out.glob(".*")] == []
