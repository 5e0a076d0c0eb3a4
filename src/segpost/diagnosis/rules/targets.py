"""Targets, alone and beside the classes."""

from __future__ import annotations

import contextlib

import numpy as np

from segpost.color.operations import labels_from_colors
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.brightness import find_gray_values, find_stretched_ids
from segpost.diagnosis.rules.common.colors import ImageColors
from segpost.diagnosis.rules.common.cures import array_code, train_ids_code
from segpost.diagnosis.rules.common.interpolation import find_interpolated_ids
from segpost.diagnosis.values import format_position, format_values, iter_named_palettes
from segpost.render.findings import Rank

MIN_FOREGROUND_SHARE = 0.05  # of a target: ignored pixels along edges are fewer
MIN_MASK_PIXELS = 4096


@rule(
    "target-is-a-picture",
    needs="target_colors",
    ranks="certain",
    cure="target = segpost.labels_from_colors(target, palette)",
)
def target_is_a_picture(context: DiagnosticContext) -> RuleResult | None:
    """The target is a color image: it holds colors, not ids."""
    image = ImageColors(context.target_colors)
    palettes = [name for name, palette in iter_named_palettes() if image.are_in(palette).all()]
    argument = repr(palettes[0]) if palettes else "palette"
    if context.inputs.palette is not None and image.are_in(context.palette).all():
        palettes.insert(0, "the palette that was passed")
        argument = "palette"
    code = array_code(context, "target")
    if _is_bgr(context):
        code += "[..., ::-1]"
    whose = f"all of {palettes[0]}" if palettes else "of no known palette"
    shape = context.target_colors.shape[1:]
    return RuleResult(
        "certain",
        f"the target has shape {shape} and {image.count} colors, {whose}; a target holds one id a "
        "pixel"
        + (", and in the order blue, green, red it fits the prediction" if "::-1" in code else ""),
        {"colors": image.count, "palettes": ", ".join(palettes[:4]) or "none"},
        cure=f"target = segpost.labels_from_colors({code}, {argument})",
    )


@rule(
    "target-0-255",
    needs="target",
    ranks="certain likely hint",
    cure="target = (target > 127).astype('uint8')",
    consequence_of="target-is-a-picture target-stretched target-luma",
)
def target_0_255(context: DiagnosticContext) -> RuleResult | None:
    """The target is a mask of 0 and 255, whose foreground is no class. Where 255 is ignored that is
    void, unless the prediction has its foreground there; in a small crop that is a hint.
    """
    ids = context.target_ids
    if len(ids.values) != 2 or ids.values[0] != 0 or ids.values[1] < 100:
        return None
    white, share = int(ids.values[1]), float(ids.counts[1] / ids.pixels)
    classes, is_ignored = context.inputs.num_classes, bool(ids.values[1] in context.inputs.ignored)
    is_binary = classes == 2 or context.channels == 1
    if (white != 255 and not is_binary) or (classes is not None and white < classes):
        return None
    overlap = _foreground_overlap(context, white)
    if overlap is not None and overlap < 0.5:
        return None  # the prediction has another class there, or none
    is_small = is_ignored and ids.pixels < MIN_MASK_PIXELS  # a corner of void, predicted as 1
    rank: Rank = "hint" if overlap is None or is_small else "likely"
    if is_binary and not is_ignored:
        rank = "certain" if white == 255 else "likely"
    is_rare = share < MIN_FOREGROUND_SHARE
    if rank == "hint" and overlap is None and (is_rare or (is_ignored and not is_binary)):
        return None
    return RuleResult(
        rank,
        f"the target holds 0 and {white} only, the latter at {share:.1%}"
        + (", and it is ignored: if it is no void, nothing but background is left, or nothing but "
           "foreground where 0 was taken for void" if is_ignored else ""),
        {"values": format_values(ids.values), "share": share},
        cure=f"target = ({array_code(context, 'target')} >= {(white + 1) // 2}).astype('uint8')",
    )  # fmt: skip


