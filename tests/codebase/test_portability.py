"""What other systems than this one lack: the package asks before it uses it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import segpost
from segpost._core import extensions
from segpost.files import temporary

ROOT = Path(__file__).resolve().parents[2]

# What Python has on Linux and not on Windows, so far as Python's own modules do without it here.
WITHOUT_POSIX = """
import multiprocessing, os, signal, sys
import numpy, PIL.Image
for name in ("uname", "pread", "pwrite", "sched_getaffinity", "killpg", "sysconf", "getuid",
             "geteuid", "getpgid", "statvfs", "O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY",
             "fork", "register_at_fork"):
    delattr(os, name)
for name in ("SIGHUP", "SIGXCPU", "SIGALRM", "setitimer"):
    delattr(signal, name)
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
os.environ["COMPUTERNAME"] = "HOST"
multiprocessing.get_all_start_methods = lambda: ["spawn"]
"""


def test_files_are_text_of_a_known_encoding() -> None:
    """No text is read or written in the encoding that the system happens to have."""
    rule = ["--preview", "--select", "PLW1514", "--output-format", "concise"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *rule, "src", "tools"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.types
def test_names_exist_on_windows() -> None:
    """mypy finds no name that Python has not on Windows."""
    command = [sys.executable, "-m", "mypy", "--platform", "win32", "src"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run_without_posix(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in an interpreter without what Windows lacks."""
    script = folder / "script.py"
    main = textwrap.indent(textwrap.dedent(code), "    ")
    script.write_text(f"{WITHOUT_POSIX}\nif __name__ == '__main__':\n{main}", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Folders of predictions and targets."""
    random = np.random.default_rng(0)
    for name in ("preds", "targets"):
        (tmp_path / name).mkdir()
        for k in range(4):
            np.save(tmp_path / name / f"{k}.npy", random.integers(0, 3, (8, 9), dtype=np.uint8))
    return tmp_path


def test_shards_are_counted_by_processes_that_are_not_forked(maps: Path) -> None:
    """`segpost plan`, `count --jobs 2` and `merge` without what Windows lacks."""
    done = run_without_posix(
        """
        from segpost.cli import main
        folders = ["preds", "targets", "--num-classes", "3", "--run", "run", "--shard-images", "2"]
        for command in (["plan", *folders], ["count", "run", "--jobs", "2"], ["merge", "run"]):
            assert main(command) == 0, command
        """,
        maps,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 images counted" in done.stdout


def test_a_folder_is_run_and_taken_up_again(maps: Path) -> None:
    """`segpost run --resume`: the atomic writer and the journal without what Windows lacks."""
    np.save(maps / "logits.npy", np.random.default_rng(1).normal(size=(3, 8, 9)).astype("f4"))
    done = run_without_posix(
        """
        from segpost.cli import main
        for _ in range(2):
            assert main(["run", "logits.npy", "--out", "out", "--resume"]) == 0
        """,
        maps,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.suffix for path in (maps / "out").iterdir()) == [
        ".jsonl",
        ".png",
        ".settings",
    ]


def test_processes_on_windows_get_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """There `os.kill(pid, 0)` is Ctrl-C: the system is asked otherwise."""
    errors = {12: 5, 13: 87}
    closed = []

    def open_process(access: int, inherits: bool, pid: int) -> int | None:
        return None if pid in errors else pid

    def get_exit_code(process: ctypes.c_void_p, status: Any) -> int:
        status._obj.value = 259 if process.value == 10 else 0
        return 1

    kernel = SimpleNamespace(
        OpenProcess=open_process,
        GetExitCodeProcess=get_exit_code,
        CloseHandle=lambda process: closed.append(process.value),
    )
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: errors[asked[-1]], raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", None)
    answers = {}
    for pid in (10, 11, 12, 13):
        asked.append(pid)
        answers[pid] = temporary.is_alive(pid)
    assert answers == {10: True, 11: False, 12: True, 13: False}
    assert closed == [10, 11]


def test_windows_is_told_where_the_library_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder lib of an installation that has one."""
    (tmp_path / "lib").mkdir()
    told: list[str] = []
    monkeypatch.setattr(os, "add_dll_directory", told.append, raising=False)
    monkeypatch.setattr(segpost, "__path__", [str(tmp_path / "sources"), str(tmp_path)])
    extensions.find_library_on_windows()
    assert told == [str(tmp_path / "lib")]
