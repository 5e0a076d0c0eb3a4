"""Cython as a user writes it, compiled when the benches start (-O3 -march=native)."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import shutil
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from benches.baselines.grid import lines
from benches.harness.jobs import Absent, Job, Outputs, Run, contender, need

NAME = "Cython: plain loops"
FLAGS = ["-O3", "-march=native"]


@functools.lru_cache(maxsize=1)
def compiled() -> Any:
    """The extension module, or the sentence saying why there is none."""
    setuptools, build = need("setuptools"), need("Cython.Build")
    build_ext = need("setuptools.command.build_ext").build_ext
    folder = Path(tempfile.mkdtemp(prefix="segpost-benches-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = Path(__file__).with_name("loop.pyx")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            extension = setuptools.Extension(
                "loop", [str(source)], extra_compile_args=FLAGS, language="c"
            )
            modules = build.cythonize([extension], build_dir=str(folder), quiet=True)
            command = build_ext(setuptools.Distribution({"ext_modules": modules}))
            command.build_lib = command.build_temp = str(folder)
            command.ensure_finalized()
            command.run()
    except BaseException as error:  # distutils also raises SystemExit
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"it does not compile: {error}"
    spec = spec_from_file_location("loop", command.get_ext_fullpath("loop"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["loop"] = module
    spec.loader.exec_module(module)
    return module


def loops() -> Any:
    """The extension module."""
    module = compiled()
    if isinstance(module, str):
        raise Absent(module)
    return module


@contender(NAME, "labels", "labels+color")
def labels_color(job: Job) -> Run:
    module, palette = loops(), job.colors
    logits = np.ascontiguousarray(job.logits.transpose(1, 2, 0))
    where: tuple[Any, ...] = () if job.size is None else (*lines(job)[0], *lines(job)[1])
    painted = job.shape if "color" in job.parts else (0, 0)

    def run() -> Outputs:
        labels, color = np.empty(job.shape, np.uint8), np.empty((*painted, 3), np.uint8)
        if job.size is None:
            module.argmax(logits, labels)
        else:
            module.upsample_argmax(logits, *where, palette, labels, color)
        return (labels, color) if "color" in job.parts else (labels,)

    return run


@contender(NAME, "confusion")
def confusion(job: Job) -> Run:
    module = loops()

    def run() -> Outputs:
        table = np.zeros((256, 256), np.uint64)
        module.count_pairs(job.target, job.labels, table)
        return (table[: job.classes, : job.classes],)

    return run


@contender(NAME, "confusion from logits")
def confusion_from_logits(job: Job) -> Run:
    module = loops()
    if job.size is not None:
        raise Absent("it is for logits at full resolution")
    logits = np.ascontiguousarray(job.logits.transpose(1, 2, 0))

    def run() -> Outputs:
        table = np.zeros((256, 256), np.uint64)
        module.count_logits(logits, job.target, table)
        return (table[: job.classes, : job.classes],)

    return run


@contender(NAME, "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    module, palette = loops(), job.colors
    logits = np.ascontiguousarray(job.logits.transpose(1, 2, 0))
    rows, columns = lines(job)
    values = np.empty(len(job.logits), np.float32)

    def run() -> Outputs:
        labels, confidence = np.empty(job.shape, np.uint8), np.empty(job.shape, np.float32)
        color = np.empty((*job.shape, 3), np.uint8)
        module.upsample_confidence(
            logits, *rows, *columns, palette, values, labels, confidence, color
        )
        return labels, confidence, color

    return run
