"""What label maps show on their own, and beside their target."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.diagnosis.context import ENOUGH, Case, listed, place
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.argmaxes import EXACT
from segpost.diagnosis.rules.common.brightness import brightness
from segpost.diagnosis.rules.common.interpolation import interpolated
from segpost.diagnosis.rules.logits import confidence

DARK = 40  # of 255: what a viewer shows darker looks black
BLOCKS = (32, 16, 8, 4, 2)
EDGES = 64  # changes of label from which blocks are told
LINES = 8  # of the raster, each way, that changes lie on: fewer may be straight borders


@symptom(
    "one-class",
    needs="predicted target",
    ranks="certain likely hint",
    cure="loss = CrossEntropyLoss(weight, ignore_index=255)  # look there, then at the checkpoint",
    unless="one-channel nan-logits untrained-head constant-logits " + " ".join(EXACT),
)
def one_class(case: Case) -> Claim | None:
    """Every pixel is predicted as one class where the target has others. Without a target a picture
    of background looks the same, and that is said instead.
    """
    ids = case.predicted_ids
    known = case.known_ids
    if len(ids.values) != 1 or known.pixels < ENOUGH:
        return None
    only = int(ids.values[0])
    missed = int(known.counts[known.values != only].sum())
    share = missed / known.pixels
    if not missed:
        return None
    evidence: dict[str, Any] = {
        "class": only,
        "pixels": ids.pixels,
        "target_share_of_others": share,
    }
    if case.has("logits") and case.finite and case.pixels.shape[1] > 1:
        evidence["mean_confidence"] = float(confidence(case.pixels).mean())
    return Claim(
        "certain" if share >= 0.05 else "likely" if share >= 0.01 else "hint",
        f"all {ids.pixels} pixels are predicted as class {case.name(only)}, and {share:.1%} of the "
        f"target are other classes: {listed(known.values[known.values != only])}",
        evidence,
    )


@symptom(
    "labels-0-255",
    needs="labels",
    ranks="certain likely",
    cure="labels = (mask > 127).astype('uint8')",
    unless="one-channel argmax-times-255",
)
def labels_0_255(case: Case) -> Claim | None:
    """The labels are a mask of 0 and 255 for the eye. Class 1 is written as 255, which is void for
    most metrics; MediaPipe's masks even have 255 for the background.
    """
    if case.label_ids.values.tolist() != [0, 255]:
        return None
    share = float(case.label_ids.counts[1] / case.label_ids.pixels)
    told = case.num_classes is not None and case.num_classes <= 255 and 255 not in case.ignored
    return Claim(
        "certain" if told else "likely",
        f"the labels are 0 and 255 ({share:.1%}) only: a mask, not classes",
        {"share_of_255": share},
    )


@symptom(
    "interpolated-labels",
    needs="labels",
    ranks="certain likely",
    cure="picture.resize(size, Image.Resampling.NEAREST)  # ids are not to be mixed",
    unless="wrong-argmax-axis argmax-times-255 reshaped-labels",
)
def interpolated_labels(case: Case) -> Claim | None:
    """Labels were resized with interpolation: ids appear that lie between their neighbors', and
    only along edges.
    """
    return interpolated(case, case.labels, "labels")


@symptom(
    "labels-luma",
    needs="labels",
    ranks="likely",
    cure="segpost.labels_from_colors(picture, palette)  # read as RGB",
    unless="interpolated-labels argmax-times-255 labels-0-255",
)
def labels_luma(case: Case) -> Claim | None:
    """The labels are the brightness, or one channel, of a palette's colors: a color picture was
    read as grey. Where two colors have one brightness the classes are lost.
    """
    return brightness(case, case.label_ids.values, "labels")


@symptom(
    "labels-outside",
    needs="labels",
    ranks="certain",
    cure="np.unique(segpost.argmax(logits))  # classes: the rest came with what was done to them",
    unless="argmax-times-255 labels-0-255 wrong-argmax-axis interpolated-labels",
)
def labels_outside(case: Case) -> Claim | None:
    """Some labels are neither a class nor void."""
    strange = case.outside(case.label_ids)
    only_palette = case.num_classes is None and not case.has("logits")  # that has a code of its own
    if not len(strange) or only_palette:
        return None
    bad = np.isin(case.labels, strange)
    return Claim(
        "certain",
        f"{int(bad.sum())} of {bad.size} labels are outside of 0..{(case.classes or 0) - 1}: "
        f"{listed(strange)}",
        {"count": int(bad.sum()), "values": listed(strange), "num_classes": case.classes},
        place(bad),
    )


@symptom(
    "no-palette-in-file",
    needs="labels",
    ranks="certain",
    cure="segpost.postprocess(logits, palette=palette).save('labels.png')",
)
def no_palette_in_file(case: Case) -> Claim | None:
    """The labels are right, but their file is grey: class ids become shades that are next to black.
    An indexed file has the same ids and a palette for the eye.
    """
    origin = case.origin("labels")
    if origin is None or origin.mode not in ("L", "I", "I;16", "I;16B", "1"):
        return None
    ids = case.label_ids.values
    shown = ids[~np.isin(ids, [*case.ignored.tolist(), 255])]
    white = 65535 if origin.mode.startswith("I") else 1 if origin.mode == "1" else 255
    if len(shown) < 2 or shown.max() * 255 >= DARK * white:
        return None
    return Claim(
        "certain",
        f"the file is grey (mode {origin.mode}) with ids {listed(ids)}: the lightest class is "
        f"shown as {int(shown.max())} of {white}, which looks black",
        {"mode": origin.mode, "ids": listed(ids), "lightest": int(shown.max()), "white": white},
        "the file of labels",
    )


@symptom(
    "lossy-label-file",
    needs="labels|target",
    ranks="certain likely",
    cure="PIL.Image.fromarray(labels).save('labels.png')",
)
def lossy_label_file(case: Case) -> Claim | None:
    """The labels come from a file whose format changes values: JPEG mixes neighbors, GIF numbers
    the colors anew.
    """
    for name in ("labels", "target"):
        origin = case.origin(name)
        if origin is not None and origin.format in ("JPEG", "GIF", "WEBP"):
            return Claim(
                "certain" if origin.format == "JPEG" else "likely",
                f"the {name} come from a {origin.format} file, which does not keep ids",
                {"format": origin.format},
                f"the file of {name}",
            )
    return None


@symptom(
    "blocky-labels",
    needs="labels",
    ranks="likely",
    cure="segpost.argmax(logits, size=(H, W))  # enlarges the logits, not the labels",
    unless="argmax-before-resize",
)
def blocky_labels(case: Case) -> Claim | None:
    """The labels are constant in squares: enlarged by nearest neighbor, after the argmax."""
    labels = case.labels
    for side in BLOCKS:
        height, width = (length // side * side for length in labels.shape[1:])
        if min(height, width) < 4 * side:
            continue
        part = labels[:, :height, :width]
        across = part[:, :, 1:] != part[:, :, :-1]
        down = part[:, 1:] != part[:, :-1]
        edges = int(across.sum()) + int(down.sum())
        at_blocks = int(across[:, :, side - 1 :: side].sum()) + int(down[:, side - 1 :: side].sum())
        if edges < EDGES * side:
            continue
        lines = across.any(axis=(0, 1)).sum(), down.any(axis=(0, 2)).sum()
        if edges == at_blocks and min(lines) >= LINES:
            return Claim(
                "likely",
                f"all {edges} changes of label lie on a raster of {side} x {side} pixels",
                {"side": side, "edges": edges},
            )
    return None
