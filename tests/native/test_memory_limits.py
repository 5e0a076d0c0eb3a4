"""Threads of the native code without memory: an exception of Python, and no end of the process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
from conftest import NATIVE

# Children whose threads are there before memory is gone, with another rest of it each.
PROGRAM = """
import ctypes, os, resource
import numpy as np, segpost
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
labels = np.random.default_rng(0).integers(0, 64, (1024, 2048)).astype(np.uint8)
others = np.ascontiguousarray(labels[::-1])
blocks = (ctypes.c_void_p * 300_000)()

def update(size):
    segpost.TrimapIoU(64).update(labels[:size, :size].copy(), others[:size, :size].copy())

def take_memory(left):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000, used + 1_000_000))
    count = 0
    for power in range(22, 4, -1):
        while count < len(blocks) and (block := libc.malloc(1 << power)):
            blocks[count] = block
            count += 1
    for index in range(left):
        libc.free(blocks[index])

def child(left):
    segpost.set_num_threads(4)
    update(512)
    try:
        take_memory(left)
        segpost.TrimapIoU(64).update(labels, others)
    except MemoryError:
        os._exit(1)
    os._exit(0)

segpost.set_num_threads(1)
update(32)
for left in range(1, 9):
    if not (pid := os.fork()):
        child(left)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.faults
@pytest.mark.skipif(not NATIVE, reason="there is no native code")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")
def test_a_worker_without_memory_for_its_exception() -> None:
    """It throws what becomes a MemoryError: glibc would end the process with 127."""
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        pytest.skip("another C library")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
    )
    statuses = [int(line) for line in result.stdout.split()]
    assert result.returncode == 0, result.stderr
    assert len(statuses) == 8
    assert set(statuses) <= {0, 1}, statuses
    assert 1 in statuses, "memory was never short"
