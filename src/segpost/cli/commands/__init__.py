"""The commands of `segpost`: each declares its arguments with `add_to` and has a `run`."""

from segpost.cli.commands import (
    compare_checkpoints,
    demo,
    diagnose,
    evaluate,
    fingerprint,
    info,
    raster,
    run,
)

COMMANDS = (demo, run, raster, evaluate, diagnose, fingerprint, compare_checkpoints, info)

__all__ = ["COMMANDS"]
