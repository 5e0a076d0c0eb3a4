"""The servers of examples/servers share a contract: labels, limits, errors, an orderly end."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from server_pictures import PNG, bomb, encode, expected, photograph
from server_runs import SERVERS, HalfUpload, Launch, Server, serve

import segpost

pytest.importorskip("segpost._cpu")
Image = pytest.importorskip("PIL.Image")
for package in ("torch", "onnx", "onnxruntime", "openvino", "fastapi", "uvicorn"):
    pytest.importorskip(package)
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

FORMS: dict[str, tuple[Callable[[np.ndarray], Any], dict[str, Any]]] = {
    "PNG": (lambda pixels: Image.fromarray(pixels), {}),
    "JPEG": (lambda pixels: Image.fromarray(pixels), {"quality": 90}),
    "PNG of a palette": (lambda pixels: Image.fromarray(pixels).quantize(16), {}),
    "PNG with alpha": (lambda pixels: Image.fromarray(np.dstack([pixels, pixels[..., 0]])), {}),
    "gray PNG": (lambda pixels: Image.fromarray(pixels).convert("L"), {}),
    "gray JPEG": (lambda pixels: Image.fromarray(pixels).convert("L"), {}),
    "progressive JPEG": (lambda pixels: Image.fromarray(pixels), {"progressive": True}),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_pictures(form: str, server: Server, server_models: Path) -> None:
    """Labels as an indexed PNG with the palette, and as run-length codes of the same labels."""
    make, options = FORMS[form]
    kind = "JPEG" if form.endswith("JPEG") else "PNG"
    content = encode(make(photograph()), kind, **options)
    with Image.open(io.BytesIO(content)) as picture:
        wanted = expected(server_models, np.asarray(picture.convert("RGB")))
    assert len(np.unique(wanted)) > 1
    reply = server.segment(content, f"image/{kind.lower()}; charset=binary")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png"), reply
    with Image.open(io.BytesIO(reply.body)) as answer:
        labels = np.asarray(answer)
        colors = np.asarray(answer.convert("RGB"))
    assert labels.dtype == np.uint8
    # The runtimes round in their own ways: a label may differ next to a tie.
    assert np.mean(labels != wanted) < 1e-3
    np.testing.assert_array_equal(colors, segpost.colorize(labels, "voc"))
    coded = server.segment(content, f"image/{kind.lower()}", "?format=rle")
    assert (coded.status, coded.headers["content-type"]) == (200, "application/json")
    said = json.loads(coded.body)
    assert said["size"] == list(labels.shape)
    rows = segpost.regions(labels).coco()
    assert said["annotations"] == [
        {name: row[name] for name in said["annotations"][0]} for row in rows
    ]
    assert set(said["annotations"][0]) == {"category_id", "area", "bbox", "segmentation"}


def damage(content: bytes) -> bytes:
    """The same with a byte changed in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]


