"""Panoptic quality: maps of segments, their overlaps, matches, counts and scores."""

from segpost.metrics.panoptic.measure import PanopticQuality
from segpost.metrics.panoptic.scores import PanopticScores

__all__ = ["PanopticQuality", "PanopticScores"]
