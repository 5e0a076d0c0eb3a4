"""Faults of palettes, and of what was drawn with them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import Arguments, Failure, open_saved, photograph, regions

import segpost


def iter_palette_faults() -> Iterator[Failure]:
    """Yield faults of palettes and what was drawn with them."""
    labels = regions()
    voc = segpost.Palette.named("voc")
    city = segpost.Palette.named("cityscapes")
    drawn = segpost.colorize(labels, voc)

    yield Failure(
        "palette-of-0-1",
        "a palette of floats",
        lambda: {"labels": labels, "palette": voc.colors / 255},
    )
    yield Failure(
        "palette-black",
        "every predicted class is black",
        lambda: {"labels": labels % 2 * 3, "palette": np.eye(5, 3, -4, int) * 255},
    )
    yield Failure(
        "palette-too-short",
        "a palette of 5 colors for 7 classes",
        lambda: {"labels": labels, "palette": segpost.Palette.distinct(5)},
    )
    yield Failure(
        "palette-too-short",
        "151 classes with a background, ADE20K's 150 colors",
        lambda: {"num_classes": 151, "palette": "ade20k"},
    )
    yield Failure(
        "names-shifted",
        "names without a background, colors with one",
        lambda: {"class_names": (voc.names or ())[1:], "palette": "voc"},
    )
    yield Failure(
        "palette-of-other-dataset",
        "names of Cityscapes, colors of VOC",
        lambda: {"class_names": city.names, "palette": "voc"},
    )
    yield Failure(
        "palette-of-other-dataset",
        "19 classes, ADE20K's colors",
        lambda: {"num_classes": 19, "palette": "ade20k"},
    )
    yield Failure(
        "palette-of-other-dataset",
        "drawn with Cityscapes' colors, VOC's said",
        lambda: {"labels": labels, "color": segpost.colorize(labels, city), "palette": "voc"},
    )
    yield Failure(
        "ids-as-grey",
        "ids repeated as red, green and blue",
        lambda: {"labels": labels, "color": np.stack([labels] * 3, -1), "palette": "voc"},
    )
    yield Failure(
        "picture-black",
        "colors of 0..1 cast to bytes",
        lambda: {"labels": labels, "color": (drawn / 256).astype(np.uint8)},
    )
    yield Failure(
        "red-blue-swapped",
        "written with OpenCV's order, the labels known",
        lambda: {"labels": labels, "color": drawn[..., ::-1], "palette": "voc"},
    )
    yield Failure(
        "red-blue-swapped",
        "the same, the labels unknown",
        lambda: {"color": segpost.colorize(labels * np.uint8(3), voc)[..., ::-1], "palette": "voc"},
    )
    yield Failure(
        "red-blue-swapped",
        "the same, no palette said",
        lambda: {"color": segpost.colorize(labels * np.uint8(3), voc)[..., ::-1]},
    )
    yield Failure(
        "colors-shifted",
        "drawn with the next class's color",
        lambda: {"labels": labels, "color": voc.colors[labels + 1], "palette": "voc"},
    )

    def draw_overlay() -> Arguments:
        return {"color": segpost.overlay(photograph(), labels, voc), "palette": "voc"}

    yield Failure("colors-unknown", "an overlay on a photograph as labels", draw_overlay)
    yield Failure(
        "colors-of-other-labels",
        "colors of another picture",
        lambda: {
            "labels": labels,
            "color": segpost.colorize(regions(seed=5), voc),
            "palette": "voc",
        },
    )
    yield Failure(
        "red-blue-swapped",
        "the palette in the file is blue, green, red",
        lambda: {"labels": open_saved(labels, palette=voc.colors[:, ::-1]), "palette": "voc"},
    )
