"""How far approximations of a dense CRF's mean field are from the exact one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

import numpy as np

import segpost
from benches.baselines.ours import NUMBA
from benches.baselines.ours_crf import FAST, HIGH
from benches.baselines.with_pydensecrf import NAME
from benches.harness import scenes
from benches.harness.jobs import CRF, OURS, Absent, Array, Job, entries
from benches.harness.report import Extra, figure
from benches.harness.scenes import competing, refinable

TITLE = "dense CRF, accuracy"
CONTENDERS = (NAME, FAST, OURS, HIGH, NUMBA)
PRESETS = ("pydensecrf", "deeplab")
ITERATIONS = (1, 10)
COMPARED = ((OURS, 1.0), (HIGH, 0.6))  # at most so many times pydensecrf's error
EXACT = 1e-4  # the largest mean error of method="exact"
NOTHING = 1e-5  # mean errors below it are not compared: no label shows them


@dataclass
class Error:
    """Of one contender in one case."""

    mean: float  # |Q - exact Q|
    labels: float  # share of pixels with another largest one

    def __str__(self) -> str:
        return f"{self.mean:.2e}, {self.labels:.2%}"


@dataclass
class Case:
    """One image, preset and number of iterations."""

    job: Job
    errors: dict[str, Error]

    def ratio(self, name: str) -> float | None:
        """The mean error over pydensecrf's, or none where both are nothing."""
        if name not in self.errors or NAME not in self.errors:
            return None
        own, theirs = self.errors[name].mean, self.errors[NAME].mean
        return own / theirs if max(own, theirs) > NOTHING else None


def images(full: bool) -> Iterator[tuple[str, Array, Array]]:
    """Titles, probabilities and guides: twenty pictures, and one guide that pydensecrf lacks."""
    for name in ("china", "flower"):
        for title, (probabilities, image) in (
            (name, refinable(name, 375, 500, 21)),
            (f"{name}, competing labels", competing(name, 375, 500, 21)),
        ):
            yield f"{title}, 128 x 128 of it", *piece(probabilities, image, 120, 180, 128)
            for y, x in ((0, 40), (220, 330)):
                yield f"{title}, 72 x 72 at ({y}, {x})", *piece(probabilities, image, y, x, 72)
            if full:
                yield f"{title}, 500 x 375", probabilities, image
        yield f"{name}, 96 x 72", *refinable(name, 72, 96, 21)
        yield f"{name}, 96 x 72, competing labels", *competing(name, 72, 96, 21)
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, (50, 60, 3), np.uint8)
    yield "noise, 60 x 50", scenes.probabilities(noise, 4, seed=7), noise
    yield "noise, 60 x 50, 21 labels", scenes.probabilities(noise, 21, seed=8), noise
    planes = [128 + 50 * scenes.smooth(rng, 96, 96, 4.0) for _ in range(3)]
    blobs = np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)
    yield "blobs, 96 x 96", scenes.probabilities(blobs, 8, seed=9), blobs
    grain = (blobs + rng.normal(0, 12, blobs.shape)).clip(0, 255).astype(np.uint8)
    yield "blobs with grain, 96 x 96", scenes.probabilities(grain, 8, seed=10), grain
    probabilities, image = refinable("flower", 64, 64, 8)
    more = 128 + 50 * np.stack([scenes.smooth(rng, 64, 64, 6.0) for _ in range(2)], axis=-1)
    guide = np.concatenate([image, more], axis=-1).astype(np.float32)
    yield "flower, 64 x 64, guide of 5 float channels", probabilities, guide


def piece(probabilities: Array, image: Array, y: int, x: int, side: int) -> tuple[Array, Array]:
    """A square of both."""
    here = slice(y, y + side), slice(x, x + side)
    cut = probabilities[(slice(None), *here)]
    return np.ascontiguousarray(cut), np.ascontiguousarray(image[here])


def refined(job: Job, **settings: Any) -> Array:
    """Our result."""
    crf = segpost.DenseCRF.preset(job.preset, iterations=job.iterations, **settings)  # type: ignore[arg-type]
    return np.asarray(crf(job.probabilities, job.image))


def error(made: Array, wanted: Array) -> Error:
    """Of one result."""
    differing = made.argmax(axis=0) != wanted.argmax(axis=0)
    return Error(float(abs(made - wanted).mean(dtype=np.float64)), float(differing.mean()))


def compare(job: Job, absent: dict[str, str]) -> Case:
    """Everybody held to the exact mean field."""
    wanted, case = refined(job, method="exact"), Case(job, {})
    for entry in entries(job):
        try:
            case.errors[entry.name] = error(np.asarray(entry.ready(job).run()[0]), wanted)
        except Absent as why:
            absent[f"{entry.name} ({job.title})"] = str(why)
    return case


def exact_errors() -> dict[str, Error]:
    """method="exact" held to the reference backend, on an image that is small enough."""
    probabilities, image = refinable("china", 45, 60, 5)
    errors = {}
    for preset in PRESETS:
        job = Job("", CRF, probabilities=probabilities, image=image, preset=preset)
        with segpost.use_backend("reference"):
            wanted = refined(job)
        errors[preset] = error(refined(job, method="exact"), wanted)
    return errors


