"""`ConfusionMatrix` as a `torchmetrics.Metric`, for Lightning and other trainers.

Importing this module imports torch and torchmetrics; segpost itself never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torchmetrics import Metric

from segpost._core.arguments import check_choice
from segpost._core.public import public_module
from segpost.metrics.matrix import ConfusionMatrix as MatrixOfDataSet
from segpost.metrics.matrix import InvalidPreds
from segpost.metrics.scores import Scores
from segpost.metrics.values import PER_CLASS

__all__ = ["ConfusionMatrix"]
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

    The state is one int64 tensor that is summed over processes; scores are float64, or what
    `set_dtype` says. Its scores are those of
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
    _score_dtype = torch.float64
    if TYPE_CHECKING:  # TorchScript refuses annotations that are text
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

    def update(self, preds: Any, target: Any, **reading: Any) -> None:
        """Count predictions, labels or logits, against their target.

        Parameters
        ----------
        preds, target
            As in `segpost.ConfusionMatrix.update`.
        **reading
            Its `convention`, `axis`, `grid`, `threshold`, `quantization` and `nan`.
        """
        batch = self._empty.copy()
        batch.update(preds, target, **reading)
        self.state += torch.from_numpy(batch.state).to(self.state.device)

    def compute(self) -> torch.Tensor:
        """Return the score that the constructor was asked for."""
        value = torch.from_numpy(np.array(getattr(self.scores(), self.score)))
        if value.is_floating_point():
            value = value.to(self._score_dtype)
        return value.to(self.state.device)

    def set_dtype(self, dst_type: str | torch.dtype) -> ConfusionMatrix:
        """Set the type in which `compute` returns scores, float64 at first.

        Counts stay int64, which is exact; so does the score "matrix".

        Raises
        ------
        ValueError
            If it is no type of floats.
        """
        dtype = torch.empty(0).type(dst_type).dtype
        if not dtype.is_floating_point:
            raise ValueError(f"dst_type must be a type of floats, got {dst_type!r}")
        self._dtype = self._score_dtype = dtype
        return self

    def scores(self) -> Scores:
        """Return every score of the counts so far."""
        return self.confusion_matrix().compute()

    def confusion_matrix(self) -> MatrixOfDataSet:
        """Return the counts as a `segpost.ConfusionMatrix`."""
        result = self._empty.copy()
        result.state[...] = self.state.cpu().numpy()
        return result


public_module(__name__)
