"""Average precision of masks: detections of images, their matches, and scores."""

from segpost.metrics.mask_ap.measure import MaskAP
from segpost.metrics.mask_ap.scores import MaskAPScores

__all__ = ["MaskAP", "MaskAPScores"]
