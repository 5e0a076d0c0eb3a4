"""The pairwise terms of a dense CRF as its caller describes them, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from segpost._core.arguments import as_real, check_choice

Normalization = Literal["symmetric", "row", "column", "none"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)
NEEDED_KEYS = {"gaussian": ("sigma", "weight"), "bilateral": ("sigma_xy", "sigma_rgb", "weight")}
KNOWN_KEYS = {
    "gaussian": (*NEEDED_KEYS["gaussian"], "compatibility", "normalization"),
    "bilateral": (*NEEDED_KEYS["bilateral"], "compatibility", "normalization", "guide"),
}
MIN_SIGMA, MAX_SIGMA = 1e-30, 1e30  # squares of features over sigma stay in float32
MAX_WEIGHT = 1e6  # of weights and costs: their products with sums over pixels stay in float32

Compatibility = str | tuple[float, ...] | tuple[tuple[float, ...], ...]


class Term(Mapping[str, Any]):
    """An unchangeable mapping that prints as a dict; guides are compared by identity.

    Parameters
    ----------
    items : mapping
        The keys and values of a term.
    checked_as : tuple of (str, bool)
        The kinds, each with whether it is for volumes, that the items are known to be valid for.
    """

    checked_as: tuple[tuple[str, bool], ...] = ()

    def __init__(
        self, items: Mapping[str, Any], checked_as: tuple[tuple[str, bool], ...] = ()
    ) -> None:
        self.data = dict(items)
        self.checked_as = checked_as

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read a pickle; the first release held the items under another name."""
        self.data = state["_items"] if "_items" in state else state["data"]

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return repr(self.data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping) or self.keys() != other.keys():
            return False
        return all(v is other[k] if k == "guide" else v == other[k] for k, v in self.items())

    def __hash__(self) -> int:
        return hash(frozenset((k, v) for k, v in self.items() if k != "guide"))


def _gaussian(sigma: float, weight: float) -> Term:
    checked_as = (("gaussian", False), ("gaussian", True))
    return Term({"sigma": sigma, "weight": weight}, checked_as)


def _bilateral(sigma_xy: float, sigma_rgb: float, weight: float) -> Term:
    items = {"sigma_xy": sigma_xy, "sigma_rgb": sigma_rgb, "weight": weight}
    return Term(items, (("bilateral", False), ("bilateral", True)))


GAUSSIAN = _gaussian(3.0, 3.0)
BILATERAL = _bilateral(80.0, 13.0, 10.0)
PresetName = Literal["pydensecrf", "deeplab"]
PRESETS: dict[str, dict[str, Any]] = {
    "pydensecrf": {"iterations": 10, "gaussian": GAUSSIAN, "bilateral": BILATERAL},
    "deeplab": {
        "iterations": 10,
        "gaussian": _gaussian(1.0, 3.0),
        "bilateral": _bilateral(67.0, 3.0, 4.0),
    },
}


def parse_terms(value: object, kind: str, volume: bool) -> tuple[Term, ...]:
    """Return the terms of one kind with checked numbers.

    Parameters
    ----------
    value : mapping, sequence of mappings, or None
    kind : {"gaussian", "bilateral"}
    volume : bool
        Whether pixels have three axes.

    Raises
    ------
    ValueError, TypeError
        If a key is unknown or missing, or a value out of its range: the message names both.
    """
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return (_parse_term(value, kind, kind, volume),)
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{kind} must be a mapping, a sequence of mappings or None, got {value!r}")
    return tuple(
        _parse_term(term, kind, kind if len(value) == 1 else f"{kind}[{i}]", volume)
        for i, term in enumerate(value)
    )


def _parse_term(value: object, kind: str, name: str, volume: bool) -> Term:
    if isinstance(value, Term) and (kind, volume) in value.checked_as:
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, got {value!r}")
    takes = f"it takes {', '.join(map(repr, KNOWN_KEYS[kind]))}"
    unknown = [key for key in value if key not in KNOWN_KEYS[kind]]
    if unknown:
        raise ValueError(f"{name} has an unknown key {unknown[0]!r}; {takes}")
    missing = [key for key in NEEDED_KEYS[kind] if key not in value]
    if missing:
        raise ValueError(f"{name} lacks {missing[0]!r}; {takes}")
    items = {k: v for k, v in value.items() if v is not None or k in NEEDED_KEYS[kind]}
    axes = "(z, y, x)" if volume else "(y, x)"
    for key in NEEDED_KEYS[kind][:-1]:
        count = None if key == "sigma_rgb" else 3 if volume else 2
        if key != "sigma_xy" or items[key] is not None:
            items[key] = _parse_sigma(items[key], f"{name}'s {key}", count, axes)
    items["weight"] = as_real(items["weight"], f"{name}'s weight", -MAX_WEIGHT, MAX_WEIGHT)
    if "compatibility" in items:
        items["compatibility"] = parse_compatibility(
            items["compatibility"], f"{name}'s compatibility"
        )
    if "normalization" in items:
        check_choice(items["normalization"], f"{name}'s normalization", NORMALIZATIONS)
    return Term(items, ((kind, volume),))


def _parse_sigma(value: Any, name: str, count: int | None, axes: str) -> float | tuple[float, ...]:
    """Return one positive number, or `count` of them; None is any count."""
    if not isinstance(value, (tuple, list, np.ndarray)) or np.ndim(value) == 0:
        return _as_sigma(value, name)
    if len(value) != count and not (count is None and len(value)):
        expected = "one a channel" if count is None else f"{count} numbers {axes}"
        raise ValueError(f"{name} must be one number or {expected}, got {value!r}")
    return tuple(_as_sigma(v, name) for v in value)


def _as_sigma(value: object, name: str) -> float:
    sigma = as_real(value, name)
    if sigma <= 0:
        raise ValueError(
            f"{name} must be positive, got {value!r}; a term is left out with weight 0"
        )
    if not MIN_SIGMA <= sigma <= MAX_SIGMA:
        raise ValueError(f"{name} must be in {MIN_SIGMA:g}..{MAX_SIGMA:g}, got {value!r}")
    return sigma


def parse_compatibility(value: object, name: str) -> Compatibility:
    """Return the word "potts", or a vector or a square matrix as tuples.

    Raises
    ------
    ValueError, TypeError
        If the value is none of these, or if it holds numbers out of range: the message says how
        many, and where the first is.
    """
    if isinstance(value, str):
        if value != "potts":
            raise ValueError(f"{name} must be 'potts', a vector or a matrix, got {value!r}")
        return value
    try:
        table = np.asarray(value)
    except ValueError:  # rows of different lengths
        table = np.empty(0, object)
    if table.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be 'potts' or hold numbers, got {value!r}")
    table = table.astype(np.float64)
    if table.ndim not in (1, 2) or len(set(table.shape)) != 1:
        raise ValueError(f"{name} must have shape (L,) or (L, L), got {table.shape}")
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(table) <= MAX_WEIGHT)
    if bad.any():
        position = np.unravel_index(int(bad.argmax()), table.shape)
        raise ValueError(
            f"{name} has {int(bad.sum())} of {table.size} values that are not in "
            f"{-MAX_WEIGHT:g}..{MAX_WEIGHT:g}, first {table[position]} "
            f"at {[int(i) for i in position]}"
        )
    if table.ndim == 1:
        return tuple(table.tolist())
    return tuple(map(tuple, table.tolist()))
