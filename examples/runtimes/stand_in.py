"""What stands in for your photograph and for your trained network."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import segpost

MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's
STD = np.array([0.229, 0.224, 0.225], np.float32)


def photograph(height: int = 384, width: int = 576) -> np.ndarray:
    """(H, W, 3) uint8: yours (``--image``), or the one that scikit-learn brings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", help="a picture; its upper left corner is taken")
    path = parser.parse_known_args()[0].image
    if path:
        from PIL import Image

        picture = np.asarray(Image.open(path).convert("RGB"))
    else:
        from sklearn.datasets import load_sample_image

        picture = load_sample_image("china.jpg")
    return np.ascontiguousarray(picture[:height, :width])


def channels_first(image: np.ndarray) -> np.ndarray:
    """The photograph as networks from torch want it: (1, 3, H, W)."""
    scaled = (image.astype(np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def lively(model: Any, x: Any, head: Any) -> Any:
    """A torch model with random weights whose map is as rich as a trained one's.

    Batch norm gets the statistics of the photograph, and the head is sharpened.
    """
    import torch

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        model.train()
        model(torch.cat([x, x.flip(3)]))
        head.weight.mul_(40)
    return model.eval()


def declare_operators() -> None:
    """Makes torchvision importable beside a torch without CUDA.

    From the registry it is built for CUDA, and does not find its operators then. Of the networks
    here only the detector uses them: `replace_operators`.
    """
    try:
        import torch
        import torchvision  # noqa: F401
    except RuntimeError:
        for module in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[module]
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
    except ImportError:
        return


def replace_operators() -> bool:
    """Give torchvision a suppression in torch's own operations where it has none of its own.

    Its `roi_align` does without. Return whether that was necessary.
    """
    import torch
    from torchvision import extension
    from torchvision.ops import boxes

    if extension._has_ops():
        return False

    def suppress(corners: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
        order = scores.argsort(descending=True)
        overlaps = boxes.box_iou(corners[order], corners[order]) > iou_threshold
        is_kept = torch.ones(len(order), dtype=torch.bool)
        for k in range(len(order)):
            if is_kept[k]:
                is_kept[k + 1 :] &= ~overlaps[k, k + 1 :]
        return order[is_kept]

    boxes.nms = suppress
    return True


def print_comparison(
    name: str, image: np.ndarray, own: Callable[[], Any], ours: Callable[[], Any]
) -> None:
    """Print how far the two agree and what each takes, and writes the overlay."""
    theirs, mine = np.asarray(own()), np.asarray(ours())
    best = {}
    for call in 5 * (own, ours):
        start = time.perf_counter()
        call()
        best[call] = min(best.get(call, np.inf), 1e3 * (time.perf_counter() - start))
    print(f"{name}: {len(np.unique(mine))} classes in {mine.shape}")
    print(f"  labels that differ from the framework's own: {int((theirs != mine).sum())}")
    print(f"  its upsampling and argmax {best[own]:.1f} ms, segpost {best[ours]:.1f} ms")
    seg = segpost.Segmentation(labels=mine.reshape(image.shape[:2]), image=image)
    seg.save(f"{name}.png", palette="voc")
    print(f"  {name}.png has the labels")
