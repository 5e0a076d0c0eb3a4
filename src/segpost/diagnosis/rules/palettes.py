"""Palettes, and images drawn in their colors."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.colors import ImageColors, draw, is_drawn_with
from segpost.diagnosis.rules.labels import MAX_BLACK
from segpost.diagnosis.values import (
    format_position,
    format_values,
    iter_named_palettes,
    pack_rgb,
    unpack_rgb,
)
from segpost.render.findings import Rank

MAX_PALETTE_COLORS = 256  # of an image of labels; more come from overlays, JPEG or resizing
MIN_CLASSES_OF_DATASET = 10  # fewer are often the caller's own
OFFSETS = (1, -1, 2, -2)  # of names or colors against classes


@rule(
    "palette-of-0-1",
    needs="palette",
    ranks="certain",
    cure="palette = segpost.Palette((np.asarray(palette) * 255).round().astype(int))",
)
def palette_of_0_1(context: DiagnosticContext) -> RuleResult | None:
    """The palette holds floats in 0..1. As bytes they become 0 or 1, so everything is black."""
    if not context.inputs.palette_in_0_1:
        return None
    return RuleResult(
        "certain", "the palette holds floats in 0..1, and pictures have bytes in 0..255", {}
    )


@rule(
    "palette-black",
    needs="predicted",
    ranks="certain",
    cure="palette = segpost.Palette.distinct(num_classes)",
    unless="palette-of-0-1",
)
def palette_black(context: DiagnosticContext) -> RuleResult | None:
    """Several classes are predicted, and the palette draws each of them black or nearly black."""
    palette = context.palette_shown()
    if palette is None:
        return None
    ids = context.predicted_ids.values
    ids = ids[(ids >= 0) & (ids < len(palette)) & ~np.isin(ids, context.inputs.ignored)]
    if len(ids) < 2:
        return None
    lightest = int(palette.colors[ids].max())
    if lightest >= MAX_BLACK:
        return None
    return RuleResult(
        "certain",
        f"all {len(ids)} predicted classes ({format_values(ids)}) are black in the palette: the "
        f"largest of their values is {lightest} of 255",
        {"classes": format_values(ids), "largest_value": lightest},
        cure=f"palette = segpost.Palette.distinct({int(ids.max()) + 1})",
    )


@rule(
    "palette-too-short",
    needs="palette",
    ranks="certain likely",
    cure="palette = segpost.Palette.distinct(num_classes)  # or add the colors that it lacks",
    unless="labels-luma argmax-times-255 labels-0-255 interpolated-labels",
    consequence_of="labels-stretched",
)
def palette_too_short(context: DiagnosticContext) -> RuleResult | None:
    """The palette has fewer colors than there are classes: the other classes are black, wrap, or
    raise an error. A background that the palette lacks (150 colors for 151 classes of ADE20K)
    shifts all colors.
    """
    colors = len(context.palette)
    evidence: dict[str, Any] = {"colors": colors}
    if context.inputs.predicted is not None:
        ids = context.predicted_ids.values
        beyond = ids[(ids >= colors) & ~np.isin(ids, [*context.inputs.ignored.tolist(), 255])]
        if len(beyond):
            evidence["beyond"] = format_values(beyond)
            message = f"the palette has {colors} colors, and labels {evidence['beyond']} occur"
            return RuleResult("certain", message, evidence)
    if context.classes is None or context.classes <= colors:
        return None
    evidence["num_classes"] = context.classes
    return RuleResult(
        "likely" if context.inputs.predicted is not None else "certain",
        f"the palette has {colors} colors for {context.classes} classes",
        evidence,
    )


@rule(
    "names-shifted",
    needs="palette class_names",
    ranks="certain",
    cure="class_names = ['background', *class_names]  # or class_names[1:]: as the palette has it",
)
def names_shifted(context: DiagnosticContext) -> RuleResult | None:
    """The class names are those of the palette, shifted by one or two classes."""
    names = [_normalize(name) for name in context.class_names]
    palette_names = [_normalize(name) for name in context.palette.names or ()]
    if all(name == other for name, other in zip(names, palette_names, strict=False)):
        return None
    for offset in OFFSETS:
        shifted = palette_names[max(offset, 0) :]
        first = max(-offset, 0)
        pairs = list(zip(names[first:], shifted, strict=False))
        if len(pairs) >= 3 and all(name == other for name, other in pairs):
            return RuleResult(
                "certain",
                f"class names are the palette's shifted by {offset}: class {first} is "
                f"{context.class_names[first]!r}, which is color {first + offset}",
                {"shift": offset, "names": len(names), "colors": len(palette_names)},
            )
    return None


@rule(
    "palette-of-other-dataset",
    needs="palette",
    ranks="certain likely hint",
    cure="palette = segpost.Palette.named(name)  # name: the data set's",
    unless="names-shifted",
)
def palette_of_other_dataset(context: DiagnosticContext) -> RuleResult | None:
    """The palette belongs to another data set than the class names, the number of classes or the
    drawn colors.
    """
    return (
        _compare_names(context) or _compare_drawn_colors(context) or _compare_class_count(context)
    )


@rule(
    "ids-as-grey",
    needs="color",
    ranks="certain likely",
    cure="color = segpost.colorize(labels, palette)",
)
def ids_as_grey(context: DiagnosticContext) -> RuleResult | None:
    """Label ids were saved as grayscale: the picture shows the ids, nearly black."""
    red = context.color[..., 0]
    if (red != context.color[..., 1]).any() or (red != context.color[..., 2]).any():
        return None
    if context.inputs.palette is not None and is_drawn_with(context.palette, context):
        return None
    values = np.unique(red)
    evidence = {"values": format_values(values)}
    labels = context.inputs.labels
    if labels is not None and labels.shape == red.shape:
        if not np.array_equal(labels, red) or len(values) < 2:
            return None
        return RuleResult(
            "certain",
            f"the picture's red, green and blue are the labels themselves: {evidence['values']}",
            evidence,
        )
    if len(values) < 2 or values[values < 255].max(initial=0) >= MAX_BLACK:
        return None
    return RuleResult(
        "likely",
        f"the picture is gray with the values {evidence['values']}: class ids without a palette",
        evidence,
    )


@rule(
    "picture-black",
    needs="color",
    ranks="certain",
    cure="color = segpost.colorize(labels, palette)",
    unless="ids-as-grey palette-black palette-of-0-1",
)
def picture_black(context: DiagnosticContext) -> RuleResult | None:
    """The picture is black although several classes are predicted: colors were lost, for example
    when floats in 0..1 were cast to bytes.
    """
    if context.inputs.predicted is None:
        return None
    lightest, classes = int(context.color.max()), len(context.predicted_ids.values)
    if lightest >= MAX_BLACK or classes < 2:
        return None
    return RuleResult(
        "certain",
        f"no value of the picture is above {lightest} of 255, and {classes} classes are predicted",
        {"largest_value": lightest, "classes": classes},
    )


@rule(
    "red-blue-swapped",
    needs="color",
    ranks="certain likely",
    cure="color = np.asarray(color)[..., ::-1]  # OpenCV's order is blue, green, red",
    unless="ids-as-grey",
)
def red_blue_swapped(context: DiagnosticContext) -> RuleResult | None:
    """Red and blue are exchanged: the picture's colors are not in the palette, or not those of its
    labels, and after an exchange all are. (VOC's first seven colors are VOC's again after an
    exchange, so without labels this cannot be decided.)
    """
    image = ImageColors.of(context)
    if image is None or image.count > MAX_PALETTE_COLORS:
        return None
    own = context.inputs.palette
    if (
        own is not None
        and is_drawn_with(own, context, swapped=True)
        and not is_drawn_with(own, context)
    ):
        return RuleResult(
            "certain",
            f"every pixel has its label's color with red and blue exchanged, as {image.count} "
            "colors show",
            {"colors": image.count},
        )
    palettes = list(iter_named_palettes()) if own is None else [("the palette", own)]
    if any(image.are_in(palette).all() for _, palette in palettes):
        return None
    if own is None and image.count_not_black < 2:
        return None
    for name, palette in palettes:
        if not image.are_in(palette, swapped=True).all():
            continue
        missing = image.colors[~image.are_in(palette)].tolist()
        return RuleResult(
            "likely" if own is None else "certain",
            f"{len(missing)} of {image.count} colors are not in {name}, and all are with red and "
            f"blue swapped: first {unpack_rgb(missing)[0]}",
            {"colors": image.count, "not_in_palette": len(missing), "palette": name},
        )
    return None


@rule(
    "colors-shifted",
    needs="color labels palette",
    ranks="certain",
    cure="color = segpost.colorize(labels, palette)  # or shift the palette by the background",
    unless="red-blue-swapped",
)
def colors_shifted(context: DiagnosticContext) -> RuleResult | None:
    """Every label was drawn with the color of a neighboring class: the background is in the palette
    and not in the labels, or the reverse.
    """
    labels, colors = context.labels, context.palette.colors
    if labels.shape != context.color.shape[:3] or is_drawn_with(context.palette, context):
        return None
    ids = context.label_ids.values
    ids = ids[~np.isin(ids, [*context.inputs.ignored.tolist(), 255])]
    if len(ids) < 2:
        return None
    keep = np.isin(labels, ids)
    for offset in OFFSETS:
        if ids.min() < -offset or ids.max() >= len(colors) - offset:
            continue
        if np.array_equal(colors[labels[keep].astype(np.int64) + offset], context.color[keep]):
            return RuleResult(
                "certain",
                f"every label k has the color of class k {'+' if offset > 0 else '-'} "
                f"{abs(offset)}",
                {"shift": offset, "classes": len(ids)},
            )
    return None


@rule(
    "colors-unknown",
    needs="color palette",
    ranks="certain",
    cure="color = segpost.colorize(labels, palette)  # saved as PNG, never JPEG",
    unless="ids-as-grey red-blue-swapped palette-of-other-dataset picture-black palette-of-0-1",
)
def colors_unknown(context: DiagnosticContext) -> RuleResult | None:
    """The picture has colors that are not in the palette. A few come from another palette; hundreds
    come from JPEG, from resizing with interpolation, or from an overlay on an image.
    """
    image = ImageColors.of(context)
    if image is None:
        return None
    missing = image.colors[~image.are_in(context.palette)]
    if not len(missing):
        return None
    bad = np.isin(pack_rgb(context.color), missing)
    cause = "another palette"
    if image.count > MAX_PALETTE_COLORS:
        cause = "an overlay, JPEG or interpolation"
    return RuleResult(
        "certain",
        f"{len(missing)} of {image.count} colors are not in the palette, at {int(bad.sum())} of "
        f"{bad.size} pixels, first {unpack_rgb(missing)[0]}; so many come from {cause}",
        {"colors": image.count, "not_in_palette": len(missing), "pixels": int(bad.sum())},
        format_position(bad),
    )


@rule(
    "colors-of-other-labels",
    needs="color labels palette",
    ranks="certain",
    cure="color = segpost.colorize(labels, palette)",
    unless="colors-shifted colors-unknown red-blue-swapped palette-of-other-dataset ids-as-grey "
    "picture-black palette-of-0-1 palette-too-short",
    consequence_of="indices-of-file-palette",
)
def colors_of_other_labels(context: DiagnosticContext) -> RuleResult | None:
    """The picture has colors of the palette, but not those of its labels."""
    labels, color = context.labels, context.color
    if labels.shape != color.shape[:3]:
        return None
    wrong = pack_rgb(draw(context.palette, labels, color)) != pack_rgb(color)
    if not wrong.any():
        return None
    return RuleResult(
        "certain",
        f"{int(wrong.sum())} of {wrong.size} pixels have another color than their label",
        {"pixels": int(wrong.sum()), "of": int(wrong.size)},
        format_position(wrong),
    )


def _compare_names(context: DiagnosticContext) -> RuleResult | None:
    """Return a result where the class names are those of another palette."""
    if context.inputs.class_names is None or context.palette.names is None:
        return None
    names = [_normalize(name) for name in context.class_names]
    if names == [_normalize(name) for name in context.palette.names]:
        return None
    for palette_name, palette in iter_named_palettes():
        if palette.names and names == [_normalize(name) for name in palette.names]:
            message = f"the class names are those of {palette_name!r}"
            return _suggest(palette_name, "certain", message, {})
    return None


def _compare_drawn_colors(context: DiagnosticContext) -> RuleResult | None:
    """Return a result where the drawn image has the colors of another palette."""
    image = ImageColors.of(context)
    if image is None or not 0 < image.count <= MAX_PALETTE_COLORS or image.count_not_black < 2:
        return None
    inside = image.are_in(context.palette)
    if inside.all() or image.are_in(context.palette, swapped=True).all():
        return None
    for name, palette in iter_named_palettes():
        if image.are_in(palette).all():
            return _suggest(
                name,
                "certain" if is_drawn_with(palette, context) else "likely",
                f"all {image.count} colors of the picture are those of {name!r}, and "
                f"{int(inside.sum())} of the palette that was passed",
                {"colors": image.count, "of_the_palette": int(inside.sum())},
            )
    return None


def _compare_class_count(context: DiagnosticContext) -> RuleResult | None:
    """Return a result where only another palette has as many colors as there are classes."""
    classes = context.inputs.num_classes
    classes = context.channels if classes is None else classes
    colors = len(context.palette)
    public = dict(iter_named_palettes())
    own_names = [name for name, palette in public.items() if palette == context.palette]
    if classes is None or not own_names or abs(classes - colors) < 2:
        return None
    fitting = [name for name, palette in public.items() if len(palette) == classes]
    if not fitting:
        return None
    return _suggest(
        fitting[0],
        "likely" if classes >= MIN_CLASSES_OF_DATASET else "hint",
        f"there are {classes} classes, the palette {own_names[0]!r} has {colors} and "
        f"{fitting[0]!r} has {classes}",
        {"classes": classes, "colors": colors},
    )


def _suggest(name: str, rank: Rank, message: str, evidence: dict[str, Any]) -> RuleResult:
    """Return a result whose cure is a public palette."""
    return RuleResult(
        rank,
        message,
        {**evidence, "palette": name},
        cure=f"palette = segpost.Palette.named({name!r})",
    )


def _normalize(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
