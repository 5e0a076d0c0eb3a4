"""Failures made on purpose, each with the code that must name it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import (
    CLASSES,
    MEAN,
    SIZE,
    STD,
    Arguments,
    Failure,
    Image,
    letterboxed,
    logits_of,
    normalized,
    opened,
    pair,
    photograph,
    regions,
    resized,
    smoothly_resized,
    softmax,
    with_void,
)

import segpost


def logit_failures() -> Iterator[Failure]:
    """Of logits alone."""
    target = regions()
    logits = logits_of(target)
    full = logits_of(target, stride=1)

    def nan() -> Arguments:
        bad = logits.astype(np.float16)
        bad[3, 5, 6:9] = np.nan
        return {"logits": bad}

    def overflow() -> Arguments:
        with np.errstate(over="ignore"):
            return {"logits": (logits * np.float32(1e4)).astype(np.float16)}

    def masked() -> Arguments:
        bad = logits.copy()
        bad[:, 3:6] = -np.inf
        return {"logits": bad}

    yield Failure("nan-logits", "NaN in one channel of float16", nan)
    yield Failure("infinite-logits", "logits beyond 65504 as float16", overflow)
    yield Failure("no-class-possible", "every class masked in some rows", masked)
    yield Failure(
        "class-axis",
        "channels last, read as first, 7 classes known",
        lambda: {"logits": logits.transpose(1, 2, 0), "num_classes": CLASSES},
    )
    yield Failure(
        "class-axis",
        "channels last, read as first, nothing known",
        lambda: {"logits": full.transpose(1, 2, 0)},
    )
    yield Failure(
        "class-axis",
        "channels first, read as last, a palette of 7 colors",
        lambda: {"logits": logits, "axis": -1, "palette": segpost.Palette.distinct(CLASSES)},
    )
    yield Failure(
        "reshape-not-transpose",
        "(H, W, C) reshaped to (C, H, W)",
        lambda: {"logits": np.ascontiguousarray(full.transpose(1, 2, 0)).reshape(full.shape)},
    )
    yield Failure(
        "reshape-not-transpose",
        "(C, H, W) reshaped to (H, W, C)",
        lambda: {"logits": full.reshape(*SIZE, CLASSES), "axis": -1},
    )
    yield Failure(
        "other-number-of-classes",
        "a head of 7 classes for 19",
        lambda: {"logits": logits, "num_classes": 19},
    )
    yield Failure(
        "one-channel",
        "argmax over one sigmoid channel",
        lambda: {
            "logits": (full[1] - full[0])[None],
            "labels": np.zeros(SIZE, np.uint8),
        },
    )
    yield Failure(
        "quantized-logits",
        "raw int8 of a quantized network",
        lambda: {"logits": np.clip(np.rint(logits * 8) - 22, -128, 127).astype(np.int8)},
    )
    yield Failure(
        "quantized-logits",
        "the same cast to float32",
        lambda: {"logits": np.clip(np.rint(logits * 8) - 22, -128, 127).astype(np.float32)},
    )
    yield Failure(
        "softmax-twice",
        "softmax of a softmax",
        lambda: {"logits": softmax(softmax(logits)).astype(np.float32)},
    )
    yield Failure(
        "probabilities-as-logits",
        "probabilities taken for logits",
        lambda: {"logits": softmax(logits).astype(np.float32)},
    )
    yield Failure(
        "probabilities-as-logits",
        "the same in float16",
        lambda: {"logits": softmax(logits).astype(np.float16)},
    )
    yield Failure(
        "sigmoid-as-logits",
        "sigmoids of single classes",
        lambda: {"logits": 1 / (1 + np.exp(-logits))},
    )

    def untrained() -> Arguments:
        noise = np.random.default_rng(1).standard_normal((21, 33, 40)) * 0.01
        return {"logits": (noise + np.linspace(-0.05, 0.05, 21)[:, None, None]).astype(np.float32)}

    yield Failure("untrained-head", "a head as it was initialized", untrained)
    yield Failure(
        "constant-logits",
        "the same logits at every pixel",
        lambda: {"logits": np.broadcast_to(logits[:, :1, :1], logits.shape).copy()},
    )

    def dropout() -> Arguments:
        keep = np.random.default_rng(2).random(logits.shape) < 0.9
        return {"logits": logits, "repeat_logits": (logits * keep / 0.9).astype(np.float32)}

    def batch_norm() -> Arguments:
        scale = np.random.default_rng(3).uniform(0.8, 1.2, (CLASSES, 1, 1))
        return {"logits": logits, "repeat_logits": (logits * scale).astype(np.float32)}

    def dead() -> Arguments:
        bad = logits.copy()
        bad[4] = 0
        return {"logits": bad}

    yield Failure("runs-differ", "two runs under dropout", dropout)
    yield Failure("runs-differ", "two runs with batch norm in training mode", batch_norm)
    yield Failure("dead-class", "a class whose weights are zero", dead)


def label_failures() -> Iterator[Failure]:
    """Of labels, alone and with their logits."""
    logits, _, target = pair()
    full = logits_of(target, stride=1)
    own = full.argmax(0).astype(np.uint8)
    square = logits_of(regions(size=(64, 64)), stride=1)

    yield Failure(
        "wrong-argmax-axis",
        "argmax over a batch of one",
        lambda: {"logits": full[None], "labels": full[None].argmax(0).astype(np.uint8)},
    )
    yield Failure(
        "wrong-argmax-axis",
        "argmax over the rows of (H, W, C)",
        lambda: {
            "logits": full.transpose(1, 2, 0),
            "axis": -1,
            "labels": full.transpose(1, 2, 0).argmax(0).astype(np.int64),
        },
    )
    yield Failure(
        "reshaped-labels",
        "argmax after a reshape to (H, W, C)",
        lambda: {"logits": full, "labels": full.reshape(*SIZE, CLASSES).argmax(-1)},
    )
    yield Failure(
        "transposed-labels",
        "labels transposed",
        lambda: {"logits": square, "labels": square.argmax(0).T},
    )
    yield Failure(
        "transposed-labels",
        "labels reshaped to (width, height)",
        lambda: {"logits": full, "labels": own.reshape(SIZE[::-1])},
    )
    yield Failure(
        "argmax-times-255",
        "(argmax * 255).astype(uint8), logits known",
        lambda: {"logits": full, "labels": (own.astype(int) * 255 % 256).astype(np.uint8)},
    )
    yield Failure(
        "argmax-times-255",
        "the same, 7 classes known",
        lambda: {"labels": (own.astype(int) * 255 % 256).astype(np.uint8), "num_classes": CLASSES},
    )
    yield Failure(
        "argmax-times-255",
        "the same, nothing known",
        lambda: {"labels": (own.astype(int) * 255 % 256).astype(np.uint8)},
    )
    yield Failure(
        "cast-before-argmax",
        "probabilities cast to uint8 before the argmax",
        lambda: {
            "logits": full,
            "labels": softmax(full).astype(np.uint8).argmax(0).astype(np.uint8),
        },
    )
    box = segpost.Letterbox.fit(SIZE, (256, 256))
    yield Failure(
        "cast-before-argmax",
        "the same of enlarged probabilities",
        lambda: {"logits": logits, "labels": np.zeros(SIZE, np.uint8)},
    )
    yield Failure(
        "argmax-times-255",
        "the same of enlarged logits",
        lambda: {
            "logits": logits,
            "labels": (segpost.argmax(logits, size=SIZE).astype(int) * 255 % 256).astype(np.uint8),
        },
    )
    yield Failure(
        "letterbox-not-removed",
        "labels of the padded input, stretched over the picture",
        lambda: {"logits": square, "labels": segpost.argmax(square, size=SIZE), "letterbox": box},
    )
    yield Failure(
        "argmax-before-resize",
        "labels enlarged by nearest neighbor",
        lambda: {"logits": logits, "labels": resized(logits.argmax(0).astype(np.uint8), SIZE)},
    )
    yield Failure(
        "labels-on-another-grid",
        "labels on align_corners, half_pixel said",
        lambda: {
            "logits": logits,
            "grid": "half_pixel",
            "labels": segpost.argmax(logits, size=SIZE, grid="align_corners"),
        },
    )
    yield Failure(
        "labels-of-other-logits",
        "labels of another picture",
        lambda: {"logits": logits, "labels": regions(seed=9)},
    )
    yield Failure(
        "one-class",
        "background everywhere, the target has more",
        lambda: {"labels": np.zeros(SIZE, np.uint8), "target": target},
    )
    yield Failure(
        "labels-0-255",
        "a mask of 0 and 255, two classes",
        lambda: {"labels": (own == 2).astype(np.uint8) * 255, "num_classes": 2},
    )
    voc = segpost.Palette.named("voc")
    grey = (voc.colors @ np.array([19595, 38470, 7471]) + 0x8000 >> 16).astype(np.uint8)
    yield Failure(
        "labels-luma",
        "a picture in VOC's colors read as grey",
        lambda: {"labels": grey[own * 3], "num_classes": 21},
    )
    yield Failure(
        "labels-outside",
        "ids beyond the classes",
        lambda: {"labels": own + np.uint8(40), "num_classes": CLASSES},
    )
    yield Failure(
        "interpolated-labels",
        "labels resized with interpolation",
        lambda: {
            "labels": smoothly_resized(own * np.uint8(20), (250, 333)),
            "num_classes": CLASSES,
        },
    )
    yield Failure(
        "blocky-labels",
        "blocks of 8 x 8, logits unknown",
        lambda: {"labels": resized(logits.argmax(0).astype(np.uint8), SIZE)},
    )
    yield Failure(
        "blocky-logits",
        "logits enlarged by nearest neighbor",
        lambda: {"logits": logits.repeat(4, 1).repeat(4, 2)},
    )
    yield Failure(
        "no-palette-in-file",
        "ids saved as a grey PNG",
        lambda: {"labels": opened(own)},
    )
    yield Failure(
        "lossy-label-file",
        "ids saved as JPEG",
        lambda: {"labels": opened(own, kind="JPEG")},
    )


def palette_failures() -> Iterator[Failure]:
    """Of palettes and what was drawn with them."""
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

    def overlaid() -> Arguments:
        return {"color": segpost.overlay(photograph(), labels, voc), "palette": "voc"}

    yield Failure("colors-unknown", "an overlay on a photograph as labels", overlaid)
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
        lambda: {"labels": opened(labels, palette=voc.colors[:, ::-1]), "palette": "voc"},
    )


def target_failures() -> Iterator[Failure]:
    """Of targets."""
    target = regions()
    voc = segpost.Palette.named("voc")
    brightness = (voc.colors @ np.array([19595, 38470, 7471]) + 0x8000 >> 16).astype(np.uint8)
    scattered = np.array([0, 2, 5, 9, 12, 15, 20], np.uint8)[target]
    label_ids = np.array([7, 8, 11, 21, 23, 26, 33], np.uint8)[target]

    yield Failure(
        "target-is-a-picture",
        "a target in VOC's colors",
        lambda: {"target": segpost.colorize(target, voc)},
    )
    yield Failure(
        "target-0-255",
        "a mask of 0 and 255 with two classes",
        lambda: {"target": (target == 2).astype(np.uint8) * 255, "num_classes": 2},
    )
    yield Failure(
        "target-0-255",
        "the same with 255 ignored",
        lambda: {
            "target": (target == 2).astype(np.uint8) * 255,
            "num_classes": 2,
            "ignore_index": 255,
        },
    )
    yield Failure(
        "void-not-ignored",
        "255 along the borders, nothing ignored",
        lambda: {"target": with_void(target), "num_classes": CLASSES},
    )
    yield Failure(
        "target-interpolated",
        "a target resized with interpolation",
        lambda: {
            "target": smoothly_resized(target * np.uint8(20), (250, 333)),
            "num_classes": 21,
        },
    )
    yield Failure(
        "target-luma",
        "VOC's colors read as grey",
        lambda: {"target": brightness[scattered], "palette": "voc"},
    )
    yield Failure(
        "target-luma",
        "the red channel of VOC's colors",
        lambda: {"target": voc.colors[scattered][..., 0], "num_classes": 21},
    )
    yield Failure(
        "target-labelid",
        "labelIds for 19 classes",
        lambda: {"target": label_ids, "num_classes": 19},
    )
    yield Failure(
        "target-one-too-many",
        "1..7 for 7 classes",
        lambda: {"target": target + np.uint8(1), "num_classes": CLASSES},
    )
    yield Failure(
        "target-outside",
        "ids beyond the classes",
        lambda: {
            "target": np.array([0, 1, 2, 3, 40, 41, 43], np.uint8)[target],
            "num_classes": CLASSES,
        },
    )
    yield Failure(
        "target-all-void",
        "nothing but 255",
        lambda: {"target": np.full(SIZE, 255, np.uint8), "num_classes": 3, "ignore_index": 255},
    )


def class_failures() -> Iterator[Failure]:
    """Of what classes mean."""
    _, labels, target = pair()
    ids = np.array([7, 8, 11, 12, 13, 17, 19], np.uint8)
    order = np.array([3, 1, 6, 0, 2, 5, 4], np.uint8)
    binary = (target > 3).astype(np.uint8)

    yield Failure(
        "labelid-for-trainid",
        "the target has labelIds, all below 20",
        lambda: {"labels": labels, "target": ids[target], "num_classes": 20},
    )
    yield Failure(
        "labelid-for-trainid",
        "the prediction has labelIds",
        lambda: {"labels": ids[labels], "target": target, "num_classes": 20},
    )
    yield Failure(
        "reduce-zero-label-missing",
        "the target counts from 1",
        lambda: {"labels": labels, "target": target + np.uint8(1), "num_classes": 150},
    )
    yield Failure(
        "reduce-zero-label-twice",
        "1 was taken from the target twice",
        lambda: {
            "labels": labels,
            "target": np.where(target == 0, 255, target - 1).astype(np.uint8),
            "num_classes": 150,
            "ignore_index": 255,
        },
    )
    yield Failure(
        "class-offset",
        "the target is 2 further",
        lambda: {"labels": labels, "target": target + np.uint8(2), "num_classes": 20},
    )
    yield Failure(
        "inverted-mask",
        "foreground and background exchanged",
        lambda: {"labels": 1 - binary, "target": binary, "num_classes": 2},
    )
    yield Failure(
        "classes-permuted",
        "another order of the classes",
        lambda: {"labels": order[labels], "target": target},
    )
    yield Failure(
        "no-common-class",
        "no class in common",
        lambda: {
            "labels": labels % 2 + np.uint8(10),
            "target": regions(seed=4) % 3,
            "num_classes": 20,
        },
    )


def place_failures() -> Iterator[Failure]:
    """Of where predictions lie."""
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
            lambda where=where: {"labels": letterboxed(labels, where), "target": target},  # type: ignore[misc]
        )
    yield Failure(
        "letterbox",
        "padded to a square, tall",
        lambda: {"labels": letterboxed(labels.T, 0.5), "target": tall},
    )
    yield Failure(
        "letterbox",
        "the middle square of the picture, stretched",
        lambda: {"labels": resized(labels[:, 32:224], SIZE), "target": target},
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
    for made, told in (
        ("align_corners", None),
        ("asymmetric", None),
        ("half_pixel", "align_corners"),
        ("half_pixel", "asymmetric"),
        ("align_corners", "asymmetric"),
        ("asymmetric", "align_corners"),
    ):
        yield Failure(
            "wrong-grid",
            f"made for {made}, enlarged on {told or 'half_pixel'}",
            lambda made=made, told=told: {  # type: ignore[misc]
                "logits": logits_of(target, grid=made),
                "target": target,
                **({} if told is None else {"grid": told}),
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

    def turned_photo() -> Arguments:
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(photo).save(buffer, format="JPEG", exif=exif)
        buffer.seek(0)
        return {"image": Image.open(buffer)}

    yield Failure("exif-orientation", "a photograph with EXIF orientation 6", turned_photo)


def input_failures() -> Iterator[Failure]:
    """Of what the network was fed."""
    photo = photograph()
    x = normalized(photo)
    said = {"mean": MEAN, "std": STD}

    def broken() -> Arguments:
        bad = x.copy()
        bad[1, 4] = np.nan
        return {"input": bad, **said}

    yield Failure("input-not-finite", "NaN in the input", broken)
    yield Failure("input-constant", "an input of zeros", lambda: {"input": x * 0, **said})
    yield Failure(
        "input-constant",
        "the same, the photograph known",
        lambda: {"input": x * 0, "image": photo, **said},
    )
    yield Failure(
        "input-bgr",
        "blue, green, red",
        lambda: {"input": normalized(photo[..., ::-1]), "image": photo, **said},
    )
    yield Failure(
        "input-bgr",
        "the same at half the size",
        lambda: {"input": normalized(photo[::2, ::2, ::-1]), "image": photo, **said},
    )
    yield Failure(
        "input-normalization",
        "only divided by 255",
        lambda: {"input": (photo / 255).transpose(2, 0, 1), "image": photo, **said},
    )
    yield Failure(
        "input-normalization",
        "in -1..1",
        lambda: {"input": (photo / 127.5 - 1).transpose(2, 0, 1), "image": photo, **said},
    )
    yield Failure(
        "input-normalization",
        "normalized twice",
        lambda: {
            "input": normalized(normalized(photo).transpose(1, 2, 0) * 255.0),
            "image": photo,
            **said,
        },
    )
    yield Failure(
        "input-range",
        "0..255, no photograph known",
        lambda: {"input": photo.transpose(2, 0, 1).astype(np.float32), **said},
    )
    yield Failure(
        "input-range",
        "0..1, no photograph known",
        lambda: {"input": (photo / 255).transpose(2, 0, 1), **said},
    )


def blurred(values: np.ndarray) -> np.ndarray:
    """Return (C, H, W) values without sharp edges, as enlarged logits are."""
    for _ in range(24):
        for axis in (-2, -1):
            values = (np.roll(values, 1, axis) + values + np.roll(values, -1, axis)) / 3
    return np.asarray(values, np.float32)


def head_failures() -> Iterator[Failure]:
    """Of outputs that were read as another type, summed over another axis, or thresholded."""
    target = regions()
    full = blurred(logits_of(target, stride=1))
    raw = np.clip(np.rint(full * 20) + 128, 0, 255).astype(np.uint8)
    mask = (target > 3).astype(np.uint8)
    one = blurred((logits_of(mask, 2, 1)[1] - logits_of(mask, 2, 1)[0])[None])

    yield Failure(
        "softmax-wrong-axis",
        "softmax over the columns",
        lambda: {"logits": softmax(full.transpose(2, 0, 1)).transpose(1, 2, 0)},
    )
    yield Failure("wrapped-logits", "uint8 read as int8", lambda: {"logits": raw.view(np.int8)})
    yield Failure(
        "symmetric-logits",
        "a flipped pass that was not flipped back",
        lambda: {"logits": (full + full[..., ::-1]) / 2},
    )
    yield Failure(
        "sigmoid-twice",
        "probabilities and a threshold",
        lambda: {"logits": 1 / (1 + np.exp(-one)), "threshold": 0.5, "target": mask},
    )
    yield Failure(
        "threshold-on-logits",
        "logits above 0.5",
        lambda: {"logits": one, "labels": (one[0] > 0.5).astype(np.uint8)},
    )
    yield Failure(
        "threshold-before-argmax",
        "probabilities above 0.5, then argmax",
        lambda: {"logits": full / 4, "labels": (softmax(full / 4) > 0.5).argmax(0)},
    )


def decoding_failures() -> Iterator[Failure]:
    """Of ids that came as floats, as bits of another type, or as indices of a file's palette."""
    _, labels, target = pair()
    order = np.array([3, 0, 6, 1, 2, 4, 5], np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[order] = segpost.Palette.named("voc").colors[:CLASSES]
    local = opened(order[labels], palette=colors)

    yield Failure("float-ids", "float32 ids", lambda: {"labels": labels.astype(np.float32)})
    yield Failure(
        "ids-divided",
        "a mask that ToTensor divided",
        lambda: {"target": (target / 255).astype(np.float32)},
    )
    yield Failure(
        "bits-as-floats",
        "int32 ids read as float32",
        lambda: {"labels": labels.astype(np.int32).view(np.float32)},
    )
    yield Failure(
        "indices-of-file-palette",
        "labels that index the file's palette",
        lambda: {"labels": local, "palette": "voc"},
    )
    yield Failure(
        "target-local-palette",
        "a target that indexes the file's palette",
        lambda: {
            "target": opened(order[target], palette=colors),
            "labels": labels,
            "palette": "voc",
        },
    )
    yield Failure(
        "target-all-zero",
        "a mask that ToTensor divided, cast to integers",
        lambda: {"target": (target / 255).astype(np.int64), "labels": labels},
    )


def more_failures() -> Iterator[Failure]:
    """Of values that were stretched, orders, and inputs that are not made of the image."""
    _, labels, target = pair()
    photo, said = photograph(), {"mean": MEAN, "std": STD}
    given = {"image": photo, **said}
    ids = (target.astype(int) * 2 + 246, (labels.astype(int) * 2 + 246) % 256)

    yield Failure(
        "labels-stretched",
        "plt.imsave of the labels",
        lambda: {"labels": (labels * 255.0 / 6).round().astype(np.uint8), "num_classes": CLASSES},
    )
    yield Failure(
        "target-stretched",
        "plt.imsave of the target",
        lambda: {"target": (target * 255.0 / 6).round().astype(np.uint8), "num_classes": CLASSES},
    )
    yield Failure(
        "ids-wrapped",
        "ids of 300 classes in 8 bits",
        lambda: {"labels": ids[1].astype(np.uint8), "target": ids[0], "num_classes": 300},
    )
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
    yield Failure(
        "input-reshaped",
        "reshaped, not transposed",
        lambda: {"input": ((photo / 255 - MEAN) / STD).reshape(3, *SIZE), **given},
    )
    yield Failure(
        "input-channels-mixed",
        "a gray image in all channels",
        lambda: {"input": normalized(photo.mean(2, keepdims=True).repeat(3, 2)), **given},
    )
    yield Failure(
        "input-flipped", "mirrored", lambda: {"input": normalized(photo[:, ::-1]), **given}
    )
    yield Failure(
        "input-of-other-image",
        "another photograph",
        lambda: {"input": normalized(photograph(seed=3)), **given},
    )


def made() -> list[Failure]:
    """Every failure that needs no files."""
    return [
        *logit_failures(),
        *label_failures(),
        *palette_failures(),
        *target_failures(),
        *class_failures(),
        *place_failures(),
        *input_failures(),
        *head_failures(),
        *decoding_failures(),
        *more_failures(),
    ]
