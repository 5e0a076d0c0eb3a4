"""The parts of a PNG, which are read before its pixels: Pillow does not look behind those."""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = b"\x00\x00\x00\rIHDR"  # the length and the name of the first chunk
NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # the names with a capital that have a meaning
MOST = 1000  # chunks beside those of pixels
LARGEST = 1 << 20  # bytes of a text or a profile
INDEXED = 3  # the kind of color of a picture with a palette


def number_at(content: bytes, place: int) -> int:
    """Return four bytes as a number."""
    return int.from_bytes(content[place : place + 4], "big")


def read_size(content: bytes) -> tuple[int, int]:
    """Return the width and the height that the header says.

    Raises
    ------
    ValueError
        If the file does not begin with a header, or has a side that no PNG has.
    """
    size = number_at(content, 16), number_at(content, 20)
    if len(content) < 33 or content[8:16] != HEADER or not all(0 < side < 1 << 31 for side in size):
        raise ValueError("the header of the PNG is broken")
    return size


def check_chunks(content: bytes) -> None:
    """Read every chunk up to IEND.

    Raises
    ------
    ValueError
        If one is cut, has another checksum, is too large, is unknown though it must be known, or
        if there are too many, or no palette before the pixels of an indexed picture.
    """
    names: set[bytes] = set()
    place, others = len(SIGNATURE), 0
    while b"IEND" not in names:
        length, name = number_at(content, place), content[place + 4 : place + 8]
        end, said = place + 12 + length, name.decode("ascii", "replace")
        if end > len(content) or len(name) < 4:
            raise ValueError("the PNG is broken: it ends before IEND")
        if zlib.crc32(memoryview(content)[place + 4 : end - 4]) != number_at(content, end - 4):
            raise ValueError(f"the PNG is broken: the checksum of {said}")
        if not name[0] & 32 and name not in NEEDED:
            raise ValueError(f"the PNG is broken: {said} is unknown")
        others += name != b"IDAT"
        if others > MOST or (name != b"IDAT" and length > LARGEST):
            raise ValueError("the PNG is broken: too much beside its pixels")
        if name == b"IDAT" and content[25] == INDEXED and b"PLTE" not in names:
            raise ValueError("the PNG is broken: no palette before its pixels")
        names.add(name)
        place = end
