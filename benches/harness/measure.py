"""The loop that measures: everybody in one process, one thread, one round after the other.

A visit to a contender is one call, `cold` because others have used the caches since its last one,
and, where that was quick, more calls of which the mean counts. Times are CPU times of the process
(user and system, page faults included); those of the calling thread are kept beside them to show
that nobody else was working. Only jobs of several threads are timed by the clock on the wall, since
CPU time does not tell how many threads shared it. The order of the contenders is shuffled in every
round.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import segpost
from benches.harness.jobs import Absent, Contender, Job, Run, entries

QUICK = 0.05  # seconds: a call below this is repeated
VISIT = 0.03  # seconds of repeated calls a visit
PATIENCE = 20  # seconds until a fork that measures memory is given up
THREAD_VARIABLES = tuple(
    f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "TVM", "RAYON")
)


@dataclass
class Timing:
    """Milliseconds of one contender, one entry a round."""

    name: str
    warm: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    others: float = 0.0  # share of the CPU time that was not the calling thread's

    @property
    def ms(self) -> float:
        """Median over the rounds."""
        return median(self.warm)

    @property
    def cold_ms(self) -> float:
        """Median of the first calls."""
        return median(self.cold)

    @property
    def best_ms(self) -> float:
        """The quietest round."""
        return min(self.warm)


def one_thread() -> None:
    """One thread in every library that is loaded; called before anything is built."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    segpost.set_num_threads(1)
    with contextlib.suppress(ImportError):  # libraries of linear algebra that are loaded already
        importlib.import_module("threadpoolctl").threadpool_limits(1)
    with contextlib.suppress(ImportError):
        importlib.import_module("cv2").setNumThreads(1)
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # only before the first parallel work
            torch.set_num_interop_threads(1)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Garbage is collected before, not while, something is timed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def clock(job: Job) -> Callable[[], float]:
    """CPU time; with several threads, the time on the wall."""
    return time.perf_counter if job.threads > 1 else time.process_time


def interleave(
    contenders: Sequence[Contender], rounds: int, now: Callable[[], float] = time.process_time
) -> list[Timing]:
    """Visit every contender once a round, in an order that is shuffled from round to round."""
    rng = np.random.default_rng(0)
    timings = [Timing(contender.name) for contender in contenders]
    spent_process = [0.0] * len(contenders)
    spent_thread = [0.0] * len(contenders)
    gc.collect()
    gc.freeze()  # a collection before each visit would look at all that the rivals have loaded
    for _ in range(rounds):
        for i in rng.permutation(len(contenders)):
            contender, timing = contenders[i], timings[i]
            with no_collection():
                thread, process = time.thread_time(), time.process_time()
                start = now()
                contender.run()
                first = mean = now() - start
                if first < QUICK:
                    repeats = max(2, min(100, round(VISIT / max(first, 1e-6))))
                    start = now()
                    for _ in range(repeats):
                        contender.run()
                    mean = (now() - start) / repeats
                spent_process[i] += time.process_time() - process
                spent_thread[i] += time.thread_time() - thread
            timing.cold.append(1e3 * first * contender.factor)
            timing.warm.append(1e3 * mean * contender.factor)
    gc.unfreeze()
    for timing, process, thread in zip(timings, spent_process, spent_thread, strict=True):
        timing.others = max(0.0, 1 - thread / process)
    return timings


def extra_memory(run: Run) -> float | None:
    """MB that a call needs at its peak beyond what was there before; None where nobody says.

    Resident memory of a fork, so that native allocations count. It is that of a second call: the
    first one loads code. Linux keeps the peak to about a quarter of a megabyte.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            signal.alarm(PATIENCE)
            os.write(writer, f"{_growth(run):.3f}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    os.waitpid(child, 0)
    return float(said) if said else None


def _growth(run: Run) -> float:
    """The same of the second call, in this process."""
    gc.disable()
    run()
    return growth(run)


def growth(run: Run) -> float:
    """MB by which the peak of a call lies above what was resident before it."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    before = _resident("VmRSS")
    run()
    return max(0.0, _resident("VmHWM") - before)


def _resident(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise Absent(f"the kernel does not say {name}")


FLOOR_READ, FLOOR_WRITE = "floor: read", "floor: write"


def floor(job: Job) -> list[Contender]:
    """The job's bytes read once and written once, by the fastest NumPy calls for it."""
    source = np.ones(max(job.bytes_read(), 1), np.uint8)
    target = np.empty(job.bytes_written(), np.uint8)

    def read() -> tuple[Any, ...]:
        return (source.max(),)

    def write() -> tuple[Any, ...]:
        target.fill(1)
        return (target,)

    return [Contender(FLOOR_READ, read), Contender(FLOOR_WRITE, write)]


def bandwidths(megabytes: int = 512, rounds: int = 5) -> dict[str, float]:
    """GB/s of one thread on buffers that no cache holds: the quietest of some rounds."""
    source, target = (np.ones(megabytes << 20, np.uint8) for _ in range(2))
    moved = source.nbytes / 1e9
    steps: dict[str, tuple[float, Callable[[], object]]] = {
        "read": (moved, source.max),
        "write": (moved, lambda: target.fill(1)),
        "copy, read + write": (2 * moved, lambda: np.copyto(target, source)),
    }
    result = {}
    for name, (amount, run) in steps.items():
        seconds = []
        for _ in range(rounds):
            start = time.process_time()
            run()
            seconds.append(time.process_time() - start)
        result[name] = amount / min(seconds)
    return result


@dataclass
class Built:
    """The contenders of a job that run here, and why the others do not."""

    contenders: list[Contender]
    absent: dict[str, str]


def build(job: Job) -> Built:
    """Every contender, built and warmed up."""
    built = Built([], {})
    for entry in entries(job):
        try:
            built.contenders.append(entry.ready(job))
        except Absent as error:
            built.absent[entry.name] = str(error)
    return built
