"""The server of examples/servers with other post-processing: factories for uvicorn.

`SEGPOST_MODEL` is network.onnx of make_models.py: logits at the size of the image.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benches.harness.jobs import need

Labels = Callable[[np.ndarray, Any], np.ndarray]
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "servers"))


def create(find_labels: Labels) -> Any:
    """The server of the example with this function."""
    return importlib.import_module("fastapi_server").create_app(find_labels)


def open_session(model: Any) -> Any:
    """A session with one thread, as that of the example."""
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def numpy() -> Any:
    """Logits of the image's size from the graph, and NumPy's argmax."""
    session = open_session(os.environ["SEGPOST_MODEL"])

    def find_labels(pixels: np.ndarray, options: Any) -> np.ndarray:
        (logits,) = session.run(None, {"image": pixels[None]}, options)
        return np.asarray(logits[0].argmax(0).astype(np.uint8))

    return create(find_labels)


def graph() -> Any:
    """Resize, ArgMax and Cast in the graph."""
    onnx = need("onnx")
    model = onnx.load(os.environ["SEGPOST_MODEL"])
    logits = model.graph.output[0].name
    make = onnx.helper
    model.graph.node.extend(
        [
            make.make_node("ArgMax", [logits], ["index"], axis=1, keepdims=0),
            make.make_node("Cast", ["index"], ["labels"], to=onnx.TensorProto.UINT8),
        ]
    )
    del model.graph.output[:]
    shape = [1, "height", "width"]
    model.graph.output.append(make.make_tensor_value_info("labels", onnx.TensorProto.UINT8, shape))
    session = open_session(model.SerializeToString())

    def find_labels(pixels: np.ndarray, options: Any) -> np.ndarray:
        labels: np.ndarray = session.run(None, {"image": pixels[None]}, options)[0][0]
        return labels

    return create(find_labels)


def opencv() -> Any:
    """Small logits from the graph; every class is resized by OpenCV, and the best one is kept."""
    cv2, onnx = need("cv2"), need("onnx")
    importlib.import_module("onnx.utils")
    cv2.setNumThreads(1)
    from segpost import Convention

    path = os.environ["SEGPOST_MODEL"]
    head = Convention.from_onnx(path).head
    with tempfile.TemporaryDirectory() as folder:
        short = os.path.join(folder, "short.onnx")
        onnx.utils.extract_model(path, short, ["image"], [head])
        session = open_session(short)

    def find_labels(pixels: np.ndarray, options: Any) -> np.ndarray:
        small = session.run(None, {"image": pixels[None]}, options)[0][0]
        size = pixels.shape[1::-1]
        best = cv2.resize(small[0], size, interpolation=cv2.INTER_LINEAR)
        labels, plane = np.zeros(pixels.shape[:2], np.uint8), np.empty_like(best)
        for label in range(1, len(small)):
            cv2.resize(small[label], size, dst=plane, interpolation=cv2.INTER_LINEAR)
            is_better = cv2.compare(plane, best, cv2.CMP_GT)
            cv2.max(plane, best, dst=best)
            cv2.max(labels, cv2.bitwise_and(is_better, label), dst=labels)
        return labels

    return create(find_labels)
