"""scikit-learn."""

from __future__ import annotations

import numpy as np

from benches.harness.jobs import Job, Run, contender, need

NAME = "scikit-learn: confusion_matrix"


@contender(NAME, "confusion")
def confusion(job: Job) -> Run:
    count = need("sklearn.metrics").confusion_matrix
    target, preds, classes = job.target.ravel(), job.labels.ravel(), np.arange(job.classes)
    return lambda: (count(target, preds, labels=classes),)
