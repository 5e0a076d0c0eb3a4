"""The file of a shard: the counts of its images, which are the same bytes for the same inputs.

The first line is the SHA-256 of everything behind it and a header of JSON; then come columns of
little-endian integers: cells of every image (uint32), CRC-32 of every file (uint32), cell indices
and counts. There is no time, host or version of a program in it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.metrics.image_table import PackedImages

VERSION = 1
DIGEST_LETTERS = 64
CELL_TYPES = ("uint16", "uint32")
COUNT_TYPES = ("uint32", "uint64")

encode_json = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode


class FailedImage(NamedTuple):
    """An image without counts, by its number in the shard, and why it has none."""

    number: int
    file: str  # as in "preds/a.png", wherever the folder is; empty where no file is to blame
    reason: str


class ShardCounts(NamedTuple):
    """The counts of a shard.

    Attributes
    ----------
    plan : str
        The id of the plan.
    shard : int
        The number of the shard.
    lines : str
        SHA-256 of its lines in the plan.
    failed : list of FailedImage
        Images without counts.
    checksums : uint32 array of shape (planned images, files)
        CRC-32 of every file, 0 where it could not be read.
    images : PackedImages
        Counts of the other images, in the order of the plan.
    measures : list of dict
        Totals of the measures beside the matrix.
    """

    plan: str
    shard: int
    lines: str
    failed: list[FailedImage]
    checksums: Array
    images: PackedImages
    measures: list[dict[str, Any]]


def encode_shard(counts: ShardCounts) -> bytes:
    """Return the content of the file of a shard."""
    images = counts.images
    cell_type = _smallest_type(images.cells, CELL_TYPES)
    count_type = _smallest_type(images.counts, COUNT_TYPES)
    header = {
        "segpost": "Shard",
        "version": VERSION,
        "plan": counts.plan,
        "shard": counts.shard,
        "lines": counts.lines,
        "images": len(images.lengths),
        "files": list(counts.checksums.shape),
        "cells": [len(images.cells), cell_type],
        "counts": count_type,
        "failed": [list(failed) for failed in counts.failed],
        "outside": [
            [k, [[t, p, count] for (t, p), count in sorted(pairs.items())]]
            for k, pairs in sorted(images.outside.items())
        ],
        "measures": counts.measures,
    }
    columns = (
        (images.lengths, "uint32"),
        (counts.checksums, "uint32"),
        (images.cells, cell_type),
        (images.counts, count_type),
    )
    body = b"".join(
        np.asarray(c).astype(np.dtype(t).newbyteorder("<")).tobytes() for c, t in columns
    )
    content = f"{encode_json(header)}\n".encode() + body
    return f"{hashlib.sha256(content).hexdigest()} ".encode() + content


def decode_shard(content: bytes) -> ShardCounts:
    """Return the counts in the file of a shard.

    Raises
    ------
    ValueError
        If the content is not what was written.
    """
    if not content:
        raise ValueError("it is empty")
    view = memoryview(content)[DIGEST_LETTERS + 1 :]
    digest = hashlib.sha256(view).hexdigest()
    if content[: DIGEST_LETTERS + 1] != f"{digest} ".encode():
        raise ValueError("its checksum is that of other content")
    try:
        end = content.index(b"\n") + 1
        header = json.loads(content[DIGEST_LETTERS + 1 : end])
        if header["segpost"] != "Shard" or header["version"] != VERSION:
            raise ValueError(f"it has version {header['version']!r}, this segpost reads {VERSION}")
        num_images, (num_cells, cell_type) = header["images"], header["cells"]
        lengths, checksums, cells, counts = _read_columns(
            content,
            end,
            [
                ("uint32", num_images),
                ("uint32", header["files"][0] * header["files"][1]),
                (cell_type, num_cells),
                (header["counts"], num_cells),
            ],
        )
        if int(lengths.sum(dtype=np.int64)) != num_cells:
            raise ValueError("its images have other numbers of cells")
        outside = {k: {(t, p): n for t, p, n in pairs} for k, pairs in header["outside"]}
        return ShardCounts(
            header["plan"],
            header["shard"],
            header["lines"],
            [FailedImage(*failed) for failed in header["failed"]],
            checksums.reshape(header["files"]),
            PackedImages(lengths, cells, counts, outside),
            header["measures"],
        )
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no shard: {error!r}") from error


def _read_columns(content: bytes, start: int, columns: list[tuple[str, int]]) -> list[Array]:
    arrays, offset = [], start
    for name, length in columns:
        if name not in (*CELL_TYPES, *COUNT_TYPES) or type(length) is not int or length < 0:
            raise ValueError(f"it is no shard: {length!r} values of type {name!r}")
        dtype = np.dtype(name).newbyteorder("<")
        size = length * dtype.itemsize
        if offset + size > len(content):
            raise ValueError("it is no shard: its columns are longer than it")
        arrays.append(np.frombuffer(content, dtype, length, offset))
        offset += size
    if offset != len(content):
        raise ValueError("it is no shard: it is longer than its columns")
    return arrays


def _smallest_type(values: Array, names: tuple[str, ...]) -> str:
    largest = int(values.max()) if len(values) else 0
    return next(name for name in names if largest <= np.iinfo(name).max)
