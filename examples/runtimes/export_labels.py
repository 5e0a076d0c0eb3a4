"""From a torchvision network to a picture without torch: export, append, run, draw.

    python examples/runtimes/export_labels.py --image photograph.jpg

The weights are random, so nothing is downloaded. It writes deeplab.onnx, deeplab.labels.onnx,
labels.png and overlay.png.
"""

from __future__ import annotations

import warnings

import numpy as np
import onnxruntime
import torch
import torchvision_deeplab
from stand_in import channels_first, photograph

import segpost
from segpost.runtimes import append_postprocess


class Logits(torch.nn.Module):
    """torchvision's dict as one output, which is what ONNX has."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (N, 21, H, W)."""
        return self.model(image)["out"]


def export(image: np.ndarray, path: str) -> None:
    """Write the network as ONNX."""
    model, x = torchvision_deeplab.network(image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            Logits(model).eval(), (x,), path,
            input_names=["image"], output_names=["logits"], dynamo=False,
        )  # fmt: skip


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    export(image, "deeplab.onnx")
    x = channels_first(image)
    appended = append_postprocess(
        "deeplab.onnx",
        want=("labels", "overlay"),
        palette="voc",
        inputs=x,
    )
    appended.save("deeplab.labels.onnx")
    print(appended)

    # From here on, nothing needs torch: this is the program that is deployed.
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(segpost.runtimes.library("onnxruntime"))
    session = onnxruntime.InferenceSession(
        "deeplab.labels.onnx", options, providers=["CPUExecutionProvider"]
    )
    labels, overlay = session.run(None, {"image": x, appended.image: image[None]})
    seg = segpost.Segmentation(labels=labels[0], overlay=overlay[0])
    seg.save("labels.png", palette="voc")
    seg.save("overlay.png", what="overlay")
    print(f"{len(np.unique(labels))} classes in labels.png, and over the photograph in overlay.png")


if __name__ == "__main__":
    main()
