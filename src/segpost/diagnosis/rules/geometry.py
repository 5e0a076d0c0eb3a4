"""Predictions that are flipped, rotated, moved or resized against their targets and images."""

from __future__ import annotations

from typing import Any

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.placements import EXCHANGED, FLIPS_AND_ROTATIONS
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.causes import INPUT_CAUSES, VALUE_CAUSES
from segpost.diagnosis.rules.common.cures import (
    argmax_code,
    is_batched,
    labels_code,
    size_code,
)
from segpost.diagnosis.rules.common.explanations import as_result, best_explanation

MAX_ASPECT_CHANGE = 0.05  # of height / width, by rounding of sizes
CAUSES = f"{INPUT_CAUSES} {VALUE_CAUSES}"  # of a prediction that seems to be misplaced


@rule(
    "height-width-swapped",
    needs="labels target|image",
    ranks="certain",
    cure="labels = labels.swapaxes(-1, -2)  # Pillow's .size is (width, height)",
    unless="transposed-labels",
)
def height_width_swapped(context: DiagnosticContext) -> RuleResult | None:
    """The labels have the height and width of the image or target, exchanged."""
    size, name = _expected_size(context)
    labels_size = context.labels.shape[1:]
    if labels_size == size or labels_size != size[::-1]:
        return None
    evidence = {"labels": _format_size(labels_size), name: _format_size(size)}
    how = "transposed"
    explanation = best_explanation(context, "turn")
    if explanation is not None:
        evidence |= as_result(explanation, "").evidence
        how = str(explanation.detail["how"])
    cure = f"labels = {_undo_turn(context, how)}  # Pillow's .size is (width, height)"
    return RuleResult(
        "certain",
        f"the labels are {evidence['labels']} (height x width), the {name} is {evidence[name]}",
        evidence,
        cure=cure,
    )


@rule(
    "turned",
    needs="predicted target",
    ranks="likely hint",
    cure="undo the flip of test-time augmentation, and the EXIF orientation of photographs",
    unless="height-width-swapped transposed-labels",
    consequence_of=CAUSES,
)
def turned(context: DiagnosticContext) -> RuleResult | None:
    """The prediction is flipped, rotated or transposed against its target. Of a prediction that is
    often wrong it is a hint.
    """
    explanation = best_explanation(context, "turn")
    if explanation is None:
        return None
    how = str(explanation.detail["how"])
    if how == EXCHANGED:
        code = "target = target.swapaxes(-1, -2)  # or logits = logits.swapaxes(-1, -2), with this"
        return as_result(explanation, f"if the prediction is {how}", f"{code} target")
    reason = "a flip that was not undone, or an EXIF orientation"
    return as_result(
        explanation,
        f"if the prediction is {how}",
        f"labels = {_undo_turn(context, how)}  # {reason}",
    )


@rule(
    "letterbox",
    needs="predicted target",
    ranks="likely hint",
    cure="feed the network the whole picture: segpost.Letterbox.fit(image.shape[:2], input_size)",
    consequence_of=CAUSES,
)
def letterbox(context: DiagnosticContext) -> RuleResult | None:
    """The prediction belongs to a padded or cropped image and was stretched over all of it: the
    padding was not removed, or a center crop was not undone. Of a prediction that is often wrong it
    is a hint, and so is a padding that without logits looks like another sampling grid.
    """
    explanation = best_explanation(context, "window")
    if explanation is None:
        return None
    how = explanation.detail["how"]
    return as_result(
        explanation, f"if the network's input was {how}", _undo_window(context, explanation.detail)
    )


@rule(
    "shifted",
    needs="predicted target",
    ranks="likely hint",
    cure="look at padding, cropping and rounding before the network, and at the grid after it",
    consequence_of=CAUSES,
)
def shifted(context: DiagnosticContext) -> RuleResult | None:
    """The prediction is some whole pixels away from its target. One or two pixels are a hint unless
    several pictures show them.
    """
    explanation = best_explanation(context, "shift")
    if explanation is None:
        return None
    down, right = int(explanation.detail["down"]), int(explanation.detail["right"])
    return as_result(
        explanation,
        f"with the prediction moved back from {down} down and {right} to the right",
        _undo_shift(context, down, right),
    )


@rule(
    "tiles-exchanged",
    needs="predicted target",
    ranks="likely hint",
    cure="paste every window where it was cut: segpost.Merger",
    consequence_of=CAUSES,
)
def tiles_exchanged(context: DiagnosticContext) -> RuleResult | None:
    """Tiles of the prediction are pasted in another order than they were cut in. Of a prediction
    that is often wrong it is a hint.
    """
    explanation = best_explanation(context, "tiles")
    if explanation is None:
        return None
    down, across = (int(count) for count in explanation.detail["tiles"].split(" x "))
    order = explanation.detail["order"]
    rows = [order[row * across : (row + 1) * across] for row in range(down)]
    code = labels_code(context)
    first = "" if code == "labels" else f"labels = {code}; "
    cure = (
        f"{first}h, w = labels.shape[-2] // {down}, labels.shape[-1] // {across}; "
        "labels = np.concatenate([np.concatenate([labels[..., "
        f"k // {across} * h:(k // {across} + 1) * h, k % {across} * w:(k % {across} + 1) * w] "
        f"for k in row], -1) for row in {rows}], -2)"
    )
    result = as_result(explanation, f"with its {down} x {across} tiles in the order {order}", cure)
    return result._replace(evidence={**result.evidence, "order": str(order)})


