"""segpost itself: by default, per SIMD level, per backend, and the kernel that skips nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

import segpost
from benches.harness.jobs import (
    ALPHA,
    CODES,
    COUNTING,
    FROM_LOGITS,
    LETTERBOX,
    MASKS,
    MEAN,
    OURS,
    PAD,
    STD,
    VOID,
    VOLUME,
    Absent,
    Job,
    Outputs,
    Run,
    contender,
    need,
)
from segpost._core import contract, sampling

ALL = (*FROM_LOGITS, VOLUME, "softmax", "color", "overlay", *COUNTING, LETTERBOX, MASKS, CODES)
NUMBA = "segpost, Numba backend"
AVX2 = "segpost, SIMD level x86_64_v3"
FAST = 'segpost, confidence_mode="fast"'
BYTES = 'segpost, confidence_dtype="uint8"'
TENSORS = "segpost, torch tensor in and out"
STREAM = "segpost.Stream"
TENSOR_STREAM = "segpost.Stream, torch tensor in and out"
TWO_THREADS = "segpost, two threads"
COUNTING_BARE = "segpost kernel alone, counts reused"
ACCUMULATOR = "segpost.ConfusionMatrix: reset, update, matrix"
BOXED_INTO, BOXED_LAST = "segpost, out= reused", "segpost, channels last"


def call(job: Job, **options: Any) -> Run:
    """The public function that does the job."""
    if job.task in COUNTING:
        preds = job.logits if job.logits.size else job.labels
        return counted(job, preds, job.target)
    if job.task == "softmax":
        return lambda: (segpost.softmax(job.logits),)
    if job.task in ("labels", VOLUME):
        return lambda: (segpost.argmax(job.logits, size=job.volume or job.size),)
    if job.task == MASKS:
        return lambda: (segpost.binarize(job.logits, size=job.size),)
    if job.task == CODES:
        return lambda: (codes(job),)
    if job.task == LETTERBOX:
        return boxed(job)
    palette = segpost.Palette.named(job.palette)  # type: ignore[arg-type]
    if job.task == "color":
        return lambda: (segpost.colorize(job.labels, palette),)
    if job.task == "overlay":
        return lambda: (segpost.overlay(job.image, job.labels, palette, alpha=ALPHA),)
    image = job.image if "overlay" in job.parts else None
    logits = job.typed_logits

    def run() -> Outputs:
        seg = segpost.postprocess(  # type: ignore[type-var]
            logits,
            axis=job.axis,
            size=job.size,
            palette=palette,
            image=image,
            alpha=ALPHA,
            want=job.parts,
            **options,
        )
        return tuple(getattr(seg, part) for part in job.parts)

    return run


def codes(job: Job) -> list[bytes]:
    """The strings of COCO's codes."""
    return [one["counts"] for one in segpost.binarize(job.logits, size=job.size, encoding="rle")]


def boxed(job: Job, **options: Any) -> Run:
    """A picture as a network's input."""
    box, image = job.box, job.image
    options |= {"mean": MEAN, "std": STD, "pad": PAD, "antialias": job.antialias}
    return lambda: (box.apply(image, **options),)


@contender(BOXED_INTO, LETTERBOX)
def boxed_into(job: Job) -> Run:
    return boxed(job, out=np.empty((3, job.height, job.width), np.float32))


@contender(BOXED_LAST, LETTERBOX)
def boxed_last(job: Job) -> Run:
    run = boxed(job, layout="nhwc")
    return lambda: (run()[0].transpose(2, 0, 1),)


def counted(job: Job, preds: Any, target: Any) -> Run:
    """The same where pairs of labels are counted."""
    if job.task == "boundary IoU":

        def run() -> Outputs:
            measure = segpost.BoundaryIoU(job.classes, ignore_index=VOID)
            measure.update(preds, target)
            return (measure.compute().boundary_iou,)

        return run
    return lambda: (
        segpost.confusion_matrix(preds, target, num_classes=job.classes, ignore_index=VOID),
    )


@contender(OURS, *ALL)
def default(job: Job) -> Run:
    return call(job)


@contender(FAST, "labels+confidence+color")
def fast(job: Job) -> Run:
    return call(job, confidence_mode="fast")


@contender(BYTES, "labels+confidence+color")
def in_bytes(job: Job) -> Run:
    return call(job, confidence_dtype="uint8")


