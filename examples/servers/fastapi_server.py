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
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pictures import Refused, decode_picture
from PIL import Image
from starlette.requests import ClientDisconnect

import segpost

PALETTE = segpost.Palette.named("voc")
Labels = np.ndarray  # (H, W) uint8
Network = Callable[[np.ndarray, onnxruntime.RunOptions], Labels]  # of pixels (H, W, 3) uint8


@dataclass(frozen=True)
class Limits:
    """What a request may cost. Each is read from the environment: SEGPOST_MAX_BYTES, ..."""

    max_bytes: int = 8_000_000  # of an upload
    max_pixels: int = 4_000_000  # of a picture, before it is decoded
    max_requests: int = 16  # at the same time: they upload, wait or are computed
    threads: int = 2  # that compute, each one picture
    seconds: float = 10.0  # from the headers of a request to its answer

    @classmethod
    def of_environment(cls) -> Limits:
        """Return the limits that the environment sets."""
        names = {one.name: f"SEGPOST_{one.name.upper()}" for one in fields(cls)}
        values = {
            one.name: type(one.default)(os.environ[names[one.name]])
            for one in fields(cls)
            if names[one.name] in os.environ
        }
        return cls(**values)


def load_network(path: str) -> Network:
    """Return a model of ONNX Runtime as a function from pixels to labels."""
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(segpost.runtimes.library("onnxruntime"))
    options.intra_op_num_threads = 1  # pictures are computed side by side instead
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()

    def find_labels(pixels: np.ndarray, run_options: onnxruntime.RunOptions) -> Labels:
        return session.run(["labels"], {image.name: pixels[None]}, run_options)[0][0]

    return find_labels


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
    segmenter = Segmenter(network or load_network(os.environ["SEGPOST_MODEL"]), limits)

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        yield
        segmenter.threads.shutdown()

    app = FastAPI(title="segpost", lifespan=live)

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
        if format not in FORMATS:
            raise HTTPException(422, f"format is 'png' or 'rle', got {format!r}")
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


def main() -> None:
    """Serve until SIGTERM: requests that are open are answered first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--workers", type=int, default=1, help="processes; a killed one is replaced"
    )
    options = parser.parse_args()
    uvicorn.run(
        "fastapi_server:create_app", factory=True, host=options.host, port=options.port,
        workers=options.workers, app_dir=os.path.dirname(os.path.abspath(__file__)),
        timeout_keep_alive=5, log_level="info", access_log=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
