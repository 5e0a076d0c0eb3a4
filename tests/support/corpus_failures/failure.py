"""A failing run of the corpus: a mistake, the codes that name it, and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

SCENES = 4


class CorpusFailure(NamedTuple):
    """A mistake, the codes that name it, and its arguments.

    No codes, or an empty one among them: the arrays need not show it, and silence is right.
    """

    what: str
    codes: tuple[str, ...]
    make: Callable[[int], dict[str, Any]]  # of a scene
    scenes: tuple[int, ...] = tuple(range(SCENES))
