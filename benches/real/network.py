"""A small DeepLabV3+ in plain torch, fitted to a few photographs, and its logits for them.

Run as a program of its own, so that its threads are gone when something is timed:
`python -m benches.real.network DATA OUT.npz`. It starts from random weights and is fitted to the
photographs that it is then shown, so its logits have the shape, the smoothness and the boundaries
of a real head's, but it is surer of itself than a network on images it has not seen. One photograph
is held out for that.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import segpost

VOC, STREET = slice(0, 21), slice(21, 40)  # channels of the head: two data sets, one network
IGNORE = 255
STEPS = 700
SECONDS = 225.0
RATE = 3e-3
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Photograph(NamedTuple):
    """An image, its labels (None where it is held out) and the channels that name its classes."""

    name: str
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8] | None
    channels: slice


def photographs(data: Path) -> list[Photograph]:
    """Those that the folder has."""

    def pixels(name: str) -> npt.NDArray[np.uint8]:
        return np.asarray(Image.open(data / name).convert("RGB"))

    def colored(name: str, palette: segpost.Palette) -> npt.NDArray[np.uint8]:
        labels: npt.NDArray[np.uint8] = segpost.labels_from_colors(pixels(name), palette)  # type: ignore[assignment]
        return labels

    def ids(name: str) -> npt.NDArray[np.uint8]:
        return np.asarray(Image.open(data / name)).astype(np.uint8)

    voc = segpost.Palette.named("voc")
    swapped = segpost.Palette(voc.colors[:, ::-1])  # that file has red and blue exchanged
    made = []
    if (data / "vainf_1_image.png").is_file():
        labels = colored("vainf_1_target.png", voc)
        made.append(Photograph("vainf_1_image.png", pixels("vainf_1_image.png"), labels, VOC))
    if (data / "vainf_23_image.png").is_file():
        labels = colored("vainf_23_target.png", voc)
        made.append(Photograph("vainf_23_image.png", pixels("vainf_23_image.png"), labels, VOC))
    if (data / "voc_2007_000129.jpg").is_file():
        labels = ids("voc_2007_000129.png")
        made.append(Photograph("voc_2007_000129.jpg", pixels("voc_2007_000129.jpg"), labels, VOC))
    if (data / "tflite_input_image.jpeg").is_file():
        name = "tflite_input_image.jpeg"
        labels = colored("tflite_ground_truth_segmentation.png", swapped)
        made.append(Photograph(name, pixels(name), labels, VOC))
    if (data / "deeplab2_dummy_leftImg8bit.png").is_file():
        name = "deeplab2_dummy_leftImg8bit.png"
        labels = ids("deeplab2_eval_semantic_target.png")
        made.append(Photograph(name, pixels(name), labels, STREET))
    if (data / "crf_im1.png").is_file():
        made.append(Photograph("crf_im1.png", pixels("crf_im1.png"), None, VOC))
    return made


def unit(inputs: int, outputs: int, size: int = 3, **options: int) -> nn.Sequential:
    """Convolution, group norm, ReLU."""
    padding = (size // 2) * options.get("dilation", 1)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=padding, bias=False, **options),  # type: ignore[arg-type]
        nn.GroupNorm(8, outputs),
        nn.ReLU(),
    )


class Inverted(nn.Module):
    """MobileNetV2's block: widen, depthwise, narrow."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        wide = 4 * inputs
        self.shortcut = stride == 1 and inputs == outputs
        self.block = nn.Sequential(
            unit(inputs, wide, 1),
            unit(wide, wide, stride=stride, dilation=dilation, groups=wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.GroupNorm(8, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h / stride, w / stride)."""
        y: Tensor = self.block(x)
        return x + y if self.shortcut else y


class DeepLab(nn.Module):
    """Encoder of stride 8, ASPP, and a decoder of stride 4; a classifier after each."""

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(unit(3, 24, stride=2), unit(24, 32, stride=2), Inverted(32, 32))
        self.deep = nn.Sequential(
            Inverted(32, 48, 2),
            Inverted(48, 48),
            Inverted(48, 64),
            Inverted(64, 64, dilation=2),
            Inverted(64, 64, dilation=4),
        )
        self.branches = nn.ModuleList(
            [unit(64, width, 1), *(unit(64, width, dilation=rate) for rate in (6, 12, 18))]
        )
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), unit(64, width, 1))
        self.join = unit(5 * width, width, 1)
        self.coarse = nn.Conv2d(width, classes, 1)
        self.low = unit(32, 24, 1)
        self.decoder = nn.Sequential(unit(width + 24, width), unit(width, width))
        self.fine = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits at 1/8 and at 1/4 of the image."""
        low = self.stem(x)
        deep = self.deep(low)
        pooled = self.pooled(deep).expand(-1, -1, *deep.shape[2:])
        joined = self.join(torch.cat([*(branch(deep) for branch in self.branches), pooled], 1))
        raised = F.interpolate(joined, size=low.shape[2:], mode="bilinear")
        fine = self.fine(self.decoder(torch.cat([raised, self.low(low)], 1)))
        return self.coarse(joined), fine


def as_input(photograph: Photograph) -> Tensor:
    """(3, H, W), normalized as for ImageNet."""
    pixels = torch.from_numpy(photograph.pixels.copy()).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(SPREAD)[:, None, None]


def entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy on a grid of half the resolution: a quarter of the work."""
    grid = [side // 2 for side in labels.shape]
    target = F.interpolate(labels[None, None].float(), size=grid, mode="nearest-exact")[0].long()
    full = F.interpolate(logits[None], size=grid, mode="bilinear")
    total = F.cross_entropy(full, target, ignore_index=IGNORE, reduction="sum")
    return total / max(int((target != IGNORE).sum()), 1)


def fit(known: list[Photograph]) -> DeepLab:
    """A network that knows these photographs."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = DeepLab(STREET.stop)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    images = [as_input(one) for one in known]
    labels = [torch.from_numpy(np.array(one.labels)) for one in known]
    often = np.sqrt([target.numel() for target in labels])
    start = time.monotonic()
    for step in range(STEPS):
        i = int(rng.choice(len(known), p=often / often.sum()))
        image, target = images[i], labels[i]
        if rng.random() < 0.5:
            image, target = image.flip(-1), target.flip(-1)
        coarse, fine = (logits[0, known[i].channels] for logits in network(image[None]))
        loss = entropy(coarse, target) + entropy(fine, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        done = max(step / STEPS, (time.monotonic() - start) / SECONDS)
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, step / 20) * (1.0 - min(done, 1.0)) ** 0.9
        optimizer.step()
        if step % 100 == 0 or step == STEPS - 1:
            spent = time.monotonic() - start
            print(f"step {step}: loss {loss.item():.3f}, {spent:.0f} s", file=sys.stderr)
        if time.monotonic() - start > SECONDS:
            print(f"stopped at step {step}: out of time", file=sys.stderr)
            break
    return network.eval()


def main(data: Path, out: Path) -> None:
    """Fit, and save every photograph's logits and how right they are."""
    known = photographs(data)
    network = fit([one for one in known if one.labels is not None])
    made: dict[str, npt.NDArray[np.float32]] = {}
    for one in known:
        with torch.inference_mode():
            outputs = network(as_input(one)[None])
        for stride, logits in zip((8, 4), outputs, strict=True):
            key = f"{one.name}/{stride}"
            made[key] = np.ascontiguousarray(logits[0, one.channels].numpy())
            if one.labels is not None:
                guess = segpost.argmax(made[key], size=one.labels.shape)
                counted = one.labels != IGNORE
                accuracy = float((guess == one.labels)[counted].mean())
                made[f"{key}/accuracy"] = np.array([accuracy], np.float32)
                print(f"{key}: pixel accuracy {accuracy:.3f}", file=sys.stderr)
    with out.open("wb") as file:
        np.savez(file, **made)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
