"""PyTorch, eager and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benches.harness.jobs import (
    ALPHA,
    LETTERBOX,
    MEAN,
    PAD,
    SPREAD,
    STD,
    VOID,
    VOLUME,
    Job,
    Outputs,
    Run,
    contender,
    need,
)

Step = Callable[[Any, Any, Any], Outputs]


def step(job: Job, choose: str) -> Step:
    """logits (1, C, h, w), palette, image -> the outputs, as a user writes it."""
    torch = need("torch")
    resize = torch.nn.functional.interpolate
    size, parts = job.volume or job.size, job.parts
    mode = "trilinear" if job.volume else "bilinear"
    axis = 1 if job.axis == -3 else -1

    def run(logits: Any, palette: Any, image: Any) -> Outputs:
        if size is not None:
            logits = resize(logits, size=size, mode=mode, align_corners=False)
        if choose == "powers":
            top, labels = logits.max(axis, keepdim=True)
            confidence = 1 / (logits - top).exp().sum(axis)
            labels = labels.squeeze(axis)
            return labels[0], confidence[0], palette[labels[0]]
        if "confidence" in parts:
            probabilities = torch.softmax(logits, axis)
            confidence, labels = probabilities.max(axis)
            if "probabilities" in parts:
                return labels[0], confidence[0], probabilities[0]
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
    logits = torch.as_tensor(job.typed_logits)[None]
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
EAGER_SOFTMAX = "torch eager: interpolate, softmax(1).max(1)"
COMPILED_SOFTMAX = "torch.compile: interpolate, softmax(1).max(1)"
RESIZED = "torch eager: interpolate bytes, pad, normalize"
COMPILED_POWERS = "torch.compile: interpolate, max(1), 1 / exp(x - max).sum(1)"
LABELED = ("labels", VOLUME, "labels+color", "labels+overlay")
IMAGES = ("labels", "labels+color", "labels+overlay")
BINCOUNT = "torch: bincount(C * t[k] + p[k])"
ARGMAX_BINCOUNT = "torch eager: argmax(1), bincount(C * t[k] + p[k])"


@contender(EAGER_ARGMAX, *LABELED)
def eager_argmax(job: Job) -> Run:
    return bind(job, step(job, "argmax"))


@contender(EAGER_MAX, *LABELED)
def eager_max(job: Job) -> Run:
    return bind(job, step(job, "max"))


@contender("torch eager, channels_last: interpolate, argmax(1)", *IMAGES)
def eager_channels_last(job: Job) -> Run:
    return bind(job, step(job, "argmax"), channels_last=True)


@contender(COMPILED_ARGMAX, *LABELED)
def compiled_argmax(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "argmax"))))


@contender(COMPILED_MAX, *LABELED)
def compiled_max(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "max"))))


@contender(EAGER_SOFTMAX, "labels+confidence+color", SPREAD)
def eager_confidence(job: Job) -> Run:
    return bind(job, step(job, "max"))


@contender(COMPILED_SOFTMAX, "labels+confidence+color", SPREAD)
def compiled_confidence(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "max"))))


@contender(COMPILED_POWERS, "labels+confidence+color")
def compiled_powers(job: Job) -> Run:
    return quiet(bind(job, compiled(step(job, "powers"))))


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


def fast_hist(target: Any, preds: Any, classes: int) -> Any:
    """As in torchvision's reference scripts: labels of any type, counted in int64."""
    torch = need("torch")
    k = (target >= 0) & (target < classes)
    cells = classes * target[k].to(torch.int64) + preds[k]
    return torch.bincount(cells, minlength=classes**2).reshape(classes, classes)


def maps(job: Job) -> tuple[Any, Any]:
    """Target and prediction as tensors."""
    torch = need("torch")
    return torch.from_numpy(job.target), torch.from_numpy(job.labels)


def pairs(job: Job) -> Run:
    """Two label maps, counted."""
    target, preds = maps(job)
    return lambda: (fast_hist(target, preds, job.classes),)


@contender(BINCOUNT, "confusion")
def confusion(job: Job) -> Run:
    return pairs(job)


@contender(f"{BINCOUNT}, two threads", "confusion", threads=2)
def confusion_two_threads(job: Job) -> Run:
    return on_two_threads(pairs(job))


