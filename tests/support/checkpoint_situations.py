"""Checkpoints as frameworks and training scripts leave them, beside the model they are for.

A situation is a function that returns a `Case`: what is in the file, the model, and the network
whose output a right loading restores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn: Any = torch.nn

Build = Callable[[], "Case"]
SITUATIONS: dict[str, Build] = {}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: the networks are tiny, and idle threads would spin.

    The random numbers of other tests stay as they are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)


@dataclass
class Case:
    """A checkpoint, the model it is loaded into, and the network that it was saved of."""

    saved: Any
    model: Any
    reference: Any
    codes: tuple[str, ...] = ()  # that are expected, without "not-loaded"
    certain: tuple[str, ...] = ()  # those that are certain
    names: Mapping[str, Any] = field(default_factory=dict)  # placeholders of cures
    curable: bool = True  # whether the first cure restores the output
    tolerance: float = 1e-5
    size: tuple[int, ...] = (2, 3, 9, 11)


def situation(build: Build) -> Build:
    """Register a situation."""
    SITUATIONS[build.__name__] = build
    return build


class Block(nn.Module):  # type: ignore[misc]
    """Convolution, batch norm, ReLU."""

    def __init__(self, i: int, o: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, padding=1, bias=bias)
        self.bn = nn.BatchNorm2d(o)

    def forward(self, x: Any) -> Any:
        """Return the features."""
        return torch.relu(self.bn(self.conv(x)))


class Small(nn.Module):  # type: ignore[misc]
    """A backbone of two blocks and a head."""

    def __init__(self, classes: int = 5, wide: int = 6) -> None:
        super().__init__()
        self.backbone = nn.Sequential(Block(3, wide), Block(wide, wide + 2))
        self.head = nn.Conv2d(wide + 2, classes, 1)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.head(self.backbone(x))


def trained(net: Any, seed: int = 0) -> Any:
    """Return a network with weights and statistics that no new one has."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(500)
            elif name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            elif tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / 2)
    return net.eval()


def small(seed: int = 0, **options: Any) -> Any:
    """Return a trained small network."""
    return trained(Small(**options), seed)


def fresh(**options: Any) -> Any:
    """Return a small network that nothing was loaded into."""
    torch.manual_seed(99)
    return Small(**options).eval()


def with_prefix(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict whose names have a prefix."""
    return {prefix + name: tensor for name, tensor in state.items()}


def output(net: Any, size: tuple[int, ...]) -> Any:
    """Return the logits of a fixed input."""
    x = torch.rand(size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return net.eval()(x)
