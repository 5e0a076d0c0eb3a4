"""Why are the pictures of a DeepLabV3 that was trained on a custom data set black?

Five ways to a black picture, what tells them apart, and what helps. Two of the cures one reads most
often are failures themselves: `argmax * 255` wraps around, and a softmax before argmax changes
nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from chapters import Chapter, tell
from PIL import Image
from small_deeplab import CLASSES, PALETTE, miou, prepared, scene, trained

import segpost


def seen(picture: np.ndarray) -> float:
    """How bright a picture is for the eye: the mean of its pixels, of 255."""
    return float(np.asarray(picture, np.float64).mean())


@torch.no_grad()
def main() -> list[Chapter]:
    """Make each failure, ask, apply the cure."""
    model = trained()
    image, target = scene(5)
    size = target.shape
    logits = model(prepared(image))[0]
    good = segpost.postprocess(logits, size=size, image=image, palette=PALETTE,
                               want=("labels", "color", "overlay"))  # fmt: skip
    chapters = []
    with tempfile.TemporaryDirectory() as folder:
        # 1. The ids themselves are saved: 0 to 5 of 255 is black to the eye. Nothing is lost.
        file = Path(folder) / "labels.png"
        Image.fromarray(good.labels.numpy()).save(file)
        with Image.open(file) as opened:
            report = segpost.diagnose(labels=opened, logits=logits, palette=PALETTE)
        before = seen(np.asarray(Image.open(file).convert("RGB")))
        good.save(file)  # an indexed PNG: the pixels are still the ids
        after = seen(np.asarray(Image.open(file).convert("RGB")))
        chapters.append(tell("The ids are saved as they are", report, "brightness", before, after))

    # 2. "The correct approach is to scale to 0..255": in uint8, k * 255 is 256 - k.
    wrapped = (good.labels.numpy().astype(np.int64) * 255).astype(np.uint8)
    report = segpost.diagnose(labels=wrapped, logits=logits, palette=PALETTE)
    undone = (256 - wrapped.astype(int)) % 256  # exactly, whatever the number of classes
    chapters.append(
        tell("argmax * 255", report, "share of pixels with their class",
             float((wrapped == good.labels.numpy()).mean()),
             float((undone == good.labels.numpy()).mean()))
    )  # fmt: skip

    # 3. Probabilities become uint8 before argmax: all of them are 0.
    full = segpost.postprocess(logits, size=size, want=("probabilities",)).probabilities
    cast = full.numpy().astype(np.uint8).argmax(0).astype(np.uint8)
    report = segpost.diagnose(labels=cast, logits=logits, palette=PALETTE)
    chapters.append(
        tell("astype(uint8) before argmax", report, "share of pixels with their class",
             float((cast == good.labels.numpy()).mean()), 1.0)
    )  # fmt: skip

    # 4. The palette has every predicted class in black.
    black = segpost.Palette(np.zeros((len(CLASSES), 3), np.uint8))
    dark = segpost.colorize(good.labels, black)
    report = segpost.diagnose(labels=good.labels, palette=black, color=dark)
    chapters.append(
        tell("A palette without colors", report, "brightness", seen(dark), seen(good.color))
    )

    # 5. The picture is fed as bytes of 0..255 to a network that learned on normalized ones.
    def raw(*images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.stack(images).astype(np.float32).transpose(0, 3, 1, 2).copy())

    report = segpost.diagnose(
        logits=model(raw(image))[0],
        input=raw(image),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        image=image,
        target=target,
        palette=PALETTE,
    )
    chapters.append(
        tell("Bytes instead of a normalized picture", report, "mIoU", miou(model, prepare=raw),
             miou(model))
    )  # fmt: skip
    return chapters


if __name__ == "__main__":
    main()
