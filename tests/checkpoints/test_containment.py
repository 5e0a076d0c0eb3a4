"""The process that reads an untrusted file changes no file, opens no socket, starts no process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segpost.files import sandbox
from segpost.files.containment import KINDS, contain

ATTEMPTS = """
import json, os, pathlib, socket, subprocess, sys, threading
folder, there, scratch = sys.argv[1:]
from segpost.files.containment import contain, limit_resources
limit_resources(60, 1 << 20)
kinds = contain(scratch)

def connect(family, kind):
    with socket.socket(family, kind) as s:
        s.connect(("127.0.0.1", 9))

def fork():
    if os.fork() == 0:
        os._exit(0)

attempts = {
    "files": [
        lambda: open(folder + "/new", "w"),
        lambda: os.mkdir(folder + "/folder"),
        lambda: os.symlink(there, folder + "/link"),
        lambda: os.link(there, folder + "/hard"),
        lambda: os.truncate(there, 0),
        lambda: open(there, "r+"),
        lambda: os.unlink(there),
        lambda: os.rename(there, folder + "/moved"),
        lambda: os.mkfifo(folder + "/fifo"),
    ],
    "network": [
        lambda: connect(socket.AF_INET, socket.SOCK_STREAM),
        lambda: connect(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: connect(socket.AF_INET6, socket.SOCK_STREAM),
        lambda: socket.socketpair(),
        lambda: socket.socket(socket.AF_UNIX),
    ],
    "processes": [
        fork,
        lambda: subprocess.run(["/bin/true"]),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.kill(os.getppid(), 0),
        lambda: os.killpg(os.getpgid(os.getppid()), 0),
        lambda: os.chmod(there, 0o777),
        lambda: os.utime(there),
        lambda: os.setxattr(there, "user.x", b"1"),
    ],
}
outcome = {}
for kind, actions in attempts.items():
    results = []
    for action in actions:
        try:
            action()
            results.append("done")
        except OSError as error:
            results.append(type(error).__name__)
    outcome[kind] = results
worked = []
thread = threading.Thread(target=lambda: worked.append(pathlib.Path(there).read_text()))
thread.start()
thread.join()
open("/dev/null", "w").write("x")
open(scratch + "/file", "w").write("x")
print(json.dumps({"kinds": kinds, "outcome": outcome, "worked": worked}))
"""


def attempt(folder: Path) -> dict[str, Any]:
    there = folder / "there"
    there.write_text("content")
    scratch = folder / "scratch"
    scratch.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(folder), str(there), str(scratch)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        start_new_session=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_what_is_given_up_is_refused_by_the_system(tmp_path: Path) -> None:
    answer = attempt(tmp_path)
    for kind in answer["kinds"]:
        assert all(r == "PermissionError" for r in answer["outcome"][kind]), (kind, answer)
    # Threads, reading, /dev/null and a folder are left.
    assert answer["worked"] == ["content"]
    if "files" in answer["kinds"]:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "there"]
        assert (tmp_path / "there").read_text() == "content"


def test_everything_is_given_up_where_the_system_and_the_bindings_are_there(tmp_path: Path) -> None:
    landlock = pytest.importorskip("landlockpy")
    try:
        import pyseccomp  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))
    if not landlock.supported():
        pytest.skip("a kernel without Landlock")
    assert tuple(attempt(tmp_path)["kinds"]) == KINDS


def test_without_bindings_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "landlockpy", None)
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    assert contain("") == ()


def test_processes_that_a_reader_leaves_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    time.sleep(600)\n"
        "    os._exit(0)\n"
        "print('{}')\n"
    )
    monkeypatch.setattr(sandbox, "START", code)
    read, write = os.pipe()  # it is at its end when no process has its other side
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **options: real(*a, **options, pass_fds=(write,))
    )
    assert sandbox._run_child([], 60).fields == {}
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == ""
