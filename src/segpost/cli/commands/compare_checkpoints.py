"""The command `segpost compare-checkpoints`: what fails when a checkpoint is loaded."""

from __future__ import annotations

import argparse

import segpost
from segpost.cli.options import file_path
from segpost.cli.output import check_stdout, is_stdout, refuse_inputs, write_output
from segpost.cli.parser import CommandParser, format_epilog

EXAMPLES = ("segpost compare-checkpoints pretrained.safetensors model.safetensors",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Compare names, shapes, types and values of two checkpoints: .safetensors, "
        "torch's .pt and .pth, Keras' .weights.h5, or the prefix of a TensorFlow checkpoint. No "
        "file is trusted, and nothing in one is run."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "exit status: 0 nothing would go wrong, 1 something would, 2 the command cannot be "
        "carried out as given",
    )
    add = parser.add_argument
    add("checkpoint", type=file_path, metavar="CHECKPOINT", help="what is to be loaded")
    add(
        "model",
        type=file_path,
        metavar="MODEL",
        help="a checkpoint of what it is to be loaded into",
    )
    add("--names-only", action="store_true", help="do not look at values")
    add("--resume", action="store_true", help="training is to go on: the optimizer is wanted too")
    add("--json", type=file_path, metavar="FILE", help="write everything as JSON; - prints it")
    add(
        "--markdown",
        type=file_path,
        metavar="FILE",
        help="write the findings in Markdown; - prints them",
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare the checkpoints, write what the arguments name, and print the findings."""
    outputs = {"--json": arguments.json, "--markdown": arguments.markdown}
    check_stdout(outputs)
    refuse_inputs(outputs, (arguments.checkpoint, arguments.model))
    diff = segpost.compare_checkpoints(
        arguments.checkpoint,
        arguments.model,
        values=not arguments.names_only,
        resume=arguments.resume,
    )
    for path, text in ((arguments.json, diff.to_json), (arguments.markdown, diff.to_markdown)):
        if path is not None:
            write_output(path, text())
    if not any(map(is_stdout, (arguments.json, arguments.markdown))):
        print(diff)
    return 0 if diff.ok else 1
