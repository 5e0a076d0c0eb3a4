"""Calibration by segpost: the expected calibration error, and with everything else."""

from __future__ import annotations

from typing import Any

import segpost
from benches.baselines.ours import NUMBA
from benches.harness.jobs import CALIBRATION, OURS, VOID, Job, Outputs, Run, contender

CLASSWISE = "segpost, with class-wise error"
EVERYTHING = "segpost, with class-wise error and temperature"


def measured(job: Job, **options: Any) -> Run:
    """One update, and the scores."""
    measure = segpost.Calibration(job.classes, ignore_index=VOID, **options)

    def run() -> Outputs:
        measure.reset()
        measure.update(job.logits, job.target)
        return (measure.compute().ece,)

    return run


@contender(OURS, CALIBRATION)
def default(job: Job) -> Run:
    return measured(job, classwise=False, temperature=False)


@contender(CLASSWISE, CALIBRATION)
def classwise(job: Job) -> Run:
    return measured(job, temperature=False)


@contender(EVERYTHING, CALIBRATION)
def everything(job: Job) -> Run:
    return measured(job)


@contender(NUMBA, CALIBRATION)
def numba(job: Job) -> Run:
    run = measured(job, classwise=False, temperature=False)

    def run_with_numba() -> Outputs:
        with segpost.use_backend("numba"):
            return run()

    return run_with_numba
