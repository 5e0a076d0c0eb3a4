"""What palettes and pictures of colors show."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.color.palette import Palette
from segpost.diagnosis.context import Case, listed, named_palettes, packed, place, unpacked
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.labels import DARK

FEW = 256  # colors that a picture of labels has at most


@symptom(
    "palette-of-0-1",
    needs="palette",
    ranks="certain",
    cure="palette = segpost.Palette((colors * 255).round().astype(int))",
)
def palette_of_0_1(case: Case) -> Claim | None:
    """The palette holds floats of 0..1, which become 0 or 1 as bytes: everything black."""
    if not case.unit_palette:
        return None
    return Claim(
        "certain", "the palette holds floats of 0..1, and pictures have bytes of 0..255", {}
    )


@symptom(
    "palette-black",
    needs="predicted",
    ranks="certain",
    cure="segpost.colorize(labels, segpost.Palette.distinct(num_classes))",
    unless="palette-of-0-1",
)
def palette_black(case: Case) -> Claim | None:
    """Several classes are predicted, and the palette has black, or next to it, for each."""
    palette = case.drawn()
    if palette is None:
        return None
    ids = case.predicted_ids.values
    shown = ids[(ids >= 0) & (ids < len(palette)) & ~np.isin(ids, case.ignored)]
    if len(shown) < 2:
        return None
    lightest = int(palette.colors[shown].max())
    if lightest >= DARK:
        return None
    return Claim(
        "certain",
        f"all {len(shown)} predicted classes ({listed(shown)}) are black in the palette: the "
        f"largest of their values is {lightest} of 255",
        {"classes": listed(shown), "largest_value": lightest},
        cure=f"segpost.colorize(labels, segpost.Palette.distinct({max(int(shown.max()) + 1, 2)}))",
    )


@symptom(
    "palette-too-short",
    needs="palette",
    ranks="certain likely",
    cure="palette = segpost.Palette.distinct(num_classes)  # or add the colors that it lacks",
    unless="labels-luma argmax-times-255 labels-0-255 interpolated-labels",
)
def palette_too_short(case: Case) -> Claim | None:
    """The palette has fewer colors than there are classes: the rest is black, wraps, or is an
    error. A background more than the palette has (151 and 150 of ADE20K) shifts all colors.
    """
    colors = len(case.palette)
    evidence: dict[str, Any] = {"colors": colors}
    if case.has("predicted"):
        ids = case.predicted_ids.values
        beyond = ids[(ids >= colors) & ~np.isin(ids, [*case.ignored.tolist(), 255])]
        if len(beyond):
            evidence["beyond"] = listed(beyond)
            message = f"the palette has {colors} colors, and labels {listed(beyond)} occur"
            return Claim("certain", message, evidence)
    if case.classes is None or case.classes <= colors:
        return None
    evidence["num_classes"] = case.classes
    return Claim(
        "likely" if case.has("predicted") else "certain",
        f"the palette has {colors} colors for {case.classes} classes",
        evidence,
    )


@symptom(
    "names-shifted",
    needs="palette class_names",
    ranks="certain",
    cure="class_names = ['background', *class_names]  # or class_names[1:]: as the palette has it",
)
def names_shifted(case: Case) -> Claim | None:
    """The class names are the palette's, shifted by one or more places."""
    theirs = [_plain(name) for name in case.palette.names or ()]
    mine = [_plain(name) for name in case.class_names]
    for by in (1, -1, 2, -2):
        pairs = [(i, i + by) for i in range(len(mine)) if 0 <= i + by < len(theirs)]
        if len(pairs) >= 3 and all(mine[i] == theirs[k] for i, k in pairs):
            if all(mine[i] == theirs[i] for i in range(min(len(mine), len(theirs)))):
                continue
            first = pairs[0]
            return Claim(
                "certain",
                f"class names are the palette's shifted by {by}: class {first[0]} is "
                f"{case.class_names[first[0]]!r}, which is color {first[1]}",
                {"shift": by, "names": len(mine), "colors": len(theirs)},
            )
    return None


