"""The servers of examples/servers and bytes from anybody: every part of a PNG is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from server_pictures import PNG, chunk, encode, expected, join_chunks, photograph, split_chunks
from server_runs import Launch, Server

import segpost

pytest.importorskip("segpost._cpu")
Image = pytest.importorskip("PIL.Image")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

HEADER, *PIXELS, END = split_chunks(PNG)
TEXT = chunk(b"tEXt", b"Comment\0hello")


def make_header(width: int, height: int, bits: int = 8, color: int = 2) -> bytes:
    """The first part of a PNG."""
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return chunk(b"IHDR", sides + bytes([bits, color, 0, 0, 0]))


def spoil_checksum(part: bytes) -> bytes:
    """The part with another checksum."""
    return part[:-1] + bytes([part[-1] ^ 1])


BROKEN = {
    "no IEND": (join_chunks(HEADER, *PIXELS), 422, "the PNG is broken: it ends before IEND"),
    "half an IEND": (PNG[:-4], 422, "the PNG is broken: it ends before IEND"),
    "20 bytes less": (PNG[:-20], 422, "the PNG is broken: it ends before IEND"),
    "checksum of IEND": (spoil_checksum(PNG), 422, "the PNG is broken: the checksum of IEND"),
    "checksum of a text": (
        join_chunks(HEADER, spoil_checksum(TEXT), *PIXELS, END),
        422,
        "the PNG is broken: the checksum of tEXt",
    ),
    "checksum of a text behind the pixels": (
        join_chunks(HEADER, *PIXELS, spoil_checksum(TEXT), END),
        422,
        "the PNG is broken: the checksum of tEXt",
    ),
    "unknown": (
        join_chunks(HEADER, chunk(b"ABCD", b"x"), *PIXELS, END),
        422,
        "the PNG is broken: ABCD is unknown",
    ),
    "no palette": (
        join_chunks(make_header(130, 90, color=3), *PIXELS, END),
        422,
        "the PNG is broken: no palette before its pixels",
    ),
    "many texts": (
        join_chunks(HEADER, *[TEXT] * 2000, *PIXELS, END),
        422,
        "the PNG is broken: too much beside its pixels",
    ),
    "header not first": (
        join_chunks(TEXT, make_header(130, 90, 16), *PIXELS, END),
        422,
        "the header of the PNG is broken",
    ),
    "no pixels": (
        join_chunks(make_header(0, 90), *PIXELS, END),
        422,
        "the header of the PNG is broken",
    ),
    "a side that no PNG has": (
        join_chunks(make_header(1, 1 << 31), *PIXELS, END),
        422,
        "the header of the PNG is broken",
    ),
    "the largest PNG": (
        join_chunks(make_header((1 << 31) - 1, (1 << 31) - 1), *PIXELS, END),
        413,
        "2147483647 x 2147483647 pixels exceed 1000000",
    ),
    "16 bits": (
        join_chunks(make_header(130, 90, 16), *PIXELS, END),
        415,
        "the picture is neither gray nor RGB of 8 bits",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name: str, server: Server) -> None:
    """The same sentence of both servers."""
    content, status, text = BROKEN[name]
    reply = server.segment(content)
    assert (reply.status, reply.detail) == (status, text)


@pytest.mark.parametrize("before", [[], [TEXT, chunk(b"abCd", b"of a program")] * 400])
@pytest.mark.parametrize("behind", [[], [TEXT]])
def test_other_parts(before: list[bytes], behind: list[bytes], server: Server) -> None:
    """Texts and what a program keeps for itself change nothing; neither do bytes after the end."""
    content = join_chunks(HEADER, *before, *PIXELS, *behind, END)
    wanted = server.segment(PNG)
    assert wanted.status == 200
    assert server.segment(content).body == wanted.body
    assert server.segment(content + b"behind the end").body == wanted.body


def test_every_damage_of_a_png(server: Server) -> None:
    """A bit that flips anywhere is noticed: every part has a checksum."""
    small = encode(photograph(6, 7))
    assert server.segment(small).status == 200
    for place in range(len(small)):
        damaged = bytearray(small)
        damaged[place] ^= 1 << place % 8
        assert server.segment(bytes(damaged)).status in (413, 415, 422), place


def test_a_short_palette(cpp: Launch, server_models: Path, tmp_path: Path) -> None:
    """Labels beyond its colors are answered, in black."""
    palette = tmp_path / "palette.rgb"
    palette.write_bytes(bytes([1, 2, 3, 4, 5, 6]))
    wanted = expected(server_models, photograph())
    assert wanted.max() > 1
    with cpp.start(PALETTE=palette) as server:
        reply = server.segment(PNG)
    with Image.open(io.BytesIO(reply.body)) as answer:
        labels, colors = np.asarray(answer), np.asarray(answer.convert("RGB"))
    assert np.mean(labels != wanted) < 1e-3
    table = np.zeros((256, 3), np.uint8)
    table[:2] = [[1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(colors, segpost.colorize(labels, table))


def resident_megabytes(server: Server) -> float:
    """The memory of the process."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.is_file():
        pytest.skip("this system does not say the memory of a process")
    (line,) = [one for one in status.read_text().splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def test_memory_of_many_sizes(cpp: Launch) -> None:
    """A size that was never there before leaves nothing; with the usual cache it leaves 80 MB."""
    sizes = [(height, width) for height in range(10, 35) for width in range(10, 40)]
    with cpp.start() as server:
        for height, width in sizes[:300]:
            assert server.segment(encode(photograph(height, width))).status == 200
        before = resident_megabytes(server)
        for height, width in sizes[300:]:
            assert server.segment(encode(photograph(height, width))).status == 200
        assert resident_megabytes(server) - before < 30
