"""Refinement of probabilities by a fully connected conditional random field (dense CRF)."""

from segpost._core.public import public_module
from segpost.crf.model import DenseCRF, dense_crf
from segpost.crf.refinement import Refinement
from segpost.crf.terms import PRESETS

__all__ = ["PRESETS", "DenseCRF", "Refinement", "dense_crf"]

public_module(__name__)
