"""Mask R-CNN by torchvision: its masks as regions, drawn and written as results of COCO."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from stand_in import declare_operators, photograph, replace_operators

declare_operators()

from torchvision.models.detection import maskrcnn_resnet50_fpn  # noqa: E402

import segpost  # noqa: E402

NAMES = segpost.Palette.named("voc").names  # of the 21 classes that stand in for yours


def network() -> Any:
    """Yours, with its weights; random ones find something everywhere."""
    replace_operators()
    torch.manual_seed(0)
    model = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=21,
        min_size=192, box_score_thresh=0.0, box_detections_per_img=12,
    )  # fmt: skip
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.weight.mul_(30)
        model.roi_heads.mask_predictor.mask_fcn_logits.weight.mul_(200)
    return model.eval()


@torch.no_grad()
def detect(model: Any, image: np.ndarray) -> dict[str, torch.Tensor]:
    """What the model gives for an image: boxes, labels, scores, and masks (N, 1, H, W) in 0..1."""
    x = torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
    return model([x])[0]


def as_regions(output: dict[str, torch.Tensor], threshold: float = 0.5) -> segpost.Regions:
    """The masks as regions, with the score of each, and its class for label."""
    masks = output["masks"][:, 0] > threshold
    regions = segpost.regions(masks=masks, confidence=output["scores"])
    return regions.relabel(output["labels"].numpy()[regions.labels])


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    regions = as_regions(detect(network(), image))
    print(f"maskrcnn: {len(regions)} masks of {len(np.unique(regions.labels))} classes")
    results = regions.coco(image_id=1)
    with open("maskrcnn.json", "w") as file:
        json.dump(results, file)
    from PIL import Image

    Image.fromarray(regions.draw(image, "voc", color_by="instance")).save("maskrcnn.png")
    print("  maskrcnn.json has the results, maskrcnn.png the picture")


if __name__ == "__main__":
    main()
