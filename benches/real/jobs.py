"""Labels and RGB of a real network's logits, which tell how synthetic the synthetic scenes are.

And their refinement by a dense CRF: a real network is surer of itself than the synthetic one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import segpost
from benches.baselines import with_halide, with_openvino
from benches.baselines.ours import NUMBA
from benches.baselines.ours_crf import FAST, HIGH
from benches.baselines.with_opencv import HWC
from benches.baselines.with_pydensecrf import NAME
from benches.baselines.with_torch import COMPILED_ARGMAX, COMPILED_MAX, EAGER_ARGMAX, EAGER_MAX
from benches.harness import scenes
from benches.harness.jobs import CRF, OURS, Absent, Array, Job, need
from benches.labels.bench_labels import DENSE
from benches.real.cache import logits_file

ONLY = (
    OURS,
    "segpost, Numba backend",
    EAGER_ARGMAX,
    EAGER_MAX,
    COMPILED_ARGMAX,
    COMPILED_MAX,
    HWC,
    with_openvino.LABELS,
    with_openvino.COLORS,
    with_halide.LABELS,
)
REFINING = (OURS, FAST, HIGH, NUMBA, NAME)


def jobs(data: Path) -> list[Job]:
    """Every photograph at 1/8 and at 1/4 of its size."""
    try:
        sizes = {name: size_of(data / name) for name in names(logits_file("network", data))}
    except Absent as error:
        raise ImportError(str(error)) from error
    made = []
    with np.load(logits_file("network", data)) as file:
        for stride in (8, 4):
            for name, size in sizes.items():
                key = f"{name}/{stride}"
                note = "Held out: the network has not seen it."
                if f"{key}/accuracy" in file:
                    note = f"Pixel accuracy {float(file[f'{key}/accuracy'][0]):.3f}."
                palette = "voc" if len(file[key]) == 21 else "cityscapes"
                title = f"real logits: {Path(name).stem}, stride {stride}"
                made.append(
                    Job(title, "labels+color", file[key], size, palette, only=ONLY, note=note)
                )
        for name in sizes:
            made += refinements(data / name, file[f"{name}/8"])
    return made


def hard_jobs(data: Path | None) -> list[Job]:
    """Labels of 150 classes that compete, of outputs at 1/4 to 1/32 of the pictures' sizes."""
    try:
        file = logits_file("many_classes", data)
    except Absent as error:
        raise ImportError(str(error)) from error
    made = []
    with np.load(file) as logits:
        for key in logits.files:
            name, _, stride = key.rpartition("/")
            if stride == "size":
                size = tuple(logits[f"{name}/size"].tolist())
                continue
            values = logits[key]
            note = f"Mean confidence {segpost.softmax(values).max(axis=0).mean():.3f}."
            title = f"150 classes: {Path(name).stem}, stride {stride}"
            made.append(
                Job(title, "labels", values, size, "ade20k", only=(*ONLY, DENSE), note=note)
            )
    return made


def refinements(image: Path, logits: Array) -> list[Job]:
    """A photograph's dense CRF, with both presets."""
    with need("PIL.Image").open(image) as file:
        pixels = np.array(file.convert("RGB"))
    probabilities = scenes.softmax_enlarged(logits, *pixels.shape[:2])
    return [
        Job(
            f"dense CRF, real: {image.stem}, {preset}",
            CRF,
            probabilities=probabilities,
            image=pixels,
            preset=preset,
            only=REFINING,
            note=f"Mean confidence {probabilities.max(axis=0).mean():.3f}.",
        )
        for preset in ("pydensecrf", "deeplab")
    ]


def names(file: Path) -> list[str]:
    """The photographs whose logits the file has."""
    with np.load(file) as logits:
        return [key.removesuffix("/8") for key in logits.files if key.endswith("/8")]


def size_of(image: Path) -> tuple[int, int]:
    """(height, width)."""
    width, height = need("PIL.Image").open(image).size
    return height, width
