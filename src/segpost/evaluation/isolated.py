"""Counting of one image in a process of its own, to see whether that process dies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from segpost.evaluation.plan import Plan

BEGUN, DONE = "begun", "done"


def survives(plan: Plan, shard: int, number: int, roots: Sequence[Path]) -> bool:
    """Return whether a process that counts this image lives to its end.

    Parameters
    ----------
    plan : Plan
        The plan.
    shard, number : int
        The shard, and the number of the image in it.
    roots : sequence of Path
        The folders of the files.
    """
    command = [sys.executable, "-m", "segpost.evaluation.isolated"]
    arguments = map(str, (plan.run, shard, number, *roots))
    result = subprocess.run(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    lines = result.stdout.decode(errors="replace").split()
    return DONE in lines or (result.returncode >= 0 and BEGUN not in lines)


def main(arguments: Sequence[str]) -> None:
    """Count one image; `arguments` are the run, shard, number and folders."""
    run, shard, number, *roots = arguments
    plan = Plan.read(run)
    image = plan.shard(int(shard)).images[int(number)]
    counter = plan.counter
    print(BEGUN, flush=True)
    counter.count(image.pair([Path(root) for root in roots]))
    print(DONE, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
