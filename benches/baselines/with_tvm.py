"""TVM: the graph of ONNX, compiled for this processor by the default pipeline, without tuning."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from benches.baselines.with_onnxruntime import graph
from benches.harness.jobs import Absent, Job, Outputs, Run, contender, need


def host(tvm: Any) -> Any:
    """The processor at hand as a target of LLVM."""
    return tvm.target.Target({"kind": "llvm", "mcpu": tvm.target.codegen.llvm_get_system_cpu()})


def pipeline(job: Job) -> Run:
    """The graph in a virtual machine; outputs are arrays of NumPy on its memory."""
    tvm, onnx = need("tvm"), need("onnx")
    if job.kind == "bfloat16":
        raise Absent("NumPy has no array of bfloat16 to share")
    content, feed = graph(job, softmax=False)
    read = importlib.import_module("tvm.relax.frontend.onnx").from_onnx
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = tvm.compile(read(onnx.load_from_string(content)), target=host(tvm))
    machine = tvm.relax.VirtualMachine(program, tvm.cpu())["main"]
    inputs = [tvm.runtime.tensor(array) for array in feed.values()]

    def run() -> Outputs:
        made = machine(*inputs)
        return tuple(one.numpy()[0] for one in ([made] if len(job.parts) == 1 else made))

    return run


@contender("TVM: Resize, ArgMax", "labels")
def labels(job: Job) -> Run:
    return pipeline(job)


@contender("TVM: Resize, ArgMax, Gather", "labels+color")
def labels_color(job: Job) -> Run:
    return pipeline(job)


@contender("TVM: Resize, ReduceMax, Exp, ReduceSum, ArgMax, Gather", "labels+confidence+color")
def labels_confidence_color(job: Job) -> Run:
    return pipeline(job)
