"""The pairwise terms of a dense CRF: what the caller says of them, and what backends get."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import arguments
from segpost._core.arrays import Array

NORMALIZATIONS = ("symmetric", "row", "column", "none")
NEEDED = {"gaussian": ("sigma", "weight"), "bilateral": ("sigma_xy", "sigma_rgb", "weight")}
SHARED = ("compatibility", "normalization")
KNOWN = {
    "gaussian": (*NEEDED["gaussian"], *SHARED),
    "bilateral": (*NEEDED["bilateral"], *SHARED, "guide"),
}
SIGMAS = (1e-30, 1e30)  # squares of what is divided by them stay in float32
LARGEST = 1e6  # weight or cost: their products with sums over pixels stay in float32
REACH = 100_000  # sigmas from one end of a feature to the other; lattice keys are integers

Compatibility = str | tuple[float, ...] | tuple[tuple[float, ...], ...]


class Term(Mapping[str, Any]):
    """An unchangeable mapping that prints as a dict; guides are compared by identity."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping) or self.keys() != other.keys():
            return False
        return all(v is other[k] if k == "guide" else v == other[k] for k, v in self.items())

    def __hash__(self) -> int:
        return hash(frozenset((k, v) for k, v in self.items() if k != "guide"))


def checked_terms(given: object, kind: str, volume: bool) -> tuple[Term, ...]:
    """The terms of one kind, as tuples of checked numbers."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return (_checked_term(given, kind, kind, volume),)
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise TypeError(f"{kind} must be a mapping, a sequence of mappings or None, got {given!r}")
    named = (f"{kind}[{i}]" if len(given) > 1 else kind for i in range(len(given)))
    return tuple(
        _checked_term(term, kind, name, volume) for term, name in zip(given, named, strict=True)
    )


def _checked_term(given: object, kind: str, name: str, volume: bool) -> Term:
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a mapping, got {given!r}")
    known = f"it takes {', '.join(map(repr, KNOWN[kind]))}"
    unknown = [key for key in given if key not in KNOWN[kind]]
    if unknown:
        raise ValueError(f"{name} has an unknown key {unknown[0]!r}; {known}")
    missing = [key for key in NEEDED[kind] if key not in given]
    if missing:
        raise ValueError(f"{name} lacks {missing[0]!r}; {known}")
    term = {k: value for k, value in given.items() if value is not None or k in NEEDED[kind]}
    axes = "(z, y, x)" if volume else "(y, x)"
    for key in NEEDED[kind][:-1]:
        count = None if key == "sigma_rgb" else 3 if volume else 2
        if key != "sigma_xy" or term[key] is not None:
            term[key] = _sigma(term[key], f"{name}'s {key}", count, axes)
    term["weight"] = number(term["weight"], f"{name}'s weight", -LARGEST, LARGEST)
    if "compatibility" in term:
        term["compatibility"] = checked_compatibility(
            term["compatibility"], f"{name}'s compatibility"
        )
    if "normalization" in term:
        arguments.check_choice(term["normalization"], f"{name}'s normalization", NORMALIZATIONS)
    return Term(term)


def _sigma(value: Any, name: str, count: int | None, axes: str) -> float | tuple[float, ...]:
    """A positive number, or `count` of them."""
    if not isinstance(value, (tuple, list, np.ndarray)) or np.ndim(value) == 0:
        return _positive(value, name)
    if len(value) != count and not (count is None and len(value)):
        wanted = "one a channel" if count is None else f"{count} numbers {axes}"
        raise ValueError(f"{name} must be one number or {wanted}, got {value!r}")
    return tuple(_positive(v, name) for v in value)


def _positive(value: Any, name: str) -> float:
    sigma = number(value, name)
    if sigma <= 0:
        raise ValueError(
            f"{name} must be positive, got {value!r}; a term is left out with weight 0"
        )
    if not SIGMAS[0] <= sigma <= SIGMAS[1]:
        raise ValueError(f"{name} must be in {SIGMAS[0]:g}..{SIGMAS[1]:g}, got {value!r}")
    return sigma


def number(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """One finite real number in a range; booleans are refused."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if not least <= found <= most:
        allowed = f"at least {least:g}" if most == math.inf else f"in {least:g}..{most:g}"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return found


