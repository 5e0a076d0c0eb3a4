"""Count the missing shards of a plan with dask.distributed."""

from __future__ import annotations

import argparse
from functools import partial

from distributed import Client, LocalCluster, as_completed

import segpost
from segpost.evaluation import Plan


def count_with_dask(run: str, client: Client) -> None:
    """Count what is missing; Dask counts the shards of a worker that dies again."""
    shards = Plan.read(run).missing()
    futures = client.map(partial(segpost.count_shard, run), shards, pure=False)
    for future in as_completed(futures):
        print(future.result())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="the folder of the plan")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    with (
        LocalCluster(
            n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        count_with_dask(arguments.run, client)
