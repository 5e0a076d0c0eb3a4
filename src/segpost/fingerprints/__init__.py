"""Fingerprints: the output of a network for a known input, kept beside its checkpoint.

A checkpoint that loads without an error may still be another network: another activation, other
dilation rates, another preprocessing. Only its output shows that.
"""

from segpost.fingerprints.api import Fingerprint, fingerprint
from segpost.fingerprints.diff import FingerprintDiff
from segpost.fingerprints.probe import probe_image
from segpost.fingerprints.summary import PRECISIONS

__all__ = ["PRECISIONS", "Fingerprint", "FingerprintDiff", "fingerprint", "probe_image"]
