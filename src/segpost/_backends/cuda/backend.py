"""The CUDA backend: kernels on the caller's stream, and what they met as the contract's tuples."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from functools import partial
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import numpy as np

from segpost._backends.cuda.crf import CrfSolver as DeviceCrf
from segpost._core import contract
from segpost._core.contract import (
    LATTICES,
    Array,
    ColorOutputs,
    CrfSolver,
    LabelErrors,
    LogitErrors,
    Logits,
    Pairwise,
    PendingCounts,
    Unary,
)
from segpost._core.device import (
    DeviceArray,
    DeviceContext,
    context_of,
    device_guard,
    device_view,
    is_capturing,
    read_error_counts,
    refuse_error_counts_in_graph,
    to_host,
    with_float_confidence,
)
from segpost._core.device_arrays import Memory
from segpost._core.sampling import Axes, Axis, VolumeAxes

CONSTANTS = 256  # tables that are kept on a device: palettes and resamplings seen last
MOST_DEFERRED = 1000  # calls whose reports wait to be read


class Gpu:
    """The operations, on one extension module's devices."""

    def __init__(self, runtime: Any) -> None:
        runtime.bind_records(contract)
        self.runtime = runtime
        self._constants: OrderedDict[tuple[int, str, bytes], Array] = OrderedDict()
        self._pinned: dict[tuple[int, str, bytes], Array] = {}
        self._deferred: deque[Callable[[], None]] = deque()
        self._unread: WeakSet[PendingCounts] = WeakSet()
        self._check = "sync"
        self._found: Array | None = None

    def checking(self, check: str) -> Gpu:
        """The same operations, whose reports are read at once, later or never."""
        if check == self._check:
            return self
        other = copy(self)
        other._check = check
        return other

    def reporting_to(self, found: Array) -> Gpu:
        """The same operations, whose tallies are added to memory that the caller reads."""
        other = copy(self)
        other._found = found
        return other

    def defer(self, read: Callable[[], None]) -> None:
        """Have `raise_deferred` read a report."""
        self._deferred.append(read)
        if len(self._deferred) > MOST_DEFERRED:
            self.raise_deferred()

    def watch(self, counts: PendingCounts) -> None:
        """Have `raise_deferred` read counts, for as long as there are any."""
        self._unread.add(counts)

    def raise_deferred(self) -> None:
        """Wait for calls whose reports have not been read; an error if they met bad values.

        After an error the others wait for the next time.
        """
        while self._deferred:
            self._deferred.popleft()()
        for counts in list(self._unread):
            counts.settle()

    def argmax(
        self,
        logits: Logits,
        axes: Axes | None,
        labels: Array,
        paint: ColorOutputs | None = None,
        confidence: Array | None = None,
        fast: bool = False,
        probabilities: Array | None = None,
    ) -> LogitErrors:
        with ExitStack() as during:
            context = during.enter_context(self._at(logits.values))
            sure = (
                None
                if confidence is None
                else during.enter_context(with_float_confidence(confidence, context))
            )
            tables = self._axes(axes, context)
            found = self._tallies(6, context)
            self.runtime.argmax(
                logits,
                tables,
                labels,
                paint and ColorOutputs(self._constant(paint.lut, context), paint.color),
                sure,
                context.stream,
                found,
                self._workspace(logits, tables, context),
            )
        if paint is not None and paint.overlay is not None:
            image, alpha, out = paint.overlay
            self.overlay(image, labels, paint.lut, alpha, None, 0, out)
        nan, undefined, unsure = self._counted("argmax", found)
        return LogitErrors(*nan, *(undefined if confidence is None else unsure))

    def fuses(self, *, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
        """Whether argmax computes confidence in one pass."""
        return not probabilities

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array | None,
        confidence: Array | None,
    ) -> LogitErrors:
        with ExitStack() as during:
            context = during.enter_context(self._at(logits.values))
            sure = (
                None
                if confidence is None
                else during.enter_context(with_float_confidence(confidence, context))
            )
            found = self._tallies(6, context)
            tables = self._axes(axes, context)
            self.runtime.softmax(logits, tables, probabilities, sure, context.stream, found)
        return self._report("softmax", found)

    def colorize(
        self, labels: Array, lut: Array, ignore_index: int | None, out: Array
    ) -> LabelErrors:
        with self._at(labels) as context:
            found = self._tallies(2, context)
            table = self._constant(lut, context)
            self.runtime.colorize(labels, table, ignore_index, out, context.stream, found)
            return self._bad("colorize", found)

    def overlay(
        self,
        image: Array,
        labels: Array,
        lut: Array,
        alpha: Array,
        ignore_index: int | None,
        contour: int,
        out: Array,
    ) -> LabelErrors:
        with self._at(image) as context:
            found = self._tallies(2, context)
            tables = self._constant(lut, context), self._constant(alpha, context)
            self.runtime.overlay(
                image, labels, *tables, ignore_index, contour, out, context.stream, found
            )
            return self._bad("overlay", found)

    def labels_from_colors(
        self, image: Array, keys: Array, values: Array, out: Array
    ) -> LabelErrors:
        with self._at(image) as context:
            found = self._tallies(2, context)
            tables = self._constant(keys, context), self._constant(values, context)
            self.runtime.labels_from_colors(image, *tables, out, context.stream, found)
            return self._bad("labels_from_colors", found)

    def confusion_labels(self, preds: Array, target: Array, ignored: Array, counts: Array) -> None:
        with self._at(preds) as context, self._counting(counts, context) as cells:
            given = preds, target, self._constant(ignored, context), cells
            self.runtime.confusion_labels(*given, context.stream)

    def confusion_logits(
        self, logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
    ) -> LogitErrors:
        with self._at(logits.values) as context, self._counting(counts, context) as cells:
            found = self._tallies(6, context)
            if found is not None and found is not self._found:
                self.runtime.clear(found.ctypes.data, found.nbytes, context.stream)
            tables = self._axes(axes, context)
            self.runtime.confusion_logits(
                logits,
                tables,
                target,
                self._constant(ignored, context),
                cells,
                context.empty(target.shape, np.int32),
                context.stream,
                found,
                self._workspace(logits, tables, context),
            )
            return self._report("confusion_logits", found)

    def argmax_volume(self, logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
        """Of one volume."""
        with self._at(logits.values) as context:
            tables = self._axes(axes, context)
            found = self._tallies(6, context)
            size = self.runtime.argmax_volume_workspace(logits, tables, labels)
            workspace = context.empty((size,), np.uint8) if size else None
            self.runtime.argmax_volume(logits, tables, labels, context.stream, found, workspace)
            return self._report("argmax", found)

    def add_resized(self, *given: Any) -> None:
        _not_here("sliding windows")

    def letterbox(self, *given: Any) -> None:
        _not_here("letterboxes")

    def boundary_bands(self, *given: Any) -> None:
        _not_here("boundaries")

    def boundary_matches(self, *given: Any) -> None:
        _not_here("boundaries")

    def instance_counts(self, *given: Any) -> None:
        _not_here("instances")

    def dense_crf(
        self, unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
    ) -> CrfSolver:
        with self._at(unary.values):
            return DeviceCrf(
                unary, terms, include_self, None if method == "exact" else LATTICES[quality]
            )

    def _tallies(self, count: int, context: DeviceContext) -> Array | None:
        if self._check == "off" or self._found is not None:
            return self._found
        refuse_error_counts_in_graph(context)
        return context.empty((count,), np.uint64)

    def _counted(self, what: str, found: Array | None) -> list[tuple[int, int]]:
        """Pairs of a count and its first place, if they are to be read now: this waits."""
        if found is None or found is self._found:
            return [(0, -1)] * 3
        if self._check == "deferred":
            self.defer(partial(_raise_tallies, what, found))
            return [(0, -1)] * 3
        return read_error_counts(to_host(found))

    def _report(self, what: str, found: Array | None) -> LogitErrors:
        nan, undefined = self._counted(what, found)[:2]
        return LogitErrors(*nan, *undefined)

    def _bad(self, what: str, found: Array | None) -> LabelErrors:
        return LabelErrors(*self._counted(what, found)[0])

    @contextmanager
    def _at(self, array: Array) -> Iterator[DeviceContext]:
        """The array's place, its device being this thread's while kernels are launched."""
        context = context_of(array)
        # Of an array on the CPU it is memory that the runtime reaches all the same.
        with nullcontext() if context.device < 0 else device_guard(context):
            yield context

    def _constant(self, table: Array, context: DeviceContext) -> Array:
        """A small table on the device. One that is new there is waited for.

        What a graph was captured with stays for as long as the process: it may be run at any time.
        """
        key = context.device, table.dtype.str, table.tobytes()
        known = self._pinned.get(key)
        if known is not None:
            return known
        known = self._constants.get(key)
        captured = is_capturing(context)
        if captured and known is None:
            raise RuntimeError(
                "a CUDA graph is being captured, and a table of this call (of its palette, its "
                "size or its ignored values) is not on the device yet: make the same call once "
                "before the capture"
            )
        if captured and known is not None:
            self._pinned[key] = known
        elif known is None:
            known = self._uploaded(np.ascontiguousarray(table), context)
            self._constants[key] = known
            while len(self._constants) > CONSTANTS:
                self._constants.popitem(last=False)
        else:
            self._constants.move_to_end(key)
        return known

    def _uploaded(self, table: Array, context: DeviceContext) -> Array:
        memory = Memory(self.runtime, table.nbytes, max(context.device, 0))
        self.runtime.copy_in(memory.address, table, context.stream)
        where = context._replace(runtime=self.runtime)
        return device_view(memory.address, table.shape, None, table.dtype, where, memory)

    def _axes(
        self, axes: Axes | VolumeAxes | None, context: DeviceContext
    ) -> SimpleNamespace | None:
        """The tables of a resampling, on the device."""
        if axes is None:
            return None

        def there(axis: Axis) -> SimpleNamespace:
            names = ("cell", "w0", "w1", "t", "start")
            tables = {name: self._constant(getattr(axis, name), context) for name in names}
            numbers = ("n_in", "n_out", "den", "widest", "step")
            scalars = {name: getattr(axis, name) for name in numbers}
            return SimpleNamespace(**scalars, **tables)

        tables = SimpleNamespace(y=there(axes.y), x=there(axes.x))
        if isinstance(axes, VolumeAxes):
            tables.z = there(axes.z)
        return tables

    def _workspace(
        self, logits: Logits, axes: SimpleNamespace | None, context: DeviceContext
    ) -> Array | None:
        size = self.runtime.argmax_workspace(logits, axes)
        return context.empty((size,), np.uint8) if size else None

    @contextmanager
    def _counting(self, counts: Array, context: DeviceContext) -> Iterator[Array]:
        """Counts on the device; where `counts` are on the CPU, they are added to those, waiting."""
        if isinstance(counts, DeviceArray):
            yield counts
            return
        cells = context.empty(counts.shape, np.int64)
        self.runtime.clear(cells.ctypes.data, cells.nbytes, context.stream)
        yield cells
        counts += to_host(cells)


def _raise_tallies(what: str, found: Array) -> None:
    total, first = max(read_error_counts(to_host(found)), key=lambda pair: pair[0])
    if total:
        raise ValueError(
            f"{what} met {total} bad values in an earlier call with check='deferred', "
            f"first at flat index {first}; check='sync' says more"
        )


def _not_here(what: str) -> Any:
    raise NotImplementedError(
        f"{what}: there is no CUDA kernel; copy the arrays to the CPU: x.cpu() of a torch tensor"
    )
