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
    run,
    status,
)

COMMANDS = (
    demo,
    run,
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
