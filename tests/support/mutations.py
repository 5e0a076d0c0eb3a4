"""Damaged versions of a file: bits flipped, bytes changed, parts cut, repeated or exchanged."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

INTERESTING = tuple(
    value.to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for value in (0, 1, (1 << (8 * size - 1)) - 1, 1 << (8 * size - 1), (1 << (8 * size)) - 1)
    for order in ("little", "big")
)


def mutate(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield so many damaged versions of some bytes, the same for a seed."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            _damage(damaged, rng)
        yield bytes(damaged)


def count_refused(path: Path, data: bytes, read: Callable[[Path], object], count: int) -> int:
    """How many damaged versions of a file a reader refuses; any other exception is raised."""
    refused = 0
    for damaged in mutate(data, count, seed=3):
        path.write_bytes(damaged)
        try:
            read(path)
        except (ValueError, TypeError, OSError, MemoryError):
            refused += 1
    return refused


def _damage(data: bytearray, rng: np.random.Generator) -> None:
    size = max(1, len(data))
    # Headers are at the beginning or at the end: half of the changes are made there.
    at = int(rng.integers(size))
    if rng.random() < 0.5:
        at = int(rng.integers(min(size, 256)))
        at = at if rng.random() < 0.7 else size - 1 - at
    length = int(rng.integers(1, 64))
    kind = int(rng.integers(6))
    if kind == 0 and data:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        word = INTERESTING[int(rng.integers(len(INTERESTING)))]
        data[at : at + len(word)] = word
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length] * int(rng.integers(1, 4))
    else:
        data[at : at + length] = rng.bytes(length)