def measured(full: bool) -> Extra:
    """All of it, on every processor: the results do not depend on their number."""
    before, absent = segpost.num_threads(), dict[str, str]()
    segpost.set_num_threads(os.cpu_count() or 1)
    try:
        exact = exact_errors()
        cases = []
        for title, probabilities, image in images(full):
            job = Job(title, CRF, probabilities=probabilities, image=image, only=CONTENDERS)
            for preset in PRESETS:
                one = replace(job, preset=preset)
                cases += [compare(replace(one, iterations=n), absent) for n in ITERATIONS]
    finally:
        segpost.set_num_threads(before)
    return Extra(TITLE, table(cases, exact, absent), goals(cases, exact), data(cases, exact))


def table(cases: list[Case], exact: dict[str, Error], absent: dict[str, str]) -> str:
    """The cases as Markdown."""
    ratios = [f"{name} / {NAME}" for name, _ in COMPARED]
    lines = [
        f"### {TITLE}",
        "",
        'Mean |ΔQ| and labels that differ, from `method="exact"`.',
        "",
        f"| image | labels | preset | iterations | {' | '.join([*CONTENDERS, *ratios])} |",
        f"|---|--:|---|--:|{'--:|' * (len(CONTENDERS) + len(ratios))}",
    ]
    for case in cases:
        job = case.job
        cells = [str(case.errors.get(name, "-")) for name in CONTENDERS]
        cells += [figure(case.ratio(name)) for name, _ in COMPARED]
        lines.append(
            f"| {job.title} | {len(job.probabilities)} | {job.preset} | {job.iterations} "
            f"| {' | '.join(cells)} |"
        )
    said = "; ".join(f"{preset}: {one}" for preset, one in exact.items())
    lines += ["", f'`method="exact"`, from the reference backend (60 x 45, 5 labels): {said}.', ""]
    lines += [f"Absent: {name}: {why}." for name, why in absent.items()]
    return "\n".join([*lines, "", *in_short(cases)]).rstrip() + "\n"


def summary(cases: list[Case], name: str) -> tuple[float, float, float] | None:
    """The largest ratio of mean errors, their geometric mean, and that of labels that differ."""
    ratios = [ratio for case in cases if (ratio := case.ratio(name)) is not None]
    if not ratios:
        return None
    mean = exp(sum(log(ratio) for ratio in ratios) / len(ratios))
    return max(ratios), mean, share(cases, name)


def after(cases: list[Case], iterations: int) -> list[Case]:
    """The cases of so many iterations."""
    return [case for case in cases if case.job.iterations == iterations]


def in_short(cases: list[Case]) -> list[str]:
    """Errors over pydensecrf's, of all cases of a number of iterations together."""
    lines = [
        "### distances from the exact mean field",
        "",
        "| method | iterations | mean error, worst case | geometric mean | labels that differ |",
        "|---|--:|--:|--:|--:|",
    ]
    for iterations in ITERATIONS:
        for name in (FAST, OURS, HIGH):
            if numbers := summary(after(cases, iterations), name):
                lines.append(f"| {name} | {iterations} | {' | '.join(map(figure, numbers))} |")
    return lines


def goals(cases: list[Case], exact: dict[str, Error]) -> list[str]:
    """Lines of the table of goals."""
    lines = []
    for name, most in COMPARED:
        for iterations in ITERATIONS:
            what = f"{iterations} iteration{'s' * (iterations > 1)}, {name} / {NAME}"
            if numbers := summary(after(cases, iterations), name):
                lines += [
                    goal(f"{what}: mean error, worst case", most, numbers[0]),
                    goal(f"{what}: mean error, geometric mean", most, numbers[1]),
                    goal(f"{what}: labels that differ, all cases", most, numbers[2]),
                ]
    worst = max(one.mean for one in exact.values())
    lines.append(goal('mean error, method="exact" from the reference', EXACT, worst))
    return lines


def share(cases: Iterable[Case], name: str) -> float:
    """Labels that differ over those of pydensecrf, every case weighing the same."""
    compared = [case.errors for case in cases if case.ratio(name) is not None]
    theirs = sum(errors[NAME].labels for errors in compared)
    return sum(errors[name].labels for errors in compared) / max(theirs, 1e-9)


def goal(what: str, most: float, value: float) -> str:
    """A line of the table of goals."""
    verdict = "yes" if value <= most else "no"
    return f"| {TITLE} | {what} | ≤ {most:g} | {figure(value)} | | {verdict} | |"


def data(cases: Iterable[Case], exact: dict[str, Error]) -> dict[str, object]:
    """For --json."""
    return {
        "cases": [
            {
                "image": case.job.title,
                "preset": case.job.preset,
                "iterations": case.job.iterations,
                "errors": {name: vars(one) for name, one in case.errors.items()},
            }
            for case in cases
        ],
        "exact": {preset: vars(one) for preset, one in exact.items()},
    }
