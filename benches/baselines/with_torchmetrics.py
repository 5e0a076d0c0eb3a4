"""torchmetrics, with its default checks of the arguments and without."""

from __future__ import annotations

from typing import Any

from benches.harness.jobs import CALIBRATION as CALIBRATING
from benches.harness.jobs import VOID, Job, Outputs, Run, contender, need

CLASS = "torchmetrics: MulticlassConfusionMatrix"
FUNCTION = "torchmetrics: multiclass_confusion_matrix"
CALIBRATION = "torchmetrics: MulticlassCalibrationError, of full-size probabilities"
UNCHECKED = ", validate_args=False"


def tensors(job: Job) -> tuple[Any, Any]:
    """Prediction and target; logits are upsampled by whoever calls."""
    torch = need("torch")
    if not job.logits.size:
        return torch.from_numpy(job.labels), torch.from_numpy(job.target)
    return torch.from_numpy(job.logits)[None], torch.from_numpy(job.target)[None].long()


def upsampled(job: Job, preds: Any) -> Any:
    """Logits of the target's size."""
    if job.size is None:
        return preds
    resize = need("torch").nn.functional.interpolate
    return resize(preds, size=job.size, mode="bilinear", align_corners=False)


def metric(job: Job, checked: bool) -> Run:
    """The class: reset, update, compute."""
    preds, target = tensors(job)
    made = need("torchmetrics.classification").MulticlassConfusionMatrix(
        job.classes, ignore_index=VOID, validate_args=checked
    )

    def run() -> Outputs:
        made.reset()
        made.update(upsampled(job, preds), target)
        return (made.compute(),)

    return run


def function(job: Job, checked: bool) -> Run:
    """The function."""
    count = need("torchmetrics.functional.classification").multiclass_confusion_matrix
    preds, target = tensors(job)

    def run() -> Outputs:
        pair = upsampled(job, preds), target
        return (count(*pair, job.classes, ignore_index=VOID, validate_args=checked),)

    return run


@contender(CLASS, "confusion", "confusion from logits")
def metric_checked(job: Job) -> Run:
    return metric(job, True)


@contender(CLASS + UNCHECKED, "confusion", "confusion from logits")
def metric_unchecked(job: Job) -> Run:
    return metric(job, False)


@contender(FUNCTION, "confusion", "confusion from logits")
def function_checked(job: Job) -> Run:
    return function(job, True)


@contender(FUNCTION + UNCHECKED, "confusion", "confusion from logits")
def function_unchecked(job: Job) -> Run:
    return function(job, False)


def calibration(job: Job, checked: bool) -> Run:
    """The metric alone: it gets the probabilities of the target's size for nothing."""
    preds, target = tensors(job)
    probabilities = upsampled(job, preds).softmax(1)
    made = need("torchmetrics.classification").MulticlassCalibrationError(
        job.classes, n_bins=15, ignore_index=VOID, validate_args=checked
    )

    def run() -> Outputs:
        made.reset()
        made.update(probabilities, target)
        return (made.compute(),)

    return run


@contender(CALIBRATION, CALIBRATING)
def calibration_checked(job: Job) -> Run:
    return calibration(job, True)


@contender(CALIBRATION + UNCHECKED, CALIBRATING)
def calibration_unchecked(job: Job) -> Run:
    return calibration(job, False)
