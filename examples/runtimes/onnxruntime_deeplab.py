"""ONNX Runtime: the grid is read from the file, and the map before the last Resize is taken."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import smp_deeplab
import torch
from stand_in import channels_first, photograph, print_comparison

import segpost


class Network:
    """An exported file, and a shorter one that ends before its last Resize."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        convention = segpost.Convention.from_onnx(path)
        short = path.with_name("short.onnx")
        onnx.utils.extract_model(path, short, ["image"], [convention.head])
        self.convention, self.small_convention = convention, convention.before_upsampling()
        one = onnxruntime.SessionOptions()
        one.log_severity_level = 3
        self.session, self.short = (
            onnxruntime.InferenceSession(file, one, providers=["CPUExecutionProvider"])
            for file in (path, short)
        )
        self.resize = resize(size)


def network(image: np.ndarray) -> tuple[Network, np.ndarray]:
    """Yours is a file that is there; here segmentation_models_pytorch exports one."""
    model, x = smp_deeplab.network(image)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deeplab.onnx"
        torch.onnx.export(
            model, (x,), path, input_names=["image"], output_names=["logits"], dynamo=False
        )
        return Network(path, image.shape[:2]), channels_first(image)


def whole(model: Network, x: np.ndarray) -> Any:
    """What the runtime gives: [(1, 21, H, W)]."""
    return model.session.run(None, {"image": x})


def small(model: Network, x: np.ndarray) -> Any:
    """The same before the last Resize: [(1, 21, H / 4, W / 4)]."""
    return model.short.run(None, {"image": x})


def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What the file does after that, by the runtime's own operators; and argmax by NumPy."""
    return model.resize.run(None, {"x": logits[0]})[0].argmax(1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels, and no full-size logits."""
    return segpost.postprocess(logits, convention=model.small_convention, size=size).labels


def resize(size: tuple[int, int]) -> Any:
    """The network's last operator alone, to have something to compare with."""
    make = onnx.helper
    node = make.make_node(
        "Resize", ["x", "", "", "size"], ["y"], mode="linear",
        coordinate_transformation_mode="align_corners",
    )  # fmt: skip
    value = make.make_tensor("size", onnx.TensorProto.INT64, [4], [1, 21, *size])
    graph = make.make_graph(
        [node], "resize",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 21, None, None])],
        [make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 21, *size])],
        [value],
    )  # fmt: skip
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    print(f"onnxruntime: the file says grid={model.convention.grid!r}")
    logits, size = small(model, x), image.shape[:2]
    print_comparison(
        "onnxruntime", image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


if __name__ == "__main__":
    main()
