"""What comes after a segmentation network: labels, colors and overlays from its logits.

A public name is imported when it is first used, so that `import segpost` takes no time of what a
program does not call.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from segpost._core.extensions import (
    find_library_on_windows,
    refuse_subinterpreter,
    warn_without_native,
)
from segpost._moved import register_moved_modules

if TYPE_CHECKING:
    from segpost._backends.config import (
        build_config,
        cuda_available,
        get_include,
        raise_deferred,
        why_no_cuda,
    )
    from segpost._backends.registry import use_backend
    from segpost._backends.threads import num_threads, set_num_threads
    from segpost._core.errors import InputWarning
    from segpost.checkpoints.compare import CheckpointDiff, compare_checkpoints
    from segpost.color.operations import colorize, labels_from_colors, overlay
    from segpost.color.palette import Palette
    from segpost.crf.model import DenseCRF, dense_crf
    from segpost.crf.refinement import Refinement
    from segpost.diagnosis.api import diagnose
    from segpost.diagnosis.result import Diagnosis
    from segpost.evaluation import Evaluation, IncompleteError, count_shard, merge_shards
    from segpost.fingerprints.api import Fingerprint, fingerprint
    from segpost.fingerprints.probe import probe_image
    from segpost.labels.masks import binarize
    from segpost.labels.operations import argmax, softmax
    from segpost.labels.resizing import resize_labels
    from segpost.metrics import (
        BoundaryF,
        BoundaryIoU,
        Calibration,
        ConfusionMatrix,
        InstanceIoU,
        RunComparison,
        Scores,
        TrimapIoU,
        class_weights,
        compare,
        confusion_matrix,
        label_counts,
    )
    from segpost.metrics.mask_ap import MaskAP, MaskAPScores
    from segpost.metrics.panoptic import PanopticQuality, PanopticScores
    from segpost.metrics.surface_distance import SurfaceDistance
    from segpost.objects.api import regions
    from segpost.objects.collection import Regions
    from segpost.objects.drawing import mask_from_polygons, masks_from_rle
    from segpost.objects.region import Region
    from segpost.objects.volumes import VolumeRegion, VolumeRegions
    from segpost.pipeline.api import postprocess
    from segpost.pipeline.blockwise import merged_blocks
    from segpost.pipeline.queries.api import segment_queries
    from segpost.pipeline.queries.segments import Segment
    from segpost.pipeline.results import TopK
    from segpost.pipeline.segmentation import Segmentation
    from segpost.pipeline.stream import Stream
    from segpost.render.findings import Finding
    from segpost.runtimes.convention import Convention
    from segpost.spatial.letterbox import Letterbox
    from segpost.spatial.merger import Merger
    from segpost.spatial.tiling import windows
    from segpost.spatial.volume_merger import VolumeMerger
    from segpost.spatial.window_weights import gaussian_weights

    __version__: str

__all__ = [
    "BoundaryF",
    "BoundaryIoU",
    "Calibration",
    "CheckpointDiff",
    "ConfusionMatrix",
    "Convention",
    "DenseCRF",
    "Diagnosis",
    "Evaluation",
    "Finding",
    "Fingerprint",
    "IncompleteError",
    "InputWarning",
    "InstanceIoU",
    "Letterbox",
    "MaskAP",
    "MaskAPScores",
    "Merger",
    "Palette",
    "PanopticQuality",
    "PanopticScores",
    "Refinement",
    "Region",
    "Regions",
    "RunComparison",
    "Scores",
    "Segment",
    "Segmentation",
    "Stream",
    "SurfaceDistance",
    "TopK",
    "TrimapIoU",
    "VolumeMerger",
    "VolumeRegion",
    "VolumeRegions",
    "argmax",
    "binarize",
    "build_config",
    "class_weights",
    "colorize",
    "compare",
    "compare_checkpoints",
    "confusion_matrix",
    "count_shard",
    "cuda_available",
    "dense_crf",
    "diagnose",
    "fingerprint",
    "gaussian_weights",
    "get_include",
    "label_counts",
    "labels_from_colors",
    "mask_from_polygons",
    "masks_from_rle",
    "merge_shards",
    "merged_blocks",
    "num_threads",
    "overlay",
    "postprocess",
    "probe_image",
    "raise_deferred",
    "regions",
    "resize_labels",
    "segment_queries",
    "set_num_threads",
    "softmax",
    "use_backend",
    "why_no_cuda",
    "windows",
]

_MODULE_OF = {
    "BoundaryF": "metrics",
    "BoundaryIoU": "metrics",
    "Calibration": "metrics",
    "CheckpointDiff": "checkpoints.compare",
    "ConfusionMatrix": "metrics",
    "Convention": "runtimes.convention",
    "DenseCRF": "crf.model",
    "Diagnosis": "diagnosis.result",
    "Evaluation": "evaluation",
    "Finding": "render.findings",
    "Fingerprint": "fingerprints.api",
    "IncompleteError": "evaluation",
    "InputWarning": "_core.errors",
    "InstanceIoU": "metrics",
    "Letterbox": "spatial.letterbox",
    "MaskAP": "metrics.mask_ap",
    "MaskAPScores": "metrics.mask_ap",
    "Merger": "spatial.merger",
    "Palette": "color.palette",
    "PanopticQuality": "metrics.panoptic",
    "PanopticScores": "metrics.panoptic",
    "Refinement": "crf.refinement",
    "Region": "objects.region",
    "Regions": "objects.collection",
    "RunComparison": "metrics",
    "Scores": "metrics",
    "Segment": "pipeline.queries.segments",
    "Segmentation": "pipeline.segmentation",
    "Stream": "pipeline.stream",
    "SurfaceDistance": "metrics.surface_distance",
    "TopK": "pipeline.results",
    "TrimapIoU": "metrics",
    "VolumeMerger": "spatial.volume_merger",
    "VolumeRegion": "objects.volumes",
    "VolumeRegions": "objects.volumes",
    "argmax": "labels.operations",
    "binarize": "labels.masks",
    "build_config": "_backends.config",
    "class_weights": "metrics",
    "colorize": "color.operations",
    "compare": "metrics",
    "compare_checkpoints": "checkpoints.compare",
    "confusion_matrix": "metrics",
    "count_shard": "evaluation",
    "cuda_available": "_backends.config",
    "dense_crf": "crf.model",
    "diagnose": "diagnosis.api",
    "fingerprint": "fingerprints.api",
    "gaussian_weights": "spatial.window_weights",
    "get_include": "_backends.config",
    "label_counts": "metrics",
    "labels_from_colors": "color.operations",
    "mask_from_polygons": "objects.drawing",
    "masks_from_rle": "objects.drawing",
    "merge_shards": "evaluation",
    "merged_blocks": "pipeline.blockwise",
    "num_threads": "_backends.threads",
    "overlay": "color.operations",
    "postprocess": "pipeline.api",
    "probe_image": "fingerprints.probe",
    "raise_deferred": "_backends.config",
    "regions": "objects.api",
    "resize_labels": "labels.resizing",
    "segment_queries": "pipeline.queries.api",
    "set_num_threads": "_backends.threads",
    "softmax": "labels.operations",
    "use_backend": "_backends.registry",
    "why_no_cuda": "_backends.config",
    "windows": "spatial.tiling",
}
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
    "objects",
    "pipeline",
    "render",
    "runtimes",
    "spatial",
)
_ADAPTERS = ("compat", "torch", "torchmetrics", "typing")  # shown where they are imported


def _import(path: str) -> Any:
    """Import a module; again where two threads wait for each other's modules.

    Python finds that out, and ends the import of one of them.
    """
    while True:
        try:
            return importlib.import_module(path)
        except RuntimeError as error:
            if "deadlock detected" not in str(error):
                raise


if not TYPE_CHECKING:  # for type checkers it would be an attribute of any name

    def __getattr__(name: str) -> Any:
        if name in _MODULE_OF:
            value = getattr(_import(f"segpost.{_MODULE_OF[name]}"), name)
            globals()[name] = value
            return value
        if name == "__version__":
            return importlib.import_module("segpost._core.version").package_version()
        moved = sys.modules.get(f"segpost.{name}")  # an old path that was imported
        if moved is not None:
            return moved
        if name in _SUBJECTS:
            return _import(f"segpost.{name}")
        if name.startswith("_"):
            raise AttributeError(f"module 'segpost' has no attribute {name!r}")
        from segpost._core.name_cures import missing_name_error

        raise missing_name_error("segpost", name, __all__, sys._getframe(1))


def __dir__() -> list[str]:
    adapters = (name for name in _ADAPTERS if name in globals())
    return sorted({"__version__", *__all__, *_SUBJECTS, *adapters})


register_moved_modules()
del register_moved_modules

refuse_subinterpreter()
find_library_on_windows()
warn_without_native()
del find_library_on_windows, warn_without_native
