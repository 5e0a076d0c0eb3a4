"""Classes that differ in meaning between prediction and target."""

from __future__ import annotations

import numpy as np

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.causes import INPUT_CAUSES, VALUE_CAUSES
from segpost.diagnosis.rules.common.cures import array_code, labels_code, table_code, train_ids_code
from segpost.diagnosis.rules.common.explanations import as_result, best_explanation
from segpost.diagnosis.values import MIN_PIXELS, format_values

NEEDS = "predicted target"
CAUSES = f"{INPUT_CAUSES} {VALUE_CAUSES}"  # of ids that seem to mean other classes


@rule(
    "labelid-for-trainid",
    needs=NEEDS,
    ranks="likely",
    cure="target = table[target]  # table: the trainId of each labelId",
    unless="target-labelid",
    consequence_of=CAUSES,
)
def labelid_for_trainid(context: DiagnosticContext) -> RuleResult | None:
    """Prediction or target holds Cityscapes' labelIds, and the other one trainIds: mapped, they
    agree.
    """
    explanation = best_explanation(context, "labelid-target", "labelid-preds")
    if explanation is None:
        return None
    is_target = explanation.name == "labelid-target"
    return as_result(
        explanation,
        f"with the {'target' if is_target else 'prediction'}'s labelIds mapped to trainIds",
        train_ids_code(context, "target" if is_target else "labels"),
    )


@rule(
    "reduce-zero-label-missing",
    needs=NEEDS,
    ranks="likely hint",
    cure="target = np.where(target == 0, 255, target - 1)  # with 255 ignored",
    consequence_of=CAUSES,
)
def reduce_zero_label_missing(context: DiagnosticContext) -> RuleResult | None:
    """Every prediction is its target less 1: the network was trained with reduce_zero_label, and
    the target was read without it. Of a prediction that is often wrong it is a hint.
    """
    return _find_offset(context, -1)


@rule(
    "reduce-zero-label-twice",
    needs=NEEDS,
    ranks="likely hint",
    cure="target = np.where(target == 255, 0, target + 1)",
    consequence_of=CAUSES,
)
def reduce_zero_label_twice(context: DiagnosticContext) -> RuleResult | None:
    """Every prediction is its target plus 1: reduce_zero_label was applied to the target twice, or
    to a data set whose class 0 is a class. Of a prediction that is often wrong it is a hint.
    """
    return _find_offset(context, 1)


@rule(
    "class-offset",
    needs=NEEDS,
    ranks="likely hint",
    cure="target = target + offset",
    consequence_of=CAUSES,
)
def class_offset(context: DiagnosticContext) -> RuleResult | None:
    """Every prediction is its target plus a constant. Of a prediction that is often wrong it is a
    hint.
    """
    explanation = best_explanation(context, "offset")
    if explanation is None or abs(explanation.detail["offset"]) == 1:
        return None
    return _find_offset(context, int(explanation.detail["offset"]))


@rule(
    "inverted-mask",
    needs=NEEDS,
    ranks="likely hint",
    cure="labels = 1 - labels",
    consequence_of=CAUSES,
)
def inverted_mask(context: DiagnosticContext) -> RuleResult | None:
    """Foreground and background are exchanged. Of a prediction that is often wrong it is a hint."""
    explanation = best_explanation(context, "inverted")
    if explanation is None:
        return None
    return as_result(explanation, "with 0 and 1 exchanged", f"labels = 1 - {labels_code(context)}")


@rule(
    "classes-permuted",
    needs=NEEDS,
    ranks="likely hint",
    cure="labels = order[labels]  # order: the class of the target for each predicted id",
    unless="argmax-times-255 labels-luma target-luma interpolated-labels target-interpolated",
    consequence_of=CAUSES,
)
def classes_permuted(context: DiagnosticContext) -> RuleResult | None:
    """The classes have another order in the prediction than in the target: after the best
    assignment of one to the other they agree. Two classes that change places in one picture are a
    hint: an input with red and blue exchanged may do that; so are predictions that are often wrong.
    """
    explanation = best_explanation(context, "permutation")
    if explanation is None:
        return None
    mapping = explanation.detail["mapping"]
    table = table_code(explanation.detail["order"], int(context.predicted_ids.values.max()))
    cure = f"labels = {table}[{labels_code(context)}]  # in the order of the target"
    return as_result(explanation, f"with the target's classes renamed ({mapping})", cure)


@rule(
    "ids-wrapped",
    needs=NEEDS,
    ranks="likely",
    cure="labels = logits.argmax(axis)  # in a type of 16 bits or more, never uint8",
    consequence_of=CAUSES,
)
def ids_wrapped(context: DiagnosticContext) -> RuleResult | None:
    """The prediction holds the classes modulo 256: ids above 255 were stored in 8 bits."""
    explanation = best_explanation(context, "wrapped")
    if explanation is None:
        return None
    return as_result(
        explanation,
        "if the classes above 255 were stored in 8 bits, modulo 256",
        "labels = segpost.argmax(logits)  # kept in uint16; logits: the network's output",
    )


@rule(
    "no-common-class",
    needs=NEEDS,
    ranks="hint",
    cure="print(np.unique(labels), np.unique(target))  # which classes have checkpoint and data?",
    unless="one-class labelid-for-trainid reduce-zero-label-missing reduce-zero-label-twice "
    "class-offset inverted-mask classes-permuted target-outside target-0-255 labels-0-255 "
    "argmax-times-255 target-luma target-labelid labels-outside",
    consequence_of=CAUSES,
)
def no_common_class(context: DiagnosticContext) -> RuleResult | None:
    """Prediction and target have no class in common, so that every IoU is 0."""
    predicted, target = context.predicted_ids.values, context.known_ids.values
    if context.known_ids.pixels < MIN_PIXELS or not len(predicted):
        return None
    if set(predicted.tolist()) & set(target.tolist()):
        return None
    evidence = {"prediction": format_values(predicted), "target": format_values(target)}
    return RuleResult(
        "hint",
        f"the prediction has the classes {evidence['prediction']}, the target has "
        f"{evidence['target']}, and no class is in both",
        evidence,
    )


def _find_offset(context: DiagnosticContext, offset: int) -> RuleResult | None:
    """Return a result where the best explanation is that offset of the classes."""
    explanation = best_explanation(context, "offset")
    if explanation is None or explanation.detail["offset"] != offset:
        return None
    code, void = array_code(context, "target"), context.inputs.ignored.tolist()
    lost = void[0] if void else 255
    is_void = f"np.isin({code}, {void})" if void else ""
    if offset < 0:
        below = f"{code} < {-offset}"
        below = f"({below}) | {is_void}" if void else below
        cure = f"target = np.where({below}, {lost}, {code} - {-offset})  # {lost} is ignored"
    elif void:
        ignored = 0 if offset == 1 and _is_background_ignored(context) else lost
        cure = f"target = np.where({is_void}, {ignored}, {code} + {offset})"
    else:
        cure = f"target = {code} + {offset}"
    return as_result(explanation, f"if each prediction is the target's class {offset:+d}", cure)


def _is_background_ignored(context: DiagnosticContext) -> bool:
    """Return whether most ignored pixels are predicted as class 0."""
    is_ignored = np.isin(context.target, context.inputs.ignored)
    if context.predicted.shape != context.target.shape or not is_ignored.any():
        return False
    return bool((context.predicted[is_ignored] == 0).mean() > 0.5)
