"""The content of a fingerprint, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import as_unique_keys
from segpost.fingerprints.summary import Summary

VERSION = 1

Record = TypeVar("Record", bound="FingerprintRecord")


@dataclass(frozen=True, eq=False)
class FingerprintRecord:
    """The content of a `segpost.Fingerprint`, which documents its fields."""

    logits: Summary
    stages: dict[str, Summary] = field(repr=False)
    histogram: tuple[int, ...] = field(repr=False)
    labels: Array = field(repr=False)
    confidence: float
    grid: str | None = None
    preprocessing: dict[str, Any] | None = None
    palette: tuple[tuple[int, ...], ...] | None = field(default=None, repr=False)
    class_names: tuple[str, ...] | None = field(default=None, repr=False)

    def to_json(self) -> str:
        """Return the fingerprint as JSON, some tens of kilobytes."""
        content = {
            "segpost": "Fingerprint",
            "version": VERSION,
            "logits": self.logits.as_dict(),
            "stages": {name: stage.as_dict() for name, stage in self.stages.items()},
            "histogram": self.histogram,
            "labels": self.labels.tolist(),
            "confidence": self.confidence,
            "grid": self.grid,
            "preprocessing": self.preprocessing,
            "palette": self.palette,
            "class_names": self.class_names,
        }
        return json.dumps(content, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls: type[Record], text: str) -> Record:
        """Return the fingerprint of a JSON text; the inverse of `to_json`.

        Raises
        ------
        ValueError
            If the text is not a fingerprint, or one of a newer version.
        """
        try:
            content = json.loads(text, object_pairs_hook=as_unique_keys)
            if content["segpost"] != "Fingerprint":
                raise ValueError("it does not say that it is one")
            if content["version"] != VERSION:
                raise ValueError(f"its version is {content['version']}, known is {VERSION}")
            palette, names = content["palette"], content["class_names"]
            return cls(
                logits=Summary.from_dict(content["logits"]),
                stages={str(k): Summary.from_dict(v) for k, v in content["stages"].items()},
                histogram=tuple(map(int, content["histogram"])),
                labels=np.array(content["labels"], np.int64),
                confidence=float(content["confidence"]),
                grid=content["grid"],
                preprocessing=content["preprocessing"],
                palette=None if palette is None else tuple(tuple(map(int, c)) for c in palette),
                class_names=None if names is None else tuple(map(str, names)),
            )
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            OverflowError,
            ValueError,
            RecursionError,
        ) as error:
            raise ValueError(f"this is no fingerprint: {error or type(error).__name__}") from None
