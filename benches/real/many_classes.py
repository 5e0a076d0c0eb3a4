"""A small network of 150 classes with outputs at strides 4, 8, 16 and 32, and its logits.

Run as a program of its own: `python -m benches.real.many_classes DATA OUT.npz`. DATA is a folder of
photographs; where there is none, pictures are drawn. The classes are clusters of blurred color and
place, so that every picture has many and their borders follow it. After some seconds the network
has learned them in part: many classes compete, as they do for a network on images unlike those it
knows. Strides of 4 and 8 see little around them, and their logits are rough.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from benches.harness import scenes
from benches.real.network import Inverted, photographs, unit

CLASSES = 150
STRIDES = (4, 8, 16, 32)
HEIGHT, WIDTH = 768, 1024  # of drawn pictures
PICTURES = 2
STEPS, CROP = 80, 192
GRID = 4  # pixels between two labels, each way
Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def drawn(seed: int) -> Bytes:
    """Regions and objects, each of a color and a texture of its own, and noise."""
    rng = np.random.default_rng(seed)
    labels = scenes.draw(rng, 40, HEIGHT // scenes.DETAIL, WIDTH // scenes.DETAIL, 40, 60, 20)
    colors, strengths = rng.uniform(0, 255, (40, 3)), rng.uniform(0, 40, 40)
    textures = np.stack([scenes.smooth(rng, HEIGHT, WIDTH, scale) for scale in (3.0, 12.0, 60.0)])
    chosen = np.take_along_axis(textures, (labels % 3)[None], axis=0)[0]
    image = colors[labels] + (strengths[labels] * chosen)[..., None]
    image += rng.normal(0, 4, image.shape)
    return np.asarray(image.clip(0, 255), np.uint8)


def pictures(data: Path | None) -> dict[str, Bytes]:
    """The first photographs of the folder by name, or drawn ones."""
    if data is None:
        return {f"drawn {seed}": drawn(seed) for seed in range(PICTURES)}
    known = {one.name: one.pixels for one in photographs(data)}
    for path in sorted(data.glob("*.jp*g")) if not known else ():
        known[path.name] = np.asarray(Image.open(path).convert("RGB"))
    return dict([*known.items()][:PICTURES])


def features(image: Bytes) -> npt.NDArray[np.float64]:
    """(5, H / 4, W / 4): blurred colors and the place."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width) * 120.0
    colors = scenes.blur(np.moveaxis(image.astype(np.float64), -1, 0), 2.0)
    return np.concatenate([colors, y[None], x[None]])[:, ::GRID, ::GRID]


def clusters(images: list[Bytes]) -> list[Labels]:
    """Labels of every picture: which of 150 centers is nearest."""
    rng = np.random.default_rng(0)
    every = [features(image) for image in images]
    pixels = np.concatenate([one.reshape(5, -1).T[::29] for one in every])
    centers = pixels[rng.choice(len(pixels), CLASSES, replace=False)]
    for _ in range(5):
        labels = nearest(pixels, centers)
        for k in np.unique(labels):
            centers[k] = pixels[labels == k].mean(axis=0)
    return [nearest(one.reshape(5, -1).T, centers).reshape(one.shape[1:]) for one in every]


def nearest(pixels: npt.NDArray[np.float64], centers: npt.NDArray[np.float64]) -> Labels:
    """The center next to every pixel."""
    return np.asarray(np.argmin((centers**2).sum(1) - 2 * pixels @ centers.T, axis=1), np.int64)


class Pyramid(nn.Module):
    """An encoder with a classifier at each stride."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.stem = nn.Sequential(unit(3, 24, stride=2), unit(24, width, stride=2))
        self.stages = nn.ModuleList(
            [Inverted(width, width), *(Inverted(width, width, 2) for _ in STRIDES[1:])]
        )
        self.heads = nn.ModuleList([nn.Conv2d(width, CLASSES, 1) for _ in STRIDES])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logits at every stride."""
        x, outputs = self.stem(x), []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            outputs.append(head(x))
        return outputs


def as_input(image: Bytes) -> Tensor:
    """(1, 3, H, W) from -1 to 1."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def fit(images: list[Bytes]) -> Pyramid:
    """A network after some seconds of crops."""
    torch.set_num_threads(1)  # the same network on every machine of this kind
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network, labels = Pyramid(), clusters(images)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    for _ in range(STEPS):
        i = int(rng.integers(len(images)))
        side = CROP // GRID
        y, x = (int(rng.integers(max(1, n - side))) for n in labels[i].shape)
        target = torch.from_numpy(labels[i][y : y + side, x : x + side].copy())[None]
        crop = images[i][GRID * y : GRID * y + CROP, GRID * x : GRID * x + CROP]
        loss = torch.zeros(())
        for logits in network(as_input(crop)):
            full = F.interpolate(logits, size=target.shape[1:], mode="bilinear")
            loss = loss + F.cross_entropy(full, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    print(f"150 classes: loss {loss.item() / len(STRIDES):.2f} a stride", file=sys.stderr)
    return network.eval()


def main(data: Path | None, out: Path) -> None:
    """Fit, and save the logits of every picture at every stride, and its size."""
    known = pictures(data)
    network = fit([*known.values()])
    made: dict[str, npt.NDArray[np.generic]] = {}
    for name, image in known.items():
        with torch.inference_mode():
            outputs = network(as_input(image))
        made[f"{name}/size"] = np.array(image.shape[:2])
        for stride, logits in zip(STRIDES, outputs, strict=True):
            made[f"{name}/{stride}"] = np.ascontiguousarray(logits[0].numpy())
    with out.open("wb") as file:
        np.savez(file, **made)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1] else None, Path(sys.argv[2]))
