"""Import paths of version 0.1, for pickles and for code that used them; removed in version 0.3.

Each old module is an entry of `sys.modules` that looks its names up in the modules that have them
now. An entry takes no attribute of `segpost`, so that no module hides a function of its name.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any, NoReturn

# The old module below segpost, and the modules that its names are in now.
MOVED = {
    "_arrays": ("_core.arrays",),
    "_fingerprints.summary": ("fingerprints.summary",),
    "_symptoms.unknown": ("diagnosis.result",),
    "accumulator": ("metrics.base",),
    "boundary": ("metrics.boundary_f", "metrics.boundary_iou", "metrics.trimap_iou"),
    "checkpoint": ("checkpoints.compare",),
    "colors": ("color.palette",),
    "comparison": ("metrics.comparison",),
    "confusion": ("metrics.confusion",),
    "convention": ("runtimes.convention",),
    "crf_terms": ("crf.terms",),
    "diagnose": ("diagnosis.api",),
    "dialects": ("metrics.dialects",),
    "finding": ("render.findings",),
    "fingerprint": ("fingerprints.api",),
    "fingerprint_diff": ("fingerprints.diff",),
    "geometry": ("_core.sampling",),
    "images": ("metrics.per_image",),
    "instances": ("metrics.instances",),
    "letterbox": ("spatial.letterbox",),
    "matrix": ("metrics.matrix", "metrics.counts"),
    "merger": ("spatial.merger", "spatial.tiling"),
    "palette": ("color.operations",),
    "postprocess": ("pipeline.api",),
    "probe": ("fingerprints.probe",),
    "scores": ("metrics.scores",),
    "segmentation": ("pipeline.segmentation",),
    "stream": ("pipeline.stream",),
    "tally": ("metrics.conventions", "metrics.counts", "metrics.policy", "metrics.ratios"),
}
# Names that changed with their module: (old module, old name) -> (new module, new name).
RENAMED: dict[tuple[str, str], tuple[str, str]] = {
    ("_arrays", "_same"): ("_core.arrays", "_identity"),
    ("tally", "Policy"): ("metrics.policy", "AveragingPolicy"),
    ("tally", "Tally"): ("metrics.counts", "ClassCounts"),
    ("tally", "drop_invalid"): ("metrics.conventions", "table_with_convention"),
    ("tally", "keep_all"): ("metrics.conventions", "table_with_convention"),
    ("_symptoms.unknown", "Unknown"): ("diagnosis.result", "OpenQuestion"),
}


class MovedModule(ModuleType):
    """A module of version 0.1 whose names are in other modules now."""

    def __init__(self, name: str, targets: tuple[str, ...]) -> None:
        super().__init__(f"segpost.{name}", f"Moved to {', '.join(targets)}.")
        self.__path__: list[str] = []
        self._name, self._targets = name, targets

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        target, name = RENAMED.get((self._name, attribute), ("", attribute))
        for path in (target,) if target else self._targets:
            module = importlib.import_module(f"segpost.{path}")
            if hasattr(module, name):
                public = getattr(sys.modules["segpost"], name, None) is getattr(module, name)
                warnings.warn(
                    f"segpost.{self._name}.{attribute} is now "
                    f"segpost.{'' if public else path + '.'}{name}; "
                    "the old path goes with version 0.3",
                    DeprecationWarning,
                    stacklevel=2,
                )
                return getattr(module, name)
        raise AttributeError(f"module 'segpost.{self._name}' has no attribute {attribute!r}")

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse a call of a module, which a function of another name is meant by."""
        names = sys.modules["segpost"].__all__
        cures = [f": call segpost.{one}" for one in names if one.lower() == self._name]
        raise TypeError(f"{self.__name__} is a module{cures[0] if cures else ''}")


def register_moved_modules() -> None:
    """Make every old path importable; nothing of segpost is imported by that."""
    for name, targets in MOVED.items():
        parent = name.rpartition(".")[0]
        if parent and f"segpost.{parent}" not in sys.modules:
            sys.modules[f"segpost.{parent}"] = MovedModule(parent, ())
        sys.modules[f"segpost.{name}"] = MovedModule(name, targets)
