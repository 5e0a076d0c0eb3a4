"""Numba as a user writes it: the double loop, compiled. Channels last is prepared beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from benches.baselines.grid import lines
from benches.harness.jobs import ALPHA, Job, Outputs, Run, contender

NAME = "Numba: plain loops"


def compiled(function: Callable[..., None]) -> Any:
    """As in Numba's first example."""
    return njit(nogil=True)(function)


@compiled
def upsample_argmax(
    logits: Any,
    y0: Any,
    y1: Any,
    wy: Any,
    x0: Any,
    x1: Any,
    wx: Any,
    palette: Any,
    labels: Any,
    color: Any,
) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            w11 = wy[y] * wx[x]
            w10 = wy[y] - w11
            w01 = wx[x] - w11
            w00 = np.float32(1.0) - wy[y] - w01
            a, b = logits[y0[y], x0[x]], logits[y0[y], x1[x]]
            c, d = logits[y1[y], x0[x]], logits[y1[y], x1[x]]
            best = np.float32(-np.inf)
            label = 0
            for k in range(logits.shape[2]):
                value = w00 * a[k] + w01 * b[k] + w10 * c[k] + w11 * d[k]
                if value > best:
                    best = value
                    label = k
            labels[y, x] = label
            if color.shape[0] > 0:
                color[y, x, 0] = palette[label, 0]
                color[y, x, 1] = palette[label, 1]
                color[y, x, 2] = palette[label, 2]


@compiled
def upsample_confidence(
    logits: Any,
    y0: Any,
    y1: Any,
    wy: Any,
    x0: Any,
    x1: Any,
    wx: Any,
    palette: Any,
    labels: Any,
    confidence: Any,
    color: Any,
) -> None:
    classes = logits.shape[2]
    values = np.empty(classes, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            w11 = wy[y] * wx[x]
            w10 = wy[y] - w11
            w01 = wx[x] - w11
            w00 = np.float32(1.0) - wy[y] - w01
            a, b = logits[y0[y], x0[x]], logits[y0[y], x1[x]]
            c, d = logits[y1[y], x0[x]], logits[y1[y], x1[x]]
            best = np.float32(-np.inf)
            label = 0
            for k in range(classes):
                values[k] = w00 * a[k] + w01 * b[k] + w10 * c[k] + w11 * d[k]
                if values[k] > best:
                    best = values[k]
                    label = k
            total = np.float32(0.0)
            for k in range(classes):
                total += math.exp(values[k] - best)
            labels[y, x] = label
            confidence[y, x] = np.float32(1.0) / total
            for channel in range(3):
                color[y, x, channel] = palette[label, channel]


@compiled
def argmax(logits: Any, labels: Any) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            best = logits[y, x, 0]
            label = 0
            for k in range(1, logits.shape[2]):
                if logits[y, x, k] > best:
                    best = logits[y, x, k]
                    label = k
            labels[y, x] = label


@compiled
def exp_over_sum(logits: Any, out: Any) -> None:
    for y in range(logits.shape[0]):
        for x in range(logits.shape[1]):
            best = logits[y, x, 0]
            for k in range(1, logits.shape[2]):
                best = max(best, logits[y, x, k])
            total = np.float32(0.0)
            for k in range(logits.shape[2]):
                out[y, x, k] = math.exp(logits[y, x, k] - best)
                total += out[y, x, k]
            scale = np.float32(1.0) / total
            for k in range(logits.shape[2]):
                out[y, x, k] *= scale


@compiled
def paint(labels: Any, palette: Any, out: Any) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            for channel in range(3):
                out[y, x, channel] = palette[labels[y, x], channel]


@compiled
def lay_over(image: Any, labels: Any, palette: Any, a: Any, out: Any) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            for channel in range(3):
                color = palette[labels[y, x], channel]
                out[y, x, channel] = (image[y, x, channel] * (256 - a) + color * a + 128) >> 8


@compiled
def count_pairs(target: Any, pred: Any, table: Any) -> None:
    for y in range(target.shape[0]):
        for x in range(target.shape[1]):
            table[target[y, x], pred[y, x]] += 1


def channels_last(job: Job) -> Any:
    return np.ascontiguousarray(job.logits.transpose(1, 2, 0))


@contender(NAME, "labels", "labels+color", "labels+overlay")
def labels_color(job: Job) -> Run:
    logits, palette = channels_last(job), job.colors
    where: tuple[Any, ...] = () if job.size is None else (*lines(job)[0], *lines(job)[1])
    painted = job.shape if "color" in job.parts else (0, 0)

    def run() -> Outputs:
        labels, color = np.empty(job.shape, np.uint8), np.empty((*painted, 3), np.uint8)
        if job.size is None:
            argmax(logits, labels)
        else:
            upsample_argmax(logits, *where, palette, labels, color)
        if "overlay" in job.parts:
            out = np.empty_like(job.image)
            lay_over(job.image, labels, palette, round(ALPHA * 256), out)
            return labels, out
        return (labels, color) if "color" in job.parts else (labels,)

    return run


@contender(NAME, "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    logits, palette = channels_last(job), job.colors
    where: tuple[Any, ...] = (*lines(job)[0], *lines(job)[1])

    def run() -> Outputs:
        labels, confidence = np.empty(job.shape, np.uint8), np.empty(job.shape, np.float32)
        color = np.empty((*job.shape, 3), np.uint8)
        upsample_confidence(logits, *where, palette, labels, confidence, color)
        return labels, confidence, color

    return run


@contender(NAME + ", channels last in and out", "softmax")
def softmax(job: Job) -> Run:
    logits = channels_last(job)

    def run() -> Outputs:
        out = np.empty_like(logits)
        exp_over_sum(logits, out)
        return (out.transpose(2, 0, 1),)

    return run


@contender(NAME, "color")
def colorize(job: Job) -> Run:
    palette = job.colors

    def run() -> Outputs:
        out = np.empty((*job.shape, 3), np.uint8)
        paint(job.labels, palette, out)
        return (out,)

    return run


@contender(NAME, "overlay")
def overlay(job: Job) -> Run:
    palette = job.colors

    def run() -> Outputs:
        out = np.empty_like(job.image)
        lay_over(job.image, job.labels, palette, round(ALPHA * 256), out)
        return (out,)

    return run


@contender(NAME, "confusion")
def confusion(job: Job) -> Run:
    def run() -> Outputs:
        table = np.zeros((256, 256), np.int64)
        count_pairs(job.target, job.labels, table)
        return (table[: job.classes, : job.classes],)

    return run
