"""What every contender computed, held to the float64 definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import segpost
from benches.harness.jobs import (
    ALPHA,
    CALIBRATION,
    CODES,
    COUNTING,
    CRF,
    LETTERBOX,
    MASKS,
    MEAN,
    PAD,
    STD,
    VOID,
    VOLUME,
    Array,
    Contender,
    Job,
)
from segpost._core.rle import encode_mask


@dataclass
class Truth:
    """The outputs of the reference backend, by part."""

    parts: dict[str, Array]


def truth(job: Job) -> Truth:
    """The float64 definition; slow. For a dense CRF, whose definition would take hours, the best
    approximation of it: `accuracy_crf` holds that one to the definition.
    """
    if job.task == CRF:
        crf = segpost.DenseCRF.preset(job.preset, iterations=job.iterations, quality="high")  # type: ignore[arg-type]
        return Truth({"probabilities": crf(job.probabilities, job.image)})
    palette = segpost.Palette.named(job.palette)  # type: ignore[arg-type]
    with segpost.use_backend("reference"):
        if job.task == LETTERBOX:
            made = job.box.apply(job.image, mean=MEAN, std=STD, pad=PAD, antialias=job.antialias)
            return Truth({"input": made})
        if job.task == VOLUME:
            return Truth({"labels": segpost.argmax(job.logits, size=job.volume)})
        if job.task in (MASKS, CODES):
            masks = segpost.binarize(job.logits, size=job.size)
            codes = [encode_mask(mask)["counts"] for mask in masks]
            return Truth({"masks": masks, "codes": np.array(codes)})
        if job.task == "softmax":
            return Truth({"probabilities": segpost.softmax(job.logits)})
        if job.task == "color":
            return Truth({"color": segpost.colorize(job.labels, palette)})
        if job.task == "overlay":
            return Truth({"overlay": segpost.overlay(job.image, job.labels, palette, alpha=ALPHA)})
        if job.task == CALIBRATION:
            calibration = segpost.Calibration(
                job.classes, ignore_index=VOID, classwise=False, temperature=False
            )
            calibration.update(job.logits, job.target)
            return Truth({"ece": np.array(calibration.compute().ece)})
        if job.task in COUNTING:
            preds = job.logits if job.logits.size else job.labels
            if "boundary_iou" in job.parts:
                measure = segpost.BoundaryIoU(job.classes, ignore_index=VOID)
                measure.update(preds, job.target)
                return Truth({"boundary_iou": measure.compute().boundary_iou})
            matrix = segpost.confusion_matrix(
                preds, job.target, num_classes=job.classes, ignore_index=VOID
            )
            return Truth({"matrix": matrix})
        seg = segpost.postprocess(  # type: ignore[type-var]
            job.logits,
            size=job.size,
            palette=palette,
            image=job.image if "overlay" in job.parts else None,
            alpha=ALPHA,
            want=job.parts,
        )
    return Truth({part: getattr(seg, part) for part in job.parts})


def deviation(job: Job, contender: Contender, right: Truth) -> str:
    """Differing labels; largest errors of everything else where they are worth saying."""
    outputs = dict(zip(job.parts, contender.run(), strict=True))
    said = []
    for part, made in outputs.items():
        if "bfloat16" in str(getattr(made, "dtype", "")):
            made = made.float()  # which NumPy lacks
        array, wanted = np.asarray(made), right.parts[part]
        if part == "matrix":
            said.append(misplaced(array, wanted))
            continue
        if contender.factor != 1.0:
            wanted = wanted[: len(array)]
        array = array.reshape(wanted.shape)
        if part == "confidence" and array.dtype == np.uint8:
            array = array / 255.0
        if job.task == CRF:
            said.append(f"{(array.argmax(-3) != wanted.argmax(-3)).mean():.2%}")
            continue
        if part in ("labels", "masks", "codes"):
            said.append(f"{int((array != wanted).sum())}")
        elif part in ("confidence", "probabilities", "boundary_iou", "input", "ece"):
            said.append(f"{abs(array.astype(np.float64) - wanted).max():.0e}")
        elif part == "overlay":
            said.append(f"±{int(abs(array.astype(int) - wanted).max())}")
        elif "labels" not in outputs:
            said.append(f"{int((array != wanted).any(-1).sum())}")
    if contender.factor != 1.0:
        said[0] += " (of the rows run)"
    return ", ".join(said)


def misplaced(made: Array, wanted: Array) -> str:
    """How many pixels of a confusion matrix, or of its sums, are in other cells; the first."""
    if made.shape != wanted.shape:  # hits, target and predicted pixels: there is no matrix
        wanted = np.stack([wanted.diagonal(), wanted.sum(axis=1), wanted.sum(axis=0)])
    difference = made.astype(np.int64) - wanted
    if not difference.any():
        return "0"
    first = ", ".join(str(i) for i in np.argwhere(difference)[0].tolist())
    pixels = max(difference.clip(0).sum(), -difference.clip(None, 0).sum())
    return f"{pixels}, first in ({first})"


def heading(job: Job) -> str:
    """What the column of deviations holds."""
    if job.task == CRF:
        return 'labels ≠ quality="high"'
    words = {
        "labels": "labels ≠ float64",
        "masks": "pixels ≠ float64",
        "codes": "masks ≠ float64",
        "confidence": "confidence error",
        "probabilities": "largest error",
        "overlay": "overlay error",
        "boundary_iou": "largest error",
        "input": "largest error",
        "ece": "error of the ECE",
    }
    said = [words[part] for part in job.parts if part in words]
    return ", ".join(said) or "pixels ≠ definition"
