"""Halide, scheduled by hand and compiled for this processor and these shapes when it is built.

Rows of the logits are widened once, in strips that stay in the first cache, and every row of the
result is made of two of them, so nothing is gathered where most of the work is. Inputs and outputs
are buffers that are reused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benches.harness.jobs import ALPHA, Absent, Array, Job, Outputs, Run, contender, need

LABELS = "Halide: fused bilinear and argmax"
CONFIDENCE = "Halide: fused bilinear, argmax and softmax"
STRIP = 128  # pixels of a row that are made before the next row


class Position(NamedTuple):
    """The first of two inputs and the weight of the second; None where nothing is resized."""

    first: Any
    weight: Any


def position(hl: Any, index: Any, inputs: int, outputs: int) -> Position:
    """Half-pixel positions of one axis, as fractions of integers."""
    if inputs == outputs:
        return Position(index, None)
    parts = 2 * outputs  # of a step between two inputs
    place = hl.clamp((2 * index + 1) * inputs - outputs, 0, parts * (inputs - 1))
    first = hl.min(place // parts, inputs - 2)
    return Position(first, hl.f32(place - first * parts) / hl.f32(parts))


def interpolate(at: Position, value: Any) -> Any:
    """Between the values of two inputs."""
    first = value(at.first)
    return first if at.weight is None else first + at.weight * (value(at.first + 1) - first)


def fix(buffer: Any, shape: tuple[int, ...]) -> Any:
    """Tell the sides of an input or an output to the compiler, the innermost first."""
    stride = 1
    for k, side in enumerate(shape):
        buffer.dim(k).set_bounds(0, side).set_stride(stride)
        stride *= side
    return buffer


class Program:
    """The functions of a job and what they read."""

    def __init__(self, hl: Any, job: Job) -> None:
        self.hl, self.job = hl, job
        self.x, self.y, self.k = hl.Var("x"), hl.Var("y"), hl.Var("k")
        self.arrays: list[Array] = []  # of the inputs, which do not keep them
        self.vector = hl.get_host_target().natural_vector_size(hl.UInt(8))

    def input(self, values: Array) -> Any:
        """A parameter that is bound to an array."""
        self.arrays.append(np.ascontiguousarray(values))
        buffer = self.hl.Buffer(self.arrays[-1])
        made = self.hl.ImageParam(buffer.type(), values.ndim)
        made.set(buffer)
        return fix(made, values.shape[::-1])

    def labels(self) -> Any:
        """Labels, or a pair of labels and confidence."""
        hl, job, x, y, k = self.hl, self.job, self.x, self.y, self.k
        classes, height, width = job.logits.shape
        row, strip, inner = hl.Var("row"), hl.Var("strip"), hl.Var("inner")
        across, down = position(hl, x, width, job.width), position(hl, y, height, job.height)
        logits = self.input(job.logits)
        wide = hl.Func("wide")
        wide[x, row, k] = interpolate(across, lambda at: hl.f32(logits[at, row, k]))
        r = hl.RDom([(0, classes)], "r")
        value = interpolate(down, lambda at: wide[x, at, r.x])
        best = hl.Func("best")
        best[x, y] = (hl.f32(-np.inf), hl.u8(0))
        larger = value > best[x, y][0]
        best[x, y] = (
            hl.select(larger, value, best[x, y][0]),
            hl.select(larger, hl.u8(r.x), best[x, y][1]),
        )
        steps, labels = [best], hl.Func("labels")
        labels[x, y] = best[x, y][1]
        if "confidence" in job.parts:
            total = hl.Func("total")
            total[x, y] = hl.f32(0)
            total[x, y] += hl.exp(value - best[x, y][0])
            steps.append(total)
            labels = hl.Func("labels")
            labels[x, y] = (best[x, y][1], 1 / total[x, y])
        fix(labels.output_buffers()[0], (job.width, job.height))
        ends = hl.TailStrategy.ShiftInwards
        labels.split(x, strip, x, STRIP, ends).split(x, x, inner, self.vector, ends)
        labels.vectorize(inner)
        at = strip
        if job.size is not None:
            labels.reorder(inner, x, y, strip)
            wide.store_at(labels, strip).compute_at(labels, y).fold_storage(row, 4)
            wide.vectorize(x, self.vector // 4)
            at = x
        for step in steps:
            step.compute_at(labels, at).vectorize(x, self.vector)
            step.update(0).reorder(x, y, r.x).vectorize(x, self.vector)
        return labels

    def colors(self, labels: Any) -> Any:
        """Colors of the labels, or the image under them; a color is looked up as one word."""
        hl, job, x, y, k = self.hl, self.job, self.x, self.y, self.k
        words = np.zeros((256, 4), np.uint8)
        words[:, :3] = job.colors
        palette = self.input(words.view(np.uint32).ravel())
        label = labels[x, y] if len(job.parts) == 2 else labels[x, y][0]
        made = hl.u8(palette[hl.i32(label)] >> hl.u32(8 * k))
        if "overlay" in job.parts:
            a, image = round(ALPHA * 256), self.input(job.image)
            made = hl.u8((hl.u16(image[k, x, y]) * (256 - a) + hl.u16(made) * a + 128) >> 8)
        colors, inner = hl.Func("colors"), hl.Var("inner")
        colors[k, x, y] = made
        fix(colors.output_buffer(), (3, job.width, job.height))
        colors.bound(k, 0, 3).reorder(k, x, y).unroll(k)
        colors.split(x, x, inner, self.vector // 2, hl.TailStrategy.ShiftInwards)
        colors.reorder(k, inner, x, y).vectorize(inner)
        return colors


def program(job: Job) -> Run:
    """The job, compiled."""
    if job.axis != -3 or job.kind == "bfloat16":
        raise Absent("it is scheduled for float32 and float16, channels first")
    hl = need("halide")
    made = Program(hl, job)
    labels = made.labels()
    functions = [labels]
    arrays = [np.empty(job.shape, np.uint8)]
    if "confidence" in job.parts:
        arrays.append(np.empty(job.shape, np.float32))
    if {"color", "overlay"} & {*job.parts}:
        functions.append(made.colors(labels))
        arrays.append(np.empty((*job.shape, 3), np.uint8))
    pipeline = hl.Pipeline(functions)
    pipeline.compile_jit(hl.get_host_target())
    buffers = [hl.Buffer(array) for array in arrays]

    def run() -> Outputs:
        assert made.arrays
        pipeline.realize(buffers)
        return tuple(arrays)

    return run


@contender(LABELS, "labels", "labels+color", "labels+overlay")
def labels_color(job: Job) -> Run:
    return program(job)


@contender(CONFIDENCE, "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return program(job)
