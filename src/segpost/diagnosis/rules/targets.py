"""What targets show, alone and beside the classes."""

from __future__ import annotations

import numpy as np

from segpost.color.palette import Palette
from segpost.diagnosis.context import Case, Census, listed, named_palettes, packed, place
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.common.brightness import brightness
from segpost.diagnosis.rules.common.interpolation import interpolated

SOLID = 0.05  # of a target: void is thinner


@symptom(
    "target-is-a-picture",
    needs="target_colors",
    ranks="certain",
    cure="target = segpost.labels_from_colors(picture, 'voc')",
)
def target_is_a_picture(case: Case) -> Claim | None:
    """The target is a picture of colors, not of ids."""
    colors = np.unique(packed(case.target_colors))
    fitting = [name for name, palette in named_palettes() if _inside(colors, palette)]
    if case.has("palette") and _inside(colors, case.palette):
        fitting.insert(0, "the palette that was given")
    whose = f"all of {fitting[0]}" if fitting else "of no known palette"
    name = fitting[0] if fitting and fitting[0] in dict(named_palettes()) else None
    given = "palette" if name is None else repr(name)
    return Claim(
        "certain",
        f"the target has shape {case.target_colors.shape[1:]} and {len(colors)} colors, {whose}; "
        "a target holds one id a pixel",
        {"colors": len(colors), "palettes": ", ".join(fitting[:4]) or "none"},
        cure=f"target = segpost.labels_from_colors(picture, {given})",
    )


@symptom(
    "target-0-255",
    needs="target",
    ranks="certain likely",
    cure="target = (mask > 127).astype('uint8')",
)
def target_0_255(case: Case) -> Claim | None:
    """The target is a mask of 0 and 255. With 255 void its foreground is never trained nor counted;
    without, it is no class.
    """
    ids = case.target_ids
    values = ids.values
    masks = len(values) == 2 and values[0] == 0 and values[1] >= 100
    if not masks or (values[1] != 255 and values[1] in case.ignored):
        return None
    if case.num_classes is not None and values[1] < case.num_classes:
        return None
    share = float(ids.counts[1] / ids.pixels)
    void = 255 in case.ignored
    if void and share < SOLID:
        return None
    binary = case.num_classes == 2 or case.head == 1
    if not void and case.num_classes is None and not binary and share < SOLID:
        return None
    return Claim(
        "certain" if binary and not void else "likely",
        f"the target holds 0 and {int(values[1])} only, the latter at {share:.1%}"
        + (", and 255 is void: nothing but background is left" if void else ""),
        {"values": listed(values), "share": share},
        cure=f"target = (mask >= {(int(values[1]) + 1) // 2}).astype('uint8')",
    )


@symptom(
    "void-not-ignored",
    needs="target",
    ranks="certain hint",
    cure="ignore_index=255",
    unless="target-0-255",
)
def void_not_ignored(case: Case) -> Claim | None:
    """The target has 255, which means void nearly everywhere, and nothing ignores it: losses and
    metrics count it as a class, wrap it, or read beyond their tables.
    """
    ids = case.target_ids
    for void in (255, -1, 65535):
        if void not in ids.values or void in case.ignored:
            continue
        if case.classes is not None and 0 <= void < case.classes:
            continue
        rest = ids.values[ids.values != void]
        if case.classes is not None and (rest >= case.classes).any():
            continue  # values are wrong altogether
        count = int(ids.counts[ids.values == void][0])
        return Claim(
            "certain" if case.classes is not None else "hint",
            f"{void} occurs at {count / ids.pixels:.1%} of the target, is no class, and is not "
            "ignored",
            {"value": void, "pixels": count, "share": count / ids.pixels},
            place(case.target == void),
            f"ignore_index={void}",
        )
    return None


