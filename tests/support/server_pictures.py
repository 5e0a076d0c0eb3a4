"""Pictures that clients send to the servers of examples/servers, good and bad."""

from __future__ import annotations

import importlib
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

Image = pytest.importorskip("PIL.Image")


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


def join_chunks(*chunks: bytes) -> bytes:
    """A PNG of these parts."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def split_chunks(content: bytes) -> list[bytes]:
    """The parts of a PNG."""
    chunks, place = [], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        chunks.append(content[place:end])
        place = end
    return chunks


PNG = encode(photograph())