@symptom(
    "palette-of-other-dataset",
    needs="palette",
    ranks="certain likely",
    cure="segpost.Palette.named(name)",
    unless="names-shifted",
)
def palette_of_other_dataset(case: Case) -> Claim | None:
    """The palette is that of another data set than the class names, the number of classes or the
    drawn colors.
    """
    if case.has("class_names") and case.palette.names is not None:
        mine = [_plain(name) for name in case.class_names]
        if mine != [_plain(name) for name in case.palette.names]:
            for name, other in named_palettes():
                if other.names and mine == [_plain(n) for n in other.names]:
                    return _other(name, "certain", f"the class names are those of {name!r}", {})
    if case.has("color") and (picture := _Picture.of(case)) is not None:
        inside = picture.inside(case.palette)
        if (
            not inside.all()
            and picture.count <= FEW
            and not picture.inside(case.palette, True).all()
        ):
            for name, other in named_palettes():
                if picture.colorful >= 2 and picture.inside(other).all():
                    drawn = _draws(other, case)
                    evidence = {"colors": picture.count, "of_the_palette": int(inside.sum())}
                    return _other(
                        name,
                        "certain" if drawn else "likely",
                        f"all {picture.count} colors of the picture are those of {name!r}, and "
                        f"{int(inside.sum())} of the palette that was given",
                        evidence,
                    )
    found = case.num_classes if case.num_classes is not None else case.head
    known = dict(named_palettes())
    mine_is = [name for name, other in known.items() if other == case.palette]
    if found is None or not mine_is or abs(found - len(case.palette)) < 2:
        return None
    same = [name for name, other in known.items() if len(other) == found]
    if not same:
        return None
    return _other(
        same[0],
        "likely",
        f"there are {found} classes, the palette {mine_is[0]!r} has {len(case.palette)} and "
        f"{same[0]!r} has {found}",
        {"classes": found, "colors": len(case.palette)},
    )


@symptom(
    "ids-as-grey",
    needs="color",
    ranks="certain likely",
    cure="segpost.colorize(labels, palette)",
)
def ids_as_grey(case: Case) -> Claim | None:
    """The picture is grey and next to black: it shows the class ids themselves, no colors."""
    red = case.color[..., 0]
    if not red.size or (red != case.color[..., 1]).any() or (red != case.color[..., 2]).any():
        return None
    values = np.unique(red)
    if case.has("palette") and _draws(case.palette, case):
        return None
    if case.has("labels") and case.labels.shape == red.shape:
        if np.array_equal(case.labels, red) and len(values) > 1:
            return Claim(
                "certain",
                f"the picture's red, green and blue are the labels themselves: {listed(values)}",
                {"values": listed(values)},
            )
        return None
    if len(values) < 2 or values[values < 255].max(initial=0) >= DARK:
        return None
    return Claim(
        "likely",
        f"the picture is grey with the values {listed(values)}: class ids without a palette",
        {"values": listed(values)},
    )


@symptom(
    "picture-black",
    needs="color",
    ranks="certain",
    cure="segpost.colorize(labels, palette)",
    unless="ids-as-grey palette-black palette-of-0-1",
)
def picture_black(case: Case) -> Claim | None:
    """The picture is black although several classes are predicted: colors were lost on the way, as
    by a cast of floats in 0..1 to bytes.
    """
    if not case.has("predicted") or not case.color.size:
        return None
    lightest, classes = int(case.color.max()), len(case.predicted_ids.values)
    if lightest >= DARK or classes < 2:
        return None
    return Claim(
        "certain",
        f"no value of the picture is above {lightest} of 255, and {classes} classes are predicted",
        {"largest_value": lightest, "classes": classes},
    )


@symptom(
    "red-blue-swapped",
    needs="color",
    ranks="certain likely",
    cure="picture = picture[..., ::-1]  # OpenCV's order is blue, green, red",
    unless="ids-as-grey",
)
def red_blue_swapped(case: Case) -> Claim | None:
    """Red and blue are exchanged: the picture's colors are no colors of the palette, or not those
    of its labels, and all are when they are read the other way. (VOC's first seven colors exchanged
    are VOC's again: without labels nobody can tell.)
    """
    picture = _Picture.of(case)
    if picture is None or picture.count > FEW:
        return None
    given = case.palette if case.has("palette") else None
    if given is not None and _draws(given, case, swapped=True) and not _draws(given, case):
        return Claim(
            "certain",
            f"every pixel has its label's color with red and blue exchanged, as {picture.count} "
            "colors show",
            {"colors": picture.count},
        )
    known = list(named_palettes()) if given is None else [("the palette", given)]
    if given is None and any(picture.inside(palette).all() for _, palette in known):
        return None
    for name, palette in known:
        if picture.inside(palette).all() or not picture.inside(palette, True).all():
            continue
        strange = picture.colors[~picture.inside(palette)].tolist()
        if given is None and picture.colorful < 2:
            continue
        return Claim(
            "certain" if given is not None else "likely",
            f"{len(strange)} of {picture.count} colors are not in {name}, and all are with red and "
            f"blue swapped: first {unpacked(strange)[0]}",
            {"colors": picture.count, "not_in_palette": len(strange), "palette": name},
        )
    return None


