"""The device of the model, an NVIDIA H200, and how many threads it keeps at once.

The copy rate is that of a copy of 8.6 GB on such a device, bytes read and written; the data sheet
says 4.8 TB/s of reads. The other rates are taken from documents or assumed: `ASSUMED` names them.
"""

from __future__ import annotations

PROCESSORS = 132
WARPS = 64  # that a processor keeps at once
BLOCKS = 32  # likewise
REGISTERS = 65_536  # of a processor
SHARED = 228 << 10  # bytes, of a processor
SHARED_OF_BLOCK = 227 << 10
RESERVED = 1 << 10  # bytes of shared memory that CUDA takes of every block
LANES = 32
PARTS = 4  # of a processor, each with a scheduler and a quarter of the registers
CLOCK = 1.755e9  # Hz

COPY_RATE = 4.3e12  # bytes a second, measured on a device by a copy
CACHE_RATE = 5e12  # bytes a second from the second-level cache
INSTRUCTION_RATE = PROCESSORS * PARTS * LANES * CLOCK  # of threads, a second
ATOMIC_RATE = PROCESSORS * CLOCK  # atomics on global memory a second
LAUNCH = 2.5e-6  # seconds from one launch in a stream to the next
GRAPH_LAUNCH = 1.75e-6  # in a graph
WAIT = 10e-6  # seconds until the CPU has read a few bytes and goes on

ASSUMED = {
    "second-level cache": f"{CACHE_RATE / 1e12:.0f} TB/s",
    "instructions": f"{INSTRUCTION_RATE / 1e12:.1f} x 10^12 a second: one a lane and clock",
    "atomics on global memory": f"{ATOMIC_RATE / 1e9:.0f} x 10^9 a second: one a processor"
    " and clock",
    "a launch in a stream": f"{LAUNCH * 1e6:.1f} us; in a graph {GRAPH_LAUNCH * 1e6:.2f} us",
    "a wait of the CPU": f"{WAIT * 1e6:.0f} us",
}


def occupancy(threads: int, registers: int, shared: int) -> float:
    """Return the share of a processor's warps that blocks of a kernel can fill.

    Registers are given to a warp by 256, from the quarter of its scheduler; shared memory to a
    block by 128 bytes.
    """
    warps = -(-threads // LANES)
    of_warp = -(-registers * LANES // 256) * 256
    by_registers = REGISTERS // PARTS // max(of_warp, 256) * PARTS // warps
    by_shared = SHARED // (-(-(shared + RESERVED) // 128) * 128)
    blocks = min(BLOCKS, WARPS // warps, by_registers, by_shared)
    return blocks * warps / WARPS
