"""What is measured: a job is one task on one set of arrays, a contender is one way to do it."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

import segpost

T = TypeVar("T")
Array = npt.NDArray[Any]
Outputs = tuple[Any, ...]  # one a part of the task, of the contender's natural kind
Run = Callable[[], Outputs]

VOLUME = "volume labels"
SPREAD = "labels+confidence+probabilities"
LETTERBOX = "letterbox"
MASKS, CODES = "masks", "masks to RLE"
CALIBRATION = "calibration"
TASKS = {  # what comes out
    "labels": ("labels",),
    VOLUME: ("labels",),
    "labels+color": ("labels", "color"),
    "labels+confidence+color": ("labels", "confidence", "color"),
    SPREAD: ("labels", "confidence", "probabilities"),
    "labels+overlay": ("labels", "overlay"),
    "softmax": ("probabilities",),
    "color": ("color",),
    "overlay": ("overlay",),
    "confusion": ("matrix",),
    "confusion from logits": ("matrix",),
    "boundary IoU": ("boundary_iou",),
    CALIBRATION: ("ece",),
    "dense CRF": ("probabilities",),
    LETTERBOX: ("input",),
    MASKS: ("masks",),
    CODES: ("codes",),
}
FROM_LOGITS = ("labels", "labels+color", "labels+confidence+color", SPREAD, "labels+overlay")
COUNTING = ("confusion", "confusion from logits", "boundary IoU")
CRF = "dense CRF"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of a letterbox
PAD = (124, 116, 104)  # the mean in bytes
ALPHA = 0.5
VOID = 255
OURS = "segpost"
FLOOR_RATIO = "ratio to floor"  # in the JSON of pytest-benchmark


class Deferred(Generic[T]):
    """A field of a job that may be set to a function, which is called when it is first read.

    So the cases of a file can be listed without their arrays.
    """

    def __init__(self, default: Callable[[], T]) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, job: None, owner: type) -> Callable[[], T]: ...
    @overload
    def __get__(self, job: object, owner: type) -> T: ...
    def __get__(self, job: object, owner: type) -> T | Callable[[], T]:
        if job is None:  # what a dataclass takes as the default
            return self.default
        value = vars(job)[self.name]
        if callable(value):
            value = vars(job)[self.name] = value()
        return cast(T, value)

    def __set__(self, job: object, value: T | Callable[[], T]) -> None:
        vars(job)[self.name] = value


@dataclass(frozen=True)
class Job:
    """One task on one set of arrays. Names in `only`, if any, are the only contenders.

    With several threads wall time is measured, otherwise the process' CPU time.
    """

    title: str
    task: str
    logits: Deferred[Array] = Deferred(lambda: np.empty((0, 0, 0), np.float32))
    size: tuple[int, int] | None = None
    palette: str = "cityscapes"
    labels: Deferred[Array] = Deferred(lambda: np.empty((0, 0), np.uint8))
    image: Deferred[Array] = Deferred(lambda: np.empty((0, 0, 3), np.uint8))
    target: Deferred[Array] = Deferred(lambda: np.empty((0, 0), np.uint8))
    classes: int = 19
    probabilities: Deferred[Array] = Deferred(lambda: np.empty((0, 0, 0), np.float32))
    preset: str = "pydensecrf"  # of a dense CRF
    iterations: int = 10
    volume: tuple[int, int, int] | None = None  # size of what comes out
    antialias: bool = True  # of a letterbox
    threads: int = 1
    axis: int = -3  # where contenders get the class axis of the logits
    kind: str = "float32"  # the logits' type as contenders get them; bfloat16 is float32 here
    only: tuple[str, ...] = ()
    note: Deferred[str] = Deferred(str)
    tracked: bool = (
        True  # whether the marker `own` selects its rows: not where a call takes seconds
    )

    @property
    def typed_logits(self) -> Any:
        """The logits in the job's type and axis order: a tensor where NumPy lacks the type."""
        values = np.moveaxis(self.logits, 0, -1) if self.axis == -1 else self.logits
        if self.kind != "bfloat16":
            return values
        return need("torch").from_numpy(values).bfloat16()

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return TASKS[self.task]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of what comes out."""
        if self.size is not None:
            return self.size
        arrays = (self.logits, self.probabilities, self.labels)
        height, width = next((one for one in arrays if one.size), self.labels).shape[-2:]
        return height, width

    @property
    def height(self) -> int:
        """Rows of what comes out."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns of what comes out."""
        return self.shape[1]

    @property
    def box(self) -> segpost.Letterbox:
        """How the image lies in an input of `size`."""
        height, width = self.image.shape[:2]
        return segpost.Letterbox.fit((height, width), self.size)

    @property
    def colors(self) -> npt.NDArray[np.uint8]:
        """(256, 3): the palette, filled up so that it can be indexed by any uint8."""
        table = np.zeros((256, 3), np.uint8)
        known = segpost.Palette.named(self.palette).colors[:256]  # type: ignore[arg-type]
        table[: len(known)] = known
        return table

    @property
    def floored(self) -> bool:
        """Whether moving its bytes once says anything: a CRF moves them in every iteration."""
        return self.task != CRF

    def bytes_read(self) -> int:
        """What has to be read at least once."""
        logits = self.logits.size * (4 if self.kind == "float32" else 2)
        read = logits + self.labels.nbytes + self.target.nbytes
        return read + (self.image.nbytes if {"overlay", "input"} & {*self.parts} else 0)

    def bytes_written(self) -> int:
        """What has to be written, in segpost's types."""
        pixels = math.prod(self.volume or self.shape)
        depth = {"labels": 1, "confidence": 4, "color": 3, "overlay": 3, "input": 12}
        depth["probabilities"] = 4 * len(self.logits)
        depth["masks"], depth["codes"] = len(self.logits), 0  # codes are small
        table = {"matrix": 8 * self.classes**2, "boundary_iou": 8 * self.classes, "ece": 8}
        return sum(table[part] if part in table else pixels * depth[part] for part in self.parts)


