"""What comes after a segmentation network: labels, colors and overlays from its logits."""

from segpost._config import (
    build_config,
    cuda_available,
    get_include,
    num_threads,
    raise_deferred,
    set_num_threads,
    why_no_cuda,
)
from segpost._dispatch import use_backend
from segpost.boundary import BoundaryF, BoundaryIoU, TrimapIoU
from segpost.checkpoint import CheckpointDiff, compare_checkpoints
from segpost.class_weights import class_weights, label_counts
from segpost.colors import Palette
from segpost.confusion import confusion_matrix
from segpost.convention import Convention
from segpost.crf import DenseCRF, Refinement, dense_crf
from segpost.diagnose import diagnose
from segpost.diagnosis import Diagnosis
from segpost.finding import Finding
from segpost.fingerprint import Fingerprint, fingerprint
from segpost.instances import InstanceIoU
from segpost.labels import argmax, softmax
from segpost.letterbox import Letterbox
from segpost.matrix import ConfusionMatrix
from segpost.merger import Merger, windows
from segpost.palette import colorize, labels_from_colors, overlay
from segpost.postprocess import postprocess
from segpost.probe import probe_image
from segpost.scores import Scores
from segpost.segmentation import Segmentation
from segpost.stream import Stream

__version__ = "0.1.0"

__all__ = [
    "BoundaryF",
    "BoundaryIoU",
    "CheckpointDiff",
    "ConfusionMatrix",
    "Convention",
    "DenseCRF",
    "Diagnosis",
    "Finding",
    "Fingerprint",
    "InstanceIoU",
    "Letterbox",
    "Merger",
    "Palette",
    "Refinement",
    "Scores",
    "Segmentation",
    "Stream",
    "TrimapIoU",
    "argmax",
    "build_config",
    "class_weights",
    "colorize",
    "compare_checkpoints",
    "confusion_matrix",
    "cuda_available",
    "dense_crf",
    "diagnose",
    "fingerprint",
    "get_include",
    "label_counts",
    "labels_from_colors",
    "num_threads",
    "overlay",
    "postprocess",
    "probe_image",
    "raise_deferred",
    "set_num_threads",
    "softmax",
    "use_backend",
    "why_no_cuda",
    "windows",
]
