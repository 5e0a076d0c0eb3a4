"""The command `segpost fingerprint`: a restored network compared with the one that was saved."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import segpost
from segpost._core.sampling import GRIDS
from segpost._core.text import as_unique_keys
from segpost.cli.messages import describe_cli_error
from segpost.cli.options import PALETTES, file_path, positive_integer
from segpost.cli.output import check_stdout, is_stdout, refuse_inputs, write_output
from segpost.cli.parser import CommandParser, format_epilog
from segpost.files.arrays import read_array
from segpost.files.writing import write_png
from segpost.fingerprints import PRECISIONS

EXAMPLES = (
    "segpost fingerprint logits.npy --save network.fingerprint.json",
    "segpost fingerprint logits.npy --compare network.fingerprint.json",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Write the image to feed (--probe), record the network's answer beside its "
        "checkpoint (--save), or compare the answer of the restored network (--compare)."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "exit status: 0 done, or the same up to rounding; 1 something has changed; 2 the "
        "command cannot be carried out as given",
    )
    add = parser.add_argument
    add(
        "logits",
        nargs="?",
        type=file_path,
        metavar="LOGITS",
        help="the network's answer: .npy, .npz",
    )
    add("--probe", type=file_path, metavar="PNG", help="write the image to feed")
    add(
        "--size",
        nargs=2,
        type=positive_integer,
        default=(513, 513),
        metavar=("H", "W"),
        help="of that image; 513 513 by default",
    )
    add(
        "--save", type=file_path, metavar="FILE", help="write the fingerprint, as JSON; - prints it"
    )
    add("--compare", type=file_path, metavar="FILE", help="the fingerprint from before")
    add(
        "--json",
        type=file_path,
        metavar="FILE",
        help="write what --compare finds, as JSON; - prints it",
    )
    add(
        "--stage",
        action="append",
        type=_stage,
        default=[],
        metavar="NAME=FILE",
        help="another array of the same run, in the network's order; input=FILE is what it was fed",
    )
    add("--axis", type=int, choices=(-3, -1), help="class axis of 3 or 4; -3")
    add(
        "--convention",
        choices=segpost.Convention.names(),
        metavar="NAME",
        help="output format of a runtime, as of segpost run",
    )
    add("--precision", choices=PRECISIONS, help="number format that the network computes in")
    add("--grid", choices=GRIDS, help="how the logits are enlarged, for the record")
    add("--quantization", nargs=2, type=float, metavar=("SCALE", "ZERO"), help="of integer logits")
    add("--palette", metavar="NAME", help=f"for the record: {PALETTES}")
    add(
        "--preprocessing",
        type=_json_object,
        metavar="JSON",
        help="for the record, such as mean, std",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the probe or the fingerprint, or compare with another fingerprint."""
    if arguments.logits is None:
        if arguments.probe is None or arguments.save or arguments.compare:
            raise ValueError("give LOGITS, or --probe PNG to write the picture to feed")
    elif not (arguments.save or arguments.compare):
        raise ValueError("give --save FILE or --compare FILE")
    if arguments.json and not arguments.compare:
        raise ValueError("--json needs --compare FILE")
    outputs = {"--save": arguments.save, "--json": arguments.json}
    check_stdout(outputs)
    stages = [path for _, path in arguments.stage]
    inputs = (arguments.logits, *stages, arguments.compare)
    refuse_inputs({**outputs, "--probe": arguments.probe}, inputs)
    if arguments.probe is not None:
        if arguments.probe.suffix.lower() != ".png":
            raise ValueError(f"--probe must end in .png, which keeps every byte: {arguments.probe}")
        write_png(arguments.probe, segpost.probe_image(tuple(arguments.size)))
        print(f"wrote {arguments.probe}")
    if arguments.logits is None:
        return 0
    # Read it first: where it cannot be compared with, nothing is written.
    before = arguments.compare and segpost.Fingerprint.load(arguments.compare)
    fingerprint = segpost.fingerprint(
        _read_array(arguments.logits),
        axis=arguments.axis,
        stages={name: _read_array(path) for name, path in arguments.stage},
        grid=arguments.grid,
        quantization=arguments.quantization and tuple(arguments.quantization),
        convention=arguments.convention,
        precision=arguments.precision,
        preprocessing=arguments.preprocessing,
        palette=arguments.palette,
    )
    if arguments.save:
        write_output(arguments.save, fingerprint.to_json())
        if not is_stdout(arguments.save):
            print(f"wrote {arguments.save}")
    if before is None:
        return 0
    diff = before.compare(fingerprint)
    if arguments.json:
        write_output(arguments.json, diff.to_json())
    if not any(map(is_stdout, (arguments.json, arguments.save))):
        print(diff)
    return 0 if diff.ok else 1


def _read_array(path: Path) -> Any:
    """Return the array of a file; errors name the file."""
    try:
        return read_array(path)
    except ValueError as error:
        raise ValueError(describe_cli_error(error, path)) from None


def _stage(text: str) -> tuple[str, Path]:
    """Return the name and the file of a stage."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, got {text!r}")
    return name, Path(path)


def _json_object(text: str) -> Any:
    """Return an object of JSON."""
    content = json.loads(text, object_pairs_hook=as_unique_keys)
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r}")
    return content


_json_object.__name__ = "JSON object"
