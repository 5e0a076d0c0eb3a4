"""The commands of `segpost`: each declares its arguments with `add_to` and has a `run`."""

from segpost.cli.commands import (
    compare_checkpoints,
    count,
    demo,
    diagnose,
    evaluate,
    fingerprint,
    info,
    merge,
    plan,
    raster,
    run,
    status,
)

COMMANDS = (
    demo,
    run,
    raster,
    evaluate,
    plan,
    count,
    status,
    merge,
    diagnose,
    fingerprint,
    compare_checkpoints,
    info,
)

__all__ = ["COMMANDS"]
