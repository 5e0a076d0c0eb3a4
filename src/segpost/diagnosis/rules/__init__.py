"""The checks of `segpost.diagnose`: one small function a symptom, all in one table."""

# The order is that of the table: who explains something comes before who only states it.
from segpost._symptoms import layouts as layouts  # isort: skip
from segpost._symptoms import logits as logits  # isort: skip
from segpost._symptoms import argmaxes as argmaxes  # isort: skip
from segpost._symptoms import labels as labels  # isort: skip
from segpost._symptoms import palettes as palettes  # isort: skip
from segpost._symptoms import targets as targets  # isort: skip
from segpost._symptoms import classes as classes  # isort: skip
from segpost._symptoms import geometry as geometry  # isort: skip
from segpost._symptoms import inputs as inputs  # isort: skip
from segpost._symptoms.case import Case, Origin
from segpost._symptoms.table import TABLE, Symptom, examine

__all__ = ["TABLE", "Case", "Origin", "Symptom", "examine"]
