"""Compressed run-length codes of many masks, by the backend of the call."""

from __future__ import annotations

from segpost._backends import registry
from segpost._core.contract import Array
from segpost._core.rle import split_codes


def compress_each(counts: Array, ends: Array) -> list[bytes]:
    """Return the compressed COCO strings of masks, whose counts stand one after another.

    Mask ``i`` has ``counts[ends[i - 1]:ends[i]]``, int64, on the CPU.
    """
    return split_codes(*registry.host_backend().compress_counts(counts, ends))
