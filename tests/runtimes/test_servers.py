"""The servers of examples/servers share a contract: labels, limits, errors, an orderly end."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from server_runs import (
    SERVERS,
    HalfUpload,
    Server,
    build_cpp,
    fastapi_command,
    make_models,
    openvino_operators,
    serve,
)

import segpost

pytest.importorskip("segpost._cpu")
Image = pytest.importorskip("PIL.Image")
for package in ("torch", "onnx", "onnxruntime", "openvino", "fastapi", "uvicorn"):
    pytest.importorskip(package)
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

LIMITS = {"MAX_BYTES": 400_000, "MAX_PIXELS": 1_000_000, "MAX_REQUESTS": 2, "SECONDS": 300}
Start = Callable[..., contextlib.AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models."""
    folder = tmp_path_factory.mktemp("models")
    make_models(folder)
    return folder


@pytest.fixture(scope="module", params=["fastapi", "cpp"])
def start(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Start:
    """A function that starts the server with other limits."""
    if request.param == "fastapi":
        command, settings = fastapi_command(), {"MODEL": models / "labels.onnx"}
    else:
        command = [str(build_cpp(tmp_path_factory.mktemp("cpp"))), "0"]
        settings = {"MODEL": models / "labels.xml", "PALETTE": models / "palette.rgb"}
        settings["OPERATORS"] = Path(openvino_operators())

    def start(**limits: Any) -> contextlib.AbstractContextManager[Server]:
        return serve(command, **{**LIMITS, **settings, **limits})

    return start


@pytest.fixture(scope="module")
def server(start: Start) -> Iterator[Server]:
    """The server, which must be free after every test."""
    with start() as server:
        yield server
        assert server.health()["requests"] == 0


def encode(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    """A picture of Pillow, or an array, as a file."""
    content = io.BytesIO()
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(content, kind, **options)
    return content.getvalue()


def photograph(height: int = 90, width: int = 130) -> np.ndarray:
    """A picture of two classes of the models, with grain."""
    colors = segpost.Palette.named("voc").colors[[9, 4]]
    pixels = colors[(np.arange(width) > width // 2).astype(int)][None].repeat(height, axis=0)
    grain = np.random.default_rng(0).integers(-9, 10, pixels.shape)
    return np.asarray((pixels + grain).clip(0, 255), np.uint8)


def expected(models: Path, pixels: np.ndarray) -> np.ndarray:
    """segpost's labels of the logits that the network itself gives."""
    runtime: Any = importlib.import_module("onnxruntime")

    session = runtime.InferenceSession(models / "network.onnx", providers=["CPUExecutionProvider"])
    return np.asarray(segpost.argmax(session.run(None, {"image": pixels[None]})[0])[0])


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
def test_labels_of_pictures(form: str, server: Server, models: Path) -> None:
    """Labels as an indexed PNG with the palette, and as run-length codes of the same labels."""
    make, options = FORMS[form]
    kind = "JPEG" if form.endswith("JPEG") else "PNG"
    content = encode(make(photograph()), kind, **options)
    with Image.open(io.BytesIO(content)) as picture:
        wanted = expected(models, np.asarray(picture.convert("RGB")))
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


def chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG."""
    checked = name + content
    return len(content).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")


def bomb(side: int = 50_000) -> bytes:
    """A PNG of side x side black pixels, two colors: a small file."""
    packer = zlib.compressobj(9)
    rows = bytes(1 + side // 8) * 1000
    packed = b"".join(packer.compress(rows) for _ in range(side // 1000)) + packer.flush()
    header = 2 * side.to_bytes(4, "big") + b"\x01\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def damage(content: bytes) -> bytes:
    """The same with a byte changed in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]


PNG, JPEG = encode(photograph()), encode(photograph(), "JPEG")
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


def test_other_paths(server: Server) -> None:
    assert server.ask("GET", "/segment").status == 405
    assert server.ask("POST", "/nothing", b"").status == 404


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


def test_a_slow_upload(start: Start) -> None:
    with start(SECONDS=0.5) as server:
        reply = HalfUpload(server, PNG).reply()
        assert (reply.status, reply.detail) == (408, "no upload in 0.5 s")


def test_sigterm_drains(start: Start) -> None:
    """What is open is answered, others find no server, and the process ends."""
    with start() as server:
        wanted = server.segment(PNG).body
        upload = HalfUpload(server, PNG)
        wait_for_requests(server, 1)
        server.process.send_signal(signal.SIGTERM)
        wait_for_end(server)
        reply = upload.finish()
        assert (reply.status, reply.body) == (200, wanted)
        assert server.process.wait(timeout=300) in (0, -signal.SIGTERM)


def test_a_killed_worker_is_replaced(models: Path) -> None:
    """Of two processes one is killed: requests are answered, and there are two again."""
    with serve(fastapi_command("--workers", "2"), MODEL=models / "labels.onnx") as server:
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


LATE = """
import sys
sys.path.insert(0, sys.argv[1])
import uvicorn
from fastapi_server import create_app

def wait_until_late(pixels, options):
    while not options.terminate:
        pass
    print("stopped", flush=True)
    raise RuntimeError("terminated")

uvicorn.run(create_app(wait_until_late), port=0)
"""


def test_a_late_result(models: Path) -> None:
    """A client does not wait longer than the limit, and the model is told to stop."""
    with serve([sys.executable, "-c", LATE, str(SERVERS)], SECONDS=0.5) as server:
        reply = server.segment(PNG)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.detail == "no result in 0.5 s: try again"
        assert server.process.stdout
        assert any("stopped" in line for line in server.process.stdout)
