"""The package of web/: built once, and called in node."""

from __future__ import annotations

import base64
import importlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segpost import Letterbox, Palette

ROOT = Path(__file__).resolve().parents[2]
CALLS = ROOT / "tests" / "web" / "calls.mjs"
OBJECTS = ROOT / "build" / "web"  # kept: to compile takes a minute or two
KINDS = {
    "float16": "Uint16Array",
    "float32": "Float32Array",
    "float64": "Float64Array",
    "int8": "Int8Array",
    "uint8": "Uint8Array",
    "int16": "Int16Array",
    "uint16": "Uint16Array",
    "int32": "Int32Array",
    "uint32": "Uint32Array",
    "int64": "BigInt64Array",
    "uint64": "BigUint64Array",
}
DTYPES = {kind: dtype for dtype, kind in KINDS.items() if dtype != "float16"}


class Planes(NamedTuple):
    """An array that JavaScript gets as a list, one typed array for each index of the first axis."""

    array: np.ndarray


class Picture(NamedTuple):
    """RGBA that JavaScript gets as an ImageData."""

    array: np.ndarray


class Refusal(NamedTuple):
    """What JavaScript threw."""

    kind: str
    message: str
    bad: int | None
    place: int | None


def build_web_package(folder: Path) -> Path:
    """Copy the sources of the package to a folder and build it there."""
    package = folder / "web"
    leave_out = shutil.ignore_patterns("node_modules", "dist", "site", "palettes.ts")
    shutil.copytree(ROOT / "web", package, ignore=leave_out)
    importlib.import_module("tools.web.__main__").build_package(package, OBJECTS)
    return package


def encode(value: Any) -> Any:
    """Return an argument as JSON."""
    if isinstance(value, np.ndarray):
        text = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        encoded = {"$array": text, "kind": KINDS[value.dtype.name], "shape": list(value.shape)}
        return encoded | ({"type": "float16"} if value.dtype == np.float16 else {})
    if isinstance(value, Planes):
        return encode(value.array) | {"parts": len(value.array)}
    if isinstance(value, Picture):
        return {"$picture": encode(value.array)}
    if isinstance(value, Letterbox):
        sizes = {
            "imageSize": value.image_size,
            "inputSize": value.input_size,
            "contentSize": value.content_size,
            "offset": value.offset,
        }
        return {"$letterbox": sizes}
    if isinstance(value, Palette):
        options: dict[str, Any] = {}
        if value.ignore_index is not None:
            options = {"ignoreIndex": value.ignore_index, "void": value.void}
        return {"$palette": [value.colors.tolist(), options]}
    if isinstance(value, (list, tuple)):
        return [encode(part) for part in value]
    if isinstance(value, dict):
        return {key: encode(part) for key, part in value.items()}
    return value


def decode(value: Any) -> Any:
    """Return a result: arrays of data and shape as NumPy's."""
    if isinstance(value, list):
        return [decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return np.frombuffer(base64.b64decode(value["$array"]), DTYPES.get(value["kind"], "uint8"))
    decoded = {key: decode(part) for key, part in value.items()}
    if set(decoded) == {"data", "shape"}:
        return decoded["data"].reshape(decoded["shape"])
    return decoded


def call_web(package: Path, *calls: tuple[Any, ...]) -> list[Any]:
    """Call functions of the package, each a name and its arguments, in one process of node.

    Returns
    -------
    list
        A result or a `Refusal` for each.
    """
    node = importlib.import_module("tools.web.node").find_node()
    file = package / "calls.json"
    file.write_text(json.dumps([encode(call) for call in calls]), encoding="utf-8")
    command = [*node, str(CALLS), str(package), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    answers = []
    for answer in json.loads(run.stdout):
        error = answer.get("error")
        answers.append(
            decode(answer.get("result"))
            if error is None
            else Refusal(error["kind"], error["message"], error.get("count"), error.get("first"))
        )
    return answers
