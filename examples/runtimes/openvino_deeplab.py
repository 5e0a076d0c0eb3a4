"""OpenVINO: the grid is read from the model, and the map before its last Interpolate is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
import smp_deeplab
import torch
from stand_in import channels_first, photograph, print_comparison

import segpost


class Network:
    """A compiled model, and a shorter one that ends before its last Interpolate."""

    def __init__(self, model: openvino.Model) -> None:
        convention = segpost.Convention.from_openvino(model)
        self.convention, self.small_convention = convention, convention.before_upsampling()
        ends = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
        short = openvino.Model([ends[convention.head].output(0)], model.get_parameters(), "short")
        self.compiled, self.short = (
            openvino.compile_model(one, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            for one in (model, short)
        )


def network(image: np.ndarray) -> tuple[Network, np.ndarray]:
    """Yours is a file that is there; here segmentation_models_pytorch's is converted."""
    model, x = smp_deeplab.network(image)
    return Network(openvino.convert_model(model, example_input=x)), channels_first(image)


def whole(model: Network, x: np.ndarray) -> Any:
    """What the runtime gives: a dict of one array, (1, 21, H, W)."""
    return model.compiled(x)


def small(model: Network, x: np.ndarray) -> Any:
    """The same before the last Interpolate: (1, 21, H / 4, W / 4)."""
    return model.short(x)


def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What the model does after that, and argmax; torch stands in for its one operator."""
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits[0]), size, mode="bilinear", align_corners=True
    )
    return full.argmax(1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels, and no full-size logits."""
    return segpost.postprocess(logits, convention=model.small_convention, size=size).labels


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    print(f"openvino: the model says grid={model.convention.grid!r}")
    logits, size = small(model, x), image.shape[:2]
    print_comparison(
        "openvino", image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


if __name__ == "__main__":
    main()
