"""MNN: the graph of ONNX, converted, in float32 and one thread."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.baselines.with_onnxruntime import graph
from benches.harness.jobs import Absent, Job, Outputs, Run, contender, need

# The converter's own command sends statistics and calls pip; the module under it does neither.
CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


@contextlib.contextmanager
def no_output() -> Iterator[None]:
    """What the library prints from C++ stays out of the tables."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def pipeline(job: Job) -> Run:
    """The converted graph in a module; its outputs are arrays of NumPy."""
    if job.kind != "float32":
        raise Absent("it is measured in float32")
    content, feed = graph(job, softmax=False)
    with no_output(), tempfile.TemporaryDirectory() as name:
        mnn = need("MNN")
        source, target = Path(name) / "graph.onnx", Path(name) / "graph.mnn"
        source.write_bytes(content)
        arguments = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target)]
        command = [sys.executable, "-c", CONVERT, *arguments, "--bizCode", "benches"]
        subprocess.run(command, check=True, capture_output=True)
        config = {"backend": "CPU", "numThread": 1, "precision": "high"}
        runtime = mnn.nn.create_runtime_manager((config,))
        module = mnn.nn.load_module_from_file(
            str(target), [*feed], [*job.parts], runtime_manager=runtime
        )
        expr = mnn.expr
        inputs = [expr.const(array, [*array.shape], expr.NCHW) for array in feed.values()]

    def run() -> Outputs:
        return tuple(output.read()[0] for output in module.forward(inputs))

    with no_output():
        run()
    return run


@contender("MNN: Resize, ArgMax", "labels")
def labels(job: Job) -> Run:
    return pipeline(job)


@contender("MNN: Resize, ArgMax, Gather", "labels+color")
def labels_color(job: Job) -> Run:
    return pipeline(job)


@contender("MNN: Resize, ReduceMax, Exp, ReduceSum, ArgMax, Gather", "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)
