"""Pillow: what comes out is a PIL image, which is its natural kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.jobs import ALPHA, Job, Outputs, Run, contender, need


def indexed(job: Job) -> Any:
    """The label map as a P image, without a copy of the pixels."""
    image = need("PIL.Image").frombuffer("P", (job.width, job.height), job.labels, "raw", "P", 0, 1)
    image.putpalette(job.colors.ravel().tolist())
    return image


PALETTED = 'Pillow: P image, convert("RGB")'


@contender(PALETTED, "color")
def convert(job: Job) -> Run:
    image = indexed(job)
    return lambda: (image.convert("RGB"),)


@contender('Pillow: convert("RGB"), to NumPy', "color")
def convert_to_array(job: Job) -> Run:
    image = indexed(job)
    return lambda: (np.asarray(image.convert("RGB")),)


@contender('Pillow: convert("RGB"), blend', "overlay")
def blend(job: Job) -> Run:
    module, labels = need("PIL.Image"), indexed(job)
    picture = module.fromarray(job.image)

    def run() -> Outputs:
        return (module.blend(picture, labels.convert("RGB"), ALPHA),)

    return run