@rule(
    "pictures-exchanged",
    needs="predicted target",
    ranks="likely hint",
    cure="labels = labels[order]  # the predictions in the order of the targets",
    consequence_of=CAUSES,
)
def pictures_exchanged(context: DiagnosticContext) -> RuleResult | None:
    """The predictions of a batch belong to the targets of other pictures of the same batch. Of a
    prediction that is often wrong it is a hint.
    """
    explanation = best_explanation(context, "images")
    if explanation is None:
        return None
    order = explanation.detail["order"]
    name = "labels" if context.inputs.labels is not None else "logits"
    if context.inputs.labels is None and context.inputs.logits is None:
        name = "color"
    result = as_result(
        explanation,
        f"with the predictions in the order {order}",
        f"{name} = {name}[{order}]  # and look at how files are sorted",
    )
    return result._replace(evidence={**result.evidence, "order": str(order)})


@rule(
    "wrong-grid",
    needs="logits target",
    ranks="likely hint",
    cure="labels = segpost.argmax(logits, size=target.shape[-2:], grid=grid)",
    consequence_of=CAUSES,
)
def wrong_grid(context: DiagnosticContext) -> RuleResult | None:
    """The logits fit the target better on another sampling grid than the one they were resized on
    (torch's align_corners=False is half_pixel, TF1 DeepLab's grid is align_corners). One or two
    pictures are a hint.
    """
    explanation = best_explanation(context, "grid")
    if explanation is None:
        return None
    grid, labels_grid = explanation.detail["grid"], explanation.detail["labels_grid"]
    return as_result(
        explanation,
        f"on grid {grid!r} instead of {labels_grid!r}",
        f"labels = {argmax_code(context, grid=grid)}",
    )


@rule(
    "size-mismatch",
    needs="labels target|image",
    ranks="certain",
    cure="labels = segpost.argmax(logits, size=size)",
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
        cure=_resize_code(context),
    )


@rule(
    "another-number-of-images",
    needs="predicted target",
    ranks="certain",
    cure="print(len(labels), len(target))  # pass each prediction with its own target",
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
    cure="from PIL import ImageOps; image = ImageOps.exif_transpose(image)  # before the network",
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


def _resize_code(context: DiagnosticContext) -> str:
    """Return code for labels of the expected size, of the logits where there are some."""
    if context.inputs.logits is not None:
        return f"labels = {argmax_code(context, grid=context.inputs.grid)}"
    size = size_code(context)
    return f"labels = segpost.argmax(logits, size={size})  # logits: the network's output"


def _undo_turn(context: DiagnosticContext, how: str) -> str:
    """Return code for the labels without a flip, a rotation or a reshape."""
    code = labels_code(context)
    if how in FLIPS_AND_ROTATIONS:
        return FLIPS_AND_ROTATIONS[how][3].format(code)
    height, width = context.target.shape[1:]
    batch = f"{len(context.predicted)}, " if is_batched(context) else ""
    if how == "reshaped to (width, height)":
        return f"{code}.reshape({batch}{height}, {width})"
    return f"{code}.reshape({batch}{width}, {height}).swapaxes(-1, -2)"


def _undo_shift(context: DiagnosticContext, down: int, right: int) -> str:
    """Return code for the labels moved back; rows and columns that are lost repeat the last."""
    parts, paddings = [], []
    for offset in (down, right):
        parts.append(f"{offset}:" if offset > 0 else f":{offset}" if offset < 0 else ":")
        paddings.append((max(0, -offset), max(0, offset)))
    widths = [(0, 0), *paddings] if is_batched(context) else paddings
    return (
        f"labels = np.pad({labels_code(context)}[..., {', '.join(parts)}], {widths}, 'edge')  "
        "# what was moved out is a guess: look at the padding before the network"
    )


def _undo_window(context: DiagnosticContext, detail: dict[str, Any]) -> str:
    """Return code for the labels without padding or cropping."""
    box = detail.get("letterbox")
    inputs = context.inputs
    if box is not None and inputs.labels is None and inputs.logits is not None:
        return f"labels = {argmax_code(context, letterbox=f'segpost.{box}', grid=inputs.grid)}"
    top, bottom, left, right = (float(e) for e in detail["top_bottom_left_right"].split(", "))
    code = labels_code(context)
    height, width = context.target.shape[1:]

    def indices(n_out: int, start: float, stop: float, axis: int) -> str:
        step = round((stop - start) / n_out, 9)
        return (
            f"(labels.shape[{axis}] * ({start} + {step} * (np.arange({n_out}) + 0.5)))"
            f".clip(0, labels.shape[{axis}] - 1).astype(int)"
        )

    lost = "  # what was cut off is a guess: feed the whole image" if top < 0 or left < 0 else ""
    first = "" if code == "labels" else f"labels = {code}; "
    return (
        f"{first}labels = labels[..., {indices(height, top, bottom, -2)}[:, None], "
        f"{indices(width, left, right, -1)}]{lost}"
    )


def _format_size(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"