@symptom(
    "colors-shifted",
    needs="color labels palette",
    ranks="certain",
    cure="palette = segpost.Palette(palette.colors[1:])  # or add the color of the background",
    unless="red-blue-swapped",
)
def colors_shifted(case: Case) -> Claim | None:
    """Every label was drawn with the color of the next class, or of the one before: a background
    that the palette has and the labels have not, or the reverse.
    """
    labels, colors = case.labels, case.palette.colors
    if labels.shape != case.color.shape[:3] or _draws(case.palette, case):
        return None
    ids = case.label_ids.values
    shown = ids[~np.isin(ids, [*case.ignored.tolist(), 255])]
    for by in (1, -1, 2, -2):
        if len(shown) < 2 or shown.min() < -by or shown.max() >= len(colors) - by:
            continue
        keep = np.isin(labels, shown)
        if np.array_equal(colors[labels[keep].astype(np.int64) + by], case.color[keep]):
            return Claim(
                "certain",
                f"every label k has the color of class k {'+' if by > 0 else '-'} {abs(by)}",
                {"shift": by, "classes": len(shown)},
            )
    return None


@symptom(
    "colors-unknown",
    needs="color palette",
    ranks="certain",
    cure="PIL.Image.fromarray(segpost.colorize(labels, palette)).save('color.png')",
    unless="ids-as-grey red-blue-swapped palette-of-other-dataset picture-black palette-of-0-1",
)
def colors_unknown(case: Case) -> Claim | None:
    """The picture has colors that are not in the palette. Few are another palette's; hundreds come
    from JPEG, from resizing with interpolation, or from an overlay on a photograph.
    """
    picture = _Picture.of(case)
    if picture is None:
        return None
    inside = picture.inside(case.palette)
    if inside.all():
        return None
    bad = np.isin(packed(case.color), picture.colors[~inside])
    many = int((~inside).sum())
    cause = "an overlay, JPEG or interpolation" if picture.count > FEW else "another palette"
    return Claim(
        "certain",
        f"{many} of {picture.count} colors are not in the palette, at {int(bad.sum())} of "
        f"{bad.size} pixels, first {unpacked(picture.colors[~inside])[0]}; so many are of {cause}",
        {"colors": picture.count, "not_in_palette": many, "pixels": int(bad.sum())},
        place(bad),
    )


@symptom(
    "colors-of-other-labels",
    needs="color labels palette",
    ranks="certain",
    cure="segpost.colorize(labels, palette)",
    unless="colors-shifted colors-unknown red-blue-swapped palette-of-other-dataset ids-as-grey "
    "picture-black palette-of-0-1 palette-too-short",
)
def colors_of_other_labels(case: Case) -> Claim | None:
    """The picture has colors of the palette, and not those of its labels."""
    if case.labels.shape != case.color.shape[:3] or not case.labels.size:
        return None
    wrong = packed(_drawn(case.palette, case.labels, case.color)) != packed(case.color)
    if not wrong.any():
        return None
    return Claim(
        "certain",
        f"{int(wrong.sum())} of {wrong.size} pixels have another color than their label",
        {"pixels": int(wrong.sum()), "of": int(wrong.size)},
        place(wrong),
    )


class _Picture:
    """The colors of a picture, each once."""

    def __init__(self, picture: Array) -> None:
        self.colors = np.unique(packed(picture))
        self.count = len(self.colors)
        self.colorful = int((self.colors != 0).sum())

    @staticmethod
    def of(case: Case) -> _Picture | None:
        """Of a case's picture, looked at once."""
        if not case.color.size:
            return None
        made: _Picture = case.remembered("picture", lambda: _Picture(case.color))
        return made

    def inside(self, palette: Palette, swapped: bool = False) -> Array:
        """Which colors a palette has, its void among them."""
        rows = palette.colors if palette.void is None else [*palette.colors, palette.void]
        table = np.asarray(rows, np.uint8)
        if swapped:
            table = table[:, ::-1]
        return np.isin(self.colors, packed(table))


def _drawn(palette: Palette, labels: Array, picture: Array) -> Array:
    """The labels in a palette's colors; those without one stay as they are in the picture."""
    wide = labels.astype(np.int64)
    made: Array = palette.colors[wide.clip(0, len(palette) - 1)]
    beyond = (wide < 0) | (wide >= len(palette))
    made[beyond] = picture[beyond]
    return made


def _draws(palette: Palette, case: Case, swapped: bool = False) -> bool:
    """Whether the picture is the labels in a palette's colors."""
    there = case.has("labels") and case.has("color")
    if not there or case.labels.shape != case.color.shape[:3]:
        return False
    picture = case.color[..., ::-1] if swapped else case.color
    return bool(np.array_equal(_drawn(palette, case.labels, picture), picture))


def _other(name: str, rank: str, message: str, evidence: dict[str, Any]) -> Claim:
    return Claim(
        rank, message, {**evidence, "palette": name}, cure=f"segpost.Palette.named({name!r})"
    )


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
