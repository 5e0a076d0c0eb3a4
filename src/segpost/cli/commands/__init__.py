"""The commands of `segpost`: each module declares its arguments and has a `run`.

The module of a command is imported when the command is called, as the others take time.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from segpost.cli.parser import CommandParser

# The help of every command, in the order of the help of all.
COMMANDS = {
    "demo": "images, a report and timings from a photograph; needs no network",
    "run": "label maps and images of saved logits",
    "append": "a model of ONNX or OpenVINO whose graph ends in labels",
    "raster": "a GeoTIFF of labels from the logits of many windows",
    "evaluate": "mIoU and every other score of saved predictions",
    "compare": "what a run gained and lost against another, with intervals",
    "plan": "list the images of an evaluation in shards, for many processes and machines",
    "count": "count the shards of a plan",
    "status": "which shards of a plan are counted",
    "merge": "the scores of a plan whose shards are counted",
    "diagnose": "look for known mistakes in logits, labels, targets, palettes and inputs",
    "fingerprint": "record what a network says of a known image, and compare a restored one "
    "with it",
    "compare-checkpoints": "say what would go wrong when one checkpoint is loaded where another "
    "fits",
    "build-runtime": "compile the operators for a runtime, such as OpenVINO, that is installed",
    "info": "versions, backend, SIMD level and threads of this installation",
}


class Command(Protocol):
    """The module of a command."""

    EXAMPLES: tuple[str, ...]

    def declare(self, parser: CommandParser) -> None:
        """Declare the command."""


def import_command(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


__all__ = ["COMMANDS", "Command", "import_command"]
