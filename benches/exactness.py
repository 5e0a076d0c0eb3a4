"""What every contender computed, held to the float64 definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import segpost
from benches.jobs import ALPHA, Array, Contender, Job


@dataclass
class Truth:
    """The outputs of the reference backend, by part."""

    parts: dict[str, Array]


def truth(job: Job) -> Truth:
    """The float64 definition; slow."""
    palette = segpost.Palette.named(job.palette)
    with segpost.use_backend("reference"):
        if job.task == "softmax":
            return Truth({"probabilities": segpost.softmax(job.logits)})
        if job.task == "color":
            return Truth({"color": segpost.colorize(job.labels, palette)})
        if job.task == "overlay":
            return Truth({"overlay": segpost.overlay(job.image, job.labels, palette, alpha=ALPHA)})
        seg = segpost.postprocess(
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
        array, wanted = np.asarray(made), right.parts[part]
        if contender.factor != 1.0:
            wanted = wanted[: len(array)]
        array = array.reshape(wanted.shape)
        if part == "labels":
            said.append(f"{int((array != wanted).sum())}")
        elif part in ("confidence", "probabilities"):
            said.append(f"{abs(array.astype(np.float64) - wanted).max():.0e}")
        elif part == "overlay":
            said.append(f"±{int(abs(array.astype(int) - wanted).max())}")
        elif "labels" not in outputs:
            said.append(f"{int((array != wanted).any(-1).sum())}")
    if contender.factor != 1.0:
        said[0] += " (of the rows run)"
    return ", ".join(said)


def heading(job: Job) -> str:
    """What the column of deviations holds."""
    words = {
        "labels": "labels ≠ float64",
        "confidence": "confidence error",
        "probabilities": "largest error",
        "overlay": "overlay error",
    }
    said = [words[part] for part in job.parts if part in words]
    return ", ".join(said) or "pixels ≠ definition"
