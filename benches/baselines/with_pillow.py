"""Pillow: what comes out is a PIL image, which is its natural kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from benches.harness.jobs import (
    ALPHA,
    LETTERBOX,
    MEAN,
    PAD,
    STD,
    Absent,
    Job,
    Outputs,
    Run,
    contender,
    need,
)


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


@contender("Pillow: resize, paste; NumPy: normalize, transpose", LETTERBOX)
def letterbox(job: Job) -> Run:
    """As torchvision does it with pictures that were read from files."""
    module, box = need("PIL.Image"), job.box
    if not job.antialias:
        raise Absent("Pillow always antialiases")
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    size, place = box.content_size[::-1], box.offset[::-1]

    def run() -> Outputs:
        small = module.fromarray(job.image).resize(size, resample=2)  # bilinear
        canvas = module.new("RGB", (job.width, job.height), PAD)
        canvas.paste(small, place)
        values = np.asarray(canvas).astype(np.float32)
        values /= 255
        values -= mean
        values /= std
        return (np.ascontiguousarray(values.transpose(2, 0, 1)),)

    return run
