"""Count the missing shards of a plan with Ray."""

from __future__ import annotations

import argparse

import ray

import segpost
from segpost.evaluation import Plan


def count_with_ray(run: str) -> None:
    """Count what is missing; Ray counts the shard of a worker that dies again."""
    count = ray.remote(max_retries=3)(segpost.count_shard)
    reports = [count.remote(run, shard) for shard in Plan.read(run).missing()]
    for report in reports:
        print(ray.get(report))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder of the plan")
    arguments = parser.parse_args()
    ray.init()
    count_with_ray(arguments.run)
    ray.shutdown()
