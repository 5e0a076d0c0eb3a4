"""Clients that ask one after the other, each on its own connection, for some seconds."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import NamedTuple


class Load(NamedTuple):
    """What clients saw in some seconds."""

    seconds: float
    latencies: list[float]  # seconds, of answered requests
    failed: int  # requests with another status
    cpu: float  # seconds of the server's processes


def as_request(picture: bytes, kind: str, query: str = "") -> bytes:
    """The bytes of a request."""
    head = (
        f"POST /segment{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(picture)}\r\n\r\n"
    )
    return head.encode() + picture


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """One request and its answer: status and body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    assert length, head
    return int(head.split(None, 2)[1]), await reader.readexactly(int(length[1]))


async def run_client(port: int, request: bytes, end: float, load: list[float]) -> int:
    """Ask until the end; the number of requests that failed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    failed = 0
    while (start := time.monotonic()) < end:
        status, _ = await ask(reader, writer, request)
        if status == 200:
            load.append(time.monotonic() - start)
        else:
            failed += 1
    writer.close()
    return failed


def run_clients(port: int, pid: int, request: bytes, clients: int, seconds: float) -> Load:
    """The load of so many clients."""
    latencies: list[float] = []

    async def run() -> int:
        end = time.monotonic() + seconds
        jobs = [run_client(port, request, end, latencies) for _ in range(clients)]
        return sum(await asyncio.gather(*jobs))

    start, before = time.monotonic(), cpu_seconds(pid)
    failed = asyncio.run(run())
    return Load(time.monotonic() - start, latencies, failed, cpu_seconds(pid) - before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask_once(port: int, request: bytes) -> bytes:
    """The body of an answer that must be there."""

    async def run() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        status, body = await ask(reader, writer, request)
        assert status == 200, body
        writer.close()
        return body

    return asyncio.run(run())
