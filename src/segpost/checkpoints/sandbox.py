"""Files that only their own library can read, in a child process with limits.

The child answers with JSON: names, shapes, dtypes and statistics. No object of the file is ever in
this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from segpost.checkpoints.statistics import Statistics
from segpost.checkpoints.tree import MAX_TENSORS, State, TensorEntry

SECONDS = 120  # of processor time, and as many again for every `SECONDS_SIZE` bytes of the file
SECONDS_SIZE = 1 << 32
MAX_ANSWER_SIZE = 1 << 28  # bytes of JSON; the child cannot write a larger file
MAX_MESSAGE_LENGTH = 500  # letters of a library's error

# The child has the import path of this process, without site and without the working directory.
START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from segpost.checkpoints.sandbox_child import main; main(*sys.argv[2:])"
)
INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG")
OVERRIDDEN = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def read(path: Path, layout: str, size: int, values: bool) -> State:
    """Return the content of a file, as the child reads it.

    Parameters
    ----------
    path : path
    layout : {"torch", "keras", "tensorflow"}
    size : int
        Bytes of the file; the limits grow with it.
    values : bool
        Whether its values are to be read.

    Raises
    ------
    ValueError
        If the file is refused, or its reader exceeded a limit or crashed.
    ModuleNotFoundError
        If the library that reads it is not installed.
    """
    seconds = SECONDS * (1 + size // SECONDS_SIZE)
    arguments = [str(path), layout, str(size), str(seconds), str(int(values))]
    answer = _run_child(arguments, 2 * seconds)
    missing = answer.get("missing")
    if isinstance(missing, str):
        package = missing.partition(".")[0]
        raise ModuleNotFoundError(
            f"{path} is read by {package}, which is not installed: pip install {package}",
            name=package,
        )
    if "refused" in answer:
        raise ValueError(_sanitize(str(answer["refused"])))
    try:
        return _parse_answer(path, layout, answer)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its reader gave an impossible answer: {error!r}") from None


def _run_child(arguments: list[str], seconds: int) -> dict[str, Any]:
    """Return the answer of the child, within so many seconds."""
    if sys.platform == "win32":
        raise ValueError("it is read under limits that this system has not; use .safetensors")
    paths = [path for path in sys.path if path]
    command = [sys.executable, "-I", "-S", "-c", START, json.dumps(paths), *arguments]
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with (
        tempfile.TemporaryDirectory(prefix="segpost-") as scratch,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        child = subprocess.Popen(
            [*command, scratch],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment | OVERRIDDEN | {"TMPDIR": scratch},
            start_new_session=True,
        )
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ValueError(f"its reader was stopped after {seconds} seconds") from None
        finally:
            _kill_group(child)
        if code:
            raise ValueError(_exit_reason(code, errors))
        output.seek(0)
        text = output.read(MAX_ANSWER_SIZE + 1)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ValueError("its reader gave no answer")
    return answer


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it has started."""
    # Numbers of processes are reused only after all others.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _exit_reason(code: int, errors: IO[bytes]) -> str:
    """Return why a child ended without an answer."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "its reader was stopped: it took too much processor time or memory"
    if code < 0:
        return f"its reader crashed with {signal.Signals(-code).name}: the file is damaged"
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4 * MAX_MESSAGE_LENGTH))
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "without a message")
    return f"its reader failed: {_sanitize(last)}"


def _parse_answer(path: Path, layout: str, answer: dict[str, Any]) -> State:
    """Return the state that an answer describes, after a check of its form."""
    tensors: dict[tuple[str, ...], TensorEntry] = {}
    if len(answer["tensors"]) > MAX_TENSORS:
        raise ValueError(f"more than {MAX_TENSORS} tensors")
    for keys, shape, kind, values in answer["tensors"]:
        if not all(isinstance(key, str) for key in (*keys, kind)):
            raise TypeError("a name that is no string")
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"shape {shape!r}")
        tensors[tuple(keys)] = TensorEntry(tuple(shape), kind, _parse_statistics(values))
    top_level = {str(key): str(kind) for key, kind in answer["keys"].items()}
    separator = "." if layout == "torch" else "/"
    versions = {
        tuple(map(str, keys)): {str(k): int(v) for k, v in entry.items()}
        for keys, entry in answer.get("versions", [])
    }
    layout = "keras-legacy" if answer.get("legacy") is True else layout
    return State(str(path), layout, tensors, top_level, separator, versions=versions)


def _parse_statistics(values: Any) -> Callable[[], Statistics] | None:
    """Return a function that returns the statistics of an answer, after a check of their types."""
    if values is None:
        return None
    *numbers, digest = values
    if not isinstance(digest, str) or not all(type(n) in (int, float) for n in numbers):
        raise TypeError("statistics that are no numbers")
    statistics = Statistics._make([*numbers, digest])
    return lambda: statistics


def _sanitize(text: str) -> str:
    """Return the beginning of a text on one line, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= MAX_MESSAGE_LENGTH:
        return line
    return line[:MAX_MESSAGE_LENGTH] + " ..."