@contender(TENSORS, *FROM_LOGITS, "softmax", *COUNTING)
def tensors(job: Job) -> Run:
    torch = need("torch")
    logits = torch.from_numpy(job.logits)
    if job.task in COUNTING:
        preds = logits if job.logits.size else torch.from_numpy(job.labels)
        return counted(job, preds, torch.from_numpy(job.target))
    if job.task == "softmax":
        return lambda: (segpost.softmax(logits),)
    if job.task == "labels":
        return lambda: (segpost.argmax(logits, size=job.size),)
    palette = segpost.Palette.named(job.palette)  # type: ignore[arg-type]
    image = torch.from_numpy(job.image) if "overlay" in job.parts else None

    def run() -> Outputs:
        seg = segpost.postprocess(  # type: ignore[type-var]
            logits, size=job.size, palette=palette, image=image, alpha=ALPHA, want=job.parts
        )
        return tuple(getattr(seg, part) for part in job.parts)

    return run


def streamed(job: Job, logits: Any, image: Any) -> Run:
    """Frame after frame, into the memory of the first."""
    if "overlay" not in job.parts:
        image = None
    palette = segpost.Palette.named(job.palette)  # type: ignore[arg-type]
    stream = segpost.Stream(  # type: ignore[type-var]
        axis=job.axis, size=job.size, palette=palette, alpha=ALPHA, want=job.parts
    )

    def run() -> Outputs:
        seg = stream(logits, image)
        return tuple(getattr(seg, part) for part in job.parts)

    return run


@contender(STREAM, *FROM_LOGITS[1:])
def stream(job: Job) -> Run:
    return streamed(job, job.typed_logits, job.image)


@contender(TENSOR_STREAM, *FROM_LOGITS[1:])
def tensor_stream(job: Job) -> Run:
    torch = need("torch")
    return streamed(job, torch.as_tensor(job.typed_logits), torch.from_numpy(job.image))


def at_level(job: Job, name: str) -> Run:
    """The default call with another SIMD level."""
    cpu = need("segpost._backends.native")._cpu
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


@contender(AVX2, *ALL)
def level_3(job: Job) -> Run:
    return at_level(job, "x86_64_v3")


@contender("segpost, SIMD level x86_64_v2", *ALL)
def level_2(job: Job) -> Run:
    return at_level(job, "x86_64_v2")


@contender(NUMBA, *ALL)
def numba_backend(job: Job) -> Run:
    run_default = call(job)

    def run() -> Outputs:
        with segpost.use_backend("numba"):
            return run_default()

    return run


def kernel(job: Job, dense: bool) -> Run:
    """The native kernel without the public function around it, into an array that is reused."""
    cpu = need("segpost._backends.native")._cpu
    run_kernel = cpu.argmax_dense if dense else cpu.argmax
    view = contract.Logits(job.logits[None], "float32")
    axes = None
    if job.size is not None:
        axes = sampling.axes((job.logits.shape[1], job.logits.shape[2]), job.size, "half_pixel")
    out = np.empty((1, job.height, job.width), np.uint8)

    def run() -> Outputs:
        run_kernel(view, axes, out)
        return (out,)

    return run


@contender("segpost kernel alone, out= reused", "labels")
def bare(job: Job) -> Run:
    return kernel(job, dense=False)


@contender("segpost dense exact kernel alone, out= reused", "labels")
def dense_kernel(job: Job) -> Run:
    return kernel(job, dense=True)


@contender(TWO_THREADS, VOLUME, *COUNTING, threads=2)
def two_threads(job: Job) -> Run:
    run_default = call(job)

    def run() -> Outputs:
        segpost.set_num_threads(2)
        try:
            return run_default()
        finally:
            segpost.set_num_threads(1)

    return run


@contender(ACCUMULATOR, "confusion", "confusion from logits")
def accumulator(job: Job) -> Run:
    matrix = segpost.ConfusionMatrix(job.classes, ignore_index=VOID)
    preds = job.logits if job.logits.size else job.labels

    def run() -> Outputs:
        matrix.reset()
        matrix.update(preds, job.target)
        return (matrix.matrix,)

    return run


@contender("segpost in two steps: argmax, confusion_matrix", "confusion from logits")
def two_steps(job: Job) -> Run:
    def run() -> Outputs:
        return counted(job, segpost.argmax(job.logits, size=job.size), job.target)()

    return run


@contender(COUNTING_BARE, "confusion")
def bare_counts(job: Job) -> Run:
    """The kernel without the public function around it."""
    cpu = need("segpost._backends.native")._cpu
    preds, target, classes = job.labels[None], job.target[None], job.classes
    ignored = np.array([VOID], np.int64)
    counts = np.zeros((classes + 2, classes + 1), np.int64)

    def run() -> Outputs:
        counts.fill(0)
        cpu.confusion_labels(preds, target, ignored, counts)
        return (counts[:classes, :classes],)

    return run
