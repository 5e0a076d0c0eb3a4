"""The classes of panoptic maps: things, stuff, and categories that are void."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.arrays import Array
from segpost.metrics.arguments import MAX_CLASSES, as_ignored_values

VOID = -1  # the class of pixels that are ignored
UNKNOWN = -2  # the class of categories that are neither things, nor stuff, nor void


class PanopticClasses(NamedTuple):
    """The categories of segments; class k is the k-th of them in ascending order."""

    categories: Array  # (C,) int64, ascending
    is_thing: Array  # (C,) bool
    ignored: Array  # int64, ascending

    def find(self, categories: Array) -> Array:
        """Return the class of each category, `VOID` or `UNKNOWN`."""
        wanted = categories.astype(np.int64)
        at = np.minimum(np.searchsorted(self.categories, wanted), len(self.categories) - 1)
        classes = np.where(self.categories[at] == wanted, at, UNKNOWN)
        if self.ignored.size:
            classes[np.isin(wanted, self.ignored)] = VOID
        return classes


def as_panoptic_classes(things: object, stuff: object, ignore_index: object) -> PanopticClasses:
    """Check the categories of things, of stuff, and of what is ignored.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If there are none, or one is listed twice, as thing and stuff, or as a class and ignored.
    """
    listed = {"things": _as_categories(things, "things"), "stuff": _as_categories(stuff, "stuff")}
    both = sorted({*listed["things"]} & {*listed["stuff"]})
    if both:
        raise ValueError(
            f"things and stuff share {len(both)} categories, first {both[0]}: a category is one or "
            "the other"
        )
    categories = np.array(sorted([*listed["things"], *listed["stuff"]]), np.int64)
    if not 1 <= len(categories) <= MAX_CLASSES:
        raise ValueError(
            f"things and stuff must be 1 to {MAX_CLASSES} categories, got {len(categories)}"
        )
    ignored = as_ignored_values(ignore_index)
    shared = np.intersect1d(categories, ignored)
    if shared.size:
        raise ValueError(
            f"ignore_index has {shared.size} categories that are classes, first {shared[0]}: leave "
            "it out of things and stuff, or of ignore_index"
        )
    return PanopticClasses(categories, np.isin(categories, listed["things"]), ignored)


def _as_categories(values: object, name: str) -> list[int]:
    """Return categories as integers, each once."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be category ids, got {values!r}")
    categories = [as_integer(value, name) for value in values]
    repeated = [value for k, value in enumerate(categories) if value in categories[:k]]
    if repeated:
        raise ValueError(f"{name} has {len(repeated)} categories twice, first {repeated[0]}")
    wide = [value for value in categories if not -(2**63) <= value < 2**63]
    if wide:
        raise ValueError(f"{name} must be in the range of int64, got {wide[0]}")
    return categories
