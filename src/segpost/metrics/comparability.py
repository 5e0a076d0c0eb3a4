"""Whether the scores of two confusion matrices can be compared."""

from __future__ import annotations

from segpost.metrics.matrix import ConfusionMatrix

DECISIVE = ("num_classes", "class_names", "ignore_index", "invalid_preds")


def check_comparable(
    a: ConfusionMatrix, b: ConfusionMatrix, names: tuple[str, str] = ("a", "b")
) -> None:
    """Raise an error where two matrices count other classes, or count them otherwise.

    Names of classes count where both have them.

    Raises
    ------
    ValueError
        That names the setting, and both values.
    """
    ours, others = a.settings(), b.settings()
    for setting in DECISIVE:
        one, other = ours[setting], others[setting]
        if one == other or (setting == "class_names" and None in (one, other)):
            continue
        if setting == "class_names":
            label = next(
                k for k, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1
            )
            one, other = f"{one[label]!r} for class {label}", f"{other[label]!r}"
        raise ValueError(
            f"{names[0]} and {names[1]} cannot be compared: {setting} is {one} and {other}"
        )
