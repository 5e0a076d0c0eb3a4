"""Query heads: transformers' own processors differ from segpost where float32 decides, only."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import query_heads
from query_heads import Head, random_head, structured_head

import segpost

SIZE = (128, 250)
TIE = 2e-5  # relative
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "runtimes"
CLASSES = {
    "mask2former": "Mask2FormerImageProcessorPil",
    "maskformer": "MaskFormerImageProcessorPil",
    "oneformer": "OneFormerImageProcessorPil",
    "eomt": "EomtImageProcessorPil",
}
SHAPE = (32, 64)
HEADS = {
    "structured": structured_head(0, 60, 19, SHAPE),
    "other": structured_head(7, 60, 19, SHAPE),
    "random": random_head(2, 60, 19, SHAPE),
}
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]


@pytest.fixture(scope="module", autouse=True)
def torchvision() -> Iterator[None]:
    """What makes torchvision importable beside a torch without CUDA, before transformers is."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    sys.path.insert(0, str(EXAMPLES))
    importlib.import_module("stand_in").declare_operators()
    yield
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module", params=list(CLASSES))
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def processor(dialect: str) -> Any:
    module = importlib.import_module(
        f"transformers.models.{dialect}.image_processing_pil_{dialect}"
    )
    return getattr(module, CLASSES[dialect])()


def outputs_of(head: Head) -> Any:
    torch = importlib.import_module("torch")
    return types.SimpleNamespace(
        class_queries_logits=torch.tensor(head.classes)[None],
        masks_queries_logits=torch.tensor(head.masks)[None],
        patch_offsets=None,
    )


def process(processor: Any, dialect: str, task: str, head: Head, **options: Any) -> Any:
    """The result of transformers for one image."""
    if dialect == "eomt":  # as for an image of the same shape as the input
        side = {"shortest_edge": 4 * SHAPE[0], "longest_edge": 4 * SHAPE[1]}
        options["size"] = side
    function = getattr(processor, f"post_process_{task}_segmentation")
    return function(outputs_of(head), target_sizes=[size_of(dialect)], **options)[0]


def size_of(dialect: str) -> tuple[int, int]:
    """The size of the result; EoMT's processor crops padding, and here there is none."""
    return (128, 256) if dialect == "eomt" else SIZE


def ours(dialect: Any, task: Any, head: Head, **options: Any) -> Any:
    return segpost.segment_queries(
        head.classes, head.masks, task=task, dialect=dialect, size=size_of(dialect), **options
    )


@pytest.mark.parametrize("name", HEADS)
def test_semantic(processor: Any, dialect: str, name: str) -> None:
    head = HEADS[name]
    labels = process(processor, dialect, "semantic", head).numpy()
    differs = labels != ours(dialect, "semantic", head).labels
    best = np.sort(query_heads.class_scores(head, dialect, size_of(dialect)), axis=0)
    margin = (best[-1] - best[-2]) / best[-1]
    assert margin[differs].max(initial=0) < TIE
    assert differs.sum() < 1e-3 * differs.size


@pytest.mark.parametrize("name", HEADS)
def test_panoptic(processor: Any, dialect: str, name: str) -> None:
    """Ids, classes and scores are the same, and the pixels but for ties."""
    head, overlap = HEADS[name], 0.02 if name == "random" else 0.1
    result = process(
        processor,
        dialect,
        "panoptic",
        head,
        threshold=0.5,
        overlap_mask_area_threshold=overlap,
        **({} if dialect == "eomt" else {"label_ids_to_fuse": set()}),
    )
    seg = ours(dialect, "panoptic", head, overlap_threshold=overlap)
    info = result["segments_info"]
    assert [one["label_id"] for one in info] == [one.label for one in seg.segments]
    np.testing.assert_allclose(
        [one["score"] for one in info], [one.score for one in seg.segments], atol=2e-6
    )
    first_id = 0 if dialect == "eomt" else 1  # there: -1 is no segment, and ids begin at 0
    differs = result["segmentation"].numpy() + 1 - first_id != seg.labels
    margin = query_heads.panoptic(head, dialect, size_of(dialect), overlap=overlap).margin
    assert margin[differs].max(initial=0) < TIE
    assert differs.sum() < 1e-3 * differs.size
    assert len(info) > 5


