"""Why is it black, why are the colors wrong, why is the IoU low: `diagnose`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost._core import arguments, sampling, validation
from segpost._core import logits as core_logits
from segpost._core.arguments import checked_names
from segpost._core.arrays import Array, InputArray, as_input_array, widen
from segpost._core.contract import Logits
from segpost._core.validation import check_on_cpu
from segpost.color.operations import labels_from_colors
from segpost.color.palette import Palette, as_palette
from segpost.diagnosis.result import Diagnosis
from segpost.metrics.arguments import as_class_count, as_ignored_values
from segpost.spatial.letterbox import Letterbox

if TYPE_CHECKING:
    from segpost.diagnosis.rules import Origin

GREY = ("1", "L", "P", "I", "F")  # Pillow's modes of one channel, I;16 and the like among them


def diagnose(
    *,
    logits: Any = None,
    again: Any = None,
    axis: int = -3,
    grid: str | None = None,
    letterbox: Letterbox | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    labels: Any = None,
    color: Any = None,
    target: Any = None,
    palette: Any = None,
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
    ignore_index: int | Iterable[int] | None = None,
    image: Any = None,
    input: Any = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Diagnosis:
    """Look for known mistakes in whatever there is of a segmentation, and say what shows them.

    Give everything you have; every argument lets more be told. Nothing is claimed that the data
    do not show: what they leave open is in `Diagnosis.cannot_tell`.

    Parameters
    ----------
    logits : array of shape (C, h, w) or (N, C, h, w), optional
        What the network gave, at any size; channels last with ``axis=-1``. Any type that `argmax`
        takes, in memory of the CPU.
    again : array of the shape of `logits`, optional
        The logits of a second run of the same input.
    axis : int
        The class axis of logits, -3 or -1.
    grid : {"half_pixel", "align_corners", "asymmetric"}, optional
        How the logits were enlarged, as in `argmax`. Left out, "half_pixel" is taken, and labels
        may be on any.
    letterbox : Letterbox, optional
        That of the network's input, as in `argmax`.
    threshold : float, optional
        With which a one-channel sigmoid head becomes labels, as in `postprocess`.
    quantization : (scale, zero_point), optional
        Of integer logits, as in `postprocess`.
    labels : integer array of shape (H, W) or (N, H, W), or a Pillow picture, optional
        The labels that were made. Of a picture its mode, format and palette are looked at too; one
        in colors is taken for `color`.
    color : uint8 array of shape (H, W, 3) or (N, H, W, 3), optional
        The picture that was drawn of the labels.
    target : integer array of shape (H, W) or (N, H, W), or a Pillow picture, optional
        What is true.
    palette : Palette, str or (K, 3) array, optional
        With which labels are drawn.
    class_names : sequence of str, optional
        Names of the classes.
    num_classes : int, optional
        Number of classes; that of the names, or else of the logits or the palette, by default.
    ignore_index : int or integers, optional
        Target values that are void; the palette's by default.
    image : uint8 array of shape (H, W, 3) or (N, H, W, 3), or a Pillow picture, optional
        The photograph.
    input : array of shape (3, H, W), (N, 3, H, W), (H, W, 3) or (N, H, W, 3), optional
        What the network was fed.
    mean, std : three numbers each, optional
        The normalization that is meant: (image - mean) / std, of an image in 0..1 (as in
        torchvision) or, where one of the numbers is above 1.5, in 0..255 (as in mmsegmentation).
        0 and 1 say that nothing was done: what is fed tells which.

    Returns
    -------
    diagnosis : Diagnosis
        Its `findings`, the most certain first, each with a code, a sentence, evidence and a cure;
        ``print`` it, or see `Diagnosis.to_json`, `to_markdown` and `to_html`.

    Raises
    ------
    ValueError, TypeError
        If nothing is given, or an argument is not what it is called: no array, a wrong number of
        dimensions, labels that are floats, an array on a device.

    Notes
    -----
    Labels, palettes and counts of agreement are compared exactly, on all pixels (of batches, on as
    many images as make four million pixels). Statistics of logits are made of some 65,000 pixels,
    evenly spread; NaN and infinities are counted on all.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.arange(4, dtype=np.uint8).repeat(16).reshape(1, 64).repeat(64, 0)
    >>> labels = np.roll(target, 5, axis=1)
    >>> found = segpost.diagnose(labels=labels, target=target, num_classes=4)
    >>> found.findings[0].code, found.findings[0].evidence["right"]
    ('shifted', 5)
    """
    # Seventy checks take a fifth of the time that importing segpost does, and few ask for them.
    from segpost.diagnosis.pictures import side_by_side
    from segpost.diagnosis.rules import Case, examine
    from segpost.diagnosis.unknown import unknowns

    if grid is not None:
        arguments.check_choice(grid, "grid", sampling.GRIDS)
    if letterbox is not None and not isinstance(letterbox, Letterbox):
        raise TypeError(f"letterbox must be a segpost.Letterbox, got {letterbox!r}")
    origins = {
        name: origin
        for name, value in (("labels", labels), ("target", target), ("image", image))
        if (origin := _origin(value)) is not None
    }
    if (origin := origins.get("labels")) is not None and not origin.mode.startswith(GREY):
        if color is not None:
            raise ValueError(f"labels are a picture in colors ({origin.mode}), and color is given")
        labels, color = None, labels
    chosen, unit = _palette(palette)
    given = (logits, labels, color, target, palette, image, input)
    if all(value is None for value in given):
        raise ValueError("there is nothing to look at: give logits, labels, target, palette ...")
    classes = None if num_classes is None else as_class_count(num_classes)
    if class_names is not None:
        class_names = checked_names(class_names, classes or len(class_names))
        classes = classes or len(class_names or ())
    void = ignore_index if ignore_index is not None or chosen is None else chosen.ignore_index
    fields: dict[str, Any] = {"palette": chosen, "class_names": class_names}
    wanted = classes or (None if chosen is None else len(chosen))
    counted, corrected = axis, False
    if logits is not None:
        found, counted, corrected = _logits(logits, again, axis, wanted)
        fields |= found
        if threshold is not None and found["logits"].values.shape[1] != 1:
            raise ValueError(
                f"threshold is for logits of one class, got {found['logits'].values.shape[1]}"
            )
    elif again is not None:
        raise ValueError("again is a second run; give the first as logits")
    fields["labels"] = None if labels is None else _labels(labels, "labels")
    fields |= _target(target)
    fields["color"] = None if color is None else _picture(color, "color")
    if color is None and fields["labels"] is not None and origin is not None:
        fields["color"] = _colors_of_file(fields["labels"], origin)
    fields["image"] = None if image is None else _picture(image, "image")
    fields["input"] = None if input is None else _input(input)
    fields |= _normalization(mean, std, fields["input"])
    if chosen is not None:
        fields |= _decoded(fields, chosen)
    there = {name: value for name, value in fields.items() if value is not None}
    looked_at = {
        {"raw": "logits"}.get(name, name): f"{array.shape} {array.dtype}"
        for name, array in there.items()
        if isinstance(array, np.ndarray) and name not in ("mean", "std", "decoded")
    }
    if "raw" in there and not there["raw"].size:
        there = {name: there[name] for name in there if name not in ("raw", "logits", "again")}
    case = Case(
        {name: value for name, value in there.items() if getattr(value, "size", 1)},  # no pixels
        axis=counted,
        axis_corrected=corrected,
        unit_palette=unit,
        num_classes=classes,
        ignored=as_ignored_values(void),
        grid=grid,
        letterbox=letterbox,
        threshold=threshold,
        quantization=quantization,
        origins=origins,
    )
    findings = examine(case)
    return Diagnosis(
        findings, tuple(unknowns(case, findings)), looked_at, tuple(side_by_side(case))
    )


def _on_host(value: Any, name: str) -> InputArray:
    """Any array on the CPU; nothing is moved from a device."""
    given = as_input_array(value, name)
    check_on_cpu(
        given.array,
        f"{name} is on {{device}}, and diagnose reads every value on the CPU; pass {name}.cpu(), "
        "or copy it with your library",
    )
    return given


def _origin(value: Any) -> Origin | None:
    """What a Pillow picture knows beside its pixels."""
    if not _is_pillow(value):
        return None
    from segpost.diagnosis.rules import Origin

    table = None
    if value.mode == "P":
        table = np.array(value.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return Origin(value.mode, value.format or "", table, int(value.getexif().get(0x0112, 1)))


def _colors_of_file(labels: Array, origin: Origin) -> Array | None:
    """What a viewer shows of an indexed picture."""
    table = origin.palette
    if table is None or labels.max(initial=0) >= len(table):
        return None
    shown: Array = table[labels]
    return shown


def _decoded(fields: dict[str, Any], palette: Palette) -> dict[str, Array]:
    """The ids of pictures, where the palette has an inverse and all their colors."""
    made = {}
    for colors, ids in (("color", "decoded"), ("target_colors", "target")):
        if fields.get(colors) is not None:
            with contextlib.suppress(ValueError):
                made[ids] = np.asarray(labels_from_colors(fields[colors], palette))
    return made


def _is_pillow(value: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _palette(palette: Any) -> tuple[Palette | None, bool]:
    """A palette of whatever is one, and whether it came as floats of 0..1."""
    if palette is None or isinstance(palette, (Palette, str)):
        return (None if palette is None else as_palette(palette)), False
    table = np.asarray(palette)
    if table.dtype.kind == "f" and table.size and table.min() >= 0 and table.max() <= 1:
        return Palette(np.rint(table * 255).astype(np.uint8)), True
    return Palette(table), False


def _logits(
    logits: Any, again: Any, axis: int, wanted: int | None
) -> tuple[dict[str, Any], int, bool]:
    """The logits on the axis where the classes are, and whether another one was said."""
    _on_host(logits, "logits")
    view, given, counted = core_logits.as_logits(logits, axis)
    corrected = False
    if wanted is not None and view.values.shape[1] not in (wanted, 1):
        other = -1 if counted == -3 else -3
        if given.array.shape[other] == wanted:
            turned = core_logits.as_logits(logits, other)[0]
            corrected = _smoothness(turned) >= _smoothness(view)
            if corrected:
                view, counted = turned, other
    second = None
    if again is not None:
        second, second_given, _ = core_logits.as_logits(again, counted)
        if second_given.array.shape != given.array.shape:
            raise ValueError(
                f"again must have the shape of logits, {given.array.shape}, "
                f"got {second_given.array.shape}"
            )
        _on_host(again, "again")
    return {"raw": given.array, "logits": view, "again": second}, counted, corrected


def _smoothness(logits: Logits) -> float:
    from segpost.diagnosis.rules.layouts import agreement

    return agreement(logits.values, logits.kind) if logits.values.size else 0.0


def _labels(value: Any, name: str) -> Array:
    """(N, H, W) labels; a Pillow picture of black and white gives 0 and 1."""
    if _is_pillow(value) and value.mode == "1":
        value = np.asarray(value).astype(np.uint8)
    _on_host(value, name)
    array = validation.as_label_array(value, name).array
    validation.refuse_image_as_labels(array, name)
    if array.ndim > 3:
        hint = f"; drop the channel axis: {name}[:, 0]" if array.shape[1] == 1 else ""
        raise ValueError(f"{name} must have shape (H, W) or (N, H, W), got {array.shape}{hint}")
    return array if array.ndim == 3 else array[None]


def _target(target: Any) -> dict[str, Any]:
    """Ids, or the colors of a target that is a picture."""
    if target is None:
        return {}
    colors = _is_pillow(target) and not target.mode.startswith(GREY)
    if not colors and not _is_pillow(target):
        array = _on_host(target, "target").array
        shape = array.shape
        last = len(shape) >= 3 and shape[-1] == 3 and min(shape[-3:-1]) > 3
        colors = last and array.dtype == np.uint8
    if colors:
        return {"target_colors": _picture(target, "target")}
    return {"target": _labels(target, "target")}


def _picture(value: Any, name: str) -> Array:
    """(N, H, W, 3) bytes."""
    if _is_pillow(value):
        if value.mode == "F" or value.mode.startswith("I"):  # Pillow would clip, not scale
            raise ValueError(f"{name} has more than 8 bits a channel; convert it to 8 bits")
        value = np.asarray(value.convert("RGB"))
    _on_host(value, name)
    array = validation.as_image_array(value, name).array
    if array.ndim > 4:
        raise ValueError(f"{name} must have shape (H, W, 3) or (N, H, W, 3), got {array.shape}")
    return array if array.ndim == 4 else array[None]


def _input(value: Any) -> Array:
    """(N, 3, H, W) float64."""
    given = _on_host(value, "input")
    array = given.array
    if array.ndim not in (3, 4) or 3 not in (array.shape[-3], array.shape[-1]):
        raise ValueError(
            f"input must have shape (3, H, W) or (H, W, 3), with or without a batch, got "
            f"{array.shape}"
        )
    wide = widen(array, given.kind).astype(np.float64)
    wide = wide if wide.ndim == 4 else wide[None]
    return wide if array.shape[-3] == 3 else np.moveaxis(wide, -1, 1)


def _normalization(mean: Any, std: Any, fed: Array | None) -> dict[str, Any]:
    """Mean and std of bytes."""
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std belong together, got mean={mean!r} and std={std!r}")
    if mean is None:
        return {}
    made = {}
    for name, value in (("mean", mean), ("std", std)):
        numbers = np.asarray(value, np.float64)
        if numbers.shape != (3,) or not np.isfinite(numbers).all():
            raise ValueError(f"{name} must hold three numbers, got {value!r}")
        made[name] = numbers
    if made["std"].min() <= 0:
        raise ValueError(f"std must be above 0, got {std!r}")
    nothing = not made["mean"].any() and (made["std"] == 1).all()
    if nothing and fed is not None and fed.size and fed.max() > 2:
        return made
    if max(abs(made["mean"]).max(), made["std"].max()) <= 1.5:
        made = {name: numbers * 255 for name, numbers in made.items()}
    return made
