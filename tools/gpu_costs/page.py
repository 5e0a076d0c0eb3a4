"""The page of the model: a table of calls, one of the work of each, one of all kernels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import device
from .model import Cost, Kernels, Work, cost_of

INTRODUCTION = """\
# GPU costs

**This is a model: no time on this page was measured.** It says what the CUDA kernels have to do on
an NVIDIA H200, and the least time that takes. `python -m tools.gpu_costs commit` writes this page
and [its numbers](../../benches/results/gpu_costs.json); `tools/gpu_check.sh bench` measures times
on a machine with a device.

Where the numbers come from:

- **Launches, blocks, bytes.** The calls run at the sizes of the benches, one image each, on the
  kernels emulated on the CPU, by a device of {processors} processors. The emulated device sees
  every access to its memory. *Read* and *written* are the bytes of all sectors of 32 bytes that a
  launch touches, each counted once. *By blocks* counts a sector once for each block that touches
  it: that comes from the second-level cache where blocks share data. Copies, sorts and sums by cub
  and waits count as launches too; a sort launches a kernel for every eight bits.
- **Registers, shared memory, spills.** nvcc {nvcc} with `-Xptxas -v` for `{architecture}`.
  Occupancy is the share of {warps} warps that a processor holds, by its {registers} registers and
  {shared} KB of shared memory.
- **Instructions.** The disassembly. Of a kernel without loops that is the most a thread can
  execute. Of one that reads 16 bytes at a time in a loop it is the loop's length for so many reads;
  of several loops that with the most reads counts. Of others it is not known.
- **Times.** A launch takes the longest of: its bytes at {copy:.1f} TB/s (what a copy of 8.6 GB
  reached on an H200; the data sheet says 4.8), bytes by blocks, instructions, atomics, and the
  launch itself. A call takes the sum over its launches.

These rates are assumed:

{assumed}

What decides is named *bytes*, *cache* (bytes by blocks), *instructions*, *atomics*, *launch*, or
*wait of the CPU*. *Latency* is added where a launch has fewer blocks than the device has
processors. The model leaves out that arrays in the second-level cache are read faster, and that few
resident warps do not reach the rates. Letterboxes and boundary scores have no kernels; the exact
dense CRF is left out, because it takes long to emulate.
"""


def list_assumed() -> str:
    """Return the assumed rates as a list."""
    return "\n".join(f"- {name}: {rate}" for name, rate in device.ASSUMED.items())


def name_of(work: Work) -> str:
    """Return a kernel without its parameters, or what else it is."""
    depth = 0
    for i, letter in enumerate(work["name"]):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            return f"`{work['name'][:i]}`"
    return str(work["name"])


def megabytes(size: float) -> str:
    """Return bytes as MB."""
    return f"{size / 1e6:.3g}" if size else ""


def microseconds(seconds: float | None) -> str:
    """Return a time in microseconds."""
    return "" if seconds is None else f"{seconds * 1e6:.3g}"


def limits_of(costs: list[Cost]) -> str:
    """Return what decides on most of a call's time."""
    shares: dict[str, float] = {}
    for cost in costs:
        shares[cost.bottleneck] = shares.get(cost.bottleneck, 0.0) + cost.seconds
    return max(shares, key=lambda name: shares[name], default="")


def write_summary(calls: list[dict[str, Any]], kernels: Kernels) -> Iterator[str]:
    """Yield the table of all calls."""
    yield "## Calls\n"
    yield "| call | launches | moved, MB | bytes alone, us | model, us | in a graph, us | decides |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for call in calls:
        costs = [cost_of(work, kernels) for work in call["work"]]
        moved = sum(work["read"] + work["written"] for work in call["work"])
        launches = sum(work["launches"] for work in call["work"])
        share = device.GRAPH_LAUNCH / device.LAUNCH
        waits = any(cost.wait for cost in costs)
        graph = sum(max(cost.kernel, cost.launches * share) for cost in costs)
        yield (
            f"| {call['title']} | {launches} | {megabytes(moved)} "
            f"| {microseconds(moved / device.COPY_RATE)} "
            f"| {microseconds(sum(cost.seconds for cost in costs))} "
            f"| {'cannot be captured' if waits else microseconds(graph)} | {limits_of(costs)} |"
        )
    yield ""


def write_call(call: dict[str, Any], kernels: Kernels) -> Iterator[str]:
    """Yield the table of one call's work."""
    yield f"### {call['title']}\n"
    yield (
        "| work | launches | blocks x threads | read, MB | written, MB | by blocks, MB | bytes, us "
        "| cache, us | instructions a pixel | instructions, us | decides |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"
    for work in call["work"]:
        cost = cost_of(work, kernels)
        per_pixel = ""
        if cost.instructions is not None:
            per_pixel = f"{cost.instructions * device.INSTRUCTION_RATE / call['pixels']:.3g}"
        grid = f"{work['blocks'] // work['launches']} x {work['threads']}"
        cells = (
            name_of(work),
            work["launches"],
            grid if work["threads"] else "",
            megabytes(work["read"] or (work["size"] if not work["threads"] else 0)),
            megabytes(work["written"]),
            megabytes(work["touched_by_blocks"]),
            microseconds(cost.bytes),
            microseconds(cost.cache) if work["threads"] else "",
            per_pixel,
            microseconds(cost.instructions),
            cost.bottleneck,
        )
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""


def write_kernels(calls: list[dict[str, Any]], kernels: Kernels) -> Iterator[str]:
    """Yield the table of the kernels that the calls launch, and then of all others."""
    used: dict[str, Work] = {}
    for call in calls:
        for work in call["work"]:
            if work["threads"]:
                used.setdefault(work["name"], work)
    yield "## Kernels\n"
    yield (
        "| kernel | file | threads | registers | shared, bytes | spills, bytes | occupancy "
        "| instructions | loop / wide loads |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for name, work in sorted(used.items()):
        kernel = kernels[name]
        shared = kernel["shared"] + work["shared"]
        share = device.occupancy(work["threads"], kernel["registers"], shared)
        loop = f"{kernel['loop']} / {kernel['loop_loads']}" if kernel.get("loop") else ""
        yield (
            f"| {name_of(work)} | {kernel['file']} | {work['threads']} | {kernel['registers']} "
            f"| {shared} | {kernel['spills']} | {share:.0%} | {kernel.get('instructions', '')} "
            f"| {loop} |"
        )
    rest = [kernel for name, kernel in kernels.items() if name not in used]
    most = max((kernel["registers"] for kernel in rest), default=0)
    spills = sum(kernel["spills"] for kernel in rest)
    yield (
        f"\nThe {len(rest)} other kernels (other element types, code paths that these calls do not "
        f"take) have at most {most} registers and spill {spills} bytes.\n"
    )


def write_page(numbers: dict[str, Any]) -> str:
    """Return the page."""
    calls, kernels = numbers["calls"], numbers["kernels"]
    introduction = INTRODUCTION.format(
        processors=device.PROCESSORS,
        nvcc=numbers["nvcc"],
        architecture="sm_90",
        warps=device.WARPS,
        registers=device.REGISTERS,
        shared=device.SHARED >> 10,
        copy=device.COPY_RATE / 1e12,
        assumed=list_assumed(),
    )
    lines = [introduction, *write_summary(calls, kernels), "## Work of each call\n"]
    for call in calls:
        lines += write_call(call, kernels)
    lines += write_kernels(calls, kernels)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"
