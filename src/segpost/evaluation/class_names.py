"""Names of classes in files: a text of one name a line, or nnU-Net's dataset.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.text import display_path
from segpost.files.tables import read_json_object, read_names

DATASET_FILE = "dataset.json"
IGNORED_NAME = "ignore"  # nnU-Net's name of the label that is not scored


class NamedClasses(NamedTuple):
    """The classes that a file names.

    Attributes
    ----------
    names : tuple of str
        By label.
    ignore_index : tuple of int
        The label that the file says to ignore, if there is one.
    """

    names: tuple[str, ...]
    ignore_index: tuple[int, ...] = ()


def read_class_names(path: Path) -> NamedClasses:
    """Return the classes that a file names.

    Parameters
    ----------
    path : Path
        A text file of one name a line, or a .json file with an object "labels", as nnU-Net's
        dataset.json: ``{"background": 0, "tumor": 1}``, or ``{"0": "background", "1": "tumor"}``.
        Its label "ignore" is the one that is not scored.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, has regions of several labels, or leaves out a label.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from segpost.evaluation import read_class_names
    >>> path = Path(tempfile.mkdtemp(), "dataset.json")
    >>> _ = path.write_text('{"labels": {"background": 0, "tumor": 1, "ignore": 2}}')
    >>> read_class_names(path)
    NamedClasses(names=('background', 'tumor'), ignore_index=(2,))
    """
    if path.suffix.lower() != ".json":
        return NamedClasses(read_names(path))
    where = display_path(path)
    labels = read_json_object(path).get("labels")
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f'{where} has no object "labels", as nnU-Net\'s {DATASET_FILE} has')
    by_label = _names_by_label(labels, where)
    ignored = tuple(label for label, name in by_label.items() if name == IGNORED_NAME)
    for label in ignored:
        del by_label[label]
    missing = next((label for label in range(len(by_label)) if label not in by_label), None)
    if missing is not None:
        raise ValueError(
            f"{where}: the labels must be 0 to {len(by_label) - 1}, and there is no {missing}"
        )
    return NamedClasses(tuple(by_label[label] for label in range(len(by_label))), ignored)


def find_dataset_file(*sources: Path) -> Path | None:
    """Return the dataset.json in one of these folders, or beside one; None where there is none."""
    for source in sources:
        for folder in (source, source.parent):
            if (folder / DATASET_FILE).is_file():
                return folder / DATASET_FILE
    return None


def _names_by_label(labels: Mapping[str, Any], where: str) -> dict[int, str]:
    """Return the names of an object in either direction, by label."""
    by_label: dict[int, str] = {}
    for key, value in labels.items():
        if isinstance(value, list):
            raise ValueError(
                f"{where}: {key!r} is a region of the labels {', '.join(map(str, value))}. Regions "
                "overlap, and every voxel is scored by its label: list one name a label in a text "
                "file, one a line"
            )
        name, label = (value, _as_label(key)) if isinstance(value, str) else (key, _as_label(value))
        if label is None:
            raise ValueError(f"{where}: {key!r}: {value!r} is no name with its label")
        if label in by_label:
            raise ValueError(
                f"{where}: label {label} has two names, {by_label[label]!r} and {name!r}"
            )
        by_label[label] = name
    return by_label


def _as_label(value: Any) -> int | None:
    """Return a label that JSON has as a number, or as the text of a key; None of another value."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
