"""What calls launch and which memory they move, counted by the emulated device of the tests."""

from __future__ import annotations

import ctypes
import sys
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

from segpost._backends import registry
from segpost._core import cuda_module

from . import device
from .machine_code import ROOT

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from emulated import build, launches  # noqa: E402
from fake_devices import Runtime  # noqa: E402

Work = dict[str, Any]
ADDED = ("launches", "blocks", "read", "written", "touched_by_blocks", "atomics", "size")


def emulate() -> ModuleType:
    """Make the emulated device the one that segpost finds, of the model's size, and watch it."""
    module = build.build(kernel_flags=build.WATCHED)
    if not ctypes.CDLL(module.__file__).emulated_watch_memory():
        raise MemoryError("20 GB of addresses to watch the memory of a device")
    launches.set_limits(module, device.PROCESSORS, device.SHARED_OF_BLOCK, device.SHARED)
    runtime = Runtime(module)
    cuda_module.cuda_runtime = lambda: runtime  # type: ignore[assignment]
    registry._loaded = {}
    return module


def record(module: ModuleType, call: Callable[[], Any]) -> list[Work]:
    """Return the work of a call, launches of a kernel together; its tables are there before."""
    call()
    with launches.record_launches(module) as listed:
        result = call()
    del result
    together: dict[tuple[str, int, int], Counter[str]] = {}
    for launch in listed:
        key = (launch.signature or launch.name, launch.threads, launch.shared)
        values = {name: getattr(launch, name, 1) for name in ADDED}
        together.setdefault(key, Counter()).update(values)
    return [
        {"name": name, "threads": threads, "shared": shared, **counts}
        for (name, threads, shared), counts in together.items()
    ]


def subtract(work: list[Work], less: list[Work]) -> list[Work]:
    """Return the work that a call has more than another."""
    had = {(one["name"], one["threads"], one["shared"]): one for one in less}
    rest = []
    for one in work:
        before = had.get((one["name"], one["threads"], one["shared"]), {})
        added = {name: one[name] - before.get(name, 0) for name in ADDED}
        if added["launches"]:
            rest.append({**one, **added})
    return rest
