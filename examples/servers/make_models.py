"""Train a small network on drawn pictures, and write the models that the servers run.

    python examples/servers/make_models.py models

It takes half a minute and downloads nothing. The folder then has

- network.onnx: pixels (1, H, W, 3) uint8 to logits (1, 21, H, W), of any size;
- labels.onnx and labels.xml: the same network, whose graph ends in labels (1, H, W) uint8;
- palette.rgb: the colors of the classes, 3 bytes each.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import openvino
import torch
from torch import nn
from torch.nn import functional

import segpost
from segpost.runtimes import append_postprocess

PALETTE = segpost.Palette.named("voc")
CLASSES = 21
STRIDE = 8


def draw(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (side, side, 3) uint8 of rectangles and disks, and its labels (side, side)."""
    labels = np.zeros((side, side), np.int64)
    y, x = np.mgrid[:side, :side]
    for _ in range(12):
        cy, cx = rng.integers(0, side, 2)
        height, width = rng.integers(side // 10, side // 3, 2)
        inside = (abs(y - cy) < height) & (abs(x - cx) < width)
        if rng.random() < 0.5:
            inside = ((y - cy) / height) ** 2 + ((x - cx) / width) ** 2 < 1
        labels[inside] = rng.integers(CLASSES)
    colors = PALETTE.colors[:CLASSES].astype(float) + rng.normal(0, 8, (CLASSES, 3))
    picture = colors[labels] + rng.normal(0, 12, (side, side, 3))
    return picture.clip(0, 255).astype(np.uint8), labels


class Network(nn.Module):
    """Atrous convolutions at an eighth of the size, whose logits are enlarged to the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for stride, rate, channels in (
            (2, 1, width // 4), (2, 1, width // 2), (2, 1, width),
            (1, 2, width), (1, 4, width), (1, 1, width),
        ):  # fmt: skip
            layers += [nn.Conv2d(before, channels, 3, stride, rate, rate, bias=False)]
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, CLASSES, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, 21, H, W) of pixels (N, H, W, 3) uint8: the graph prepares them itself."""
        x = image.permute(0, 3, 1, 2).float() / 127.5 - 1
        return functional.interpolate(self.layers(x), x.shape[-2:], mode="bilinear")


def train(network: Network, steps: int, side: int = 64) -> None:
    """Let the network learn the colors of the classes."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        pictures, labels = zip(*(draw(rng, side) for _ in range(4)), strict=True)
        logits = network(torch.from_numpy(np.stack(pictures)))
        loss = functional.cross_entropy(logits, torch.from_numpy(np.stack(labels)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def export(network: Network, path: Path) -> None:
    """Write the network as ONNX, with an image of any height and width."""
    image = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
    sizes = {1: "height", 2: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            network.eval(), (image,), path, input_names=["image"], output_names=["logits"],
            dynamic_axes={"image": sizes, "logits": {2: "height", 3: "width"}}, dynamo=False,
        )  # fmt: skip


def main() -> None:
    """Train, export and append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=64, help="channels of its widest layers")
    parser.add_argument("--steps", type=int, default=120, help="of the training")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    network = Network(options.width)
    train(network, options.steps)
    whole = options.folder / "network.onnx"
    export(network, whole)
    photograph = draw(np.random.default_rng(1), 160)[0][None, :120]
    in_onnx = append_postprocess(whole, inputs=photograph)
    in_onnx.save(options.folder / "labels.onnx")
    in_openvino = append_postprocess(openvino.Core().read_model(whole), inputs=photograph)
    in_openvino.save(options.folder / "labels.xml")
    (options.folder / "palette.rgb").write_bytes(PALETTE.colors.tobytes())
    print(in_onnx, in_openvino, sep="\n\n")


if __name__ == "__main__":
    main()
