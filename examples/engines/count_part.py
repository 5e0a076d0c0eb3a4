"""Count a part of the shards of a plan: `python count_part.py RUN I/N` counts every Nth shard.

For engines that start numbered processes: Slurm arrays, GNU parallel, torchrun.
"""

from __future__ import annotations

import argparse

import segpost
from segpost.evaluation import Plan


def count_part(run: str, part: int, parts: int) -> None:
    """Count every Nth shard, from the Ith on, counted from 0."""
    for shard in range(part, Plan.read(run).shards, parts):
        print(segpost.count_shard(run, shard))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder of the plan")
    parser.add_argument("part", help="I/N, counted from 0")
    arguments = parser.parse_args()
    count_part(arguments.run, *map(int, arguments.part.split("/")))
