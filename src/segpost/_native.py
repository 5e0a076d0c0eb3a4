"""The native backend: the compiled kernels, with what they report as the contract's tuples."""

from __future__ import annotations

from segpost import _cpu
from segpost._dispatch import Array, Bad, Logits, Report
from segpost.geometry import Axes


def argmax(
    logits: Logits, axes: Axes | None, labels: Array, color: Array | None, lut: Array | None
) -> Report:
    return Report(*_cpu.argmax(logits, axes, labels, color, lut))


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> Report:
    return Report(*_cpu.softmax(logits, axes, probabilities, confidence))


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> Bad:
    return Bad(*_cpu.colorize(labels, lut, ignore_index, out))


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> Bad:
    return Bad(*_cpu.overlay(image, labels, lut, alpha, ignore_index, contour, out))


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> Bad:
    return Bad(*_cpu.labels_from_colors(image, keys, values, out))
