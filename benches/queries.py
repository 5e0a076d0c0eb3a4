"""`python -m benches.queries`: a head of queries by transformers' processor and by segpost.

100 queries, 19 classes, masks of 256 x 512, a result of 1024 x 2048: ellipses of all sizes, 80 of
them objects. CPU time of the process, one thread; rounds are interleaved. Memory is what a call
needs at its peak.
"""

from __future__ import annotations

import importlib
import logging
import sys
import types
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import measure, works
from benches.harness.jobs import Contender

QUERIES, CLASSES, OBJECTS = 100, 19, 80
SHAPE, SIZE = (256, 512), (1024, 2048)
DIALECTS = {
    "mask2former": "Mask2FormerImageProcessorPil",
    "maskformer": "MaskFormerImageProcessorPil",
    "oneformer": "OneFormerImageProcessorPil",
}
TASKS = ("semantic", "panoptic", "instance")


class Head(NamedTuple):
    """The output of a query head."""

    classes: np.ndarray
    masks: np.ndarray


def street(seed: int = 0) -> Head:
    """A few large regions and many small objects, next to each other."""
    rng = np.random.default_rng(seed)
    height, width = SHAPE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    masks = np.empty((QUERIES, *SHAPE), np.float32)
    classes = rng.normal(size=(QUERIES, CLASSES + 1)).astype(np.float32)
    for q in range(QUERIES):
        across = rng.uniform(100, 250) if q < 6 else rng.uniform(6, 40)
        down = rng.uniform(60, 120) if q < 6 else rng.uniform(6, 30)
        at = rng.uniform(0, height), rng.uniform(0, width)
        distance = np.hypot((y - at[0]) / down, (x - at[1]) / across)
        level = 4 if q < 6 else 8  # what lies in front is surer of itself
        noise = 0.3 * rng.normal(size=SHAPE).astype(np.float32)
        masks[q] = np.clip((1 - distance) * 8, -12, level) + noise
        classes[q, rng.integers(CLASSES) if q < OBJECTS else CLASSES] += 9
    return Head(classes, masks)


def contenders(dialect: Any, task: Any, head: Head) -> list[Contender]:
    """The processor and segpost."""
    torch = importlib.import_module("torch")
    module = importlib.import_module(
        f"transformers.models.{dialect}.image_processing_pil_{dialect}"
    )
    processor = getattr(module, DIALECTS[dialect])()
    processor.class_info_file = ""
    outputs = types.SimpleNamespace(
        class_queries_logits=torch.from_numpy(head.classes)[None],
        masks_queries_logits=torch.from_numpy(head.masks)[None],
    )
    process = getattr(processor, f"post_process_{task}_segmentation")
    ours = partial(
        segpost.segment_queries, head.classes, head.masks, task=task, dialect=dialect, size=SIZE
    )
    return [
        Contender("transformers", lambda: (process(outputs, target_sizes=[SIZE]),)),
        Contender("segpost", lambda: (ours(),)),
    ]


def main() -> int:
    """Print the table."""
    parser = works.make_parser("python -m benches.queries", 5)
    parser.add_argument("--dialect", choices=sorted(DIALECTS), default="mask2former")
    options = parser.parse_args()
    measure.one_thread()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        importlib.import_module("transformers")
    except ImportError as error:
        print(f"Absent: transformers: {error}.")
        return 0
    works.example_networks()
    head = street()
    print("| task | transformers, ms | segpost, ms | ratio | transformers, MB | segpost, MB |")
    print("|---|--:|--:|--:|--:|--:|")
    times = {}
    for task in TASKS:
        both = contenders(options.dialect, task, head)
        for one in both:  # the first call loads code
            one.run()
        memory = [measure.growth(one.run) for one in both]
        theirs, ours = measure.interleave(both, options.rounds)
        ratio = theirs.best_ms / ours.best_ms
        times[task] = {"transformers_ms": theirs.best_ms, "segpost_ms": ours.best_ms}
        print(
            f"| {task} | {theirs.best_ms:.0f} | {ours.best_ms:.1f} | {ratio:.1f} | "
            f"{memory[0]:.0f} | {memory[1]:.0f} |",
            flush=True,
        )
    works.write_numbers(options.json, times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
