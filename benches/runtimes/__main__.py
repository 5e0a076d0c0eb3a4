"""`python -m benches.runtimes`: every runtime's own postprocess against segpost, same output.

The networks are those of examples/runtimes; those whose packages are here are measured. Own is the
framework's upsampling and argmax (of a quantized network, dequantizing and argmax). CPU time of the
process, whatever threads a framework has; rounds are interleaved.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

import numpy as np

from benches.harness import measure, works
from benches.harness.jobs import Contender

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
    with contextlib.redirect_stdout(sys.stderr):  # converters say what they do
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
    kind = getattr(output.dtype, "name", str(output.dtype).rpartition(".")[2])
    return f"{' x '.join(str(int(n)) for n in output.shape[1:])} {kind}"


def main() -> int:
    """Print the table."""
    options = works.make_parser("python -m benches.runtimes", 15).parse_args()
    measure.one_thread()
    image = works.example_networks().photograph(384, 576)
    print("### runtimes\n\nA photograph of 384 x 576; CPU time, the quietest of the rounds.\n")
    print("| network | output | own, ms | segpost, ms | own / segpost | labels that differ |")
    print("|---|---|--:|--:|--:|--:|")
    times = {}
    for name in NAMES:
        try:
            contenders, what, differing = calls(name, image)
        except ImportError as error:
            print(f"| {name} | absent: {error} | | | | |")
            continue
        own, ours = measure.interleave(contenders, options.rounds)
        ratio = own.best_ms / ours.best_ms
        times[name] = {"own_ms": own.best_ms, "segpost_ms": ours.best_ms, "differing": differing}
        print(
            f"| {name} | {what} | {own.best_ms:.2f} | {ours.best_ms:.2f} | {ratio:.1f} | "
            f"{differing} |",
            flush=True,
        )
    works.write_numbers(options.json, times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
