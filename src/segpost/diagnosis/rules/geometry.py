"""Predictions that lie elsewhere than their targets and pictures."""

from __future__ import annotations

from segpost.diagnosis.alignment import REACH, TURNS
from segpost.diagnosis.context import Case
from segpost.diagnosis.registry import Claim, symptom
from segpost.diagnosis.rules.common.explained import best, explained


@symptom(
    "height-width-swapped",
    needs="labels target|image",
    ranks="certain",
    cure="labels = labels.T  # sizes are (height, width); Pillow's .size is (width, height)",
    unless="transposed-labels",
)
def height_width_swapped(case: Case) -> Claim | None:
    """The labels have the height and width of the picture or target, exchanged."""
    size, name = _wanted(case)
    found = case.labels.shape[1:]
    if found == size or found != size[::-1]:
        return None
    evidence = {"labels": f"{found[0]} x {found[1]}", name: f"{size[0]} x {size[1]}"}
    cure = ""
    made = best(case, "turn")
    if made is not None:
        evidence |= explained(made, "").evidence
        if "reshaped" in made.detail["how"]:
            cure = "labels = labels.reshape(height, width)"
    return Claim(
        "certain",
        f"the labels are {found[0]} x {found[1]} (height x width), the {name} is "
        f"{size[0]} x {size[1]}",
        evidence,
        cure=cure,
    )


@symptom(
    "turned",
    needs="predicted target",
    ranks="likely",
    cure="undo the flip of test-time augmentation, and the EXIF orientation of photographs",
    unless="height-width-swapped transposed-labels",
)
def turned(case: Case) -> Claim | None:
    """The prediction is mirrored, turned or transposed against its target."""
    made = best(case, "turn")
    if made is None:
        return None
    how = str(made.detail["how"])
    reshaped = {
        "reshaped to (width, height)": "labels.reshape(target.shape)",
        "reshaped and transposed": "labels.reshape(target.shape[::-1]).T",
    }
    code = reshaped[how] if how in reshaped else TURNS[how][1]
    why = "  # a flip that was not undone, or an EXIF orientation"
    return explained(made, f"if the prediction is {how}", f"labels = {code}{why}")


@symptom(
    "letterbox",
    needs="predicted target",
    ranks="likely",
    cure="feed the network the whole picture: segpost.Letterbox.fit(image.shape[:2], input_size)",
)
def letterbox(case: Case) -> Claim | None:
    """The prediction is of a padded or cropped picture and was stretched over all of it: the
    padding was not removed, or a center crop not undone.
    """
    made = best(case, "window")
    if made is None:
        return None
    box = made.detail.get("letterbox")
    cure = "" if box is None else f"segpost.argmax(logits, letterbox=segpost.{box})"
    return explained(made, f"if the network's input was {made.detail['how']}", cure)


@symptom(
    "shifted",
    needs="predicted target",
    ranks="likely",
    cure="look at padding, cropping and rounding before the network, and at the grid after it",
)
def shifted(case: Case) -> Claim | None:
    """The prediction lies some whole pixels beside its target."""
    made = best(case, "shift")
    if made is None:
        return None
    down, right = int(made.detail["down"]), int(made.detail["right"])
    far = " or further" if max(abs(down), abs(right)) == REACH else ""
    return explained(
        made,
        f"with the prediction moved back from {down} down and {right} to the right{far}",
        f"labels = np.roll(labels, ({-down}, {-right}), (0, 1))  # and look at the padding",
    )


@symptom(
    "wrong-grid",
    needs="logits target",
    ranks="likely",
    cure="segpost.argmax(logits, size=(H, W), grid={grid!r})",
)
def wrong_grid(case: Case) -> Claim | None:
    """The logits fit the target better on another sampling grid than the one they were enlarged on
    (torch's align_corners=False is half_pixel, TF1 DeepLab's is align_corners).
    """
    made = best(case, "grid")
    if made is None:
        return None
    grid = made.detail["grid"]
    return explained(
        made,
        f"on grid {grid!r} instead of {made.detail['told']!r}",
        f"segpost.argmax(logits, size=(H, W), grid={grid!r})",
    )


@symptom(
    "size-mismatch",
    needs="labels target|image",
    ranks="certain",
    cure="segpost.argmax(logits, size=image.shape[:2])",
    unless="height-width-swapped turned letterbox wrong-argmax-axis transposed-labels",
)
def size_mismatch(case: Case) -> Claim | None:
    """The labels have another size than what they belong to; where the shape of the picture differs
    too, a letterbox was not removed.
    """
    size, name = _wanted(case)
    found = (int(case.labels.shape[1]), int(case.labels.shape[2]))
    if found == size or 0 in found or 0 in size:
        return None
    aspects = found[0] / found[1], size[0] / size[1]
    other = abs(aspects[0] / aspects[1] - 1) > 0.05
    return Claim(
        "certain",
        f"the labels are {found[0]} x {found[1]}, the {name} {size[0]} x {size[1]}"
        + (": another shape, as a letterbox has it" if other else ""),
        {
            "labels": f"{found[0]} x {found[1]}",
            name: f"{size[0]} x {size[1]}",
            "aspect": round(aspects[0], 4),
            f"aspect_{name}": round(aspects[1], 4),
        },
    )


@symptom(
    "another-number-of-images",
    needs="predicted target",
    ranks="certain",
    cure="give each image with its own target",
    unless="wrong-argmax-axis",
)
def another_number_of_images(case: Case) -> Claim | None:
    """There are not as many predictions as targets."""
    mine, theirs = len(case.predicted), len(case.target)
    if mine == theirs:
        return None
    return Claim(
        "certain",
        f"there are {mine} predictions and {theirs} targets",
        {"predictions": mine, "targets": theirs},
    )


@symptom(
    "exif-orientation",
    needs="image",
    ranks="hint",
    cure="image = PIL.ImageOps.exif_transpose(image)  # before the network, too",
)
def exif_orientation(case: Case) -> Claim | None:
    """The photograph's EXIF tag says that it is to be turned. Viewers do so, and readers that feed
    a network often do not.
    """
    origin = case.origin("image")
    if origin is None or origin.orientation in (0, 1):
        return None
    return Claim(
        "hint",
        f"the photograph has EXIF orientation {origin.orientation}: its pixels are not as they are "
        "shown",
        {"orientation": origin.orientation},
        "the file of the image",
    )


def _wanted(case: Case) -> tuple[tuple[int, int], str]:
    """The size that labels should have, and whose it is."""
    name = "target" if case.has("target") else "image"
    shape = case.given[name].shape
    return (int(shape[1]), int(shape[2])), name
