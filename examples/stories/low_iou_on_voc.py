"""Why has a DeepLabV3 a very low IoU on Pascal VOC?

Before the network is blamed, the score is: masks that are read as colors, the void rim that is
counted, a target that was resized as a photograph is, padding that was not removed. A dense CRF is
not among the reasons: DeepLabV3 has none.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from chapters import Chapter, tell
from PIL import Image
from small_deeplab import CLASSES, PALETTE, prepared, scene, trained

import segpost

COUNT = 8
VOC = segpost.Palette.named("voc")
IDS = np.zeros(256, np.uint8)  # the classes as VOC numbers them
IDS[: len(CLASSES)] = [VOC.names.index(name) for name in CLASSES]
IDS[255] = 255


def score(pairs: Any, **options: Any) -> float:
    """Mean IoU of VOC's 21 classes over those that occur, as VOC counts it."""
    cm = segpost.ConfusionMatrix(21, invalid_target="drop", **options)
    for preds, target in pairs:
        cm.update(preds=preds, target=target)
    return float(cm.compute().miou)


@torch.no_grad()
def main() -> list[Chapter]:
    """Make each failure, ask, apply the cure."""
    model = trained(steps=120)
    chapters: list[Chapter] = []
    scenes = [scene(seed) for seed in range(COUNT)]
    logits = [model(prepared(image))[0] for image, _ in scenes]
    preds = [IDS[segpost.argmax(x, size=(96, 128)).numpy()] for x in logits]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.png" for i in range(COUNT)]
        for file, (_, labels) in zip(files, scenes, strict=True):
            segpost.Segmentation(labels=IDS[labels]).save(file, palette=VOC)  # as VOC has them
        right = [np.asarray(Image.open(file)) for file in files]
        best = score(zip(preds, right, strict=True), ignore_index=255)

        # 1. A mask is opened as grey: the ids are now the brightness of VOC's colors.
        grey = [np.asarray(Image.open(file).convert("L")) for file in files]
        report = segpost.diagnose(labels=np.stack(preds), target=np.stack(grey), palette=VOC,
                                num_classes=21)  # fmt: skip
        before = score(zip(preds, grey, strict=True), ignore_index=255)
        chapters.append(tell("The mask is read as grey", report, "mIoU", before, best))

        # 2. Or as RGB: three numbers a pixel; labels_from_colors undoes that.
        colors = [np.asarray(Image.open(file).convert("RGB")) for file in files]
        report = segpost.diagnose(labels=preds[0], target=colors[0], palette=VOC, num_classes=21)
        before = score(((p, c[..., 0]) for p, c in zip(preds, colors, strict=True)),
                       ignore_index=255)  # fmt: skip
        again = [segpost.labels_from_colors(c, VOC) for c in colors]
        after = score(zip(preds, again, strict=True), ignore_index=255)
        chapters.append(tell("The mask is read as RGB", report, "mIoU", before, after))

    # 3. The rim of 255 is counted: wherever it is, the network is wrong.
    def counted(void: int | None) -> float:
        cm = segpost.ConfusionMatrix(22 if void is None else 21, ignore_index=void)
        for p, t in zip(preds, right, strict=True):
            cm.update(preds=p, target=np.where(t == 255, 21, t) if void is None else t)
        return float(cm.compute().miou)

    report = segpost.diagnose(labels=preds[0], target=right[0], num_classes=21)
    chapters.append(tell("The void rim is a class", report, "mIoU", counted(None), counted(255)))

    # 4. The target was resized as photographs are: between 0 and 15 lie 1 to 14.
    small = [np.asarray(Image.fromarray(t).resize((64, 48), Image.Resampling.BILINEAR))
             for t in right]  # fmt: skip
    nearest = [np.asarray(Image.fromarray(t).resize((64, 48), Image.Resampling.NEAREST))
               for t in right]  # fmt: skip
    halves = [p[1::2, 1::2] for p in preds]
    report = segpost.diagnose(labels=halves[0], target=small[0], palette=VOC, num_classes=21)
    chapters.append(
        tell("The target was interpolated", report, "mIoU",
             score(zip(halves, small, strict=True), ignore_index=255),
             score(zip(halves, nearest, strict=True), ignore_index=255))
    )  # fmt: skip

    # 5. The picture went into a larger input; the map is stretched, padding and all.
    box = segpost.Letterbox.fit((96, 128), (160, 160))
    fed = [torch.from_numpy(box.apply(image, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))
           for image, _ in scenes]  # fmt: skip
    padded = [model(x[None])[0] for x in fed]
    stretched = [IDS[segpost.argmax(x, size=(96, 128)).numpy()] for x in padded]
    undone = [IDS[segpost.argmax(x, letterbox=box).numpy()] for x in padded]
    # A picture of large regions shows it; one with as many errors of the network hides it.
    reports = [
        segpost.diagnose(labels=labels, target=target, palette=VOC, ignore_index=255)
        for labels, target in zip(stretched, right, strict=True)
    ]
    report = next((report for report in reports if report.findings), reports[0])
    chapters.append(
        tell("The padding was not removed", report, "mIoU",
             score(zip(stretched, right, strict=True), ignore_index=255),
             score(zip(undone, right, strict=True), ignore_index=255))
    )  # fmt: skip

    # 6. "Without a CRF the IoU is low": the paper has none, and neither have the numbers above.
    # It sharpens edges, which is much of pictures as small as these, and mends none of the above.
    refined = [
        IDS[segpost.postprocess(x, size=(96, 128), image=image, crf="deeplab", palette=PALETTE)
            .labels.numpy()]
        for x, (image, _) in zip(logits, scenes, strict=True)
    ]  # fmt: skip
    chapters.append(
        tell("A dense CRF, which DeepLabV3 does not have", None, "mIoU", best,
             score(zip(refined, right, strict=True), ignore_index=255))
    )  # fmt: skip
    return chapters


if __name__ == "__main__":
    main()
