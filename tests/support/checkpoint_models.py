"""Small models, and the codes of what is found in their checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")
nn: Any = torch.nn


class Net(nn.Module):  # type: ignore[misc]
    """A backbone with batch norm, a head, an auxiliary head."""

    def __init__(self, classes: int = 21, wide: int = 8, aux: bool = True) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, wide, 3), nn.BatchNorm2d(wide), nn.ReLU(),
            nn.Conv2d(wide, wide, 3), nn.BatchNorm2d(wide), nn.ReLU(),
        )  # fmt: skip
        self.classifier = nn.Conv2d(wide, classes, 1)
        if aux:
            self.aux_classifier = nn.Sequential(nn.Conv2d(wide, classes, 1))

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.classifier(self.backbone(x))


def trained(seed: int = 0, batches: int = 120, **options: Any) -> Any:
    """Return a network whose statistics and weights are not the initial ones."""
    torch.manual_seed(seed)
    net = Net(**options)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.num_batches_tracked.fill_(batches)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
    return net


def codes(checkpoint: Any, model: Any, **options: Any) -> set[str]:
    """Return the codes of the findings, without the hint that nothing is loaded yet."""
    return {*segpost.compare_checkpoints(checkpoint, model, **options).codes} - {"not-loaded"}


def write_safetensors(path: Path, state: Any) -> None:
    """Write a safetensors file without its library."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, at = [], 0
    names = {torch.float32: "F32", torch.int64: "I64", torch.float16: "F16"}
    for name, tensor in state.items():
        data = np.ascontiguousarray(tensor.numpy()).tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(data)],
        }
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))
