"""cityscapesScripts' own compiled loop, which its wheels leave out and its sources build."""

from __future__ import annotations

import numpy as np

from benches.harness.jobs import Absent, Job, Run, contender, need

NAME = "cityscapesScripts: addToConfusionMatrix"


@contender(NAME, "confusion")
def confusion(job: Job) -> Run:
    module = need("cityscapesscripts.evaluation.addToConfusionMatrix")
    if job.target.dtype != np.uint8:
        raise Absent("it takes uint8 only")
    table = np.zeros((256, 256), np.uint64)  # of every byte: it checks no bounds
    present = list(range(job.classes))

    def run() -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint64]]]:
        table.fill(0)
        counts = module.cEvaluatePair(job.labels, job.target, table, present)
        return (counts[: job.classes, : job.classes],)

    return run
