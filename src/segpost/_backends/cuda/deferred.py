"""Error counts in device memory, until `raise_deferred` reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from segpost._core.contract import Array, PendingCounts
from segpost._core.device import read_error_counts, to_host

MAX_DEFERRED = 1000  # calls


class DeferredQueue:
    """Error counts that have not been read, in the order of the calls."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._counts: WeakSet[PendingCounts] = WeakSet()

    def defer(self, read: Callable[[], None]) -> None:
        """Add a call; if there are too many, read them."""
        self._calls.append(read)
        if len(self._calls) > MAX_DEFERRED:
            self.raise_deferred()

    def register(self, counts: PendingCounts) -> None:
        """Add counts, as long as they exist."""
        self._counts.add(counts)

    def raise_deferred(self) -> None:
        """Wait for all, and raise the first error; later ones remain for the next call."""
        while self._calls:
            self._calls.popleft()()
        for counts in list(self._counts):
            counts.synchronize()


def raise_counts(operation: str, errors: Array) -> None:
    """Wait for the error counts of an earlier call, and raise an error if there are any."""
    total, first = max(read_error_counts(to_host(errors)), key=lambda pair: pair[0])
    if total:
        raise ValueError(
            f"{operation} met {total} bad values in an earlier call with check='deferred', "
            f"first at flat index {first}; check='sync' says more"
        )