@rule(
    "void-not-ignored",
    needs="target",
    ranks="certain hint",
    cure="ignore_index = 255  # pass it to losses and metrics",
    unless="target-0-255",
    consequence_of="target-stretched target-luma target-is-a-picture",
)
def void_not_ignored(context: DiagnosticContext) -> RuleResult | None:
    """The target has 255, which means void in nearly all data sets, and nothing ignores it: losses
    and metrics count it as a class, wrap it, or read beyond their tables.
    """
    ids, classes = context.target_ids, context.classes
    for void in (255, -1, 65535):
        if void not in ids.values or void in context.inputs.ignored:
            continue
        if classes is not None and 0 <= void < classes:
            continue
        others = ids.values[ids.values != void]
        if classes is not None and (others >= classes).any():
            continue  # more than void is wrong
        count = int(ids.counts[ids.values == void][0])
        return RuleResult(
            "hint" if classes is None else "certain",
            f"{void} occurs at {count / ids.pixels:.1%} of the target, is no class, and is not "
            "ignored",
            {"value": void, "pixels": count, "share": count / ids.pixels},
            format_position(context.target == void),
            f"ignore_index = {void}  # pass it to losses and metrics",
        )
    return None


@rule(
    "target-interpolated",
    needs="target",
    ranks="certain likely",
    cure="target = picture.resize(size, Image.Resampling.NEAREST)  # picture, size: as first read",
    consequence_of="target-stretched lossy-label-file",
)
def target_interpolated(context: DiagnosticContext) -> RuleResult | None:
    """The target was resized with interpolation, or saved in a lossy format: there are ids that lie
    between those of their neighbors, and only along edges.
    """
    return find_interpolated_ids(context, context.target, "the target")


@rule(
    "target-stretched",
    needs="target",
    ranks="likely hint",
    cure="target = np.rint(target * (num_classes - 1) / 255).astype('uint8')",
)
def target_stretched(context: DiagnosticContext) -> RuleResult | None:
    """The ids of the target were stretched to 0..255 (plt.imsave does that), or multiplied, to be
    seen.
    """
    ids = context.known_ids.values
    if 255 in context.target_ids.values and 255 not in ids:
        ids = np.append(ids, 255)
    if ids.tolist() == [0, 255] and _foreground_overlap(context, 255) is None:
        return None
    return find_stretched_ids(context, ids, "target")


@rule(
    "target-luma",
    needs="target",
    ranks="likely hint",
    cure="target = segpost.labels_from_colors(picture, palette)  # picture: read as RGB",
    unless="target-interpolated target-stretched",
    consequence_of="target-is-a-picture",
)
def target_luma(context: DiagnosticContext) -> RuleResult | None:
    """A palette image was read as grayscale: the target holds the brightness, or one channel, of
    its colors. Classes whose colors have the same brightness are lost.
    """
    return find_gray_values(context, context.known_ids.values, "target")


@rule(
    "target-labelid",
    needs="target",
    ranks="likely",
    cure="target = table[target]",
    unless="target-luma target-interpolated target-0-255 target-stretched",
)
def target_labelid(context: DiagnosticContext) -> RuleResult | None:
    """The target holds Cityscapes' labelIds (0..33, the files ..._labelIds.png), and the 19 classes
    are trainIds.
    """
    ids = context.known_ids.values
    if context.classes != 19 or not len(ids) or ids.min() < -1 or ids.max() > 33:
        return None
    beyond = ids[ids >= 19]
    if not len(beyond):
        return None
    evidence = {"values": format_values(ids), "beyond": format_values(beyond)}
    return RuleResult(
        "likely",
        f"the target has values {evidence['values']}: all are Cityscapes labelIds, and "
        f"{evidence['beyond']} are not below 19",
        evidence,
        cure=train_ids_code(context, "target"),
    )


