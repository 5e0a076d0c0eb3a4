"""Checks of the arguments that measures share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Literal, get_args

import numpy as np

from segpost._core import arguments
from segpost._core.arguments import as_integer
from segpost._core.arrays import Array

MAX_CLASSES = 1 << 14
Duplicates = Literal["raise", "drop"]
DUPLICATES: tuple[str, ...] = get_args(Duplicates)


def as_bool(value: object, name: str) -> bool:
    """Return True or False; anything else, such as a word or a number, is an error."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def as_class_count(num_classes: object) -> int:
    """Check the number of classes."""
    if isinstance(num_classes, (list, tuple)) and all(isinstance(n, str) for n in num_classes):
        raise TypeError(
            f"num_classes must be an integer, got {num_classes!r}; pass {len(num_classes)}, and "
            "the names as class_names="
        )
    number = as_integer(num_classes, "num_classes")
    if not 1 <= number <= MAX_CLASSES:
        raise ValueError(f"num_classes must be in 1..{MAX_CLASSES}, got {number}")
    return number


def as_ignored_values(ignore_index: object) -> Array:
    """Return the target values that are ignored as int64, sorted and unique."""
    if ignore_index is None:
        return np.empty(0, np.int64)
    if hasattr(ignore_index, "tolist"):  # an array, or a number of one
        ignore_index = ignore_index.tolist()
    values = ignore_index if isinstance(ignore_index, Iterable) else [ignore_index]
    if isinstance(values, (str, bytes)):
        raise TypeError(f"ignore_index must be an integer or integers, got {ignore_index!r}")
    unique = {as_integer(value, "ignore_index") for value in values}
    for value in unique:
        if not -(2**63) <= value < 2**63 - 1:
            raise ValueError(f"ignore_index must be in the range of int64, got {value}")
    return np.array(sorted(unique), np.int64)


def as_class_numbers(
    exclude: Iterable[int | str] | int | str, classes: int, names: Sequence[str] | None
) -> tuple[int, ...]:
    """Return the classes that are left out of means, sorted and unique."""
    if isinstance(exclude, str) or not isinstance(exclude, Iterable):
        exclude = [exclude]
    numbers = set()
    for value in exclude:
        number = as_class_number(value, "exclude", names)
        if not 0 <= number < classes:
            raise ValueError(f"exclude must be in 0..{classes - 1}, got {number}")
        numbers.add(number)
    return tuple(sorted(numbers))


def as_class_number(value: object, argument: str, names: Sequence[str] | None) -> int:
    """Return the number of a class, which is a number or a name."""
    if not isinstance(value, str):
        return as_integer(value, argument)
    if names is None:
        raise ValueError(f"{argument} has the name {value!r}, which needs class_names=")
    arguments.check_choice(value, argument, tuple(names))
    return tuple(names).index(value)


def as_duplicates(duplicates: Duplicates) -> Duplicates:
    """Check what images are whose ids were seen before."""
    arguments.check_choice(duplicates, "duplicates", DUPLICATES)
    return duplicates


def as_image_ids(ids: Any, images: int) -> list[str | int]:
    """Check that there is one id for each image."""
    if isinstance(ids, Iterator):
        raise TypeError("ids must be a sequence, got an iterator; pass list(ids)")
    values = [ids] if isinstance(ids, str) or np.ndim(ids) == 0 else list(ids)
    for value in values:
        if isinstance(value, (bytes, PathLike)):
            raise TypeError(f"ids must be strings or integers, got {value!r}; pass os.fsdecode(id)")
    names = [value if isinstance(value, str) else as_integer(value, "ids") for value in values]
    if len(names) != images:
        raise ValueError(f"ids has {len(names)} names for {images} images")
    return names
