"""A job measured, as a table in Markdown and as data."""

from __future__ import annotations

import datetime
import platform
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import segpost
from benches.harness import exactness, measure, scenes
from benches.harness.jobs import COUNTING, LETTERBOX, OURS, Job
from benches.harness.measure import FLOOR_READ, FLOOR_WRITE, Timing

PACKAGES = (
    "numpy",
    "numba",
    "torch",
    "torchmetrics",
    "scikit-learn",
    "opencv-python-headless",
    "onnxruntime",
    "openvino",
    "halide",
    "ai-edge-litert",
    "apache-tvm",
    "MNN",
    "ncnn",
    "cython",
    "pillow",
    "pydensecrf",
)


FLOOR = "floor: read, write"


@dataclass
class Result:
    """One job, measured."""

    job: Job
    timings: dict[str, Timing]
    deviations: dict[str, str]
    absent: dict[str, str]
    memory: dict[str, float | None]

    @property
    def floor_ms(self) -> float | None:
        """Reading the inputs once and writing the outputs once."""
        if not self.job.floored:
            return None
        return self.timings[FLOOR_READ].ms + self.timings[FLOOR_WRITE].ms

    def ms(self, name: str) -> float | None:
        """Median of one contender, None where it was absent."""
        if name == FLOOR:
            return self.floor_ms
        return self.timings[name].ms if name in self.timings else None

    def ratio(self, rival: str, ours: str = OURS) -> float | None:
        """How many times as long as ours a rival takes."""
        theirs, own = self.ms(rival), self.ms(ours)
        return None if theirs is None or own is None else theirs / own

    def strongest(self) -> str | None:
        """The fastest contender that is not segpost."""
        rivals = [one for name, one in self.timings.items() if not name.startswith((OURS, "floor"))]
        return min(rivals, key=lambda one: one.ms).name if rivals else None

    def cold_ratio(self, rival: str, ours: str) -> float | None:
        """The same for the first call after other contenders."""
        theirs, own = self.timings.get(rival), self.timings.get(ours)
        return None if theirs is None or own is None else theirs.cold_ms / own.cold_ms


def measured(job: Job, rounds: int, *, check: bool = True) -> Result:
    """Build, check and time everybody."""
    built = measure.build(job)
    deviations = {}
    if check:
        right = exactness.truth(job)
        for contender in built.contenders:
            deviations[contender.name] = exactness.deviation(job, contender, right)
    memory: dict[str, float | None] = {}
    if job.task in COUNTING:
        for one in built.contenders:  # others' pools of threads do not survive a fork
            if job.threads == 1 or one.name.startswith(OURS):
                memory[one.name] = measure.extra_memory(one.run)
    everybody = [*built.contenders, *(measure.floor(job) if job.floored else ())]
    timings = measure.interleave(everybody, rounds, measure.clock(job))
    by_name = {timing.name: timing for timing in timings}
    return Result(job, by_name, deviations, built.absent, memory)


def describe(job: Job) -> str:
    """Shapes, and how many cells of the logits' grid are mixed."""
    if job.probabilities.size:
        sizes = " x ".join(str(n) for n in job.probabilities.shape)
        text = f'{sizes} float32 probabilities, {job.iterations} iterations, preset "{job.preset}"'
        return f"{text}. {job.note}".strip()
    if job.task == LETTERBOX:
        sizes = " to ".join(f"{a} x {b}" for a, b in (job.image.shape[:2], job.shape))
        return f"{sizes} uint8 to float32, {job.box.content_size} of it the picture. {job.note}"
    if not job.logits.size:
        return f"{job.height} x {job.width} {job.labels.dtype} labels. {job.note}".strip()
    if job.volume:
        ends = (" x ".join(map(str, shape)) for shape in (job.logits.shape, job.volume))
        return f"{' to '.join(ends)}. {job.note}"
    classes, height, width = job.logits.shape
    text = f"{classes} x {height} x {width} {job.kind}"
    if job.axis == -1:
        text = f"{height} x {width} x {classes} {job.kind}"
    if job.size is not None:
        share = 1 - scenes.uniform_share(job.logits)
        text += f" to {job.height} x {job.width}; {share:.1%} of the cells are mixed"
    return f"{text}. {job.note}".strip()


