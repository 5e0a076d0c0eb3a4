"""The time of work by its bytes, instructions, atomics and launches, and which of them decides."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from . import device

Work = dict[str, Any]
Kernels = dict[str, dict[str, Any]]


class Cost(NamedTuple):
    """The seconds that each part of some work takes alone."""

    bytes: float
    cache: float
    instructions: float | None  # None: not known
    atomics: float
    launches: float
    wait: float = 0.0
    blocks: float = 0.0  # of a launch, in so many processors

    @property
    def kernel(self) -> float:
        """The longest of what a kernel does at once."""
        return max(self.bytes, self.cache, self.instructions or 0.0, self.atomics)

    @property
    def seconds(self) -> float:
        """Launches of a stream run while the device works on the ones before."""
        return max(self.kernel, self.launches) + self.wait

    @property
    def bottleneck(self) -> str:
        """The part that decides."""
        if self.wait > max(self.kernel, self.launches):
            return "wait of the CPU"
        if self.launches >= self.kernel:
            return "launch" if self.blocks >= device.PROCESSORS else "launch, latency"
        parts = {
            "bytes": self.bytes,
            "cache": self.cache,
            "instructions": self.instructions or 0.0,
            "atomics": self.atomics,
        }
        return max(parts, key=lambda name: parts[name])


def instructions_of(work: Work, kernel: dict[str, Any]) -> float | None:
    """Return the instructions of all threads, where a disassembly tells them.

    A kernel without a loop executes each at most once a thread. One that reads wide in a loop
    executes the loop once for so many loads, if its blocks read everything once.
    """
    if "instructions" not in kernel:
        return None
    length: int = kernel["instructions"]
    reads_once = work["touched_by_blocks"] < 1.1 * (work["read"] + work["written"])
    if kernel["loop_loads"] and reads_once:
        times: float = work["read"] / 16 / kernel["loop_loads"]
        return times * float(kernel["loop"])
    if not kernel["branches_back"]:
        return float(work["blocks"] * work["threads"] * length)
    return None


def cost_of_sort(name: str, size: int) -> Cost:
    """Return the cost of cub's sort, eight bits a pass: names of 8 bytes and numbers of 4."""
    bits = int(re.findall(r"\d+", name)[0])
    passes, width = -(-bits // 8), 12 if "pairs" in name else 8
    moved = (8 + 2 * width * passes) * size
    return Cost(moved / device.COPY_RATE, 0.0, None, 0.0, (2 + passes) * device.LAUNCH)


def cost_of(work: Work, kernels: Kernels) -> Cost:
    """Return the cost of all launches of a kernel, or of copies, sorts and sums of one kind."""
    name, size, times = work["name"], work["size"], work["launches"]
    if work["threads"]:
        instructions = instructions_of(work, kernels.get(name, {}))
        rate = device.INSTRUCTION_RATE
        return Cost(
            (work["read"] + work["written"]) / device.COPY_RATE,
            work["touched_by_blocks"] / device.CACHE_RATE,
            None if instructions is None else instructions / rate,
            work["atomics"] / device.ATOMIC_RATE,
            times * device.LAUNCH,
            blocks=work["blocks"] / times,
        )
    if name.startswith("sort"):
        return cost_of_sort(name, size)
    if name == "sums":  # cub's scan, in one pass
        return Cost(8 * size / device.COPY_RATE, 0.0, None, 0.0, 2 * times * device.LAUNCH)
    wait = times * device.WAIT if name == "download" else 0.0
    moved = 2 * size if name == "copy" else size
    return Cost(moved / device.COPY_RATE, 0.0, None, 0.0, times * device.LAUNCH, wait,
                device.PROCESSORS)  # fmt: skip
