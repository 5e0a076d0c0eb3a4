"""Label maps alone, and beside their target."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.argmaxes import EXACT_CODES
from segpost.diagnosis.rules.common.brightness import find_gray_values, find_stretched_ids
from segpost.diagnosis.rules.common.causes import HEAD_CAUSES, INPUT_CAUSES, VALUE_CAUSES
from segpost.diagnosis.rules.common.cures import argmax_code, array_code
from segpost.diagnosis.rules.common.interpolation import find_enlarged_ids, find_interpolated_ids
from segpost.diagnosis.values import (
    MIN_PIXELS,
    format_position,
    format_values,
    max_probability,
)
from segpost.render.findings import Rank

MAX_BLACK = 40  # of 255: darker values look black
BLOCK_SIDES = (32, 16, 8, 4, 2)
MIN_CHANGES = 64  # of label, for each pixel of a block's side, from which blocks are inferred
MIN_JUDGED_PIXELS = 4096  # below, an honest network may predict one class
SEVERAL_PICTURES = 4  # of which an honest network predicts more than one class in some
MIN_LINES = 8  # of the raster in each direction: fewer may be straight edges of regions


@rule(
    "one-class",
    needs="predicted target",
    ranks="certain likely hint",
    cure="found = segpost.diagnose(logits=logits, target=target, input=input, image=image, "
    "mean=mean, std=std)  # logits, input: what the network returned and was fed",
    unless="one-channel nan-logits untrained-head constant-logits " + " ".join(EXACT_CODES),
    consequence_of=f"{INPUT_CAUSES} {VALUE_CAUSES} {HEAD_CAUSES}",
)
def one_class(context: DiagnosticContext) -> RuleResult | None:
    """Every pixel is predicted as one class, and the target has others. Where they are few, an
    inexact network may have missed them. Without a target an image of background looks the same,
    which is an open question then.
    """
    ids = context.predicted_ids
    target_ids = context.known_ids
    if len(ids.values) != 1 or target_ids.pixels < MIN_PIXELS:
        return None
    label = int(ids.values[0])
    others = target_ids.values != label
    share = int(target_ids.counts[others].sum()) / target_ids.pixels
    if not share:
        return None
    evidence: dict[str, Any] = {
        "class": label,
        "pixels": ids.pixels,
        "target_share_of_others": share,
    }
    if context.inputs.logits is not None and context.is_finite:
        pixels = context.logit_samples
        if pixels.shape[1] > 1:
            evidence["mean_confidence"] = float(max_probability(pixels).mean())
    is_large = target_ids.pixels >= MIN_JUDGED_PIXELS
    is_likely = share >= 0.1 or (share >= 0.01 and len(context.target) >= SEVERAL_PICTURES)
    return RuleResult(
        "hint" if not (is_large and is_likely) else "certain" if share >= 0.2 else "likely",
        f"all {ids.pixels} pixels are predicted as class {context.format_class(label)}, and "
        f"{share:.1%} of the target are other classes: {format_values(target_ids.values[others])}",
        evidence,
    )


@rule(
    "labels-0-255",
    needs="labels",
    ranks="certain likely hint",
    cure="labels = (labels > 127).astype('uint8')",
    unless="one-channel argmax-times-255",
    consequence_of="labels-stretched",
)
def labels_0_255(context: DiagnosticContext) -> RuleResult | None:
    """The labels are a mask of 0 and 255 for viewing. Class 1 is written as 255, which most metrics
    ignore; MediaPipe's masks even have 255 for the background.
    """
    if context.label_ids.values.tolist() != [0, 255]:
        return None
    share = float(context.label_ids.counts[1] / context.label_ids.pixels)
    classes, is_ignored = context.inputs.num_classes, 255 in context.inputs.ignored
    overlap = _overlap_with_target(context)
    rank: Rank
    if classes is not None and classes > 255:
        return None
    if overlap is not None:
        if overlap < 0.3:
            return None  # the target has void there, or another class
        rank = "likely" if is_ignored or classes != 2 else "certain"
    elif is_ignored:
        if classes is None or classes > 2:
            return None  # what is declared void is void
        rank = "hint"
    else:
        rank = "certain" if classes is not None else "likely"
    return RuleResult(
        rank,
        f"the labels are 0 and 255 ({share:.1%}) only: a mask, not classes",
        {"share_of_255": share},
        cure=f"labels = ({array_code(context, 'labels')} > 127).astype('uint8')",
    )


@rule(
    "interpolated-labels",
    needs="labels",
    ranks="certain likely",
    cure="labels = segpost.argmax(logits, size=size)  # ids are not to be mixed",
    unless="wrong-argmax-axis argmax-times-255 reshaped-labels",
    consequence_of="labels-stretched lossy-label-file",
)
def interpolated_labels(context: DiagnosticContext) -> RuleResult | None:
    """The labels were resized with interpolation: there are ids that lie between those of their
    neighbors, and only along edges.
    """
    result = find_enlarged_ids(context)
    if result is None:
        result = find_interpolated_ids(context, context.labels, "labels")
    return None if result is None else result._replace(cure=_argmax_cure(context))


@rule(
    "labels-stretched",
    needs="labels",
    ranks="likely hint",
    cure="labels = np.rint(labels * (num_classes - 1) / 255).astype('uint8')",
    unless="argmax-times-255",
)
def labels_stretched(context: DiagnosticContext) -> RuleResult | None:
    """The labels were stretched to 0..255 (plt.imsave does that), or multiplied, to be seen."""
    ids = context.label_ids.values
    if ids.tolist() == [0, 255] and _overlap_with_target(context) is None:
        return None
    return find_stretched_ids(context, ids, "labels")


@rule(
    "labels-luma",
    needs="labels",
    ranks="likely hint",
    cure="labels = segpost.labels_from_colors(picture, palette)  # picture: read as RGB",
    unless="interpolated-labels argmax-times-255 labels-0-255 labels-stretched",
)
def labels_luma(context: DiagnosticContext) -> RuleResult | None:
    """A palette image was read as grayscale: the labels are the brightness, or one channel, of its
    colors. Classes whose colors have the same brightness are lost.
    """
    return find_gray_values(context, context.label_ids.values, "labels")


@rule(
    "labels-outside",
    needs="labels",
    ranks="certain",
    cure="labels = segpost.argmax(logits, size=size)",
    unless="argmax-times-255 labels-0-255 wrong-argmax-axis interpolated-labels",
    consequence_of="labels-stretched labels-luma lossy-label-file indices-of-file-palette",
)
def labels_outside(context: DiagnosticContext) -> RuleResult | None:
    """Some labels are neither a class nor ignored."""
    beyond = context.out_of_range(context.label_ids)
    # "palette-too-short" says so where only the palette gives the number of classes.
    is_of_palette = context.inputs.num_classes is None and context.inputs.logits is None
    if not len(beyond) or is_of_palette:
        return None
    bad = np.isin(context.labels, beyond)
    return RuleResult(
        "certain",
        f"{int(bad.sum())} of {bad.size} labels are outside of 0..{(context.classes or 0) - 1}: "
        f"{format_values(beyond)}",
        {"count": int(bad.sum()), "values": format_values(beyond), "num_classes": context.classes},
        format_position(bad),
        _argmax_cure(context),
    )


@rule(
    "no-palette-in-file",
    needs="labels",
    ranks="hint",
    cure="segpost.postprocess(logits, palette=palette).save(path)  # path: the file to write",
)
def no_palette_in_file(context: DiagnosticContext) -> RuleResult | None:
    """The labels are right, but their file is grayscale, so class ids are shown nearly black. An
    indexed file has the same ids and a palette for viewing.
    """
    metadata = context.inputs.metadata.get("labels")
    if metadata is None or metadata.mode not in ("L", "I", "I;16", "I;16B", "1"):
        return None
    mode, ids = metadata.mode, context.label_ids.values
    classes = ids[~np.isin(ids, [*context.inputs.ignored.tolist(), 255])]
    white = 65535 if mode.startswith("I") else 1 if mode == "1" else 255
    if len(classes) < 2 or classes.max() * 255 >= MAX_BLACK * white:
        return None
    lightest, shown = int(classes.max()), format_values(ids)
    return RuleResult(
        "hint",
        f"the file is grayscale (mode {mode}) with ids {shown}: the lightest class is shown as "
        f"{lightest} of {white}, which looks black",
        {"mode": mode, "ids": shown, "lightest": lightest, "white": white},
        "the file of labels",
    )


@rule(
    "lossy-label-file",
    needs="labels|target",
    ranks="certain likely",
    cure="Image.fromarray(labels).save(path)  # labels: before they were saved; path: a PNG file",
)
def lossy_label_file(context: DiagnosticContext) -> RuleResult | None:
    """The labels come from a file whose format changes values: JPEG mixes neighbors, GIF renumbers
    the colors.
    """
    for name in ("labels", "target"):
        metadata = context.inputs.metadata.get(name)
        if metadata is not None and metadata.format in ("JPEG", "GIF", "WEBP"):
            return RuleResult(
                "certain" if metadata.format == "JPEG" else "likely",
                f"the {name} come from a {metadata.format} file, which does not keep ids",
                {"format": metadata.format},
                f"the file of {name}",
            )
    return None


@rule(
    "blocky-labels",
    needs="labels",
    ranks="likely",
    cure="labels = segpost.argmax(logits, size=size)  # enlarges the logits, not the labels",
    unless="argmax-before-resize",
)
def blocky_labels(context: DiagnosticContext) -> RuleResult | None:
    """The labels are constant in squares: they were resized by nearest neighbor, after argmax."""
    side, edges = _find_raster(context.labels)
    if not side:
        return None
    target = context.inputs.target
    if target is not None and _find_raster(target)[0] == side:
        return None  # the classes themselves come in squares
    return RuleResult(
        "likely",
        f"all {edges} changes of label lie on a raster of {side} x {side} pixels",
        {"side": side, "edges": edges},
        cure=_argmax_cure(context),
    )


def _find_raster(labels: Array) -> tuple[int, int]:
    """Return the side of the squares in which labels are constant, and the changes between them."""
    for side in BLOCK_SIDES:
        height, width = (length // side * side for length in labels.shape[1:])
        if min(height, width) < 4 * side:
            continue
        part = labels[:, :height, :width]
        across = part[:, :, 1:] != part[:, :, :-1]
        down = part[:, 1:] != part[:, :-1]
        changes = int(across.sum()) + int(down.sum())
        on_raster = int(across[:, :, side - 1 :: side].sum()) + int(down[:, side - 1 :: side].sum())
        if changes < MIN_CHANGES * side:
            continue
        lines = across.any(axis=(0, 1)).sum(), down.any(axis=(0, 2)).sum()
        if changes == on_raster and min(lines) >= MIN_LINES:
            return side, changes
    return 0, 0


def _argmax_cure(context: DiagnosticContext) -> str:
    """Return code for the labels of the logits; without logits it says what they are."""
    code = argmax_code(context, grid=context.inputs.grid)
    comment = "" if context.inputs.logits is not None else "  # logits: the network's output"
    return f"labels = {code}{comment}"


def _overlap_with_target(context: DiagnosticContext) -> float | None:
    """Return how much of 255 lies on the target's class 1, as intersection over union.

    None is returned where there is no target beside the labels, or one of a single class.
    """
    alignment = context.alignment
    if alignment is None or not alignment.is_usable or len(context.known_ids.values) < 2:
        return None
    if 1 not in alignment.values or 255 not in alignment.values:
        return 0.0
    one, white = (int(np.searchsorted(alignment.values, value)) for value in (1, 255))
    mask, truth = alignment.whole == white, alignment.target == one
    mask = mask & (alignment.target != alignment.no_code)
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 0.0
