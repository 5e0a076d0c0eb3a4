"""Mask2Former by transformers: labels, panoptic segments and instances from its queries."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stand_in import channels_first, declare_operators, photograph

declare_operators()

from transformers import (  # noqa: E402
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    SwinConfig,
)

import segpost  # noqa: E402

QUERIES, CLASSES = 30, 19


def network() -> Any:
    """Yours, with its weights; random ones are sharpened, so that queries win."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=64, embed_dim=24, depths=[1, 1, 1, 1], num_heads=[2, 2, 2, 2], window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=backbone, hidden_dim=32, feature_size=32, mask_feature_size=32,
        num_queries=QUERIES, num_labels=CLASSES, encoder_layers=1, decoder_layers=2,
        num_attention_heads=4, dim_feedforward=64, encoder_feedforward_dim=64,
    )  # fmt: skip
    model = Mask2FormerForUniversalSegmentation(config).eval()
    with torch.no_grad():
        model.class_predictor.weight.mul_(60)
    return model


@torch.no_grad()
def answer(model: Any, image: np.ndarray) -> Any:
    """What the model gives: class logits (1, Q, C + 1) and mask logits (1, Q, H / 4, W / 4)."""
    output = model(pixel_values=torch.from_numpy(channels_first(image)))
    logits = output.masks_queries_logits
    output.masks_queries_logits = 8 * (logits - logits.mean((2, 3), keepdim=True)) / logits.std()
    return output


def segments(output: Any, image: np.ndarray, task: Any) -> Any:
    """Segments of the photograph's size, as the processor's with a threshold of 0.3."""
    return segpost.segment_queries(
        output.class_queries_logits,
        output.masks_queries_logits,
        task=task,
        image=image[None],
        palette="cityscapes",
        thing_classes=range(11, CLASSES) if task == "panoptic" else None,
        threshold=0.3,
        overlap_threshold=0.3,
    )


def main() -> None:
    """The network on a photograph."""
    from PIL import Image

    image = photograph()
    output = answer(network(), image)
    seg = segpost.postprocess(output, convention="mask2former", size=image.shape[:2])
    print(f"mask2former: {len(np.unique(seg.labels))} classes in {tuple(seg.labels.shape)}")
    for task in ("panoptic", "instance"):
        found = segments(output, image, task)[0]
        Image.fromarray(np.asarray(found.draw())).save(f"mask2former-{task}.png")
        print(f"  {task}: {len(found.segments)} segments, drawn in mask2former-{task}.png")


if __name__ == "__main__":
    main()
