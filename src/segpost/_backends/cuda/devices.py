"""What the calls on the devices of one runtime share."""

from __future__ import annotations

from typing import Any

from segpost._backends.cuda.deferred import DeferredQueue
from segpost._backends.cuda.tables import DeviceTables
from segpost._core import contract


class Devices:
    """The state that calls share: the compiled module, device tables and deferred errors."""

    def __init__(self, runtime: Any) -> None:
        runtime.bind_records(contract)
        self.runtime = runtime
        self.tables = DeviceTables(runtime)
        self.deferred = DeferredQueue()
