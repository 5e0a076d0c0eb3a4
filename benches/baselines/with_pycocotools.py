"""Masks by torch, and their run-length codes by pycocotools, as detectors' repositories do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benches.harness.jobs import CODES, MASKS, Contender, Job, Run, contender, need

EAGER_MASKS = "PyTorch: interpolate, sigmoid > 0.5"
COCO = "PyTorch: interpolate, sigmoid > 0.5; pycocotools"
CHUNKED = "the same, mask by mask"


def threshold(job: Job) -> Callable[[Any], Any]:
    """Logits (n, h, w) to boolean masks."""
    torch = need("torch")

    def run(logits: Any) -> Any:
        full = torch.nn.functional.interpolate(
            logits[None], size=job.size, mode="bilinear", align_corners=False
        )
        return full[0].sigmoid() > 0.5

    return run


@contender(EAGER_MASKS, MASKS)
def eager(job: Job) -> Run:
    run, logits = threshold(job), need("torch").as_tensor(job.typed_logits)
    return lambda: (run(logits).numpy().view(np.uint8),)


@contender(COCO, CODES)
def coco(job: Job) -> Run:
    run, logits = threshold(job), need("torch").as_tensor(job.typed_logits)
    encode = need("pycocotools.mask").encode
    return lambda: (
        [encode(np.asfortranarray(mask))["counts"] for mask in run(logits).numpy().view(np.uint8)],
    )


@contender(CHUNKED, CODES)
def chunked(job: Job) -> Contender:
    run, logits = threshold(job), need("torch").as_tensor(job.typed_logits)
    encode = need("pycocotools.mask").encode

    def one(index: int) -> bytes:
        mask = run(logits[index : index + 1]).numpy().view(np.uint8)[0]
        code: bytes = encode(np.asfortranarray(mask))["counts"]
        return code

    return Contender(CHUNKED, lambda: ([one(index) for index in range(len(logits))],))
