"""Checks of the arguments that measures share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from segpost._core.arguments import as_integer


def checked_groups(
    groups: Mapping[str, Sequence[int]] | None, classes: int
) -> dict[str, tuple[int, ...]] | None:
    """Disjoint groups of classes."""
    if groups is None:
        return None
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups must be a mapping of names to classes, got {groups!r}")
    seen: set[int] = set()
    result = {}
    for name, members in groups.items():
        if not isinstance(name, str) or isinstance(members, (str, bytes)):
            raise TypeError(f"groups must map names to classes, got {name!r}: {members!r}")
        own = [as_integer(c, "groups") for c in members]
        wrong = [c for c in own if not 0 <= c < classes or c in seen or own.count(c) > 1]
        if wrong:
            raise ValueError(
                f"groups: {name!r} has class {wrong[0]}, which is "
                + ("in two groups or twice" if 0 <= wrong[0] < classes else f"not below {classes}")
            )
        seen.update(own)
        result[name] = tuple(own)
    return result


def listed(preds: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """The arrays of two lists one by one, or the two arrays that are no lists."""
    lists = [isinstance(value, (list, tuple)) for value in (preds, target)]
    if not any(lists):
        yield preds, target
        return
    if not all(lists) or len(preds) != len(target):
        raise ValueError(
            "preds and target must be two arrays, or two lists of arrays of one length, got "
            + " and ".join(
                f"a list of {len(v)}" if listed else type(v).__name__
                for v, listed in zip((preds, target), lists, strict=True)
            )
        )
    yield from zip(preds, target, strict=True)


@contextmanager
def in_list(given: Any, index: int) -> Iterator[None]:
    """Errors about an array of a list say which one it is."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if not isinstance(given, (list, tuple)):
            raise
        raise type(error)(f"image {index} of the list: {error}") from error


def image_names(ids: Any, images: int) -> list[str | int] | None:
    """One name an image, or None."""
    if ids is None:
        return None
    given = [ids] if isinstance(ids, str) or np.ndim(ids) == 0 else list(ids)
    names = [name if isinstance(name, str) else as_integer(name, "ids") for name in given]
    if len(names) != images:
        raise ValueError(f"ids has {len(names)} names for {images} images")
    return names
