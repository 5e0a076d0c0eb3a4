"""segpost itself: by default, per SIMD level, per backend, and the kernel that skips nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

import segpost
from benches.jobs import ALPHA, FROM_LOGITS, OURS, Absent, Job, Outputs, Run, contender, need
from segpost import _dispatch, geometry

ALL = (*FROM_LOGITS, "softmax", "color", "overlay")


def call(job: Job, **options: Any) -> Run:
    """The public function that does the job."""
    if job.task == "softmax":
        return lambda: (segpost.softmax(job.logits),)
    if job.task == "labels":
        return lambda: (segpost.argmax(job.logits, size=job.size),)
    palette = segpost.Palette.named(job.palette)
    if job.task == "color":
        return lambda: (segpost.colorize(job.labels, palette),)
    if job.task == "overlay":
        return lambda: (segpost.overlay(job.image, job.labels, palette, alpha=ALPHA),)
    image = job.image if "overlay" in job.parts else None

    def run() -> Outputs:
        seg = segpost.postprocess(
            job.logits,
            size=job.size,
            palette=palette,
            image=image,
            alpha=ALPHA,
            want=job.parts,
            **options,
        )
        return tuple(getattr(seg, part) for part in job.parts)

    return run


@contender(OURS, *ALL)
def default(job: Job) -> Run:
    return call(job)


@contender('segpost, confidence_mode="fast"', "labels+confidence+color")
def fast(job: Job) -> Run:
    return call(job, confidence_mode="fast")


@contender("segpost, torch tensor in and out", *FROM_LOGITS, "softmax")
def tensors(job: Job) -> Run:
    torch = need("torch")
    logits = torch.from_numpy(job.logits)
    if job.task == "softmax":
        return lambda: (segpost.softmax(logits),)
    if job.task == "labels":
        return lambda: (segpost.argmax(logits, size=job.size),)
    palette = segpost.Palette.named(job.palette)
    image = torch.from_numpy(job.image) if "overlay" in job.parts else None

    def run() -> Outputs:
        seg = segpost.postprocess(
            logits, size=job.size, palette=palette, image=image, alpha=ALPHA, want=job.parts
        )
        return tuple(getattr(seg, part) for part in job.parts)

    return run


def at_level(job: Job, name: str) -> Run:
    """The default call with another SIMD level."""
    cpu = need("segpost._cpu")
    if name not in cpu.levels():
        raise Absent(f"this processor has {', '.join(cpu.levels())}")
    best, run_best = cpu.level(), call(job)

    def run() -> Outputs:
        cpu.use_level(name)
        try:
            return run_best()
        finally:
            cpu.use_level(best)

    return run


@contender("segpost, SIMD level x86_64_v3", *ALL)
def level_3(job: Job) -> Run:
    return at_level(job, "x86_64_v3")


@contender("segpost, SIMD level x86_64_v2", *ALL)
def level_2(job: Job) -> Run:
    return at_level(job, "x86_64_v2")


@contender("segpost, Numba backend", *ALL)
def numba_backend(job: Job) -> Run:
    run_default = call(job)

    def run() -> Outputs:
        with segpost.use_backend("numba"):
            return run_default()

    return run


def kernel(job: Job, dense: bool) -> Run:
    """The native kernel without the public function around it, into an array that is reused."""
    cpu = need("segpost._cpu")
    view = _dispatch.Logits(job.logits[None], "float32")
    axes = None
    if job.size is not None:
        axes = geometry.axes((job.logits.shape[1], job.logits.shape[2]), job.size, "half_pixel")
    out = np.empty((1, job.height, job.width), np.uint8)

    def run() -> Outputs:
        cpu.argmax(view, axes, out, None, None, dense)
        return (out,)

    return run


@contender("segpost kernel alone, out= reused", "labels")
def bare(job: Job) -> Run:
    return kernel(job, dense=False)


@contender("segpost dense exact kernel alone, out= reused", "labels")
def dense_kernel(job: Job) -> Run:
    return kernel(job, dense=True)
