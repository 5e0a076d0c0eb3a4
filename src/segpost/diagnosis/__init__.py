"""Diagnosis of segmentations: known mistakes, the evidence for each, and a fix.

`diagnose` converts its arguments (`inputs`), applies the rules in their order (`registry`, `rules`)
to a context (`context`), and returns a `Diagnosis` of `Finding`.
"""

from segpost.diagnosis.api import diagnose
from segpost.diagnosis.result import Diagnosis
from segpost.render.findings import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
