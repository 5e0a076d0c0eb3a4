"""`ConfusionMatrix` as a `torchmetrics.Metric`, for Lightning and other trainers.

Importing this module imports torch and torchmetrics; segpost itself never does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchmetrics import Metric

from segpost._core.arguments import check_choice
from segpost.metrics.matrix import ConfusionMatrix as MatrixOfDataSet
from segpost.metrics.matrix import InvalidPreds
from segpost.metrics.scores import Scores
from segpost.metrics.values import PER_CLASS

SCORES = (
    "miou",
    "pixel_accuracy",
    "mean_accuracy",
    "fwiou",
    "kappa",
    "mcc",
    *PER_CLASS,
    "matrix",
)


class ConfusionMatrix(Metric):
    """`segpost.ConfusionMatrix` as a metric: `forward`, `reset`, synchronization, checkpoints.

    The state is one int64 tensor that is summed over processes. Its scores are those of
    `segpost.ConfusionMatrix.compute`; `compute` here returns one of them as a tensor, for logs. It
    keeps the number of predictions that are no class, but not their values: dialects that depend on
    these need `segpost.ConfusionMatrix`.

    Parameters
    ----------
    num_classes, ignore_index, class_names, invalid_preds
        As in `segpost.ConfusionMatrix`.
    score : str
        The attribute of `Scores` that `compute` returns, one of ``SCORES``, such as "miou", "iou",
        "kappa" or "matrix".
    **kwargs
        Arguments of `torchmetrics.Metric`.

    Examples
    --------
    >>> import torch
    >>> from segpost.torchmetrics import ConfusionMatrix
    >>> metric = ConfusionMatrix(3, ignore_index=255)
    >>> metric.update(torch.tensor([[0, 0, 1, 2]]), torch.tensor([[0, 1, 1, 255]]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    state: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: Any = None,
        class_names: Any = None,
        invalid_preds: InvalidPreds = "miss",
        score: str = "miou",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._empty = MatrixOfDataSet(
            num_classes,
            ignore_index=ignore_index,
            class_names=class_names,
            invalid_preds=invalid_preds,
        )
        check_choice(score, "score", SCORES)
        self.score = score
        self.add_state("state", torch.from_numpy(self._empty.state.copy()), dist_reduce_fx="sum")

    def update(self, preds: Any, target: Any) -> None:
        """Count predictions, labels or logits, against their target."""
        batch = self._empty.copy()
        batch.update(preds, target)
        self.state += torch.from_numpy(batch.state).to(self.state.device)

    def compute(self) -> torch.Tensor:
        """Return the score that the constructor was asked for."""
        value = np.asarray(getattr(self.scores(), self.score))
        return torch.from_numpy(value.copy()).to(self.state.device)

    def scores(self) -> Scores:
        """Return every score of the counts so far."""
        return self.confusion_matrix().compute()

    def confusion_matrix(self) -> MatrixOfDataSet:
        """Return the counts as a `segpost.ConfusionMatrix`."""
        result = self._empty.copy()
        result.state[...] = self.state.cpu().numpy()
        return result
