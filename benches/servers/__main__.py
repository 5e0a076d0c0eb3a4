"""`python -m benches.servers MODELS`: requests per second and latencies, on loopback.

MODELS is the folder that examples/servers/make_models.py wrote. Every server is started once; they
take turns in rounds, so that the machine is the same for all. A server computes `--threads`
pictures at a time, each with one thread. Clients run in this process, beside it: their time is in
the latencies, and not in the CPU time of the server. `--cpp` is the program of
examples/servers/cpp.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benches.harness.jobs import need
from benches.harness.report import processor
from benches.servers.load import Load, as_request, ask_once, run_clients

ROOT = Path(__file__).resolve().parents[2]


class Rival(NamedTuple):
    """A server that runs."""

    name: str
    process: subprocess.Popen[str]
    port: int


def start(name: str, command: list[str], settings: dict[str, str]) -> Rival:
    """Start a server and wait until it says its port."""
    paths = [str(ROOT), *sys.path]
    environment = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return Rival(name, process, int(found[1]))
    raise RuntimeError(f"{name} did not start:\n{said}")


def commands(options: argparse.Namespace) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Names, commands and variables of all servers."""
    models = options.models.resolve()
    limits = {"SEGPOST_THREADS": str(options.threads), "SEGPOST_MAX_REQUESTS": "64",
              "SEGPOST_SECONDS": "600", "SEGPOST_MAX_PIXELS": "100000000",
              "SEGPOST_MAX_BYTES": "100000000"}  # fmt: skip
    server = str(ROOT / "examples" / "servers" / "fastapi_server.py")
    yield (
        "FastAPI, ONNX Runtime: segpost in the graph",
        [sys.executable, server, "--port", "0"],
        {**limits, "SEGPOST_MODEL": str(models / "labels.onnx")},
    )
    for factory, what in (
        ("numpy", "Resize in the graph, NumPy's argmax"),
        ("opencv", "OpenCV: resize, compare and max of every class"),
        ("graph", "Resize, ArgMax, Cast in the graph"),
    ):
        uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "--port", "0", "--no-access-log"]
        yield (
            f"FastAPI, ONNX Runtime: {what}",
            [*uvicorn, f"benches.servers.rivals:{factory}"],
            {**limits, "SEGPOST_MODEL": str(models / "network.onnx")},
        )
    if options.cpp:
        from segpost.runtimes import append_postprocess, library

        openvino = need("openvino")
        standard = models / "standard.xml"
        network = openvino.Core().read_model(models / "network.onnx")
        append_postprocess(network, standard=True).save(standard)
        for model, what in (("labels", "segpost"), ("standard", "standard operators")):
            yield (
                f"C++, OpenVINO: {what} in the graph",
                [str(options.cpp), "0"],
                {**limits, "SEGPOST_MODEL": str(models / f"{model}.xml"),
                 "SEGPOST_PALETTE": str(models / "palette.rgb"),
                 "SEGPOST_OPERATORS": library("openvino")},
            )  # fmt: skip


def photograph(path: Path | None, scale: float) -> tuple[bytes, tuple[int, int]]:
    """A JPEG, and its height and width."""
    image_module = need("PIL.Image")
    if path is None:
        picture = image_module.fromarray(need("sklearn.datasets").load_sample_image("china.jpg"))
    else:
        picture = image_module.open(path).convert("RGB")
    picture = picture.resize([round(side * scale) for side in picture.size])
    content = io.BytesIO()
    picture.save(content, "jpeg", quality=90)
    return content.getvalue(), (picture.height, picture.width)


def labels_of(rival: Rival, request: bytes) -> np.ndarray:
    """The labels that a server answers."""
    with need("PIL.Image").open(io.BytesIO(ask_once(rival.port, request))) as picture:
        return np.asarray(picture)


def row(name: str, loads: list[Load], differing: int) -> str:
    """A row of the table."""
    latencies = [1000 * one for load in loads for one in load.latencies]
    seconds = sum(load.seconds for load in loads)
    failed = sum(load.failed for load in loads)
    p50, p99 = np.percentile(latencies, [50, 99])
    cpu = 1000 * sum(load.cpu for load in loads) / (len(latencies) + failed)
    return (
        f"| {name} | {len(latencies) / seconds:.1f} | {p50:.0f} | {p99:.0f} | {cpu:.1f} "
        f"| {failed} | {differing} |"
    )


def main() -> int:
    """Print a table for each number of clients."""
    parser = argparse.ArgumentParser(prog="python -m benches.servers")
    parser.add_argument("models", type=Path)
    parser.add_argument("--cpp", type=Path, help="the program of examples/servers/cpp")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=30, help="of each server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--image", type=Path, help="a photograph; else that of scikit-learn")
    parser.add_argument("--scale", type=float, default=2.0, help="of the photograph")
    options = parser.parse_args()
    content, (height, width) = photograph(options.image, options.scale)
    request = as_request(content, "image/jpeg")
    with contextlib.ExitStack() as stack:
        rivals: list[Rival] = []
        for arguments in commands(options):
            rivals.append(start(*arguments))
            stack.callback(rivals[-1].process.kill)
        wanted = labels_of(rivals[0], request)
        differing = [int((labels_of(rival, request) != wanted).sum()) for rival in rivals]
        print(
            f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors, load "
            f"{os.getloadavg()[0]:.1f} before; a JPEG of {height} x {width} and "
            f"{len(content)} bytes, {len(np.unique(wanted))} classes; {options.threads} threads a "
            f"server; {options.seconds:g} s each in {options.rounds} rounds"
        )
        rng = random.Random(0)
        for clients in options.clients:
            loads: list[list[Load]] = [[] for _ in rivals]
            for _ in range(options.rounds):
                for k in rng.sample(range(len(rivals)), len(rivals)):
                    rival, seconds = rivals[k], options.seconds / options.rounds
                    pid = rival.process.pid
                    loads[k].append(run_clients(rival.port, pid, request, clients, seconds))
            print_table(clients, rivals, loads, differing)
    return 0


def print_table(
    clients: int, rivals: list[Rival], loads: list[list[Load]], differing: list[int]
) -> Any:
    """Print the table of a number of clients."""
    noun = "client" if clients == 1 else "clients"
    columns = "requests/s | p50, ms | p99, ms | CPU ms a request | failed | differ |"
    print(f"\n| {clients} {noun} | {columns}")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for rival, own, labels in zip(rivals, loads, differing, strict=True):
        print(row(rival.name, own, labels))
    print(f"\nload after: {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
