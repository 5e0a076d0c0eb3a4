"""Readers of files that only their own library can read, each in a child process with limits.

A reader is a module with a function ``main``, which writes its answer to the standard output: a
line of JSON, and maybe bytes. No object of the file is ever in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, NamedTuple

SECONDS = 120  # of processor time, and as many again for every `SECONDS_SIZE` bytes of the file
SECONDS_SIZE = 1 << 32
MAX_ANSWER_SIZE = 1 << 28  # bytes of JSON
MAX_MESSAGE_LENGTH = 500  # letters of a library's error

# The child has the import path of this process, without site and without the working directory.
START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main(*sys.argv[3:])"
)
INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG")
OVERRIDDEN = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


class Answer(NamedTuple):
    """What a reader answers: an object of JSON, and the bytes behind it."""

    fields: dict[str, Any]
    content: bytearray


def run_reader(module: str, path: Path, size: int, layout: str, *options: str) -> Answer:
    """Return the answer of a reader about a file.

    Parameters
    ----------
    module : str
        The module with the function ``main(path, layout, size, seconds, *options, scratch)``.
    path : Path
        The file.
    size : int
        Its bytes; the limits grow with them.
    layout : str
        The format of the file.
    *options : str
        What else the reader is told.

    Raises
    ------
    ValueError
        If the file is refused, or its reader exceeded a limit or crashed.
    ModuleNotFoundError
        If the library that reads it is not installed.
    """
    seconds = SECONDS * (1 + size // SECONDS_SIZE)
    arguments = [module, str(path), layout, str(size), str(seconds), *options]
    answer = _run_child(arguments, 2 * seconds)
    missing = answer.fields.get("missing")
    if isinstance(missing, str):
        package = missing.partition(".")[0]
        raise ModuleNotFoundError(
            f"{path} is read by {package}, which is not installed: pip install {package}",
            name=package,
        )
    if "refused" in answer.fields:
        raise ValueError(_sanitize(str(answer.fields["refused"])))
    return answer


def _run_child(arguments: list[str], seconds: int) -> Answer:
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
        text = output.readline(MAX_ANSWER_SIZE + 1)
        content = bytearray(os.fstat(output.fileno()).st_size - len(text))
        output.readinto(content)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ValueError("its reader gave no answer")
    return Answer(fields, content)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it has started."""
    if sys.platform != "win32":
        # Numbers of processes are reused only after all others.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _exit_reason(code: int, errors: IO[bytes]) -> str:
    """Return why a child ended without an answer."""
    if sys.platform != "win32" and code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "its reader was stopped: it took too much processor time or memory"
    if code < 0:
        return f"its reader crashed with {signal.Signals(-code).name}: the file is damaged"
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4 * MAX_MESSAGE_LENGTH))
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "without a message")
    return f"its reader failed: {_sanitize(last)}"


def _sanitize(text: str) -> str:
    """Return the beginning of a text on one line, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= MAX_MESSAGE_LENGTH:
        return line
    return line[:MAX_MESSAGE_LENGTH] + " ..."
