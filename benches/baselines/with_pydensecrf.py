"""pydensecrf, and segpost behind pydensecrf's interface."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from benches.baselines.ours_crf import on_two_threads
from benches.harness.jobs import CRF, Absent, Array, Job, Outputs, Run, contender, need

NAME = "pydensecrf"
COMPAT = "segpost.compat.pydensecrf"
COMPAT_TWO = f"{COMPAT}, two threads"


class Settings(NamedTuple):
    """Arguments of the two pairwise terms."""

    gaussian_sxy: float
    gaussian_compat: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_compat: float


PRESETS = {"pydensecrf": Settings(3, 3, 80, 13, 10), "deeplab": Settings(1, 3, 67, 3, 4)}


def refined(package: str, job: Job) -> Run:
    """As its README says, from probabilities to probabilities; a batch is a loop."""
    densecrf, utils = need(f"{package}.densecrf"), need(f"{package}.utils")
    if job.image.dtype != np.uint8 or job.image.shape[-1] != 3:
        raise Absent("its bilateral term takes RGB of uint8")
    settings = PRESETS[job.preset]

    def one(probabilities: Array, image: Array) -> Any:
        labels, height, width = probabilities.shape
        crf = densecrf.DenseCRF2D(width, height, labels)
        crf.setUnaryEnergy(np.ascontiguousarray(utils.unary_from_softmax(probabilities)))
        crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
        crf.addPairwiseBilateral(
            sxy=settings.bilateral_sxy,
            srgb=settings.bilateral_srgb,
            rgbim=image,
            compat=settings.bilateral_compat,
        )
        return np.array(crf.inference(job.iterations)).reshape(probabilities.shape)

    def run() -> Outputs:
        if job.probabilities.ndim == 3:
            return (one(job.probabilities, job.image),)
        return (np.stack([one(*pair) for pair in zip(job.probabilities, job.image, strict=True)]),)

    return run


@contender(NAME, CRF)
def pydensecrf(job: Job) -> Run:
    return refined("pydensecrf", job)


@contender(COMPAT, CRF)
def compat(job: Job) -> Run:
    return refined("segpost.compat.pydensecrf", job)


@contender(COMPAT_TWO, CRF, threads=2)
def compat_two_threads(job: Job) -> Run:
    return on_two_threads(refined("segpost.compat.pydensecrf", job))
