"""Checks of what is written into annotation files beside the regions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.contract import Array

Names = Mapping[int, str] | Sequence[str] | None


def name_of(label: int, names: Names) -> str:
    """Return the name of a label: its number where there are no names.

    Raises
    ------
    ValueError
        For a label without a name among names.
    TypeError
        For names that are no texts, or not by label.
    """
    if names is None:
        return str(label)
    if isinstance(names, str) or not hasattr(names, "__getitem__"):
        raise TypeError(f"names must be a sequence of names, or a dict by label, got {names!r}")
    is_there = label in names if isinstance(names, Mapping) else 0 <= label < len(names)
    if not is_there:
        if isinstance(names, Mapping) and str(label) in set[object](names):
            raise TypeError(
                f"names have labels as text, such as {str(label)!r}; pass "
                "{int(label): name for label, name in names.items()}"
            )
        raise ValueError(f"names have no name of label {label}; ignore_index={label} leaves it out")
    name = names[label]
    if not isinstance(name, str):
        raise TypeError(f"names must be texts, got {name!r} of label {label}")
    return name


def new_labels(old: Array, labels: object) -> Array:
    """Return the labels of regions, int64: those of a dict by label, or one for each region.

    Raises
    ------
    ValueError, TypeError
        For labels that are no integers of 64 bits, or not one for every region.
    """
    if isinstance(labels, Mapping):
        missing = [label for label in old.tolist() if label not in labels]
        if missing:
            raise ValueError(f"labels have no new label of {len(missing)}, first {missing[0]}")
        listed = [labels[label] for label in old.tolist()]
    elif isinstance(labels, (str, bytes)) or not hasattr(labels, "__iter__"):
        raise TypeError(f"labels must be a dict, or integers, got {labels!r}")
    else:
        listed = list(labels)
    if len(listed) != len(old):
        raise ValueError(
            f"labels must be {len(old)} integers, one for each region, got {len(listed)}; masks "
            "without pixels have no region: labels[regions.labels]"
        )
    values = [as_integer(label, "labels") for label in listed]
    if values and not -(2**63) <= min(values) <= max(values) < 2**63:
        raise ValueError(f"labels must be integers of 64 bits, got {min(values)}..{max(values)}")
    return np.array(values, np.int64)


def as_image_id(value: object) -> int | str:
    """Return the id of an image, a number or a text, as JSON can hold it."""
    if isinstance(value, str):
        return value
    try:
        return as_integer(value, "image_id")
    except TypeError:
        raise TypeError(f"image_id must be an integer or a text, got {value!r}") from None


def category_of(label: int, categories: Mapping[int, int] | None) -> int:
    """Return the category of a label: the label where there are no categories.

    Raises
    ------
    ValueError, TypeError
        For a label without a category, and for categories that are no integers by label.
    """
    if categories is None:
        return label
    if not isinstance(categories, Mapping):
        raise TypeError(
            f"categories must be a dict of the category of each label, got {categories!r}"
        )
    if label not in categories:
        raise ValueError(
            f"categories have none of label {label}; ignore_index={label} leaves it out"
        )
    return as_integer(categories[label], f"categories[{label}]")


def as_text(value: object, name: str) -> str:
    """Return a text; anything else raises an error."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r}")
    return value


def score_of(region: Any) -> float | None:
    """Return the confidence of a region for JSON, which has no NaN: None where it is not known.

    Raises
    ------
    ValueError
        For an infinity.
    """
    score: float | None = region.confidence
    if score is None or math.isnan(score):
        return None
    if math.isinf(score):
        raise ValueError(f"the confidence of region {region._index} is {score}; JSON has no number")
    return score


def quote_attribute(value: object, name: str) -> str:
    """Return a text as the value of an XML attribute, with its quotes.

    Raises
    ------
    ValueError
        For characters that XML cannot hold: most control characters, and halves of characters.
    """
    text = as_text(value, name)
    bad = [c for c in text if not _is_xml(c)]
    if bad:
        raise ValueError(
            f"{name} has {len(bad)} characters that XML cannot hold, first {bad[0]!r} at "
            f"{text.index(bad[0])}: {text!r}"
        )
    return quoteattr(text)


def _is_xml(character: str) -> bool:
    """Return whether XML 1.0 has a character, by its production Char."""
    code = ord(character)
    if code < 0x20:
        return character in "\t\n\r"
    return code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
