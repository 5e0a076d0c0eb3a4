"""Count the missing shards of a plan with Spark."""

from __future__ import annotations

import argparse

from pyspark import SparkContext

import segpost
from segpost.evaluation import Plan


def count_with_spark(run: str, context: SparkContext) -> None:
    """Count what is missing; Spark counts the shard of a worker that dies again."""
    shards = Plan.read(run).missing()
    if shards:
        tasks = context.parallelize(shards, len(shards))
        for report in tasks.map(lambda shard: segpost.count_shard(run, shard)).collect():
            print(report)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder of the plan")
    parser.add_argument("--master", default="local[2,4]", help="2 processes, 4 tries a task")
    arguments = parser.parse_args()
    with SparkContext(arguments.master, "segpost") as context:
        count_with_spark(arguments.run, context)
