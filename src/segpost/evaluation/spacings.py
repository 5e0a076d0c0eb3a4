"""The spacing of the volumes of a data set, for reports."""

from __future__ import annotations

from collections.abc import Iterable

from segpost._core.text import FILE_ERRORS
from segpost.evaluation.pairing import Pair
from segpost.files.nifti import is_nifti, read_nifti_header

Spacing = tuple[float, float, float]  # in millimeters, along D, H and W


def read_spacings(pairs: Iterable[Pair]) -> dict[str, Spacing]:
    """Return the spacing of every target that is a NIfTI file, by id.

    Targets that cannot be read are left out: when they were counted, it was an error.
    """
    spacings = {}
    for pair in pairs:
        if is_nifti(pair.target):
            try:
                spacings[pair.id] = read_nifti_header(pair.target).geometry.spacing
            except FILE_ERRORS:
                continue
    return spacings