@rule(
    "target-one-too-many",
    needs="target",
    ranks="likely",
    cure="target = np.where(target == 0, 255, target - 1)  # reduce_zero_label, 255 is ignored",
    unless="target-luma target-interpolated target-0-255 target-labelid target-stretched",
)
def target_one_too_many(context: DiagnosticContext) -> RuleResult | None:
    """The target counts classes from 1, so its largest value is the number of classes.
    reduce_zero_label (ADE20K, LoveDA, Potsdam) was not applied.
    """
    ids = context.known_ids
    if context.classes is None or context.classes < 3 or not len(ids.values):
        return None
    if ids.values.max() != context.classes or ids.values.min() < 0:
        return None
    return RuleResult(
        "likely",
        f"the target's values reach {context.classes}, and {context.classes} classes are 0..."
        f"{context.classes - 1}: it counts from 1",
        {"largest": int(ids.values.max()), "num_classes": context.classes},
        format_position(context.target == context.classes),
    )


@rule(
    "target-outside",
    needs="target",
    ranks="certain",
    cure="print(np.unique(target))  # which of these are classes? pass the others as ignore_index",
    unless="target-0-255 void-not-ignored target-interpolated",
    consequence_of="target-luma target-stretched target-labelid target-one-too-many "
    "lossy-label-file target-is-a-picture target-local-palette",
)
def target_outside(context: DiagnosticContext) -> RuleResult | None:
    """The target has values that are neither classes nor ignored."""
    beyond = context.out_of_range(context.target_ids)
    if not len(beyond):
        return None
    bad = np.isin(context.target, beyond)
    return RuleResult(
        "certain",
        f"{int(bad.sum())} of {bad.size} target values are outside of "
        f"0..{(context.classes or 0) - 1}: {format_values(beyond)}",
        {"count": int(bad.sum()), "values": format_values(beyond), "num_classes": context.classes},
        format_position(bad),
    )


@rule(
    "target-all-void",
    needs="target",
    ranks="certain",
    cure="print(np.unique(target))  # is ignore_index a class?",
    unless="target-0-255",
)
def target_all_void(context: DiagnosticContext) -> RuleResult | None:
    """Every pixel of the target is ignored, so there is nothing to compare with."""
    ids = context.target_ids
    if not ids.pixels or len(context.known_ids.values):
        return None
    return RuleResult(
        "certain",
        f"all {ids.pixels} pixels of the target are ignored ({format_values(ids.values)})",
        {"pixels": ids.pixels, "values": format_values(ids.values)},
    )


def _foreground_overlap(context: DiagnosticContext, white: int) -> float | None:
    """Return how much of a value of the target is predicted as class 1, as intersection over union.

    None is returned where nothing is predicted beside it, or one class only.
    """
    alignment = context.alignment
    if alignment is None or not alignment.is_usable or len(context.predicted_ids.values) < 2:
        return None
    mask = context.target[: len(alignment.whole)] != 0  # the target has two values
    is_mask = white in context.predicted_ids.values and white not in context.inputs.ignored
    if 1 not in alignment.values and not is_mask:
        return 0.0
    is_foreground = alignment.values != 0 if is_mask else alignment.values == 1
    predicted = is_foreground[alignment.whole.clip(max=len(is_foreground) - 1)]
    union = int(np.count_nonzero(mask | predicted))
    return int(np.count_nonzero(mask & predicted)) / union if union else 0.0


def _is_bgr(context: DiagnosticContext) -> bool:
    """Return whether the colors of the target fit the prediction better as blue, green, red."""
    palette, colors = context.inputs.palette, context.target_colors
    if palette is None:
        return False
    agreements = []
    for picture in (colors, np.ascontiguousarray(colors[..., ::-1])):
        agreements.append(-1.0)
        with contextlib.suppress(ValueError):
            decoded = np.asarray(labels_from_colors(picture, palette))
            agreements[-1] = 0.0
            if context.inputs.predicted is not None and context.predicted.shape == decoded.shape:
                agreements[-1] = float((decoded == context.predicted).mean())
    return agreements[1] > agreements[0]