@symptom(
    "target-interpolated",
    needs="target",
    ranks="certain likely",
    cure="target.resize(size, Image.Resampling.NEAREST)  # and save it as PNG",
)
def target_interpolated(case: Case) -> Claim | None:
    """The target was resized with interpolation, or saved with losses: ids appear that lie between
    their neighbors', and only along edges.
    """
    return interpolated(case, case.target, "the target")


@symptom(
    "target-luma",
    needs="target",
    ranks="likely",
    cure="segpost.labels_from_colors(picture, palette)  # read as RGB",
    unless="target-interpolated target-0-255",
)
def target_luma(case: Case) -> Claim | None:
    """The target's values are the brightness, or one channel, of a palette's colors: a color
    picture was read as grey. Where two colors have one brightness the classes are lost.
    """
    return brightness(case, case.known_ids.values, "target")


@symptom(
    "target-labelid",
    needs="target",
    ranks="likely",
    cure="segpost evaluate ... --map cityscapes",
    unless="target-luma target-interpolated target-0-255",
)
def target_labelid(case: Case) -> Claim | None:
    """The target holds Cityscapes' labelIds (0..33, the files ..._labelIds.png) where 19 trainIds
    are wanted.
    """
    ids = case.known_ids.values
    if case.classes != 19 or not len(ids) or ids.min() < -1 or ids.max() > 33:
        return None
    beyond = ids[ids >= 19]
    if not len(beyond):
        return None
    return Claim(
        "likely",
        f"the target has values {listed(ids)}: all are Cityscapes labelIds, and {listed(beyond)} "
        "are not below 19",
        {"values": listed(ids), "beyond": listed(beyond)},
    )


@symptom(
    "target-one-too-many",
    needs="target",
    ranks="likely",
    cure="target = np.where(target == 0, 255, target - 1)  # reduce_zero_label",
    unless="target-luma target-interpolated target-0-255 target-labelid",
)
def target_one_too_many(case: Case) -> Claim | None:
    """The target counts from 1: its largest value is the number of classes. reduce_zero_label
    (ADE20K, LoveDA, Potsdam) was not applied.
    """
    ids = case.known_ids
    if case.classes is None or case.classes < 3 or not len(ids.values):
        return None
    if ids.values.max() != case.classes or ids.values.min() < 0:
        return None
    return Claim(
        "likely",
        f"the target's values reach {case.classes}, and {case.classes} classes are 0..."
        f"{case.classes - 1}: it counts from 1",
        {"largest": int(ids.values.max()), "num_classes": case.classes},
        place(case.target == case.classes),
    )


@symptom(
    "target-outside",
    needs="target",
    ranks="certain",
    cure="target = table[target]  # values to classes; or say which are void: ignore_index=",
    unless="target-0-255 void-not-ignored target-interpolated",
)
def target_outside(case: Case) -> Claim | None:
    """The target has values that are neither classes nor void."""
    strange = case.outside(case.target_ids)
    if not len(strange):
        return None
    bad = np.isin(case.target, strange)
    return Claim(
        "certain",
        f"{int(bad.sum())} of {bad.size} target values are outside of "
        f"0..{(case.classes or 0) - 1}: {listed(strange)}",
        {"count": int(bad.sum()), "values": listed(strange), "num_classes": case.classes},
        place(bad),
    )


@symptom(
    "target-all-void",
    needs="target",
    ranks="certain",
    cure="print(np.unique(target))  # is ignore_index a class?",
    unless="target-0-255",
)
def target_all_void(case: Case) -> Claim | None:
    """Every pixel of the target is void, so that there is nothing to be right or wrong about."""
    ids: Census = case.target_ids
    if not ids.pixels or len(case.known_ids.values):
        return None
    return Claim(
        "certain",
        f"all {ids.pixels} pixels of the target are void ({listed(ids.values)})",
        {"pixels": ids.pixels, "values": listed(ids.values)},
    )


def _inside(colors: np.ndarray, palette: Palette) -> bool:
    rows = palette.colors if palette.void is None else [*palette.colors, palette.void]
    return bool(np.isin(colors, packed(np.asarray(rows, np.uint8))).all())
