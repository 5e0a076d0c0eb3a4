"""The inputs that the blocks of the pages use without making them.

=================  ==============================================================================
name               value
=================  ==============================================================================
``image``          (513, 513, 3) uint8, a red left half and a blue right half
``height, width``  its size
``target``         (513, 513) uint8 labels of it: `LEFT`, `RIGHT`, 255 in the first three rows
``model``          a torch module as torchvision's: ``model(x)["out"]`` are logits of 1/8 of
                   the size, ``model.backbone`` and ``model.classifier`` its parts
``x``              (1, 3, 513, 513) float32 tensor, the normalized image
``logits``         (1, 21, 65, 65) float32 tensor, ``model(x)["out"]``
``palette``        (256, 3) uint8, the colors of VOC
``loader``         pairs of NumPy logits (19, 8, 10) or (19, 16, 20) and targets (64, 80)
``MEAN, STD``      of ImageNet
``np, torch, F``   the modules, F is torch.nn.functional
=================  ==============================================================================

In the folder: ``image.png``, ``photo.jpg``, ``labels.png``, ``target.png``, ``logits.npy``,
``x.npy``, ``volume.npy`` ((4, 6, 10, 12) logits), ``case_0000.nii.gz`` (a scan of 24 x 40 x 48
voxels), the folders ``predictedTs/`` and ``labelsTs/`` with NIfTI labels of two cases, their
``dataset.json``, and the folders ``logits/``, ``images/``,
``predictions/``, ``targets/`` with two files of the same stem each; ``preds_panoptic.json`` and
``targets_panoptic.json`` with the folders of their PNG files, and ``preds_ids/``, ``targets_ids/``.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from PIL import Image

import segpost

try:
    import torch
except ImportError:
    pytest.skip("torch is not installed", allow_module_level=True)

SIZE = 513
LEFT, RIGHT = 2, 5
COLORS = np.array([(220, 60, 40), (30, 90, 200)], np.uint8)  # of the halves of the image
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def halves(height: int = SIZE, width: int = SIZE) -> np.ndarray:
    """An image with one color in its left half and another in its right."""
    image = np.empty((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = COLORS
    return image


def normalize(image: np.ndarray) -> np.ndarray:
    """Floats as networks are fed."""
    return np.asarray((image / 255.0 - MEAN) / STD, np.float32)


class Network(torch.nn.Module):
    """A network with torchvision's output; class LEFT is that of the left half's color."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        head = torch.nn.Conv2d(3, classes, 1)
        with torch.no_grad():  # -|pixel - color|² + |pixel|², which is linear
            bias = torch.full((classes,), -20.0)
            head.weight.zero_()
            for label, color in zip((LEFT, RIGHT), normalize(COLORS), strict=True):
                head.weight[label, :, 0, 0] = torch.from_numpy(2 * color)
                bias[label] = -float((color**2).sum())
            head.bias = torch.nn.Parameter(bias)
        self.classifier = head.requires_grad_(False)

    def backbone(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every eighth pixel."""
        size = [(side + 7) // 8 for side in x.shape[-2:]]
        return {"out": torch.nn.functional.interpolate(x, size, mode="nearest-exact")}

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits of an eighth of the size."""
        return {"out": self.classifier(self.backbone(x)["out"])}


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Logits of two sizes, and their targets."""
    target = scene(19, 64, 80, 1).argmax(0).astype(np.uint8)
    target[:3] = 255
    return [(scene(19, 8, 10, 1), target), (scene(19, 16, 20, 2), np.roll(target, 5, axis=1))]


def shared_names() -> dict[str, Any]:
    """The names of the table above, new for every page."""
    image, model = halves(), Network()
    x = torch.from_numpy(normalize(image).transpose(2, 0, 1)[None].copy())
    target = np.full((SIZE, SIZE), RIGHT, np.uint8)
    target[:, : SIZE // 2] = LEFT
    target[:3] = 255
    return {
        "np": np,
        "torch": torch,
        "F": torch.nn.functional,
        "segpost": segpost,
        "image": image,
        "height": SIZE,
        "width": SIZE,
        "target": target,
        "model": model,
        "x": x,
        "logits": model(x)["out"],
        "palette": segpost.Palette.named("voc").colors,
        "loader": pairs(),
        "MEAN": MEAN,
        "STD": STD,
    }


def write_cases(folder: Path, nibabel: Any) -> None:
    """Predicted and true labels of two cases, and the names of their classes."""
    names = {"background": 0, "liver": 1, "tumor": 2, "spine": 3}
    (folder / "dataset.json").write_text(json.dumps({"labels": names}))
    for name in ("predictedTs", "labelsTs"):
        (folder / name).mkdir()
    for case in range(2):
        labels = scene(4, 6 * 10, 12, case).reshape(4, 6, 10, 12).argmax(0).astype(np.uint8)
        for name, shift in (("predictedTs", 1), ("labelsTs", 0)):
            image = nibabel.Nifti1Image(np.roll(labels, shift, axis=1).T, np.diag([1, 1, 3, 1]))
            nibabel.save(image, folder / name / f"case_{case}.nii.gz")


def write_panoptic(folder: Path) -> None:
    """Panoptic maps of one image: JSON and PNG of COCO, and ids of class * 1000 + instance."""
    target = np.zeros((8, 12), np.uint16)  # stuff: class 0
    target[2:6, 1:4], target[2:6, 6:10] = 1001, 1002
    for name, ids in (("preds", np.roll(target, 1, axis=0)), ("targets", target)):
        (folder / f"{name}_ids").mkdir()
        Image.fromarray(ids).save(folder / f"{name}_ids" / "a.png")
        (folder / f"{name}_panoptic").mkdir()
        numbers = ids.astype(np.int32) + 1
        colors = np.stack([numbers >> 8 * k & 255 for k in range(3)], axis=-1).astype(np.uint8)
        Image.fromarray(colors).save(folder / f"{name}_panoptic" / "a.png")
        infos = [{"id": n, "category_id": n // 1000} for n in np.unique(numbers).tolist()]
        row = {"image_id": 1, "file_name": "a.png", "segments_info": infos}
        categories = [{"id": c, "name": ["road", "car"][c], "isthing": c} for c in range(2)]
        content = {"annotations": [row], "categories": categories}
        (folder / f"{name}_panoptic.json").write_text(json.dumps(content))


def write_files(folder: Path) -> None:
    """The files of the table above."""
    write_panoptic(folder)
    names = shared_names()
    labels = segpost.argmax(names["logits"].numpy()[0], size=(SIZE, SIZE))
    Image.fromarray(names["image"]).save(folder / "image.png")
    grain = np.random.default_rng(0).integers(-9, 10, names["image"].shape)
    photo = (names["image"] + grain).clip(0, 255).astype(np.uint8)
    Image.fromarray(photo).save(folder / "photo.jpg", quality=95)
    voc = segpost.Palette.named("voc")
    segpost.Segmentation(labels=labels).save(folder / "labels.png", voc)
    segpost.Segmentation(labels=names["target"]).save(folder / "target.png", voc)
    np.save(folder / "logits.npy", names["logits"].numpy()[0])
    np.save(folder / "x.npy", names["x"].numpy())
    np.save(folder / "volume.npy", scene(4, 6 * 10, 12).reshape(4, 6, 10, 12))
    if importlib.util.find_spec("nibabel"):  # environments of runtimes have none
        nibabel: Any = importlib.import_module("nibabel")
        scan = nibabel.Nifti1Image(np.zeros((48, 40, 24), np.int16), np.diag([0.8, 0.8, 3.0, 1.0]))
        nibabel.save(scan, folder / "case_0000.nii.gz")
        write_cases(folder, nibabel)
    for name in ("logits", "images", "predictions", "targets"):
        (folder / name).mkdir()
    for stem, shift in (("street_1", 0), ("street_2", 9)):
        small = scene(19, 16, 20, shift)
        truth = np.roll(segpost.argmax(small, size=(64, 80)), 1 + shift, axis=1)
        np.save(folder / "logits" / f"{stem}.npy", small)
        Image.fromarray(halves(64, 80)).save(folder / "images" / f"{stem}.png")
        for place, ids in (
            ("predictions", segpost.argmax(small, size=(64, 80))),
            ("targets", truth),
        ):
            Image.fromarray(ids).save(folder / place / f"{stem}.png")
