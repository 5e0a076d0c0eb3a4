"""Predictions that are flipped, rotated, moved or resized against their targets and images."""

from __future__ import annotations

from segpost.diagnosis.alignment import FLIPS_AND_ROTATIONS, MAX_SHIFT
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.explanations import as_result, best_explanation

MAX_ASPECT_CHANGE = 0.05  # of height / width, by rounding of sizes


@rule(
    "height-width-swapped",
    needs="labels target|image",
    ranks="certain",
    cure="labels = labels.T  # sizes are (height, width); Pillow's .size is (width, height)",
    unless="transposed-labels",
)
def height_width_swapped(context: DiagnosticContext) -> RuleResult | None:
    """The labels have the height and width of the image or target, exchanged."""
    size, name = _expected_size(context)
    labels_size = context.labels.shape[1:]
    if labels_size == size or labels_size != size[::-1]:
        return None
    evidence = {"labels": _format_size(labels_size), name: _format_size(size)}
    cure = ""
    explanation = best_explanation(context, "turn")
    if explanation is not None:
        evidence |= as_result(explanation, "").evidence
        if "reshaped" in explanation.detail["how"]:
            cure = "labels = labels.reshape(height, width)"
    return RuleResult(
        "certain",
        f"the labels are {evidence['labels']} (height x width), the {name} is {evidence[name]}",
        evidence,
        cure=cure,
    )


@rule(
    "turned",
    needs="predicted target",
    ranks="likely",
    cure="undo the flip of test-time augmentation, and the EXIF orientation of photographs",
    unless="height-width-swapped transposed-labels",
)
def turned(context: DiagnosticContext) -> RuleResult | None:
    """The prediction is flipped, rotated or transposed against its target."""
    explanation = best_explanation(context, "turn")
    if explanation is None:
        return None
    how = str(explanation.detail["how"])
    codes = {
        "reshaped to (width, height)": "labels.reshape(target.shape)",
        "reshaped and transposed": "labels.reshape(target.shape[::-1]).T",
        **{name: code for name, (_, code) in FLIPS_AND_ROTATIONS.items()},
    }
    reason = "a flip that was not undone, or an EXIF orientation"
    return as_result(
        explanation, f"if the prediction is {how}", f"labels = {codes[how]}  # {reason}"
    )


@rule(
    "letterbox",
    needs="predicted target",
    ranks="likely",
    cure="feed the network the whole picture: segpost.Letterbox.fit(image.shape[:2], input_size)",
)
def letterbox(context: DiagnosticContext) -> RuleResult | None:
    """The prediction belongs to a padded or cropped image and was stretched over all of it: the
    padding was not removed, or a center crop was not undone.
    """
    explanation = best_explanation(context, "window")
    if explanation is None:
        return None
    box = explanation.detail.get("letterbox")
    cure = "" if box is None else f"segpost.argmax(logits, letterbox=segpost.{box})"
    how = explanation.detail["how"]
    return as_result(explanation, f"if the network's input was {how}", cure)


@rule(
    "shifted",
    needs="predicted target",
    ranks="likely",
    cure="look at padding, cropping and rounding before the network, and at the grid after it",
)
def shifted(context: DiagnosticContext) -> RuleResult | None:
    """The prediction is some whole pixels away from its target."""
    explanation = best_explanation(context, "shift")
    if explanation is None:
        return None
    down, right = int(explanation.detail["down"]), int(explanation.detail["right"])
    further = " or further" if max(abs(down), abs(right)) == MAX_SHIFT else ""
    return as_result(
        explanation,
        f"with the prediction moved back from {down} down and {right} to the right{further}",
        f"labels = np.roll(labels, ({-down}, {-right}), (0, 1))  # and look at the padding",
    )


@rule(
    "wrong-grid",
    needs="logits target",
    ranks="likely",
    cure="segpost.argmax(logits, size=(H, W), grid={grid!r})",
)
def wrong_grid(context: DiagnosticContext) -> RuleResult | None:
    """The logits fit the target better on another sampling grid than the one they were resized on
    (torch's align_corners=False is half_pixel, TF1 DeepLab's grid is align_corners).
    """
    explanation = best_explanation(context, "grid")
    if explanation is None:
        return None
    grid, declared = explanation.detail["grid"], explanation.detail["told"]
    return as_result(
        explanation,
        f"on grid {grid!r} instead of {declared!r}",
        f"segpost.argmax(logits, size=(H, W), grid={grid!r})",
    )


@rule(
    "size-mismatch",
    needs="labels target|image",
    ranks="certain",
    cure="segpost.argmax(logits, size=image.shape[:2])",
    unless="height-width-swapped turned letterbox wrong-argmax-axis transposed-labels",
)
def size_mismatch(context: DiagnosticContext) -> RuleResult | None:
    """The labels have another size than their target or image. If the aspect ratio differs too, a
    letterbox was not removed.
    """
    size, name = _expected_size(context)
    labels_size = (int(context.labels.shape[1]), int(context.labels.shape[2]))
    if labels_size == size or 0 in labels_size or 0 in size:
        return None
    aspect, expected_aspect = labels_size[0] / labels_size[1], size[0] / size[1]
    has_other_aspect = abs(aspect / expected_aspect - 1) > MAX_ASPECT_CHANGE
    return RuleResult(
        "certain",
        f"the labels are {_format_size(labels_size)}, the {name} {_format_size(size)}"
        + (": another aspect ratio, as with a letterbox" if has_other_aspect else ""),
        {
            "labels": _format_size(labels_size),
            name: _format_size(size),
            "aspect": round(aspect, 4),
            f"aspect_{name}": round(expected_aspect, 4),
        },
    )


@rule(
    "another-number-of-images",
    needs="predicted target",
    ranks="certain",
    cure="give each image with its own target",
    unless="wrong-argmax-axis",
)
def another_number_of_images(context: DiagnosticContext) -> RuleResult | None:
    """There are not as many predictions as targets."""
    predictions, targets = len(context.predicted), len(context.target)
    if predictions == targets:
        return None
    return RuleResult(
        "certain",
        f"there are {predictions} predictions and {targets} targets",
        {"predictions": predictions, "targets": targets},
    )


@rule(
    "exif-orientation",
    needs="image",
    ranks="hint",
    cure="image = PIL.ImageOps.exif_transpose(image)  # before the network, too",
)
def exif_orientation(context: DiagnosticContext) -> RuleResult | None:
    """The EXIF tag of the image asks for a rotation. Viewers apply it; readers that feed a network
    often do not.
    """
    metadata = context.inputs.metadata.get("image")
    if metadata is None or metadata.orientation in (0, 1):
        return None
    return RuleResult(
        "hint",
        f"the image has EXIF orientation {metadata.orientation}: its pixels are not stored as they "
        "are shown",
        {"orientation": metadata.orientation},
        "the file of the image",
    )


def _expected_size(context: DiagnosticContext) -> tuple[tuple[int, int], str]:
    """Return the size that the labels should have, and the input that has it."""
    is_target = context.inputs.target is not None
    shape = context.target.shape if is_target else context.image.shape
    return (int(shape[1]), int(shape[2])), "target" if is_target else "image"


def _format_size(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"
