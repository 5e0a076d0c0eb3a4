"""The command `segpost plan`: the list of all images of an evaluation, in shards."""

from __future__ import annotations

import argparse

from segpost.cli.evaluation.arguments import add_data_set, add_shard_images, evaluation_from
from segpost.cli.options import file_path
from segpost.cli.output import print_text
from segpost.cli.parser import CommandParser, format_epilog

EXAMPLES = ("segpost plan predictions targets --palette voc --run counts",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Write the list of all images of an evaluation to a folder: the ids, paths and "
        "sizes of their files, in shards that `segpost count` counts one by one."
    )
    parser.epilog = format_epilog(EXAMPLES, "`segpost merge` adds up the shards.")
    add_data_set(parser)
    add = parser.add_argument_group("the plan").add_argument
    add(
        "--run",
        type=file_path,
        required=True,
        metavar="DIR",
        help="where to write it; made if missing",
    )
    add_shard_images(add)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the plan."""
    plan = evaluation_from(arguments).plan(arguments.run, arguments.shard_images)
    shards = f"{plan.shards} shard{'' if plan.shards == 1 else 's'}"
    print_text(f"{plan.images} images in {shards}: {arguments.run}, plan {plan.id[:12]}")
    return 0
