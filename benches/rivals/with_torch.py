"""PyTorch, eager and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.jobs import ALPHA, Job, Outputs, Run, contender, need

Step = Callable[[Any, Any, Any], Outputs]


def step(job: Job, choose: str) -> Step:
    """logits (1, C, h, w), palette, image -> the outputs, as a user writes it."""
    torch = need("torch")
    resize = torch.nn.functional.interpolate
    size, parts = job.size, job.parts

    def run(logits: Any, palette: Any, image: Any) -> Outputs:
        if size is not None:
            logits = resize(logits, size=size, mode="bilinear", align_corners=False)
        if "confidence" in parts:
            confidence, labels = torch.softmax(logits, 1).max(1)
            return labels[0], confidence[0], palette[labels[0]]
        labels = (logits.argmax(1) if choose == "argmax" else logits.max(1).indices)[0]
        if "overlay" in parts:
            color = palette[labels].float()
            return labels, torch.lerp(image.float(), color, ALPHA).round().to(torch.uint8)
        return (labels, palette[labels]) if "color" in parts else (labels,)

    return run


def bind(job: Job, run: Step, *, channels_last: bool = False) -> Run:
    """The step with its constants made beforehand."""
    torch = need("torch")
    logits = torch.from_numpy(job.logits)[None]
    if channels_last:
        logits = logits.contiguous(memory_format=torch.channels_last)
    palette, image = torch.from_numpy(job.colors), torch.from_numpy(np.array(job.image))

    def bound() -> Outputs:
        with torch.inference_mode():
            return run(logits, palette, image)

    return bound


def compiled(function: Any) -> Any:
    """torch.compile for fixed shapes."""
    torch = need("torch")
    torch._dynamo.config.recompile_limit = 256
    torch._dynamo.config.accumulated_recompile_limit = 1024
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.compile(function, dynamic=False)


def quiet(run: Run) -> Run:
    """Compiled: run it here once, so that what the compiler says stays out of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
        run()
    return run


EAGER_ARGMAX = "torch eager: interpolate, argmax(1)"
EAGER_MAX = "torch eager: interpolate, max(1).indices"
COMPILED_ARGMAX = "torch.compile: interpolate, argmax(1)"
COMPILED_MAX = "torch.compile: interpolate, max(1).indices"
LABELED = ("labels", "labels+color", "labels+overlay")


@contender(EAGER_ARGMAX, *LABELED)
def eager_argmax(job: Job) -> Run:
    return bind(job, step(job, "argmax"))


@contender(EAGER_MAX, *LABELED)
def eager_max(job: Job) -> Run:
    return bind(job, step(job, "max"))


@contender("torch eager, channels_last: interpolate, argmax(1)", *LABELED)
def eager_channels_last(job: Job) -> Run:
    return bind(job, step(job, "argmax"), channels_last=True)


@contender(COMPILED_ARGMAX, *LABELED)
def compiled_argmax(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "argmax"))))


@contender(COMPILED_MAX, *LABELED)
def compiled_max(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "max"))))


@contender("torch eager: interpolate, softmax(1).max(1)", "labels+confidence+color")
def eager_confidence(job: Job) -> Run:
    return bind(job, step(job, "max"))


@contender("torch.compile: interpolate, softmax(1).max(1)", "labels+confidence+color")
def compiled_confidence(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "max"))))


@contender("torch eager: softmax(0)", "softmax")
def eager_softmax(job: Job) -> Run:
    torch = need("torch")
    logits = torch.from_numpy(job.logits)
    return lambda: (torch.softmax(logits, 0),)


@contender("torch.compile: softmax(0)", "softmax")
def compiled_softmax(job: Job) -> Run:
    torch = need("torch")
    logits = torch.from_numpy(job.logits)
    run = compiled(lambda values: torch.softmax(values, 0))
    return quiet(lambda: (run(logits),))


@contender("torch: palette[labels]", "color")
def palette_index(job: Job) -> Run:
    torch = need("torch")
    labels, palette = torch.from_numpy(job.labels).long(), torch.from_numpy(job.colors)
    return lambda: (palette[labels],)


@contender("torch: palette.index_select", "color")
def palette_select(job: Job) -> Run:
    torch = need("torch")
    labels = torch.from_numpy(job.labels).int().ravel()
    palette = torch.from_numpy(job.colors)
    return lambda: (palette.index_select(0, labels).view(*job.labels.shape, 3),)


@contender("torch: palette[labels], lerp", "overlay")
def overlay(job: Job) -> Run:
    torch = need("torch")
    labels, image = torch.from_numpy(job.labels).long(), torch.from_numpy(job.image)
    palette = torch.from_numpy(job.colors).float()

    def run() -> Outputs:
        mixed = torch.lerp(image.float(), palette[labels], ALPHA)
        return (mixed.round().to(torch.uint8),)

    return run
