"""The same of photographs and predictions that some machines have beside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from corpus_scenes import MEAN, STD, normalize
from diagnosis_scenes import (
    Arguments,
    Failure,
    Image,
    Run,
    letterbox,
    logits_of,
    open_saved,
    resize_smoothly,
)

import segpost
from segpost.diagnosis.class_maps import TRAIN_IDS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def list_faults_of_files(folder: Path) -> list[Failure]:
    """Failures made of photographs, and of what a network predicted for them."""
    voc = segpost.Palette.named("voc")
    faults = []
    for name in ("1", "23"):
        image, preds, target = scene_of(folder, name)
        picture = _pixels(folder / f"vainf_{name}_target.png")
        shared = {"labels": preds, "palette": "voc", "image": image}
        what = f"photograph {name}"
        boxed = letterbox(preds[64:448], 0.5)
        grey = np.asarray(Image.fromarray(picture).convert("L"))
        cases: list[tuple[str, str, Arguments]] = [
            ("target-is-a-picture", "a target in colors", {**shared, "target": picture}),
            ("target-luma", "a target read as grey", {**shared, "target": grey}),
            ("void-not-ignored", "255 not ignored",
             {"labels": preds, "target": target, "num_classes": 21}),
            ("shifted", "8 down, 8 to the right",
             {**shared, "labels": np.roll(preds, (8, 8), (0, 1)), "target": target}),
            ("shifted", "12 to the left",
             {**shared, "labels": np.roll(preds, (0, -12), (0, 1)), "target": target}),
            ("letterbox", "padded to a square",
             {"labels": boxed, "target": target[64:448], "palette": "voc"}),
            ("turned", "mirrored", {**shared, "labels": preds[:, ::-1], "target": target}),
            ("reduce-zero-label-missing", "the target one further",
             {**shared, "target": np.where(target == 255, 255, target + 1).astype(np.uint8)}),
            ("classes-permuted", "another order",
             {"labels": np.array([*range(21)][::-1], np.uint8)[preds], "target": target,
              "palette": "voc"}),
            ("class-offset", "the target three further",
             {**shared, "target": np.where(target == 255, 255, target + 3).astype(np.uint8)}),
            ("one-class", "nothing but background",
             {**shared, "labels": preds * 0, "target": target}),
            # Class 1 alone would become 255, and that a mask of 0 and 255.
            ("argmax-times-255", "(argmax * 255).astype(uint8)",
             {"labels": (np.where(preds, 15, 0) * 255 % 256).astype(np.uint8), "palette": "voc"}),
            ("ids-as-grey", "ids shown as grey", {**shared, "color": np.stack([preds] * 3, -1)}),
            ("colors-unknown", "an overlay taken for labels",
             {"color": segpost.overlay(image, preds, voc), "palette": "voc"}),
            ("red-blue-swapped", "drawn in OpenCV's order",
             {**shared, "color": segpost.colorize(preds, voc)[..., ::-1]}),
            ("no-palette-in-file", "ids saved as grey", {"labels": open_saved(preds)}),
            ("lossy-label-file", "ids saved as JPEG", {"labels": open_saved(preds, kind="JPEG")}),
            ("target-interpolated", "a target resized with interpolation",
             {"target": resize_smoothly(target, (400, 400)), "num_classes": 21,
              "ignore_index": 255}),
            ("height-width-swapped", "cut to 400 x 513, transposed",
             {"labels": preds[:400].T, "target": target[:400]}),
            ("input-bgr", "blue, green, red",
             {"input": normalize(image[..., ::-1]), "image": image, "mean": MEAN, "std": STD}),
            ("input-bgr", "blue, green, red, at half the size",
             {"input": normalize(image[::2, ::2, ::-1]), "image": image, "mean": MEAN,
              "std": STD}),
            ("input-normalization", "not divided by 255",
             {"input": ((image - MEAN) / STD).transpose(2, 0, 1), "image": image, "mean": MEAN,
              "std": STD}),
        ]  # fmt: skip
        for grid, option in (("align_corners", None), ("half_pixel", "align_corners"),
                           ("asymmetric", None)):  # fmt: skip
            # Shapes of the prediction: void of the target would have to become some class.
            arguments = {
                "logits": logits_of(preds, 21, grid=grid),
                "target": preds,
                "palette": "voc",
            }
            if option is not None:
                arguments["grid"] = option
            cases.append(("wrong-grid", f"made for {grid}, on {option or 'half_pixel'}", arguments))
        faults += [
            Failure(code, f"{what}: {words}", lambda arguments=arguments: arguments)  # type: ignore[misc]
            for code, words, arguments in cases
        ]
    golden = _pixels(folder / "tflite_ground_truth_segmentation.png")
    street = np.asarray(Image.open(folder / "deeplab2_eval_semantic_target.png")).astype(np.uint8)
    back = {v: k for k, v in TRAIN_IDS.items()}
    ids = np.array([back.get(v, 0) for v in range(256)], np.uint8)[street]
    seen = np.where(street == 255, 0, street).astype(np.uint8)

    def grey_file() -> Arguments:
        return {"labels": Image.open(folder / "voc_2007_000129.png"), "palette": "voc"}

    faults += [
        Failure("red-blue-swapped", "the golden picture of a TFLite example, VOC's colors said",
                lambda: {"color": golden, "palette": "voc"}),
        Failure("red-blue-swapped", "the same, no palette said", lambda: {"color": golden}),
        Failure("no-palette-in-file", "VOC's 2007_000129.png as it is circulated", grey_file),
        Failure("labelid-for-trainid", "a street with labelIds for its target",
                lambda: {"labels": seen, "target": ids, "num_classes": 34}),
        Failure("target-labelid", "the same, 19 classes said",
                lambda: {"labels": seen, "target": ids, "palette": "cityscapes"}),
        Failure("shifted", "a street, 3 up and 5 to the right",
                lambda: {"labels": np.roll(seen, (-3, 5), (0, 1)), "target": street,
                         "palette": "cityscapes"}),
    ]  # fmt: skip
    return faults


def list_clean_runs_of_files(folder: Path) -> list[Run]:
    """Photographs, predictions and targets as they are."""
    runs = []
    for name in ("1", "23"):
        image, preds, target = scene_of(folder, name)
        arguments = {
            "labels": preds,
            "target": target,
            "image": image,
            "palette": "voc",
            "color": segpost.colorize(preds, "voc"),
            "input": normalize(image),
            "mean": MEAN,
            "std": STD,
        }
        runs.append(Run(f"photograph {name}, everything", lambda arguments=arguments: arguments))  # type: ignore[misc]
        half = {**arguments, "input": normalize(image[::2, ::2])}
        runs.append(Run(f"photograph {name}, a smaller input", lambda half=half: half))  # type: ignore[misc]
        colors = {"color": _pixels(folder / f"vainf_{name}_pred.png"), "palette": "voc"}
        runs.append(Run(f"photograph {name}, colors", lambda colors=colors: colors))  # type: ignore[misc]
    street = Image.open(folder / "deeplab2_eval_semantic_target.png")
    seen = np.asarray(street).astype(np.uint8)
    return [
        *runs,
        Run("a street", lambda: {
            "target": street, "palette": "cityscapes",
            "labels": np.where(seen == 255, 0, seen).astype(np.uint8),
            "image": _pixels(folder / "deeplab2_dummy_leftImg8bit.png")}),
        Run("VOC's 2007_000129, ids read", lambda: {
            "target": np.asarray(Image.open(folder / "voc_2007_000129.png")), "palette": "voc",
            "image": _pixels(folder / "voc_2007_000129.jpg")}),
        Run("an annotation of the CRF demo", lambda: {
            "labels": Image.open(folder / "crf_anno1.png"),
            "image": _pixels(folder / "crf_im1.png")}),
    ]  # fmt: skip


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def scene_of(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photograph, prediction and target of a VOC picture."""
    image, preds, target = (
        _pixels(folder / f"vainf_{name}_{what}.png") for what in ("image", "pred", "target")
    )
    return (
        image,
        segpost.labels_from_colors(preds, "voc"),
        segpost.labels_from_colors(target, "voc"),
    )