@dataclass(frozen=True)
class Contender:
    """A way to do a job; `factor` extrapolates where only a part of the job is run."""

    name: str
    run: Run
    factor: float = 1.0
    axis_last: bool = False  # probabilities come with the class axis last


class Absent(Exception):
    """A contender cannot run here; says why."""


Built = Run | Contender
Builder = Callable[[Job], Built]


@dataclass(frozen=True)
class Entry:
    """A contender before it is built for a job."""

    name: str
    tasks: tuple[str, ...]
    build: Builder
    threads: int = 1

    def ready(self, job: Job) -> Contender:
        """Built for the job and run once; `Absent` if that fails."""
        try:
            built = self.build(job)
            contender = built if isinstance(built, Contender) else Contender(self.name, built)
            contender.run()
        except Absent:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise Absent(f"{type(error).__name__}: {reason}"[:200]) from error
        return contender


ENTRIES: list[Entry] = []
FAMILIES = (
    "ours",
    "ours_crf",
    "ours_calibration",
    "with_torch",
    "with_opencv",
    "with_onnxruntime",
    "with_openvino",
    "with_halide",
    "with_litert",
    "with_mnn",
    "with_ncnn",
    "with_tvm",
    "with_numba",
    "with_cython",
    "with_numpy",
    "with_pillow",
    "with_torchmetrics",
    "with_sklearn",
    "with_cityscapes",
    "with_pycocotools",
    "with_pydensecrf",
)


def contender(name: str, *tasks: str, threads: int = 1) -> Callable[[Builder], Builder]:
    """Register a builder under a name, for some tasks; for jobs of as many threads at least."""

    def register(build: Builder) -> Builder:
        ENTRIES.append(Entry(name, tasks, build, threads))
        return build

    return register


def entries(job: Job) -> Iterator[Entry]:
    """Everything that can do the job."""
    for family in FAMILIES:
        importlib.import_module(f"benches.baselines.{family}")
    for entry in ENTRIES:
        wanted = not job.only or entry.name in job.only
        if job.task in entry.tasks and wanted and entry.threads <= job.threads:
            yield entry


def need(module: str) -> Any:
    """A module that the installation may lack."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Absent(str(error)) from error


def labels_of(job: Job, outputs: Iterable[Any]) -> Array | None:
    """The label map as NumPy, where the job has one."""
    if "labels" not in job.parts:
        return None
    return np.asarray(list(outputs)[job.parts.index("labels")]).reshape(job.height, job.width)
