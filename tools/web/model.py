"""The network of the page: colors and textures of cells of 8 x 8 pixels, and two layers on them.

It is trained on drawn landscapes in a few seconds, by NumPy, and written as ONNX.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .scenes import CLASSES, draw_scene

Floats = npt.NDArray[np.float32]

STRIDE = 8
HIDDEN = 48
SCENES = 40
STEPS = 1500
BATCH = 1024
GRAY = np.array([0.299, 0.587, 0.114], np.float32)


def cell_features(image: npt.NDArray[np.uint8]) -> Floats:
    """Return what the first layers of the network compute: (features, H / 8, W / 8)."""
    x = image.astype(np.float32).transpose(2, 0, 1) / 255
    gray = np.pad(np.tensordot(GRAY, x, 1), ((0, 1), (0, 1)))
    across = np.abs(gray[:-1, 1:] - gray[:-1, :-1])
    down = np.abs(gray[1:, :-1] - gray[:-1, :-1])
    planes = np.concatenate([x, across[None], down[None]])
    c, h, w = planes.shape
    cells = planes.reshape(c, h // STRIDE, STRIDE, w // STRIDE, STRIDE).mean((2, 4))
    height = np.arange(1, h // STRIDE + 1, dtype=np.float32) / (h // STRIDE)
    rows = np.broadcast_to(height[:, None], cells.shape[1:])
    return np.concatenate([cells, _mean_nearby(cells), rows[None]]).astype(np.float32)


def _mean_nearby(cells: Floats, radius: int = 2) -> Floats:
    ones = np.ones_like(cells[:1])
    total = np.zeros_like(cells)
    count = np.zeros_like(ones)
    h, w = cells.shape[1:]
    for values, sums in ((cells, total), (ones, count)):
        padded = np.pad(values, ((0, 0), (radius, radius), (radius, radius)))
        for y in range(2 * radius + 1):
            for x in range(2 * radius + 1):
                sums += padded[:, y : y + h, x : x + w]
    return total / count


class Weights:
    """Two layers: ReLU after the first; features are normalized before."""

    def __init__(self, features: Floats) -> None:
        random = np.random.default_rng(0)
        self.mean, self.std = features.mean(0), features.std(0) + 1e-3
        inputs, classes = features.shape[1], len(CLASSES)
        self.layers = [
            random.normal(0, np.sqrt(2 / inputs), (HIDDEN, inputs)),
            np.zeros(HIDDEN),
            random.normal(0, np.sqrt(1 / HIDDEN), (classes, HIDDEN)),
            np.zeros(classes),
        ]

    def gradients(self, x: Any, labels: npt.NDArray[Any]) -> list[Any]:
        """Of the cross entropy, for a batch."""
        first, first_bias, second, second_bias = self.layers
        x = (x - self.mean) / self.std
        hidden = np.maximum(x @ first.T + first_bias, 0)
        scores = hidden @ second.T + second_bias
        scores = np.exp(scores - scores.max(1, keepdims=True))
        error = scores / scores.sum(1, keepdims=True)
        error[np.arange(len(labels)), labels] -= 1
        error /= len(labels)
        back = (error @ second) * (hidden > 0)
        return [back.T @ x, back.sum(0), error.T @ hidden, error.sum(0)]


def train() -> Weights:
    """Train on drawn landscapes, by Adam."""
    features, labels = [], []
    for seed in range(SCENES):
        scene = draw_scene(seed)
        cells = cell_features(scene.image)
        features.append(cells.reshape(len(cells), -1).T)
        center = scene.labels[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        labels.append(center.ravel())
    x, y = np.concatenate(features), np.concatenate(labels)
    weights = Weights(x)
    random = np.random.default_rng(1)
    means = [np.zeros_like(layer) for layer in weights.layers]
    squares = [np.zeros_like(layer) for layer in weights.layers]
    for step in range(1, STEPS + 1):
        chosen = random.integers(0, len(x), BATCH)
        for i, slope in enumerate(weights.gradients(x[chosen], y[chosen])):
            means[i] += 0.1 * (slope - means[i])
            squares[i] += 0.001 * (slope**2 - squares[i])
            rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights.layers[i] -= rate * means[i] / (np.sqrt(squares[i]) + 1e-8)
    return weights


def build_model(weights: Weights) -> Any:
    """Return the network as ONNX: image (1, 3, H, W) in 0..1, logits (1, classes, H / 8, W / 8)."""
    onnx = importlib.import_module("onnx")
    node, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array
    first, first_bias, second, second_bias = weights.layers
    scaled = first / weights.std
    shift = first_bias - scaled @ weights.mean
    slopes = np.zeros((2, 3, 2, 2))
    slopes[:, :, 0, 0] = -GRAY
    slopes[0, :, 0, 1] = slopes[1, :, 1, 0] = GRAY
    constants = {
        "slopes": slopes,
        "first": scaled[..., None, None],
        "first_bias": shift,
        "second": second[..., None, None],
        "second_bias": second_bias,
        "zero": np.zeros(1),
        "one": np.ones(1),
    }
    initializers = [tensor(value.astype(np.float32), name) for name, value in constants.items()]
    integers = {"rows": np.array(2), "first_of": np.array([0])}
    initializers += [tensor(value, name) for name, value in integers.items()]
    cell = {"kernel_shape": [STRIDE, STRIDE], "strides": [STRIDE, STRIDE]}
    nearby = {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2], "count_include_pad": 0}
    nodes = [
        node("Conv", ["image", "slopes"], ["slope"], pads=[0, 0, 1, 1]),
        node("Abs", ["slope"], ["texture"]),
        node("Concat", ["image", "texture"], ["planes"], axis=1),
        node("AveragePool", ["planes"], ["cells"], **cell),
        node("AveragePool", ["cells"], ["nearby"], **nearby),
        node("Gather", ["cells", "first_of"], ["plane"], axis=1),
        node("Mul", ["plane", "zero"], ["nothing"]),
        node("Add", ["nothing", "one"], ["ones"]),
        node("CumSum", ["ones", "rows"], ["row"]),
        node("ReduceMax", ["row"], ["last"], axes=[2, 3], keepdims=1),
        node("Div", ["row", "last"], ["height"]),
        node("Concat", ["cells", "nearby", "height"], ["features"], axis=1),
        node("Conv", ["features", "first", "first_bias"], ["sums"]),
        node("Relu", ["sums"], ["hidden"]),
        node("Conv", ["hidden", "second", "second_bias"], ["logits"]),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "landscapes",
        [value("image", 1, [1, 3, "height", "width"])],
        [value("logits", 1, [1, len(CLASSES), "rows", "columns"])],
        initializers,
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model)
    return model


def write_model(path: Path) -> None:
    """Train and write the network."""
    path.write_bytes(build_model(train()).SerializeToString())