def checked_compatibility(given: object, name: str) -> Compatibility:
    """The word "potts", or a vector or a square matrix as tuples."""
    if isinstance(given, str):
        if given != "potts":
            raise ValueError(f"{name} must be 'potts', a vector or a matrix, got {given!r}")
        return given
    try:
        table = np.asarray(given)
    except ValueError:
        table = np.empty(0, object)
    if table.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be 'potts' or hold numbers, got {given!r}")
    table = table.astype(np.float64)
    if table.ndim not in (1, 2) or len(set(table.shape)) != 1:
        raise ValueError(f"{name} must have shape (L,) or (L, L), got {table.shape}")
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(table) <= LARGEST)
    if bad.any():
        place = np.unravel_index(int(bad.argmax()), table.shape)
        raise ValueError(
            f"{name} has {int(bad.sum())} of {table.size} values that are not in "
            f"{-LARGEST:g}..{LARGEST:g}, first {table[place]} at {[int(i) for i in place]}"
        )
    if table.ndim == 1:
        return tuple(table.tolist())
    return tuple(map(tuple, table.tolist()))


def attraction(term: Term, shared: Compatibility, labels: int, name: str) -> Array:
    """How the messages of labels add up to what a label gains: weight included."""
    given = term.get("compatibility", shared)
    weight = np.float64(term["weight"])
    if isinstance(given, str):
        return np.array(weight)
    table = np.array(given, np.float64)
    if len(table) != labels:
        owner = f"{name}'s compatibility" if "compatibility" in term else "compatibility"
        raise ValueError(
            f"{owner} has shape {table.shape}, but there are {labels} labels: it must be "
            f"({labels},) or ({labels}, {labels})"
        )
    return weight * table if table.ndim == 1 else -weight * table


def place_sigma(
    sigma: float | tuple[float, ...] | None, size: tuple[int, int, int], volume: bool, name: str
) -> tuple[float, float, float] | None:
    """Along D, H and W; that of an axis of one pixel does not matter."""
    if sigma is None:
        return None
    axes = 3 if volume else 2
    spread = sigma if isinstance(sigma, tuple) else (sigma,) * axes
    depth, height, width = (1.0,) * (3 - axes) + spread
    for each, n in zip((depth, height, width), size, strict=True):
        if n - 1 > REACH * each:
            raise ValueError(
                f"{name} is {each:g}, so {n} pixels span more than {REACH} sigmas; it is in pixels"
            )
    return depth, height, width


def guide_sigma(sigma: float | tuple[float, ...], channels: int, name: str) -> Array:
    """One for each channel of the guide."""
    if isinstance(sigma, tuple) and len(sigma) != channels:
        raise ValueError(f"{name} has {len(sigma)} numbers, but its guide has {channels} channels")
    return np.broadcast_to(np.array(sigma, np.float64), channels).copy()


def in_reach(
    guide: Array, kind: str, known: Array | None, sigmas: Array, name: str
) -> tuple[Array, Array | None]:
    """A guide [D, H, W, G] as backends read it, not too many sigmas wide, and its channels' range.

    `known` is that range, if it is known already.
    """
    is_byte = kind == "uint8"
    if is_byte and sigmas.min() * REACH >= 255:
        return guide, None
    backend = registry.backend(guide)
    bounds = backend.feature_range(guide, kind)[0] if known is None else known
    low, high = bounds
    limits = REACH * sigmas
    with np.errstate(over="ignore"):
        wide = ~(high - low <= limits)
    if wide.any():
        channel = int(wide.argmax())
        raise ValueError(
            f"{name} is {sigmas[channel]:g} for a guide from {low[channel]:g} to {high[channel]:g} "
            f"in channel {channel}, more than {REACH} sigmas; it is in the guide's units"
        )
    return (guide, None) if is_byte else backend.prepare_guide(guide, kind, bounds, limits)
