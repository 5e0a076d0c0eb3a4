"""Outputs that are further than logits: probabilities and labels, as some networks give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core import arguments, validation
from segpost._core.arrays import Array, label_dtype, widen
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost._core.sampling import Axes, Axis
from segpost.color.operations import colorize, overlay
from segpost.color.palette import Palette
from segpost.pipeline.segmentation import Segmentation
from segpost.runtimes.convention import Convention
from segpost.spatial.letterbox import Letterbox

SLACK = 1e-2  # probabilities of half types and of quantized networks do not add up to more than so


def check_probabilities(view: Logits, convention: Convention) -> None:
    """Refuse values that are no probabilities."""
    validation.check_on_cpu(
        view.values,
        f"logits on {{device}} are probabilities by convention {convention.name!r}: segpost takes "
        "those on the CPU only; give it the network's logits",
    )
    values = _real(view, view.values)
    wrong = ~((values >= -SLACK) & (values <= 1 + SLACK))
    if wrong.any():
        place = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), values.shape))
        raise ValueError(
            f"logits are probabilities by convention {convention.name!r}, but "
            f"{int(wrong.sum())} of {values.size} values are outside 0..1, first "
            f"{values[place]:g} at image {place[0]}, class {place[1]}, y {place[2]}, x {place[3]}; "
            'kind="logits" if these are'
        )


def refuse_probabilities(view: Logits, convention: Convention) -> None:
    """Refuse logits that are probabilities already: a second softmax makes all of them alike.

    Looks at a few thousand pixels. Zeros and ones alone may be anything.
    """
    if not context_of(view.values).on_cpu or view.values.shape[1] < 2 or not view.values.size:
        return
    _, _, h, w = view.values.shape
    some = view.values[:, :, :: max(h // 32, 1), :: max(w // 32, 1)]
    values = _real(view, some)
    low, high = values.min(), values.max()
    sums = values.sum(axis=1)
    telling = bool(((values > SLACK) & (values < 1 - SLACK)).any())
    if telling and low >= 0 and high <= 1 and bool((abs(sums - 1) <= SLACK).all()):
        raise ValueError(
            f"logits are between {low:g} and {high:g} and add up to 1 over the classes at each of "
            f"{sums.size} pixels: they are probabilities already, and a second softmax would make "
            f"them alike; pass dataclasses.replace(convention, kind='probabilities') of convention "
            f"{convention.name!r}"
        )


def resampled(view: Logits, axes: Axes | None, out: Array) -> None:
    """Probabilities (N, C, H, W) on the output's grid, in float64, class by class."""
    for n, c in np.ndindex(view.values.shape[:2]):
        plane = _real(view, view.values[n, c]).astype(np.float64)
        out[n, c] = plane if axes is None else _columns(_rows(plane, axes.y), axes.x)


def of_labels(view: Logits, axes: Axes | None, labels: Array, out: Array) -> None:
    """The label's probability at every pixel (N, H, W)."""
    for n, plane in enumerate(labels.astype(np.intp)):
        held = _real(view, view.values[n])
        if view.threshold is not None:
            held = np.concatenate([1 - held, held])
        if axes is None:
            found = np.take_along_axis(held, plane[None], 0)[0]
        else:
            found = _sampled(held, plane, axes)
        out[n] = np.rint(255 * np.clip(found, 0, 1)) if out.dtype == np.uint8 else found


def _sampled(held: Array, labels: Array, axes: Axes) -> Array:
    """Of every pixel the interpolated value of its own class."""
    y, x = axes.y, axes.x
    total = np.zeros(labels.shape, np.float64)
    for at_y, weight_y in _corners(y):
        for at_x, weight_x in _corners(x):
            part = held[labels, at_y[:, None], at_x[None, :]]
            total += part * (weight_y[:, None] * weight_x[None, :])
    return total / (y.den * x.den)


def _corners(axis: Axis) -> tuple[tuple[Array, Array], ...]:
    after = np.minimum(axis.cell + 1, axis.n_in - 1)
    return (axis.cell, axis.w0), (after, axis.w1)


def _rows(plane: Array, axis: Axis) -> Array:
    (first, w0), (second, w1) = _corners(axis)
    return np.asarray((plane[first] * w0[:, None] + plane[second] * w1[:, None]) / axis.den)


def _columns(plane: Array, axis: Axis) -> Array:
    return _rows(plane.T, axis).T


def _real(view: Logits, values: Array) -> Array:
    wide = widen(values, view.kind)
    if view.scale == 1.0 and view.zero_point == 0.0:
        return wide
    return np.asarray((wide.astype(np.float64) - view.zero_point) * view.scale)


def segmentation_of_labels(
    output: Any,
    convention: Convention,
    *,
    size: Any,
    letterbox: Letterbox | None,
    image: Any,
    palette: Palette | None,
    alpha: Any,
    check: str,
    wanted: set[str],
    unfit: dict[str, Any],
) -> Segmentation:
    """What can be made of labels that the network has already taken."""
    missing = wanted & {"confidence", "probabilities"}
    given = [name for name, value in unfit.items() if value is not None]
    if missing or given:
        what = [f'want has "{name}"' for name in sorted(missing)] + [
            f"{n}= is given" for n in given
        ]
        raise ValueError(
            f"{what[0]}, but by convention {convention.name!r} the output is labels, of which "
            "nothing more is known; take the network's logits (or probabilities) instead"
        )
    came = validation.as_label_array(output)
    labels = came.array
    if labels.ndim == 4 and 1 in (labels.shape[1], labels.shape[-1]):  # (N, 1, H, W), (N, H, W, 1)
        labels = labels[:, 0] if labels.shape[1] == 1 else labels[..., 0]
    if labels.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got shape {came.array.shape}")
    if convention.foreground is not None:
        labels = _binary(labels, convention)
    if letterbox is not None:
        labels = letterbox.undo_labels(labels)
    if size is not None and tuple(arguments.as_output_size(size)) != labels.shape[-2:]:
        raise ValueError(
            f"labels of shape {labels.shape} cannot be resampled to size={tuple(size)} without "
            "loss; take the network's logits, or say by letterbox= how they lie on the picture"
        )
    picture = None if image is None else validation.as_image_array(image).array
    kept = came.wrap(labels)

    def painted(name: str) -> Any:
        if name not in wanted:
            return None
        if palette is None:
            raise ValueError(f'want has "{name}", which needs palette=')
        if name == "color":
            return colorize(kept, palette, check=check)
        if image is None:
            raise ValueError('want has "overlay", which needs image=')
        return overlay(image, kept, palette, alpha=alpha, check=check)

    return Segmentation(
        labels=kept if "labels" in wanted else None,
        color=painted("color"),
        overlay=painted("overlay"),
        palette=palette,
        image=picture,
    )


def _binary(labels: Array, convention: Convention) -> Array:
    """Masks as ids 1 (foreground) and 0."""
    one, zero = convention.foreground, convention.background
    wrong = (labels != one) & (labels != zero)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"by convention {convention.name!r} a mask holds {one} and {zero}, but "
            f"{int(wrong.sum())} of {labels.size} values are others, first {labels[place]} at "
            f"{list(place)}"
        )
    return np.asarray(labels == one).astype(label_dtype(2))
