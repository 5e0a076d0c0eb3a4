"""Results of the calls of `platform_cases` on this processor.

`python platform_results.py FILE [LEVEL]` runs them at a SIMD level of this processor, the best one
by default, and writes the results into a .npz file.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import platform_cases

import segpost


def results_of(case: Callable[[], Any]) -> list[np.ndarray]:
    """The arrays of a case; of an error its sentence, which has counts and places."""
    try:
        value = case()
    except (ValueError, TypeError) as error:
        value = f"{type(error).__name__}: {error}"
    parts: list[np.ndarray] = []
    pending = [value]
    while pending:
        part = pending.pop(0)
        if isinstance(part, (np.ndarray, np.floating)):
            parts.append(np.asarray(part))
        elif isinstance(part, (list, segpost.TopK)):
            pending = [*part, *pending]
        else:
            parts.append(np.frombuffer(repr(part).encode(), np.uint8))
    return parts


def results_at(level: str | None = None) -> dict[str, np.ndarray]:
    """The results of all cases at a SIMD level of this processor, the best one by default."""
    from segpost import _cpu

    best = _cpu.level()
    _cpu.use_level(level or best)
    results: dict[str, np.ndarray] = {}
    try:
        with segpost.use_backend("native"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for family in platform_cases.FAMILIES:
                for name, case in family():
                    for i, part in enumerate(results_of(case)):
                        results[f"{name} #{i}"] = part
    finally:
        _cpu.use_level(best)
    return results


if __name__ == "__main__":
    file, *level = sys.argv[1:]
    np.savez(file, **results_at(*level))  # type: ignore[arg-type]
