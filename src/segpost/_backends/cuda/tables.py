"""A cache of small tables in device memory: palettes, resamplings and ignored values."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import numpy as np

from segpost._core.device import Array, DeviceContext, device_view, is_capturing
from segpost._core.device_arrays import Memory
from segpost._core.sampling import Axes, Axis, VolumeAxes

MAX_TABLES = 256
Key = tuple[int, str, bytes]


class DeviceTables:
    """Copies of tables of the CPU, on the devices of one runtime."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._recent: OrderedDict[Key, Array] = OrderedDict()
        self._pinned: dict[Key, Array] = {}

    def __len__(self) -> int:
        return len(self._recent)

    @property
    def pinned(self) -> tuple[Array, ...]:
        """Tables that captured graphs read, which are never freed."""
        return tuple(self._pinned.values())

    def get(self, table: Array, context: DeviceContext) -> Array:
        """Return a table on the device of a context; upload it and wait if it is new."""
        key = context.device, table.dtype.str, table.tobytes()
        cached = self._pinned.get(key)
        if cached is not None:
            return cached
        cached = self._recent.get(key)
        is_captured = is_capturing(context)
        if is_captured and cached is None:
            raise RuntimeError(
                "a CUDA graph is being captured, and a table of this call (of its palette, its "
                "size or its ignored values) is not on the device yet: make the same call once "
                "before the capture"
            )
        if is_captured and cached is not None:
            self._pinned[key] = cached
        elif cached is None:
            cached = self._upload(np.ascontiguousarray(table), context)
            self._recent[key] = cached
            while len(self._recent) > MAX_TABLES:
                self._recent.popitem(last=False)
        else:
            self._recent.move_to_end(key)
        return cached

    def axes(
        self, axes: Axes | VolumeAxes | None, context: DeviceContext
    ) -> SimpleNamespace | None:
        """Return the tables of a resampling on a device, under the names of `Axes`."""
        if axes is None:
            return None
        tables = SimpleNamespace(y=self._axis(axes.y, context), x=self._axis(axes.x, context))
        if isinstance(axes, VolumeAxes):
            tables.z = self._axis(axes.z, context)
        return tables

    def _axis(self, axis: Axis, context: DeviceContext) -> SimpleNamespace:
        names = ("cell", "w0", "w1", "t", "start")
        tables = {name: self.get(getattr(axis, name), context) for name in names}
        numbers = ("n_in", "n_out", "den", "widest", "step")
        return SimpleNamespace(**{name: getattr(axis, name) for name in numbers}, **tables)

    def _upload(self, table: Array, context: DeviceContext) -> Array:
        memory = Memory(self._runtime, table.nbytes, max(context.device, 0))
        self._runtime.copy_in(memory.address, table, context.stream)
        upload_context = context._replace(runtime=self._runtime)
        return device_view(memory.address, table.shape, None, table.dtype, upload_context, memory)
