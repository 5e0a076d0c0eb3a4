"""What every operation of the CUDA backend does: its device, its workspace and its error counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import TypeVar

import numpy as np

from segpost._backends.cuda.deferred import raise_counts
from segpost._backends.cuda.devices import Devices
from segpost._core.contract import Array, LabelErrors, LogitErrors, Logits, PendingCounts
from segpost._core.device import (
    DeviceArray,
    DeviceContext,
    context_of,
    device_guard,
    read_error_counts,
    refuse_error_counts_in_graph,
    to_host,
)

UNREADABLE = frozenset(
    {("feature_range", "bfloat16"), ("dense_crf", "bfloat16")}
)  # guides that kernels cannot read
CallsT = TypeVar("CallsT", bound="DeviceCalls")


class DeviceCalls:
    """Calls on the devices of one runtime, with one time of reading error counts."""

    def __init__(self, devices: Devices, check: str = "sync", buffer: Array | None = None) -> None:
        self.devices, self.runtime = devices, devices.runtime
        self._check = check
        self._buffer = buffer

    def supports(self, operation: str, kind: str = "") -> bool:
        return hasattr(self, operation) and (operation, kind) not in UNREADABLE

    def with_check(self: CallsT, check: str) -> CallsT:
        return self if check == self._check else type(self)(self.devices, check, self._buffer)

    def with_error_buffer(self: CallsT, buffer: Array) -> CallsT:
        return type(self)(self.devices, self._check, buffer)

    def defer(self, read: Callable[[], None]) -> None:
        self.devices.deferred.defer(read)

    def register(self, counts: PendingCounts) -> None:
        self.devices.deferred.register(counts)

    def raise_deferred(self) -> None:
        self.devices.deferred.raise_deferred()

    def _new_errors(self, count: int, context: DeviceContext) -> Array | None:
        if self._check == "off" or self._buffer is not None:
            return self._buffer
        refuse_error_counts_in_graph(context)
        return context.empty((count,), np.uint64)

    def _read_errors(self, operation: str, errors: Array | None) -> list[tuple[int, int]]:
        """Return pairs of a count and the first index, after waiting; zeros if deferred."""
        if errors is None or errors is self._buffer:
            return [(0, -1)] * 3
        if self._check == "deferred":
            self.defer(partial(raise_counts, operation, errors))
            return [(0, -1)] * 3
        return read_error_counts(to_host(errors))

    def _logit_errors(self, operation: str, errors: Array | None) -> LogitErrors:
        nan, undefined = self._read_errors(operation, errors)[:2]
        return LogitErrors(*nan, *undefined)

    def _label_errors(self, operation: str, errors: Array | None) -> LabelErrors:
        return LabelErrors(*self._read_errors(operation, errors)[0])

    @contextmanager
    def _at(self, array: Array) -> Iterator[DeviceContext]:
        """Yield the context of an array, and make its device the current one of this thread."""
        context = context_of(array)
        # The runtime can also access the memory of arrays on the CPU.
        with nullcontext() if context.on_cpu else device_guard(context):
            yield context

    def _workspace(
        self, logits: Logits, axes: SimpleNamespace | None, context: DeviceContext
    ) -> Array | None:
        size = self.runtime.argmax_workspace(logits, axes)
        return context.empty((size,), np.uint8) if size else None

    @contextmanager
    def _counting(self, counts: Array, context: DeviceContext) -> Iterator[Array]:
        """Yield counts on the device; if `counts` are on the CPU, add them to those and wait."""
        if isinstance(counts, DeviceArray):
            yield counts
            return
        cells = context.empty(counts.shape, np.int64)
        self.runtime.clear(cells.ctypes.data, cells.nbytes, context.stream)
        yield cells
        counts += to_host(cells)
