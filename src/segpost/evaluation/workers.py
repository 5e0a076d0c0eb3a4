"""Counting of many shards in several processes; one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from segpost.evaluation.plan import Plan
from segpost.evaluation.shards import ShardReport, count_shard

REPORT_SECONDS = 0.5  # between two messages of a process about its images


class ShardProgress(NamedTuple):
    """How far the counting of shards is.

    Attributes
    ----------
    images : int
        Images that were counted or failed since the last time.
    report : ShardReport or None
        The shard that is finished, if one is.
    """

    images: int
    report: ShardReport | None


class _Worker:
    """A process that counts one shard after the other."""

    def __init__(self, run: Path, options: dict[str, Any]) -> None:
        self.connection, other = multiprocessing.Pipe()
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
        arguments = (other, self.connection, run, options)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        with warnings.catch_warnings():  # the process that forks is the command line's own
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        other.close()
        self.shard: int | None = None
        self.images = 0  # of this shard that were reported

    def begin(self, shard: int) -> None:
        """Have it count a shard."""
        self.shard, self.images = shard, 0
        self.connection.send(shard)

    def stop(self) -> None:
        """End the process; a shard in work is given up."""
        self.process.terminate()
        self.process.join()
        self.connection.close()


def count_shards(
    run: Path, shards: Iterable[int], jobs: int = 1, **options: Any
) -> Iterator[ShardProgress]:
    """Count shards with several processes, and yield what is done as it is.

    A process that dies is replaced, and its shard is counted again: an image at which two have
    died is recorded in its shard.

    Parameters
    ----------
    run : Path
        The folder of the plan.
    shards : iterable of int
        The shards.
    jobs : int
        Processes.
    **options
        Arguments of `count_shard`.

    Raises
    ------
    ValueError, OSError
        As `count_shard`; all processes are then stopped.
    RuntimeError
        If processes die at a shard again and again, and no image is to blame.
    """
    remaining = deque(shards)
    largest = 2 * Plan.read(run).shard_images + 20
    deaths: Counter[int] = Counter()
    jobs = min(jobs, len(remaining))
    workers: list[_Worker] = []
    try:
        while remaining or workers:
            while remaining and len(workers) < jobs:
                workers.append(_Worker(run, options))
                workers[-1].begin(remaining.popleft())
            ready = wait([worker.connection for worker in workers])
            for worker in [one for one in workers if one.connection in ready]:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    workers.remove(worker)
                    shard = worker.shard
                    assert shard is not None
                    deaths[shard] += 1
                    if deaths[shard] > largest:
                        raise RuntimeError(
                            f"{deaths[shard]} processes died at shard {shard}, the last with "
                            f"status {worker.process.exitcode}"
                        ) from None
                    remaining.appendleft(shard)
                    yield ShardProgress(-worker.images, None)
                    worker.connection.close()
                    continue
                if isinstance(message, BaseException):
                    raise message
                if isinstance(message, ShardReport):
                    total = message.counted + message.failed
                    yield ShardProgress(total - worker.images, message)
                    if remaining:
                        worker.begin(remaining.popleft())
                    else:
                        workers.remove(worker)
                        worker.stop()
                else:
                    worker.images += message
                    yield ShardProgress(message, None)
    finally:
        for worker in workers:
            worker.stop()


def _work(connection: Connection, parents: Connection, run: Path, options: dict[str, Any]) -> None:
    """Count the shards that come through a connection, until it is closed."""
    parents.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this process
    signal.signal(signal.SIGTERM, _exit)
    sender = _ImageSender(connection)
    try:
        while True:
            shard = connection.recv()
            connection.send(count_shard(run, shard, on_image=sender.add, **options))
            sender.images = 0
    except (EOFError, BrokenPipeError, SystemExit):
        pass
    except (ValueError, OSError, MemoryError) as error:
        connection.send(error)
    os._exit(0)


class _ImageSender:
    """Sends how many images are done, now and then."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.images, self.time = 0, time.monotonic()

    def add(self) -> None:
        self.images += 1
        if time.monotonic() - self.time > REPORT_SECONDS:
            self.time = time.monotonic()
            self.connection.send(self.images)
            self.images = 0


def _exit(number: int, frame: object) -> None:
    raise SystemExit
