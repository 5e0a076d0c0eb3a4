"""What comes after a segmentation network: labels, colors and overlays from its logits."""

from typing import TYPE_CHECKING

from segpost._backends.config import (
    build_config,
    cuda_available,
    get_include,
    raise_deferred,
    why_no_cuda,
)
from segpost._backends.config import package_version as _package_version
from segpost._backends.registry import use_backend
from segpost._backends.threads import num_threads, set_num_threads
from segpost._core.extensions import warn_without_native
from segpost._moved import register_moved_modules
from segpost.checkpoints.compare import CheckpointDiff, compare_checkpoints
from segpost.color.operations import colorize, labels_from_colors, overlay
from segpost.color.palette import Palette
from segpost.crf.model import DenseCRF, Refinement, dense_crf
from segpost.diagnosis.api import diagnose
from segpost.diagnosis.result import Diagnosis
from segpost.fingerprints.api import Fingerprint, fingerprint
from segpost.fingerprints.probe import probe_image
from segpost.labels.operations import argmax, softmax
from segpost.metrics import (
    BoundaryF,
    BoundaryIoU,
    ConfusionMatrix,
    InstanceIoU,
    Scores,
    TrimapIoU,
    class_weights,
    confusion_matrix,
    label_counts,
)
from segpost.pipeline.api import postprocess
from segpost.pipeline.segmentation import Segmentation
from segpost.pipeline.stream import Stream
from segpost.render.findings import Finding
from segpost.runtimes.convention import Convention
from segpost.spatial.letterbox import Letterbox
from segpost.spatial.tiling import Merger, windows

if TYPE_CHECKING:
    __version__: str

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

_SUBJECTS = (
    "checkpoints",
    "color",
    "crf",
    "diagnosis",
    "evaluation",
    "files",
    "fingerprints",
    "labels",
    "metrics",
    "pipeline",
    "render",
    "runtimes",
    "spatial",
    "compat",
    "torch",
    "torchmetrics",
)


if not TYPE_CHECKING:  # a checker would believe that every name exists

    def __getattr__(name: str) -> str:
        if name == "__version__":
            return _package_version()
        raise AttributeError(f"module 'segpost' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({"__version__", *__all__, *(name for name in _SUBJECTS if name in globals())})


for _name in __all__:  # pickles and reprs name the public path, which stays
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "segpost"
del _name

register_moved_modules()
del register_moved_modules

warn_without_native()
del warn_without_native
