"""`python -m benches.runtimes.litert PROGRAM`: the end of a graph of LiteRT, two ways.

Logits (1, h, w, C) to labels of uint8: RESIZE_BILINEAR with half_pixel_centers, ARG_MAX and CAST,
or segpost's operator. PROGRAM is that of examples/litert, compiled; it runs one graph in a process
and says the CPU time of a run. The processes of both graphs alternate; the table has medians.
"""

from __future__ import annotations

import argparse
import importlib
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import segpost
from benches.harness import works
from benches.harness.jobs import need
from benches.harness.litert_graph import Graph
from benches.runtimes.operators import SIZES, Sizes, logits_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "litert"


def append_standard(model: Any, size: tuple[int, int]) -> None:
    """RESIZE_BILINEAR, ARG_MAX and CAST behind the logits."""
    graph = Graph(model)
    classes = graph.graph.tensors[0].shape[3]
    labels = graph.arg_max(graph.resize(0, size, classes), size)
    graph.graph.outputs = [graph.cast_to_bytes(labels, size)]


def time_once(
    program: Path, model: Path, logits: np.ndarray, runs: int
) -> tuple[np.ndarray, float]:
    """The labels, flat, and the milliseconds of a run."""
    command = [str(program), str(model), str(runs)]
    done = subprocess.run(command, input=logits.tobytes(), capture_output=True, check=False)
    said = done.stderr.decode()
    if done.returncode:
        raise RuntimeError(said)
    time = re.search(r"^labels: (\S+) ms of CPU time$", said, re.MULTILINE)
    assert time
    return np.frombuffer(done.stdout, np.uint8), float(time[1])


def print_row(
    program: Path, folder: Path, maker: Any, kind: str, sizes: Sizes, options: argparse.Namespace
) -> None:
    """One kind of logits of one size."""
    logits = np.ascontiguousarray(logits_of(kind, sizes).transpose(0, 2, 3, 1))
    paths = [folder / "standard.tflite", folder / "segpost.tflite"]
    standard, ours = maker.make_logits(logits.shape), maker.make_logits(logits.shape)
    append_standard(standard, sizes.size)
    maker.append_argmax(ours, sizes.size)
    for model, path in zip((standard, ours), paths, strict=True):
        maker.write_model(model, path)
    rounds = [
        [time_once(program, path, logits, options.runs) for path in paths]
        for _ in range(options.rounds)
    ]
    slow, fast = (statistics.median(one[k][1] for one in rounds) for k in range(2))
    labels = [result for result, _ in rounds[0]]
    wanted = segpost.argmax(logits, size=sizes.size, axis=-1)
    assert np.array_equal(labels[1].reshape(wanted.shape), wanted)
    differing = int((labels[0] != labels[1]).sum())
    where = f"{sizes.classes} x {sizes.size[0]} x {sizes.size[1]}"
    print(
        f"| {kind} | {where} | {slow:.1f} | {fast:.2f} | {slow / fast:.1f} | {differing} |",
        flush=True,
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benches.runtimes.litert")
    parser.add_argument("program", type=Path, help="build/litert/labels")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each graph")
    parser.add_argument("--runs", type=int, default=5, help="of the graph in each")
    options = parser.parse_args()
    need("ai_edge_litert")
    sys.path.insert(0, str(EXAMPLE))
    maker = importlib.import_module("make_model")
    print(f"{works.load()}\n")
    print("| logits | labels of | standard, ms | segpost, ms | ratio | differ |")
    print("|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for sizes in SIZES:
            for kind in ("scene", "noise", "independent"):
                print_row(options.program, Path(folder), maker, kind, sizes, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
