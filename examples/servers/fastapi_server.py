"""A server that answers a picture with the labels of its pixels, in FastAPI and ONNX Runtime.

    export SEGPOST_MODEL=models/labels.onnx
    python examples/servers/fastapi_server.py --port 8000
    curl --data-binary @photo.jpg -H "Content-Type: image/jpeg" localhost:8000/segment > labels.png

The graph of the model takes pixels and ends in labels: there is no arithmetic here.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from limits import Limits, parse_whole
from pictures import Refused, decode_picture
from PIL import Image
from starlette.requests import ClientDisconnect
from uvicorn.supervisors import Multiprocess

import segpost

PALETTE = segpost.Palette.named("voc")
Labels = np.ndarray  # (H, W) uint8
Network = Callable[[np.ndarray, onnxruntime.RunOptions], Labels]  # of pixels (H, W, 3) uint8


def load_network() -> Network:
    """Return the model of SEGPOST_MODEL as a function from pixels to labels.

    Raises
    ------
    ValueError
        If the model is absent or broken, or does not turn pixels into labels.
    """
    path = os.environ.get("SEGPOST_MODEL", "")
    if not os.path.isfile(path):
        raise ValueError(f"SEGPOST_MODEL is the path of a model, got {path!r}")
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(segpost.runtimes.library("onnxruntime"))
    options.intra_op_num_threads = 1  # pictures are computed side by side instead
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a type of its own for every status
        raise ValueError(f"{path}: {error}") from None
    check_ends(path, session)
    image = session.get_inputs()[0]

    def find_labels(pixels: np.ndarray, run_options: onnxruntime.RunOptions) -> Labels:
        return session.run(["labels"], {image.name: pixels[None]}, run_options)[0][0]

    return find_labels


def check_ends(path: str, session: onnxruntime.InferenceSession) -> None:
    """Refuse a model of other inputs or outputs, before a picture comes."""
    ends = [(one.name, one.type, len(one.shape)) for one in session.get_outputs()]
    if ("labels", "tensor(uint8)", 3) not in ends:
        raise ValueError(
            f"{path} has no output 'labels' of uint8 and 3 axes: (name, type, axes) are {ends}; "
            "segpost append gives it that end"
        )
    begins = [(one.type, len(one.shape)) for one in session.get_inputs()]
    if begins != [("tensor(uint8)", 4)]:
        raise ValueError(
            f"{path} has not one input of uint8 and 4 axes (1, H, W, 3): (type, axes) are {begins}"
        )


def encode_png(labels: Labels) -> bytes:
    """Return labels as an indexed PNG: the value of a pixel is its label."""
    picture = Image.fromarray(labels)
    picture.putpalette(PALETTE.colors.tobytes())
    content = io.BytesIO()
    picture.save(content, "png", compress_level=1)
    return content.getvalue()


def encode_codes(labels: Labels) -> bytes:
    """Return labels as JSON: a COCO annotation with a run-length code for each class."""
    rows = [
        {
            "category_id": one["category_id"],
            "area": one["area"],
            "bbox": one["bbox"],
            "segmentation": one["segmentation"],
        }
        for one in segpost.regions(labels).coco()
    ]
    return json.dumps({"size": list(labels.shape), "annotations": rows}).encode()


FORMATS = {"png": ("image/png", encode_png), "rle": ("application/json", encode_codes)}
QUERIES = ("", *(f"format={name}" for name in FORMATS))


class Segmenter:
    """The model, the threads that run it, and the requests that are open."""

    def __init__(self, network: Network, limits: Limits) -> None:
        self.network, self.limits = network, limits
        self.threads = ThreadPoolExecutor(limits.threads)
        self.requests = 0

    @contextmanager
    def admit(self) -> Any:
        """Count a request while it is open; refuse it where there are too many."""
        if self.requests >= self.limits.max_requests:
            raise HTTPException(
                503, f"{self.requests} requests are open: try again", {"Retry-After": "1"}
            )
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    async def read_upload(self, request: Request) -> bytes:
        """Return the body, of which no more is read than is allowed."""
        said = request.headers.get("content-length", "0")
        too_large = HTTPException(413, f"the upload exceeds {self.limits.max_bytes} bytes")
        if not said.isdigit() or int(said) > self.limits.max_bytes:
            raise too_large
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > self.limits.max_bytes:
                raise too_large
        return bytes(content)

    def answer(self, content: bytes, kind: str, options: onnxruntime.RunOptions) -> bytes:
        """Decode, run and encode: the work of a thread."""
        if options.terminate:  # its time ended while it waited
            raise TimeoutError
        pixels = decode_picture(content, self.limits.max_pixels)
        return FORMATS[kind][1](self.network(pixels, options))

    async def compute(self, content: bytes, kind: str) -> bytes:
        """Answer in a thread; where the time ends, the model stops at its next operator."""
        options = onnxruntime.RunOptions()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, self.answer, content, kind, options)
        finally:
            options.terminate = True


def create_app(network: Network | None = None) -> FastAPI:
    """Return the server; `uvicorn --factory fastapi_server:create_app` runs it, too."""
    limits = Limits.of_environment()
    segmenter = Segmenter(network or load_network(), limits)

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        yield
        segmenter.threads.shutdown()

    app = FastAPI(title="segpost", lifespan=live, redirect_slashes=False)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        """Say no more than that; the log of the server has the error."""
        return JSONResponse({"detail": "Internal Server Error"}, 500)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Say that the server is ready, and how busy it is."""
        return {
            "status": "ok",
            "requests": segmenter.requests,
            "max_requests": limits.max_requests,
            "process": os.getpid(),
        }

    @app.post("/segment")
    async def segment(request: Request, format: str = "png") -> Response:
        """Answer a PNG or JPEG in the body with the labels of its pixels."""
        if request.url.query not in QUERIES:
            raise HTTPException(422, f"format is 'png' or 'rle', got {request.url.query!r}")
        said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said not in ("image/png", "image/jpeg"):
            raise HTTPException(415, f"Content-Type is image/png or image/jpeg, got {said!r}")
        with segmenter.admit():
            started = time.monotonic()
            try:
                content = await asyncio.wait_for(segmenter.read_upload(request), limits.seconds)
            except asyncio.TimeoutError:
                raise HTTPException(408, f"no upload in {limits.seconds:g} s") from None
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            left = started + limits.seconds - time.monotonic()
            try:
                result = await asyncio.wait_for(segmenter.compute(content, format), left)
            except asyncio.TimeoutError:
                text = f"no result in {limits.seconds:g} s: try again"
                raise HTTPException(503, text, {"Retry-After": "1"}) from None
            except Refused as error:
                raise HTTPException(error.status, str(error)) from None
        return Response(result, media_type=FORMATS[format][0])

    return app


class Parent(Multiprocess):
    """Processes that listen at one socket; at SIGTERM it is closed here, too.

    The kernel takes connections for as long as one process has it open, and nobody answers them.
    """

    def terminate_all(self) -> None:
        """Tell all processes to end."""
        for one in self.sockets:
            one.close()
        super().terminate_all()


def main() -> None:
    """Serve until SIGTERM: requests that are open are answered first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="8000")
    parser.add_argument("--workers", default="1", help="processes; a killed one is replaced")
    options = parser.parse_args()
    try:
        port = parse_whole("--port", options.port, 0, 65535)
        workers = parse_whole("--workers", options.workers, 1, 256)
        app = create_app()
    except ValueError as error:  # a worker would fail again and again
        parser.exit(1, f"fastapi_server: {error}\n")
    settings: dict[str, Any] = {"host": options.host, "port": port, "timeout_keep_alive": 5,
                                "log_level": "info", "access_log": False}  # fmt: skip
    if workers == 1:
        uvicorn.run(app, **settings)
    else:
        del app  # every process has its own
        factory = "fastapi_server:create_app"
        config = uvicorn.Config(factory, factory=True, workers=workers, **settings)
        Parent(config, [config.bind_socket()]).run()


if __name__ == "__main__":
    main()