def table(result: Result) -> str:
    """The job as Markdown: slowest last, absences below."""
    job, floor = result.job, result.floor_ms
    lines = [
        f"### {job.title}",
        "",
        describe(job),
        "",
        f"| contender | ms | quietest | after others | / {OURS} |{' / floor |' if floor else ''}"
        f" {exactness.heading(job)} |{' extra MB |' if result.memory else ''}",
        f"|---|--:|--:|--:|--:|--:|{'--:|' if floor else ''}{'--:|' if result.memory else ''}",
    ]
    if floor:
        read, write = result.timings[FLOOR_READ].ms, result.timings[FLOOR_WRITE].ms
        gigabytes = (job.bytes_read() / read / 1e6, job.bytes_written() / write / 1e6)
        lines.append(
            f"| *floor: read {job.bytes_read() / 1e6:.2f} MB ({gigabytes[0]:.1f} GB/s), "
            f"write {job.bytes_written() / 1e6:.2f} MB ({gigabytes[1]:.1f} GB/s)* "
            f"| {figure(floor)} | | | | 1 | |{' |' if result.memory else ''}"
        )
    busy = []
    for timing in sorted(result.timings.values(), key=lambda one: one.ms):
        if timing.name in (FLOOR_READ, FLOOR_WRITE):
            continue
        ratio = result.ratio(timing.name)
        name = f"**{timing.name}**" if timing.name == OURS else timing.name
        lines.append(
            f"| {name} | {figure(timing.ms)} | {figure(timing.best_ms)} "
            f"| {figure(timing.cold_ms)} | {figure(ratio)} |"
            f"{f' {figure(timing.ms / floor)} |' if floor else ''}"
            f" {result.deviations.get(timing.name, '')} |"
        )
        if result.memory:
            megabytes = result.memory.get(timing.name)
            lines[-1] += f" {'-' if megabytes is None else f'{megabytes:.1f}'} |"
        if timing.others > 0.02 and job.threads == 1:
            busy.append(f"{timing.name} ({timing.others:.0%})")
    lines += ["", *(f"Absent: {name}: {why}." for name, why in result.absent.items())]
    if busy:
        lines.append(f"CPU time outside the calling thread: {', '.join(busy)}.")
    return "\n".join(lines).rstrip() + "\n"


@dataclass
class Extra:
    """A table that has nothing to do with time."""

    title: str
    markdown: str
    goals: list[str]  # lines of the table of goals
    data: Any


def figure(number: float | None) -> str:
    """Three digits."""
    if number is None:
        return "-"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def as_data(result: Result) -> dict[str, Any]:
    """For --json."""
    return {
        "title": result.job.title,
        "task": result.job.task,
        "description": describe(result.job),
        "floor_ms": result.floor_ms,
        "contenders": {
            timing.name: {
                "ms": timing.ms,
                "quietest_ms": timing.best_ms,
                "after_others_ms": timing.cold_ms,
                "ratio": result.ratio(timing.name),
                "deviation": result.deviations.get(timing.name),
                "extra_mb": result.memory.get(timing.name),
                "rounds_ms": timing.warm,
                "outside_calling_thread": timing.others,
            }
            for timing in result.timings.values()
        },
        "absent": result.absent,
    }


def header(rounds: int, bandwidths: dict[str, float]) -> str:
    """Machine, date, versions, threads, command."""
    config = segpost.build_config()
    speeds = ", ".join(f"{name} {speed:.1f} GB/s" for name, speed in bandwidths.items())
    lines = [
        f"- command: `{command()}`",
        f"- date: {datetime.datetime.now().astimezone().date().isoformat()}",
        f"- processor: {processor()}",
        f"- threads: {config['threads']} everywhere; {rounds} rounds; CPU time; medians "
        "(two threads, and wall time, where a title says so)",
        f"- one thread on 512 MB buffers: {speeds}",
        f"- segpost {config['segpost']}, {config['backend']} backend, "
        f"SIMD level {config['simd_level']}, compiler {config['compiler']}",
        f"- Python {platform.python_version()}, "
        + ", ".join(f"{name} {installed(name)}" for name in PACKAGES),
    ]
    return "\n".join(lines)


def command() -> str:
    """As it was typed, with paths to files and folders left out."""
    words = []
    hidden = False
    for word in sys.argv[1:]:
        words.append("..." if hidden else shlex.quote(word))
        hidden = word in ("--json", "--data")
    return " ".join(["python -m benches", *words])


def processor() -> str:
    """Its name and how many of it there are."""
    names = []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} logical" if names else platform.processor() or "unknown"


def installed(package: str) -> str:
    """Its version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
