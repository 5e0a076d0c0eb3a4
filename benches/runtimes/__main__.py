"""`python -m benches.runtimes`: every runtime's own postprocess against segpost, same output.

The networks are those of examples/runtimes; those whose packages are here are measured. Own is the
framework's upsampling and argmax (of a quantized network, dequantizing and argmax). CPU time of the
process, whatever threads a framework has; rounds are interleaved.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benches.harness import measure
from benches.harness.jobs import Contender

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "runtimes"
NAMES = (
    "torchvision_deeplab",
    "smp_deeplab",
    "transformers_mobilenet",
    "onnxruntime_deeplab",
    "openvino_deeplab",
    "keras_hub_deeplab",
    "litert_deeplab",
    "jax_network",
)


def calls(name: str, image: np.ndarray) -> tuple[list[Contender], str, int]:
    """The two ways, what the output is, and how many labels differ."""
    module = importlib.import_module(name)
    model, x = module.network(image)
    output, size = module.small(model, x), image.shape[:2]

    def own() -> tuple[Any, ...]:
        made = module.own(model, output, size)
        return (getattr(made, "block_until_ready", lambda: made)(),)

    def ours() -> tuple[Any, ...]:
        return (module.ours(model, output, size),)

    (theirs,), (mine,) = own(), ours()
    differing = int((np.asarray(theirs) != np.asarray(mine)).sum())
    return [Contender("own", own), Contender("segpost", ours)], described(output), differing


def described(output: Any) -> str:
    """Shape and type of what the runtime gave."""
    if hasattr(output, "logits"):
        output = output.logits
    if isinstance(output, (list, tuple)) or hasattr(output, "to_tuple"):
        output = output[0]
    kind = str(output.dtype).rpartition(".")[2].strip("<>'")
    return f"{' x '.join(str(int(n)) for n in output.shape[1:])} {kind}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benches.runtimes")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # the examples have arguments of their own
    sys.path.insert(0, str(EXAMPLES))
    measure.one_thread()
    shared = importlib.import_module("stand_in")
    shared.declare_operators()
    image = shared.photograph(384, 576)
    print("| network | output | own, ms | segpost, ms | own / segpost | labels that differ |")
    print("|---|---|--:|--:|--:|--:|")
    found = {}
    for name in NAMES:
        try:
            contenders, what, differing = calls(name, image)
        except ImportError as error:
            print(f"| {name} | absent: {error} | | | | |")
            continue
        own, ours = measure.interleave(contenders, options.rounds)
        ratio = own.best_ms / ours.best_ms
        found[name] = {"own_ms": own.best_ms, "segpost_ms": ours.best_ms, "differing": differing}
        print(
            f"| {name} | {what} | {own.best_ms:.2f} | {ours.best_ms:.2f} | {ratio:.1f} | "
            f"{differing} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