JPEG = encode(photograph(), "JPEG")
REFUSED: dict[str, tuple[bytes, str, str, int, str]] = {
    "no picture": (b"hello", "image/png", "", 415, "the body is neither PNG nor JPEG"),
    "nothing": (b"", "image/png", "", 415, "the body is neither PNG nor JPEG"),
    "GIF": (encode(photograph(), "GIF"), "image/png", "", 415, "neither PNG nor JPEG"),
    "wrong type": (PNG, "text/plain", "", 415, "Content-Type is image/png or image/jpeg"),
    "no type": (PNG, "", "", 415, "Content-Type is image/png or image/jpeg, got ''"),
    "format": (PNG, "image/png", "?format=xml", 422, "format is 'png' or 'rle', got"),
    "truncated PNG": (PNG[: len(PNG) // 2], "image/png", "", 422, "the PNG is broken"),
    "truncated header": (PNG[:20], "image/png", "", 422, "broken"),
    "damaged PNG": (damage(PNG), "image/png", "", 422, "the PNG is broken"),
    "truncated JPEG": (JPEG[: len(JPEG) // 2], "image/jpeg", "", 422, "the JPEG is broken"),
    "header of a JPEG": (JPEG[:20], "image/jpeg", "", 422, "the header of the JPEG is broken"),
    "bomb": (bomb(), "image/png", "", 413, "50000 x 50000 pixels exceed 1000000"),
    "16 bits": (encode(np.zeros((5, 6), np.uint16)), "image/png", "", 415, "8 bits"),
    "CMYK": (encode(Image.new("CMYK", (8, 8)), "JPEG"), "image/jpeg", "", 415, "8 bits"),
    "large": (bytes(400_001), "image/png", "", 413, "the upload exceeds 400000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, server: Server) -> None:
    """The status and a sentence, and the next picture is answered."""
    content, kind, query, status, text = REFUSED[name]
    reply = server.segment(content, kind, query)
    assert reply.status == status, reply
    assert text in reply.detail
    assert server.segment(PNG).status == 200


@pytest.mark.parametrize("query", ["?", "?format=png"])
@pytest.mark.parametrize("kind", ["image/png", " IMAGE/PNG ; q=1", "image/jpeg;"])
def test_forms_of_a_request(query: str, kind: str, server: Server) -> None:
    """Blanks and capitals of a type, a query without content."""
    assert server.segment(PNG, kind, query).body == server.segment(PNG).body


@pytest.mark.parametrize("query", ["x=1", "format=rle&x=1", "format=%72le", "format=", "format"])
def test_other_queries(query: str, server: Server) -> None:
    reply = server.segment(PNG, query=f"?{query}")
    assert reply.status == 422
    assert reply.detail == f"format is 'png' or 'rle', got '{query}'"


@pytest.mark.parametrize("path", ["/", "/nothing", "/segment/", "/health/", "/Segment"])
def test_other_paths(path: str, server: Server) -> None:
    for method in ("GET", "POST"):
        reply = server.ask(method, path, b"")
        assert (reply.status, reply.detail) == (404, "Not Found")


@pytest.mark.parametrize(("path", "allowed"), [("/segment", "POST"), ("/health", "GET")])
def test_other_methods(path: str, allowed: str, server: Server) -> None:
    for method in {"GET", "POST", "PUT", "OPTIONS"} - {allowed}:
        reply = server.ask(method, path, b"")
        assert (reply.status, reply.detail) == (405, "Method Not Allowed")
        assert reply.headers["allow"] == allowed


def test_head(server: Server) -> None:
    """An answer without a body: the next one on the connection begins where it ends."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    with contextlib.closing(connection):
        for path in ("/segment", "/health", "/nothing"):
            connection.request("HEAD", path)
            response = connection.getresponse()
            assert (response.status // 100, response.read()) == (4, b"")
            connection.request("GET", "/health")
            assert json.loads(connection.getresponse().read())["status"] == "ok"


HEAD = b"POST /segment HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n"
NO_HTTP = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01" + bytes(200),
    "length": HEAD % b"image/png" + b"Content-Length: -5\r\n\r\n",
    "chunk": HEAD % b"image/png" + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_no_http(name: str, server: Server) -> None:
    assert server.send(NO_HTTP[name]).status == 400
    assert server.health()["requests"] == 0


def test_a_type_that_is_no_text(server: Server) -> None:
    """Bytes of a header come back as JSON, in UTF-8."""
    reply = server.send(HEAD % b"i\xff\xfe\x22" + b"Content-Length: 0\r\n\r\n")
    assert reply.status == 415
    assert reply.body.decode()
    assert re.search("got 'i..\"'", reply.detail)


def test_an_upload_of_unknown_length(server: Server) -> None:
    """Chunks are read until they are too many."""
    parts = [PNG[k : k + 1000] for k in range(0, len(PNG), 1000)]
    assert server.segment(iter(parts)).status == 200
    reply = server.segment(iter([bytes(50_000)] * 9))
    assert reply.status == 413
    assert "the upload exceeds 400000 bytes" in reply.detail


def wait_for_requests(server: Server, number: int) -> None:
    """Until so many requests are open."""
    while server.health()["requests"] != number:
        pass


def wait_for_end(server: Server) -> None:
    """Until new connections are refused."""
    with contextlib.suppress(ConnectionError):
        while True:
            server.health()


def test_too_many_clients(server: Server) -> None:
    """Who comes too late is told when to come again; those before are answered."""
    open_uploads = [HalfUpload(server, PNG) for _ in range(2)]
    wait_for_requests(server, 2)
    reply = server.segment(PNG)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.detail == "2 requests are open: try again"
    answers = [upload.finish() for upload in open_uploads]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == server.segment(PNG).body


def test_a_client_that_goes_away(server: Server) -> None:
    """Its place is free again."""
    upload = HalfUpload(server, PNG)
    wait_for_requests(server, 1)
    upload.break_off()
    wait_for_requests(server, 0)


def test_a_slow_upload(launch: Launch) -> None:
    with launch.start(SECONDS=0.5) as server:
        reply = HalfUpload(server, PNG).reply()
        assert (reply.status, reply.detail) == (408, "no upload in 0.5 s")


def test_sigterm_drains(launch: Launch) -> None:
    """What is open is answered, others find no server, and the process ends."""
    check_draining(launch)


def test_sigterm_drains_workers(fastapi: Launch) -> None:
    """The process that started them does not listen either."""
    check_draining(fastapi, "--workers", "2")


def check_draining(launch: Launch, *options: str) -> None:
    """SIGTERM while an upload is open."""
    with launch.start(*options) as server:
        wanted = server.segment(PNG).body
        upload = HalfUpload(server, PNG)
        wait_for_requests(server, 1)
        server.process.send_signal(signal.SIGTERM)
        wait_for_end(server)
        reply = upload.finish()
        assert (reply.status, reply.body) == (200, wanted)
        assert server.process.wait(timeout=300) in (0, -signal.SIGTERM)


def test_a_killed_worker_is_replaced(fastapi: Launch) -> None:
    """Of two processes one is killed: requests are answered, and there are two again."""
    with fastapi.start("--workers", "2") as server:
        workers: set[int] = set()
        while len(workers) < 2:
            workers.add(server.health()["process"])
        killed = workers.pop()
        os.kill(killed, signal.SIGKILL)
        assert server.segment(PNG).status == 200
        while len(workers) < 2:
            workers.add(server.health()["process"])
        assert killed not in workers
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=300) in (0, -signal.SIGTERM)


NETWORKS = """
import sys
sys.path.insert(0, sys.argv[1])
import uvicorn
from fastapi_server import create_app

def late(pixels, options):
    while not options.terminate:
        pass
    print("stopped", flush=True)
    raise RuntimeError("terminated")

def wrong(pixels, options):
    raise RuntimeError("secret")

uvicorn.run(create_app(globals()[sys.argv[2]]), port=0)
"""


def command_of(network: str) -> list[str]:
    """FastAPI with a function of `NETWORKS` as its model."""
    return [sys.executable, "-c", NETWORKS, str(SERVERS), network]


def test_a_model_that_fails() -> None:
    """The client gets a sentence without details, and the server goes on."""
    with serve(command_of("wrong")) as server:
        for _ in range(2):
            reply = server.segment(PNG)
            assert (reply.status, reply.detail) == (500, "Internal Server Error")


def test_a_late_result() -> None:
    """A client does not wait longer than the limit, and the model is told to stop."""
    with serve(command_of("late"), SECONDS=0.5) as server:
        reply = server.segment(PNG)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.detail == "no result in 0.5 s: try again"
        assert server.process.stdout
        assert any("stopped" in line for line in server.process.stdout)
