"""The same work in several threads, which start together."""

from __future__ import annotations

import threading
from collections.abc import Callable

THREADS = 4


def run_in_threads(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run the same work in several threads, which start together; the first error is raised."""
    start, failures = threading.Barrier(threads), []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    running = [
        threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(300)
        assert not thread.is_alive(), "a thread waits for ever"
    if failures:
        raise failures[0]
