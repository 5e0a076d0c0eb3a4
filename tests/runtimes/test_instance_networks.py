"""Instances of real networks: Mask R-CNN, Mask2Former, and the masks of SAM's processor."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import segpost

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "runtimes"
SIZE = (192, 256)
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]


@pytest.fixture(scope="module", autouse=True)
def examples() -> Iterator[None]:
    """The folder of the examples on the path, and torchvision's operators declared."""
    pytest.importorskip("torch")
    sys.path.insert(0, str(EXAMPLES))
    importlib.import_module("stand_in").declare_operators()
    pytest.importorskip("torchvision")
    yield
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def image() -> Any:
    """A photograph."""
    pytest.importorskip("sklearn")
    return importlib.import_module("stand_in").photograph(*SIZE)


def test_masks_of_mask_rcnn(image: Any) -> None:
    """Every mask that has pixels is a region with its class and score; results are JSON."""
    example = importlib.import_module("torchvision_maskrcnn")
    output = example.detect(example.network(), image)
    masks = output["masks"][:, 0].numpy() > 0.5
    kept = masks.any(axis=(1, 2))
    regions = example.as_regions(output)
    assert_array_equal(regions.masks(), masks[kept])
    assert_array_equal(regions.labels, output["labels"].numpy()[kept])
    assert_array_equal(regions.confidences, output["scores"].numpy()[kept])
    assert len(regions) > 5
    results = json.loads(json.dumps(regions.coco(image_id=1)))
    assert [one["score"] for one in results] == regions.confidences.tolist()
    picture = regions.draw(image, "voc")
    assert picture.shape == image.shape
    assert (picture != image).any()


def test_suppression_keeps_the_best_of_boxes_that_overlap() -> None:
    """What the example gives to a torchvision without operators."""
    torch = pytest.importorskip("torch")
    module = importlib.import_module("stand_in")
    if not module.replace_operators():
        pytest.skip("torchvision has its own operators")
    boxes = importlib.import_module("torchvision.ops.boxes")

    corners = torch.tensor([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30.0], [0, 0, 9, 9]])
    scores = torch.tensor([0.5, 0.9, 0.1, 0.6])
    assert boxes.nms(corners, scores, 0.5).tolist() == [1, 2]
    assert boxes.nms(corners, scores, 0.7).tolist() == [1, 3, 2]
    assert boxes.nms(corners, scores, 0.9).tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("task", ["semantic", "panoptic"])
def test_queries_of_mask2former(image: Any, task: str) -> None:
    """Labels and segments are those of transformers' processor, up to ties."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    example = importlib.import_module("transformers_mask2former")
    output = example.answer(example.network(), image)
    name = "transformers.models.mask2former.image_processing_pil_mask2former"
    processor = importlib.import_module(name).Mask2FormerImageProcessorPil()
    if task == "semantic":
        own = processor.post_process_semantic_segmentation(output, target_sizes=[SIZE])[0]
        seg = segpost.postprocess(output, convention="mask2former", size=SIZE)
        assert isinstance(seg.labels, torch.Tensor)
        assert (seg.labels[0] != own).float().mean() < 1e-3
        assert len(seg.labels.unique()) > 3
        return
    stuff = set(range(11))
    own = processor.post_process_panoptic_segmentation(
        output, threshold=0.3, overlap_mask_area_threshold=0.3, label_ids_to_fuse=stuff,
        target_sizes=[SIZE],
    )[0]  # fmt: skip
    seg = example.segments(output, image, task)[0]
    own_classes = [one["label_id"] for one in own["segments_info"]]
    assert {one.label for one in seg.segments} == set(own_classes)
    differs = (own["segmentation"] > 0) != (torch.as_tensor(seg.labels) > 0)
    assert differs.float().mean() < 1e-3
    picture = np.asarray(seg.draw())
    assert picture.shape == image.shape
    assert (picture != image).any()


def test_masks_of_sams_processor() -> None:
    """From the low-resolution logits of SAM: its processor resizes twice, segpost once.

    Pixels differ only next to borders, where its first resize has rounded the mask's corners.
    """
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    name = "transformers.models.sam.image_processing_pil_sam"
    processor = importlib.import_module(name).SamImageProcessorPil()
    size = (300, 450)
    box = segpost.Letterbox.fit(size, (1024, 1024), align="top_left")
    y, x = np.mgrid[:256, :256].astype(np.float32)
    logits = np.stack([40 - np.hypot(y - 80, x - 120), 30 - abs(y - 60) - abs(x - 200) / 2])
    own = processor.post_process_masks(
        [torch.from_numpy(logits[None])], [size], [(round(1024 * 300 / 450), 1024)]
    )[0][0].numpy()
    masks = segpost.binarize(logits.astype(np.float32), letterbox=box)
    assert masks.shape == own.shape
    assert (masks != own).mean() < 2e-3
    assert 0.05 < masks.mean() < 0.5
