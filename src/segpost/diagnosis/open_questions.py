"""Questions that the inputs of a diagnosis leave open, and the input that would decide each."""

from __future__ import annotations

from collections.abc import Iterator

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.result import OpenQuestion
from segpost.diagnosis.rules.argmaxes import EXACT_CODES
from segpost.diagnosis.values import max_probability
from segpost.render.findings import Finding

MIN_WRONG_SHARE = 0.3  # of the pixels: errors that a trained network does not make everywhere


def iter_open_questions(
    context: DiagnosticContext, findings: tuple[Finding, ...]
) -> Iterator[OpenQuestion]:
    """Yield the open questions of a context, those about an oddity first."""
    inputs = context.inputs
    yield from _iter_one_class(context, {finding.code for finding in findings})
    yield from _iter_disagreement(context, findings)
    if inputs.target is None and inputs.predicted is not None:
        yield OpenQuestion(
            "whether the prediction lies where the picture has it, and whether its classes mean "
            "the same",
            "target=",
        )
    if inputs.logits is not None and inputs.repeat_logits is None:
        yield OpenQuestion(
            "whether dropout or batch norm are in training mode",
            "repeat_logits=, the logits of a second run of the same input",
        )
    if inputs.logits is not None and (
        inputs.input is None or inputs.image is None or inputs.mean is None
    ):
        yield OpenQuestion(
            "whether the network was fed what it was trained on: normalization, RGB or BGR",
            "input=, image=, mean= and std=",
        )
    if inputs.labels is not None and inputs.logits is None:
        yield OpenQuestion("whether the labels are those of the logits", "logits=")


def _iter_one_class(context: DiagnosticContext, codes: set[str]) -> Iterator[OpenQuestion]:
    """Yield the question about a prediction of one class, which may be right."""
    inputs = context.inputs
    if inputs.predicted is None or codes & {"one-class", "one-channel", "nan-logits", *EXACT_CODES}:
        return
    ids = context.predicted_ids
    if len(ids.values) != 1:
        return
    name = context.format_class(int(ids.values[0]))
    confidence = ""
    if inputs.logits is not None and context.is_finite and context.logit_samples.shape[1] > 1:
        mean = max_probability(context.logit_samples).mean()
        confidence = f", with a mean confidence of {mean:.3f}"
    if inputs.target is None:
        yield OpenQuestion(
            f"whether it is wrong that all {ids.pixels} pixels are class {name}{confidence}: a "
            "picture of nothing else looks the same",
            "its target, or the prediction of a picture that is known to show another class",
        )
    elif context.known_ids.values.tolist() == ids.values.tolist():
        yield OpenQuestion(
            f"whether the network knows another class: prediction and target are class {name} "
            "only, and a network that always predicts this class would be right here, too",
            "a target of more than one class",
        )


def _iter_disagreement(
    context: DiagnosticContext, findings: tuple[Finding, ...]
) -> Iterator[OpenQuestion]:
    """Yield the question about a prediction that is wrong in no known way."""
    if findings or context.alignment is None or not context.alignment.is_informative:
        return
    wrong = context.alignment.wrong_share
    if wrong >= MIN_WRONG_SHARE:
        yield OpenQuestion(
            f"why {wrong:.1%} of the pixels disagree with the target: no offset, letterbox, grid, "
            "flip or other order of the classes explains it, so it may be the training",
            "the same on pictures of the training set, and input= with image=, mean= and std=",
        )