@contender("torch: bincount(256 * t + p), no mask", "confusion")
def confusion_unmasked(job: Job) -> Run:
    torch = need("torch")
    target, preds = maps(job)

    def run() -> Outputs:
        keys = 256 * target.to(torch.int64) + preds
        table = torch.bincount(keys.view(-1), minlength=256 * 256).view(256, 256)
        return (table[: job.classes, : job.classes],)

    return run


@contender("mmseg's algorithm: three torch.histc, no matrix", "confusion")
def three_histograms(job: Job) -> Run:
    torch = need("torch")
    target, preds = maps(job)

    def areas(labels: Any) -> Any:
        return torch.histc(labels.float(), bins=job.classes, min=0, max=job.classes - 1)

    def run() -> Outputs:
        known = target != VOID
        true, guess = target[known], preds[known]
        return (torch.stack([areas(guess[guess == true]), areas(true), areas(guess)]),)

    return run


@contender("smp get_stats' algorithm: torch.where, torch.histc, no matrix", "confusion")
def stats(job: Job) -> Run:
    torch = need("torch")
    target, preds = maps(job)

    def areas(labels: Any) -> Any:
        return torch.histc(labels.float(), bins=job.classes, min=0, max=job.classes - 1).long()

    def run() -> Outputs:
        void = target == VOID
        guess = torch.where(void, -1, preds.long())
        true = torch.where(void, -1, target.long())
        hits = areas(torch.where(guess == true, true, -1))
        return (torch.stack([hits, areas(true), areas(guess)]),)

    return run


def counting(job: Job, labels: Callable[[Any], Any]) -> Run:
    """Logits to labels, counted."""
    torch = need("torch")
    logits, target = torch.from_numpy(job.logits)[None], torch.from_numpy(job.target)

    def run() -> Outputs:
        with torch.inference_mode():
            return (fast_hist(target, labels(logits)[0], job.classes),)

    return run


def chosen(job: Job, choose: str) -> Callable[[Any], Any]:
    """Logits (1, C, h, w) to labels (1, H, W), upsampled where the job wants that."""
    resize = need("torch").nn.functional.interpolate

    def labels(logits: Any) -> Any:
        if job.size is not None:
            logits = resize(logits, size=job.size, mode="bilinear", align_corners=False)
        return logits.argmax(1) if choose == "argmax" else logits.max(1).indices

    return labels


@contender(ARGMAX_BINCOUNT, "confusion from logits")
def confusion_argmax(job: Job) -> Run:
    return counting(job, chosen(job, "argmax"))


@contender("torch eager: max(1).indices, bincount(C * t[k] + p[k])", "confusion from logits")
def confusion_max(job: Job) -> Run:
    return counting(job, chosen(job, "max"))


@contender(f"{ARGMAX_BINCOUNT}, two threads", "confusion from logits", threads=2)
def confusion_argmax_two_threads(job: Job) -> Run:
    return on_two_threads(counting(job, chosen(job, "argmax")))


@contender("torch.compile: argmax(1), eager bincount", "confusion from logits")
def confusion_compiled(job: Job) -> Run:
    return quiet(counting(job, compiled(chosen(job, "argmax"))))


def on_two_threads(run_one: Run) -> Run:
    """The same with more of torch's threads."""
    torch = need("torch")

    def run() -> Outputs:
        torch.set_num_threads(2)
        try:
            return run_one()
        finally:
            torch.set_num_threads(1)

    return run


@contender(RESIZED, LETTERBOX)
def letterbox(job: Job) -> Run:
    """As torchvision does it with tensors."""
    torch, box = need("torch"), job.box
    image = torch.from_numpy(job.image)
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    mean_of_bytes = torch.tensor(PAD, dtype=torch.uint8)[:, None, None]
    (top, _), (left, _) = box.padding
    height, width = box.content_size

    def run() -> Outputs:
        small = torch.nn.functional.interpolate(
            image.permute(2, 0, 1)[None], (height, width), mode="bilinear",
            align_corners=False, antialias=job.antialias,
        )[0]  # fmt: skip
        canvas = mean_of_bytes.expand(3, job.height, job.width).contiguous()
        canvas[:, top : top + height, left : left + width] = small
        return (canvas.float().div_(255).sub_(mean).div_(std),)

    return run
