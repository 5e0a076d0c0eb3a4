"""`python -m benches.web`: labels by onnxruntime-web and by segpost, in node and in Chromium.

The graph is Resize, ArgMax and Cast, by onnxruntime-web's module of WebAssembly; both run on one
thread, in turn, and copy logits in and labels out. In node it is CPU time, in Chromium wall time.
`python -m tools.web` builds the package first. Logits are as in `benches.runtimes.operators`.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from benches.harness.jobs import need
from benches.runtimes.operators import SIZES, Sizes, logits_of
from tools.web.node import find_node

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
KINDS = ("scene", "noise", "independent")
GOALS = (24.0, 22.0)  # of scenes, one for each of SIZES
PAGE = """<!doctype html><title>bench</title><link rel="icon" href="data:,">
<script type="module">
import * as ort from "./site/ort/ort.wasm.min.mjs";
import { load } from "./site/segpost/index.js";
import { measure } from "./rounds.mjs";
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./site/ort/", import.meta.url).href;
const read = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
const clock = () => performance.now();
const rounds = Number(new URLSearchParams(location.search).get("rounds"));
const results = await measure({ ort, segpost: await load(), clock, read, rounds });
const text = document.createElement("pre");
text.id = "results";
text.textContent = JSON.stringify(results);
document.body.append(text);
</script>"""


def build_graph(sizes: Sizes, logits: np.ndarray) -> bytes:
    """Return Resize, ArgMax and Cast as ONNX."""
    onnx = need("onnx")
    h = onnx.helper
    resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    nodes = [
        h.make_node("Resize", ["x", "", "", "full"], ["r"], **resize),
        h.make_node("ArgMax", ["r"], ["a"], axis=1, keepdims=0),
        h.make_node("Cast", ["a"], ["y"], to=2),
    ]
    full = np.array([1, sizes.classes, *sizes.size])
    graph = h.make_graph(
        nodes,
        "labels",
        [h.make_tensor_value_info("x", 1, logits.shape)],
        [h.make_tensor_value_info("y", 2, [1, *sizes.size])],
        [onnx.numpy_helper.from_array(full, "full")],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def write_cases(folder: Path) -> None:
    """Write logits, graphs and their list."""
    cases = []
    for sizes, goal in zip(SIZES, GOALS, strict=True):
        for kind in KINDS:
            logits = logits_of(kind, sizes)
            name = f"{kind}{sizes.classes}"
            (folder / f"{name}.logits").write_bytes(np.float32(logits).tobytes())
            (folder / f"{name}.onnx").write_bytes(build_graph(sizes, logits))
            goals = goal if kind == "scene" else None
            case = {"name": name, "shape": logits.shape, "size": sizes.size, "least": goals}
            cases.append(case)
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")


def measure_in_node(package: Path, folder: Path, rounds: int) -> Any:
    """Return the results of node."""
    command = [*find_node(), str(HERE / "in_node.mjs"), str(package), str(folder), str(rounds)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def measure_in_chromium(package: Path, folder: Path, rounds: int) -> Any:
    """Return the results of Chromium."""
    sync_api = need("playwright.sync_api")
    shutil.copytree(package / "site", folder / "site")
    shutil.copy(HERE / "rounds.mjs", folder)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    handler = functools.partial(QuietHandler, directory=folder)
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_api.sync_playwright() as driver,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_address[1]}/?rounds={rounds}")
        tab.wait_for_selector("#results", timeout=600_000, state="attached")
        results = json.loads(tab.inner_text("#results"))
        browser.close()
        server.shutdown()
    return results


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benches.web")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--package", type=Path, default=ROOT / "web")
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}\n")
    print("| where | logits | standard, ms | segpost, ms | standard / segpost | goal | differ |")
    print("|---|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cases(folder)
        for where, measure in (("node", measure_in_node), ("Chromium", measure_in_chromium)):
            for row in measure(options.package, folder, options.rounds):
                ratio = row["standard"] / row["ours"]
                print(
                    f"| {where} | {row['name']} | {row['standard']:.1f} | {row['ours']:.2f} | "
                    f"{ratio:.1f} | {row['least'] or ''} | {row['differing']} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
