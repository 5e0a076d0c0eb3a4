"""Faults made on purpose, each with the code that must name it."""

from __future__ import annotations

from diagnosis_scenes import Failure

from injected_faults.classes import iter_class_faults
from injected_faults.decodings import iter_decoding_faults
from injected_faults.heads import iter_head_faults
from injected_faults.inputs import iter_input_faults
from injected_faults.labels import iter_label_faults
from injected_faults.logits import iter_logit_faults
from injected_faults.palettes import iter_palette_faults
from injected_faults.places import iter_place_faults
from injected_faults.targets import iter_target_faults


def list_faults() -> list[Failure]:
    """Return every fault that needs no files."""
    return [
        *iter_logit_faults(),
        *iter_label_faults(),
        *iter_palette_faults(),
        *iter_target_faults(),
        *iter_class_faults(),
        *iter_place_faults(),
        *iter_input_faults(),
        *iter_head_faults(),
        *iter_decoding_faults(),
    ]
