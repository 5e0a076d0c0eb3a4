"""The check sums of PNG files, which decoders skip where pixels are compressed."""

from __future__ import annotations

from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BLOCK = 1 << 18  # bytes that are read at once


def check_sums_of_png(file: BinaryIO) -> None:
    """Raise a ValueError unless every chunk of a PNG file has its check sum, up to the last one.

    Parameters
    ----------
    file : binary file
        Read from its start to the end of the chunk IEND, in blocks.

    Raises
    ------
    ValueError
        If a chunk is damaged or cut.
    """
    import zlib

    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("the file is damaged: it has not the signature of a PNG")
    kind = b""
    while kind != b"IEND":
        head = _read(file, 8)
        left, kind = int.from_bytes(head[:4], "big"), head[4:]
        crc = zlib.crc32(kind)
        while left:
            block = _read(file, min(left, BLOCK))
            crc = zlib.crc32(block, crc)
            left -= len(block)
        if _read(file, 4) != crc.to_bytes(4, "big"):
            name = kind.decode("ascii", "backslashreplace")
            raise ValueError(f"the file is damaged: the check sum of its chunk {name!r} is wrong")


def _read(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file, which must be there."""
    content = file.read(size)
    if len(content) < size:
        raise ValueError("the file is damaged: it ends before its last chunk, IEND")
    return content
