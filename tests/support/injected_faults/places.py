"""Faults of where predictions lie."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import (
    SIZE,
    Arguments,
    Failure,
    Image,
    letterbox,
    logits_of,
    pair,
    photograph,
    regions,
    resize_nearest,
)


def iter_place_faults() -> Iterator[Failure]:
    """Yield faults of where predictions lie."""
    _, labels, target = pair()
    tall = target.T.copy()
    photo = photograph()

    yield Failure(
        "height-width-swapped",
        "labels transposed, a photograph known",
        lambda: {"labels": labels.T, "image": photo},
    )
    yield Failure(
        "height-width-swapped",
        "labels reshaped to (width, height), the target known",
        lambda: {"labels": labels.reshape(SIZE[::-1]), "target": target},
    )
    yield Failure(
        "turned",
        "mirrored left to right",
        lambda: {"labels": labels[:, ::-1], "target": target},
    )
    yield Failure(
        "turned",
        "transposed, square",
        lambda: {"labels": labels[:192, :192].T, "target": target[:192, :192]},
    )
    for where, word in ((0.0, "bottom"), (0.5, "both sides")):
        yield Failure(
            "letterbox",
            f"padded to a square at {word}, wide",
            lambda where=where: {"labels": letterbox(labels, where), "target": target},  # type: ignore[misc]
        )
    yield Failure(
        "letterbox",
        "padded to a square, tall",
        lambda: {"labels": letterbox(labels.T, 0.5), "target": tall},
    )
    yield Failure(
        "letterbox",
        "the middle square of the picture, stretched",
        lambda: {"labels": resize_nearest(labels[:, 32:224], SIZE), "target": target},
    )
    yield Failure(
        "letterbox",
        "labels of the padded 256 x 256 input",
        lambda: {"labels": np.pad(labels, ((0, 64), (0, 0))), "target": target},
    )
    for dy, dx in ((8, 8), (0, 12), (-16, 3), (1, -1), (5, -16)):
        yield Failure(
            "shifted",
            f"moved by {dy} down and {dx} to the right",
            lambda dy=dy, dx=dx: {  # type: ignore[misc]
                "labels": np.roll(labels, (dy, dx), (0, 1)),
                "target": target,
            },
        )
    for grid, option in (
        ("align_corners", None),
        ("asymmetric", None),
        ("half_pixel", "align_corners"),
        ("half_pixel", "asymmetric"),
        ("align_corners", "asymmetric"),
        ("asymmetric", "align_corners"),
    ):
        yield Failure(
            "wrong-grid",
            f"made for {grid}, enlarged on {option or 'half_pixel'}",
            lambda grid=grid, option=option: {  # type: ignore[misc]
                "logits": logits_of(target, grid=grid),
                "target": target,
                **({} if option is None else {"grid": option}),
            },
        )
    yield Failure(
        "size-mismatch",
        "labels of 190 x 250",
        lambda: {"labels": regions(seed=3)[:190, :250], "image": photo},
    )
    yield Failure(
        "another-number-of-images",
        "two predictions, three targets",
        lambda: {"labels": np.stack([labels] * 2), "target": np.stack([target] * 3)},
    )

    def turn_photo() -> Arguments:
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(photo).save(buffer, format="JPEG", exif=exif)
        buffer.seek(0)
        return {"image": Image.open(buffer)}

    yield Failure("exif-orientation", "a photograph with EXIF orientation 6", turn_photo)
    yield Failure(
        "tiles-exchanged",
        "halves exchanged",
        lambda: {"labels": np.roll(labels, 128, 1), "target": target},
    )
    yield Failure(
        "pictures-exchanged",
        "two pictures exchanged",
        lambda: {
            "labels": np.stack([regions(seed=1), labels]),
            "target": np.stack([target, regions(seed=1)]),
        },
    )
