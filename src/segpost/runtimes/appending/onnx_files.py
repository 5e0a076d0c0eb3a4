"""Files of ONNX models: checked by onnx.checker, and written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segpost._core.text import display_path
from segpost.files.writing import atomic_write
from segpost.runtimes.graph import import_package

LARGEST = 2**31 - 1  # bytes that a message of protobuf holds


def check_model(model: Any, path: Path | None = None) -> None:
    """Raise a ValueError for what onnx.checker refuses in a model, or in its file.

    With a path it looks at external data, too.
    """
    onnx = import_package("onnx", "onnx", "an ONNX file")
    try:
        onnx.checker.check_model(model if path is None else str(path))
    except onnx.checker.ValidationError as error:
        raise ValueError(
            f"onnx.checker refuses the model: {' '.join(str(error).split())[:300]}"
        ) from None


def write_model(model: Any, path: Path, folder: Path | None) -> None:
    """Write a model; `folder` is that of its external data."""
    if path.suffix.lower() != ".onnx":
        raise ValueError(f"{display_path(path)}: the file of an ONNX model ends in .onnx")
    onnx = import_package("onnx", "onnx", "an ONNX file")
    external = onnx.TensorProto.EXTERNAL
    locations = sorted(
        {
            entry.value
            for tensor in model.graph.initializer
            if tensor.data_location == external
            for entry in tensor.external_data
            if entry.key == "location"
        }
    )
    if locations and folder is not None and path.resolve().parent != folder:
        raise ValueError(
            f"{display_path(path)}: the weights are in {locations[0]!r} in "
            f"{display_path(folder)}, and a model names them relative to its own folder: write it "
            f"to {display_path(folder / path.name)}"
        )
    data = model.SerializeToString()
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
        check_model(model, temporary if locations else None)
