"""Files that only their own library can read: in a child process with limits.

What comes back is JSON of names, shapes, types and statistics; no object of the file's ever is in
this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from segpost.checkpoints.statistics import Statistics
from segpost.checkpoints.tree import MOST_TENSORS, Entry, State

SECONDS = 120  # of processor time, and as many again for each of these bytes
BYTES = 1 << 32
MOST_RESULT = 1 << 28  # bytes of JSON; the child cannot write a larger file
MOST_WORDS = 500  # letters of what a library says

# No site, no working directory: the child imports what this process would, and nothing of a cwd.
START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from segpost.checkpoints.sandbox_child import main; main(*sys.argv[2:])"
)
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "HOME", "LANG")
SET = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def state(path: Path, layout: str, size: int, values: bool) -> State:
    """What a file holds, as the child says.

    Parameters
    ----------
    path : path
    layout : {"torch", "keras", "tensorflow"}
    size : int
        Bytes of the file, which the limits grow with.
    values : bool
        Whether its values are to be looked at.

    Raises
    ------
    ValueError
        If the file is refused, or its reader went beyond a limit or crashed.
    ModuleNotFoundError
        If the library that reads it is not installed.
    """
    seconds = SECONDS * (1 + size // BYTES)
    told = _asked([str(path), layout, str(size), str(seconds), str(int(values))], 2 * seconds)
    missing = told.get("missing")
    if isinstance(missing, str):
        raise ModuleNotFoundError(f"{path} is read by {missing}, which is not installed")
    if "refused" in told:
        raise ValueError(_words(str(told["refused"])))
    try:
        return _state(path, layout, told)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its reader gave what cannot be: {error!r}") from None


def _asked(arguments: list[str], seconds: int) -> dict[str, Any]:
    """The child's answer."""
    if sys.platform == "win32":
        raise ValueError("it is read under limits that this system has not; use .safetensors")
    paths = [path for path in sys.path if path]
    command = [sys.executable, "-I", "-S", "-c", START, json.dumps(paths), *arguments]
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | SET
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as complaint:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=answer, stderr=complaint, env=environment
        )
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ValueError(f"its reader was stopped after {seconds} seconds") from None
        finally:
            child.kill()
            child.wait()
        if code:
            raise ValueError(_death(code, complaint))
        answer.seek(0)
        text = answer.read(MOST_RESULT + 1)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ValueError("its reader gave no answer")
    return told


def _death(code: int, complaint: IO[bytes]) -> str:
    """Why a child that gave no answer ended."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "its reader was stopped: it took too much processor time or memory"
    if code < 0:
        return f"its reader crashed with {signal.Signals(-code).name}: the file is damaged"
    size = complaint.seek(0, os.SEEK_END)
    complaint.seek(max(0, size - 4 * MOST_WORDS))
    lines = complaint.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "no words")
    return f"its reader failed: {_words(last)}"


def _state(path: Path, layout: str, told: dict[str, Any]) -> State:
    """The answer, believed only where it has the form of one."""
    leaves: dict[tuple[str, ...], Entry] = {}
    if len(told["leaves"]) > MOST_TENSORS:
        raise ValueError(f"more than {MOST_TENSORS} tensors")
    for keys, shape, kind, values in told["leaves"]:
        if not all(isinstance(key, str) for key in (*keys, kind)):
            raise TypeError("a name that is no string")
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"shape {shape!r}")
        leaves[tuple(keys)] = Entry(tuple(shape), kind, _known(values))
    keys_there = {str(key): str(kind) for key, kind in told["keys"].items()}
    separator = "." if layout == "torch" else "/"
    return State(str(path), layout, leaves, keys_there, separator)


def _known(values: Any) -> Any:
    if values is None:
        return None
    *numbers, digest = values
    if not isinstance(digest, str) or not all(type(n) in (int, float) for n in numbers):
        raise TypeError("statistics that are no numbers")
    found = Statistics._make([*numbers, digest])
    return lambda: found


def _words(text: str) -> str:
    """The beginning, on one line and without a terminal's commands."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MOST_WORDS else line[:MOST_WORDS] + " ..."
