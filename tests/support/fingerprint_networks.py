"""A small network that has learned something, and what can become of it when it is restored.

`python tests/support/fingerprint_networks.py` trains the networks of `tests/data` again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import segpost

CLASSES = 12
MEAN, STD = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)
SIZE = (129, 161)
DATA = next(p for p in Path(__file__).resolve().parents if p.name == "tests") / "data"
WIDE = (16, 24, 32)  # channels of the stem, by seed


def normalize(image: Any) -> torch.Tensor:
    """(1, 3, H, W), as in the training."""
    scaled = (image.astype(np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)[None]))


class Net(nn.Module):
    """A stem, a body with dilation, a head."""

    def __init__(self, wide: int = 24, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()

        def block(i: int, o: int, stride: int = 1, rate: int = 1) -> nn.Sequential:
            conv = nn.Conv2d(i, o, 3, stride, rate, rate, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(o), activation())

        self.stem = nn.Sequential(block(3, wide, 2), block(wide, wide, 2))
        self.body = nn.Sequential(block(wide, 2 * wide, 2), block(2 * wide, 2 * wide, 1, 2))
        self.aspp = block(2 * wide, 2 * wide, 1, 4)
        self.head = nn.Conv2d(2 * wide, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> Any:
        """Logits at an eighth of the size."""
        return self.head(self.aspp(self.body(self.stem(x))))


def trained(seed: int = 0, steps: int = 60, **options: Any) -> Net:
    """The network after a lesson on colored rectangles."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net(**options)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        images, targets = zip(*(_rectangles(rng) for _ in range(4)), strict=True)
        logits = nn.functional.interpolate(net(torch.cat(images)), (65, 65), mode="bilinear")
        optimizer.zero_grad()
        loss: Any = nn.functional.cross_entropy(logits, torch.stack(targets))
        loss.backward()
        optimizer.step()
    return net.eval()


def file_of(seed: int) -> Path:
    """Where the weights are saved, in float16."""
    return DATA / f"network-{seed}.npz"


def load_net(seed: int) -> Net:
    """The trained network of a seed."""
    net = Net(WIDE[seed])
    with np.load(file_of(seed)) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    net.load_state_dict(state)  # each tensor is copied to its own type
    return net.eval()


def _rectangles(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    target = np.zeros((65, 65), np.int64)
    image = np.zeros((65, 65, 3)) + rng.integers(60, 200, 3)
    for _ in range(5):
        label, (y, x), (h, w) = (
            rng.integers(CLASSES),
            rng.integers(0, 50, 2),
            rng.integers(9, 40, 2),
        )
        target[y : y + h, x : x + w] = label
        image[y : y + h, x : x + w] = np.array([label * 37, label * 83, label * 149]) % 255
    noisy = image + rng.normal(0, 12, image.shape)
    return normalize(noisy.clip(0, 255)), torch.from_numpy(target)


@torch.no_grad()
def take_fingerprint(
    net: Net, x: torch.Tensor | None = None, stages: bool = True
) -> segpost.Fingerprint:
    """The fingerprint of a network, with its input and what the parts before its head give."""
    x = normalize(segpost.probe_image(SIZE)) if x is None else x
    stem = net.stem(x)
    body = net.body(stem)
    more = {"input": x, "stem": stem, "body": body, "aspp": net.aspp(body)} if stages else None
    return segpost.fingerprint(net(x), stages=more)


def head_reset(net: Net) -> Net:
    """The head as it was before the training."""
    net = copy.deepcopy(net)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)  # of 120 initial heads, 5 looked otherwise by chance
        net.head.reset_parameters()
    return net


def unloaded(net: Net) -> Net:
    """Nothing of the checkpoint has arrived."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Net(net.head.in_channels // 2).eval()


def statistics_reset(net: Net) -> Net:
    """Weights without the running statistics of batch norm."""
    net = copy.deepcopy(net)
    for module in _norms(net):
        module.reset_running_stats()
    return net


def training(net: Net) -> Net:
    """Batch norm in training mode."""
    net = copy.deepcopy(net)
    for module in _norms(net):
        module.train()
        module.momentum = 0.0
    return net


def activation(net: Net, make: Callable[[], nn.Module]) -> Net:
    """The same weights with another activation."""
    net = copy.deepcopy(net)
    for block in [m for m in net.modules() if isinstance(m, nn.Sequential)]:
        if isinstance(block[-1], nn.ReLU):
            block[-1] = make()
    return net


def dilation(net: Net, rate: int = 1) -> Net:
    """The same weights with other dilation rates."""
    net = copy.deepcopy(net)
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.dilation[0] > 1:
            module.dilation = module.padding = (rate, rate)
    return net


def permuted(net: Net, order: Any) -> Net:
    """Classes in another order."""
    net = copy.deepcopy(net)
    for held in net.head.parameters():
        held.data = held.data[list(order)]
    return net


def _norms(net: Net) -> Iterator[nn.BatchNorm2d]:
    return (m for m in net.modules() if isinstance(m, nn.BatchNorm2d))


if __name__ == "__main__":
    for seed, wide in enumerate(WIDE):
        state = trained(seed, wide=wide).state_dict()
        small = {name: value.numpy() for name, value in state.items()}
        small = {k: v.astype(np.float16) if v.dtype.kind == "f" else v for k, v in small.items()}
        np.savez_compressed(file_of(seed), **small)
