"""Classes that mean something else in the prediction than in the target."""

from __future__ import annotations

from segpost.diagnosis.context import ENOUGH, Case, listed
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.common.explained import best, explained

NEEDS = "predicted target"


@symptom(
    "labelid-for-trainid",
    needs=NEEDS,
    ranks="likely",
    cure="segpost evaluate ... --map cityscapes",
    unless="target-labelid",
)
def labelid_for_trainid(case: Case) -> Claim | None:
    """One of prediction and target holds Cityscapes' labelIds, the other trainIds: mapped, they
    agree.
    """
    made = best(case, "labelid-target", "labelid-preds")
    if made is None:
        return None
    which = "target" if made.name == "labelid-target" else "prediction"
    told = "--map-to target" if which == "target" else "--map-to preds"
    return explained(
        made,
        f"with the {which}'s labelIds made trainIds",
        f"segpost evaluate ... --map cityscapes {told}",
    )


@symptom(
    "reduce-zero-label-missing",
    needs=NEEDS,
    ranks="likely",
    cure="target = np.where(target == 0, 255, target - 1)  # with 255 ignored",
)
def reduce_zero_label_missing(case: Case) -> Claim | None:
    """Every prediction is its target less 1: the network was trained with reduce_zero_label, and
    the target was read without it.
    """
    return _offset(case, -1)


@symptom(
    "reduce-zero-label-twice",
    needs=NEEDS,
    ranks="likely",
    cure="reduce_zero_label=False  # where the data set does it already",
)
def reduce_zero_label_twice(case: Case) -> Claim | None:
    """Every prediction is its target plus 1: reduce_zero_label was applied to the target twice, or
    to a data set whose class 0 is a class.
    """
    return _offset(case, 1)


@symptom(
    "class-offset",
    needs=NEEDS,
    ranks="likely",
    cure="target = target.astype(int) + offset",
)
def class_offset(case: Case) -> Claim | None:
    """Every prediction is its target plus a constant."""
    made = best(case, "offset")
    if made is None or abs(made.detail["offset"]) == 1:
        return None
    return _offset(case, int(made.detail["offset"]))


@symptom(
    "inverted-mask",
    needs=NEEDS,
    ranks="likely",
    cure="labels = 1 - labels",
)
def inverted_mask(case: Case) -> Claim | None:
    """Foreground and background are exchanged."""
    made = best(case, "inverted")
    if made is None:
        return None
    return explained(made, "with 0 and 1 exchanged")


@symptom(
    "classes-permuted",
    needs=NEEDS,
    ranks="likely",
    cure="labels = order[labels]  # the classes in the order of the target",
    unless="argmax-times-255 labels-luma target-luma interpolated-labels target-interpolated",
)
def classes_permuted(case: Case) -> Claim | None:
    """The classes have another order in the prediction than in the target: with the best assignment
    of one to the other they agree.
    """
    made = best(case, "permutation")
    if made is None:
        return None
    mapping = made.detail["mapping"]
    return explained(made, f"with the target's classes renamed ({mapping})")


@symptom(
    "no-common-class",
    needs=NEEDS,
    ranks="hint",
    cure="print(checkpoint_names, dataset_names)  # which classes has either?",
    unless="one-class labelid-for-trainid reduce-zero-label-missing reduce-zero-label-twice "
    "class-offset inverted-mask classes-permuted target-outside target-0-255 labels-0-255 "
    "argmax-times-255 target-luma target-labelid labels-outside",
)
def no_common_class(case: Case) -> Claim | None:
    """Prediction and target have no class in common, so that every IoU is 0."""
    mine, theirs = case.predicted_ids.values, case.known_ids.values
    few = case.known_ids.pixels < ENOUGH
    if few or not len(mine) or set(mine.tolist()) & set(theirs.tolist()):
        return None
    return Claim(
        "hint",
        f"the prediction has the classes {listed(mine)}, the target {listed(theirs)}: none of both",
        {"predicted": listed(mine), "target": listed(theirs)},
    )


def _offset(case: Case, by: int) -> Claim | None:
    made = best(case, "offset")
    if made is None or made.detail["offset"] != by:
        return None
    way = f"{'-' if by < 0 else '+'} {abs(by)}"
    cure = "" if abs(by) == 1 else f"target = target.astype(int) {way}  # where it is no void"
    return explained(made, f"if each prediction is the target's class {by:+d}", cure)
