"""The checks of `segpost.diagnose`: one small function a symptom, all in one table."""

# The order is that of the table: who explains something comes before who only states it.
from segpost.diagnosis.rules import layouts  # isort: skip
from segpost.diagnosis.rules import logits  # isort: skip
from segpost.diagnosis.rules import argmaxes  # isort: skip
from segpost.diagnosis.rules import labels  # isort: skip
from segpost.diagnosis.rules import palettes  # isort: skip
from segpost.diagnosis.rules import targets  # isort: skip
from segpost.diagnosis.rules import classes  # isort: skip
from segpost.diagnosis.rules import geometry  # isort: skip
from segpost.diagnosis.rules import inputs  # isort: skip
from segpost.diagnosis.context import Case, Origin
from segpost.diagnosis.registry import TABLE, Symptom, examine

GROUPS = (layouts, logits, argmaxes, labels, palettes, targets, classes, geometry, inputs)

__all__ = ["GROUPS", "TABLE", "Case", "Origin", "Symptom", "examine"]
