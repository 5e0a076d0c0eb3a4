"""The settings of a `PairCounter` as plain data, and back: what a plan says of its evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.color.palette import Palette
from segpost.evaluation.classes import Classes
from segpost.evaluation.counting import PairCounter
from segpost.evaluation.label_maps import LabelTable
from segpost.evaluation.measures import BOUNDARY_MEASURES
from segpost.evaluation.options import EvaluationOptions
from segpost.evaluation.panoptic import PanopticReader
from segpost.evaluation.reading import PairReader
from segpost.metrics.instances import InstanceIoU
from segpost.metrics.panoptic.measure import PanopticQuality

MEASURES: dict[str, Any] = {
    measure.__name__: measure
    for measure in (*BOUNDARY_MEASURES.values(), InstanceIoU, PanopticQuality)
}


def counter_settings(counter: PairCounter) -> dict[str, Any]:
    """Return everything that the counts depend on, but for the files, as plain data."""
    reader = counter.reader
    classes, options, table = reader.classes, reader.options, reader.label_table
    return {
        "classes": {
            **classes._asdict(),
            "names": None if classes.names is None else list(classes.names),
            "ignore_index": list(classes.ignore_index),
            "colors": np.asarray(classes.colors).tolist(),
        },
        "options": {
            **{name: getattr(options, name) for name in options.__dataclass_fields__},
            "colors": None if options.colors is None else _palette_settings(options.colors),
        },
        "label_table": None if table is None else _table_settings(table),
        **({} if reader.panoptic is None else {"panoptic": _panoptic_settings(reader.panoptic)}),
        "measures": [[type(m).__name__, m.settings()] for m in counter.measures],
    }


def counter_from_settings(settings: dict[str, Any]) -> PairCounter:
    """Return the counter of which `counter_settings` returned the settings."""
    classes = settings["classes"]
    names = classes["names"]
    options = dict(settings["options"])
    if options["colors"] is not None:
        options["colors"] = Palette(**options["colors"])
    table = _table_of(settings["label_table"])
    panoptic = settings.get("panoptic")
    if panoptic is not None:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in panoptic.items()
        }
        values["label_table"] = _table_of(values["label_table"])
        panoptic = PanopticReader(**values)
    return PairCounter(
        PairReader(
            Classes(
                classes["num_classes"],
                None if names is None else tuple(names),
                tuple(classes["ignore_index"]),
                classes["groups"],
                np.array(classes["colors"], np.uint8).reshape(-1, 3),
            ),
            EvaluationOptions(**options),
            table,
            panoptic,
        ),
        tuple(MEASURES[name](**values) for name, values in settings["measures"]),
    )


def _panoptic_settings(panoptic: PanopticReader) -> dict[str, Any]:
    table = panoptic.label_table
    settings = {name: getattr(panoptic, name) for name in panoptic.__dataclass_fields__}
    settings = {n: list(v) if isinstance(v, tuple) else v for n, v in settings.items()}
    return {**settings, "label_table": None if table is None else _table_settings(table)}


def _table_of(settings: Any) -> LabelTable | None:
    if settings is None:
        return None
    replacements = dict(map(tuple, settings["replacements"]))
    return LabelTable(replacements, settings["name"], settings["ignore_index"])


def _palette_settings(palette: Palette) -> dict[str, Any]:
    return {
        "colors": palette.colors.tolist(),
        "names": None if palette.names is None else list(palette.names),
        "void": None if palette.void is None else list(palette.void),
        "ignore_index": palette.ignore_index,
    }


def _table_settings(table: LabelTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "ignore_index": table.ignore_index,
        "replacements": [list(item) for item in table.replacements()],
    }