def test_panoptic_with_stuff(processor: Any, dialect: str) -> None:
    """Queries of stuff are fused; here they come last, where transformers' ids are right."""
    head, stuff = HEADS["structured"], {17, 18}
    labels = head.classes.argmax(axis=1)
    labels[-12:] = np.where(labels[-12:] == 19, 19, 17 + np.arange(12) % 2)
    classes = np.full_like(head.classes, -2)
    classes[
        np.arange(60), np.where(np.isin(labels, [17, 18]) & (np.arange(60) < 48), 0, labels)
    ] = 5
    head = head._replace(classes=classes)
    options: dict[str, Any] = {"label_ids_to_fuse": stuff}
    if dialect == "eomt":
        options = {"stuff_classes": sorted(stuff), "threshold": 0.5}
    options["overlap_mask_area_threshold"] = 0.05
    result = process(processor, dialect, "panoptic", head, **options)
    seg = ours(dialect, "panoptic", head, thing_classes=set(range(17)), overlap_threshold=0.05)
    shift = 1 if dialect == "eomt" else 0
    listed = dict.fromkeys((i["id"] + shift, i["label_id"]) for i in result["segments_info"])
    assert list(listed) == [(one.id, one.label) for one in seg.segments]
    differs = result["segmentation"].numpy() + shift != seg.labels
    margin = query_heads.panoptic(
        head, dialect, size_of(dialect), frozenset(range(17)), overlap=0.05
    ).margin
    assert margin[differs].max(initial=0) < TIE
    assert len(result["segments_info"]) > len(seg.segments) or dialect == "eomt"


@pytest.mark.parametrize("seed", [0, 7])
def test_instances(processor: Any, dialect: str, seed: int) -> None:
    """The instances are the same; the map, too, where no more than one has the pixel."""
    head = structured_head(seed, 16, 19, SHAPE)
    processor.class_info_file = ""  # of OneFormer's, which has a file of names
    result = process(processor, dialect, "instance", head, threshold=0.5)
    seg = ours(dialect, "instance", head)
    theirs = [(i["label_id"], i["score"]) for i in result["segments_info"]]
    mine = [(one.label, one.score) for one in seg.segments]
    assert len(theirs) == len(mine) > (0 if dialect == "oneformer" else 5)
    np.testing.assert_allclose(sorted(theirs), sorted(mine), atol=5e-6)
    id_map = result["segmentation"].numpy().astype(int)
    if dialect == "eomt":
        assert (id_map + 1 != seg.labels).sum() < 1e-3 * id_map.size
        return
    if dialect == "oneformer":  # 0 is no segment, ids begin at 1, in another order
        id_map -= 1
    else:
        masks = [mask for _, _, mask in query_heads.instances(head, dialect, SIZE)]
        alone = np.sum(masks, axis=0) <= 1
        assert (alone & (id_map >= 0)).mean() > 0.1
        np.testing.assert_array_equal(id_map < 0, seg.labels == 0)
        id_map = np.where(alone, id_map, -1)
    same = pairs_of(id_map, np.where(id_map < 0, 0, seg.labels), theirs, seg.segments)
    assert same > 0.999


def pairs_of(id_map: np.ndarray, labels: np.ndarray, theirs: Any, segments: Any) -> float:
    """The share of the pixels of segments at which class and score of both are the same."""
    inside = id_map >= 0
    left = np.array([score for _, score in theirs])[id_map[inside]]
    right = np.array([0.0, *(one.score for one in segments)])[labels[inside]]
    return float((abs(left - right) < 5e-6).mean())
