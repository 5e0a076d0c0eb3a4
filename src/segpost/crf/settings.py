"""`Settings`: the validated parameters of a dense CRF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

import numpy as np

from segpost._core.arguments import as_count, as_integer, as_real, check_choice
from segpost._core.errors import warn_of_input
from segpost.crf.terms import (
    BILATERAL,
    GAUSSIAN,
    NORMALIZATIONS,
    Normalization,
    Term,
    parse_compatibility,
    parse_terms,
)

Unary = Literal["probabilities", "logits", "labels", "energies"]
UNARY_KINDS: tuple[str, ...] = get_args(Unary)
Method = Literal["lattice", "exact"]
METHODS: tuple[str, ...] = get_args(Method)
Quality = Literal["fast", "default", "high"]
QUALITIES: tuple[str, ...] = get_args(Quality)

Terms = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class CrfSettings(TypedDict, total=False):
    """The parameters of a dense CRF, for type checkers."""

    iterations: int
    gaussian: Terms
    bilateral: Terms
    compatibility: Any
    normalization: Normalization
    own_term: bool
    unary: Unary
    axis: int | None
    volume: bool
    clamp: float
    num_classes: int | None
    certainty: float
    unsure: int | None
    tolerance: float | None
    method: Method
    quality: Quality


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """The parameters of a dense CRF, as `DenseCRF` documents them; they are checked when set.

    Afterwards `gaussian` and `bilateral` are tuples of `Term`, and `compatibility` is "potts" or
    nested tuples.

    Raises
    ------
    ValueError, TypeError
        If a value is of a wrong type or out of its range: the message names it.
    """

    iterations: int = 10
    gaussian: Terms = GAUSSIAN
    bilateral: Terms = BILATERAL
    compatibility: Any = "potts"
    normalization: Normalization = "symmetric"
    own_term: bool = True
    unary: Unary = "probabilities"
    axis: int | None = None
    volume: bool = False
    clamp: float = 1e-5
    num_classes: int | None = None
    certainty: float = 0.7
    unsure: int | None = None
    tolerance: float | None = None
    method: Method = "lattice"
    quality: Quality = "default"

    def __post_init__(self) -> None:
        for name in ("own_term", "volume"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        check_choice(self.unary, "unary", UNARY_KINDS)
        check_choice(self.normalization, "normalization", NORMALIZATIONS)
        check_choice(self.method, "method", METHODS)
        check_choice(self.quality, "quality", QUALITIES)
        values: dict[str, Any] = {
            "iterations": as_count(self.iterations, "iterations"),
            "clamp": as_real(self.clamp, "clamp", 0, 1),
            "certainty": as_real(self.certainty, "certainty", 0, 1),
        }
        if values["certainty"] == 0:
            raise ValueError("certainty must be above 0: labels that are never right say nothing")
        for name in ("axis", "unsure"):
            if getattr(self, name) is not None:
                values[name] = as_integer(getattr(self, name), name)
        if self.tolerance is not None:
            values["tolerance"] = as_real(self.tolerance, "tolerance", 0)
        if self.unary == "labels":
            if self.num_classes is None:
                raise ValueError("unary='labels' needs num_classes=")
            values["num_classes"] = as_count(self.num_classes, "num_classes", 2)
        elif self.num_classes is not None or self.unsure is not None:
            name = "unsure" if self.num_classes is None else "num_classes"
            raise ValueError(f"{name} is for unary='labels', but unary is {self.unary!r}")
        values["gaussian"] = parse_terms(self.gaussian, "gaussian", bool(self.volume))
        values["bilateral"] = parse_terms(self.bilateral, "bilateral", bool(self.volume))
        values["compatibility"] = parse_compatibility(self.compatibility, "compatibility")
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._refuse_inexact_lattice(values["bilateral"])
        for kind in ("gaussian", "bilateral"):
            self._warn_of_repulsion(kind, values[kind])

    def _refuse_inexact_lattice(self, bilateral: tuple[Term, ...]) -> None:
        """Refuse a lattice of low quality for sums without the pixel itself.

        Without it the errors of the lattice are large beside what is left of a sum where few pixels
        have a like color.
        """
        has_bilateral = any(term.data["weight"] for term in bilateral)
        is_lattice = self.method == "lattice" and has_bilateral
        if is_lattice and not self.own_term and self.quality != "high":
            raise ValueError(
                f"own_term=False with quality={self.quality!r} is inexact where few pixels have a "
                "like color: pass method='exact' for small images, own_term=True, or "
                "quality='high' to accept its error"
            )

    def _warn_of_repulsion(self, kind: str, terms: tuple[Term, ...]) -> None:
        """Warn of negative weights of Potts terms, which make near pixels differ.

        With a vector or a matrix the sign of a weight may undo that of its numbers.
        """
        for term in terms:
            weight = term.data["weight"]
            if weight < 0 and term.data.get("compatibility", self.compatibility) == "potts":
                warn_of_input(
                    f"{kind}'s weight is {weight:g}: below 0 it makes near pixels have other "
                    f"labels, where a positive one makes them alike; pass {-weight:g} unless that "
                    "is meant"
                )
