"""From a dense CRF's description and arrays to what the backends do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, OutputArray, allocate_output, label_dtype
from segpost._core.contract import CrfStep, LabelErrors, Logits, Pairwise, Unary, UnaryErrors
from segpost._core.device import context_of
from segpost.crf import inputs
from segpost.crf import terms as crf_terms
from segpost.crf.inputs import Field, Guide
from segpost.crf.terms import Term

if TYPE_CHECKING:
    from segpost.crf.model import DenseCRF


class Solved(NamedTuple):
    """Refined probabilities and the steps to them, an image at a time."""

    field: Field
    result: OutputArray
    steps: list[list[CrfStep]]

    def labels(self) -> Any:
        """The first index of the largest probability, of the caller's kind."""
        field = self.field
        array = field.given.array
        made = allocate_output(None, field.lead, label_dtype(field.labels), field.given.wrap, array)
        stacks = field.stacked(self.result.array), field.pixels(made.array)
        for n in range(field.batch):
            q, labels = stacks[0][n], stacks[1][n]
            if labels.size:
                logits = Logits(q.transpose(1, 0, 2, 3), "float32")  # slices as a batch
                registry.backend(array).argmax(logits, None, labels, None, None)
        return made.result()


def solve(crf: DenseCRF, probabilities: Any, image: Any, trace: bool) -> Solved:
    """Refine every image of a batch on its own."""
    field = inputs.field(probabilities, crf.unary, crf.axis, crf.volume, crf.num_classes)
    terms = _terms(crf, field, image)
    array = field.given.array
    result = allocate_output(None, field.shape, np.float32, field.given.wrap, array)
    guides = [term.guide.values for term in terms if term.guide is not None]
    backend = registry.backend(array, *guides)
    steps: list[list[CrfStep]] = []
    for n in range(field.batch):
        out = field.stacked(result.array)[n]
        if not out.size:
            steps.append([CrfStep(0.0, 0.0, 0.0, math.nan)])
            continue
        solver = backend.dense_crf(
            _unary(crf, field, n),
            [term.image(n) for term in terms],
            crf.own_term,
            crf.method,
            crf.quality,
        )
        if solver.bad.total or solver.bad.outside or solver.bad.hopeless:
            inputs.raise_bad(_all_bad(crf, field, n, solver.bad), field, n)
        steps.append(solver.infer(out, crf.iterations, None, crf.tolerance, trace))
    return Solved(field, result, steps)


def _unary(crf: DenseCRF, field: Field, n: int) -> Unary:
    """That of one image."""
    if crf.unary == "labels":
        energies, bad = _label_energies(crf, field, n)
        if bad.total:
            later = (_label_energies(crf, field, k)[1] for k in range(n + 1, field.batch))
            first = n * math.prod(field.size) + bad.first
            bad = LabelErrors(bad.total + sum(more.total for more in later), first)
            inputs.raise_bad_labels(field, crf.unsure, bad)
        return Unary(energies, "float32", "energies")
    clamp = crf.clamp if crf.unary == "probabilities" else 0.0
    return Unary(field.stacked(field.given.array)[n], field.given.kind, crf.unary, clamp)


def _label_energies(crf: DenseCRF, field: Field, n: int) -> tuple[Array, LabelErrors]:
    labels = field.pixels(field.given.array)[n]
    energies = context_of(labels).empty((field.labels, *labels.shape), np.float32)
    backend = registry.backend(labels)
    return energies, backend.label_energies(labels, crf.certainty, crf.unsure, energies)


def _all_bad(crf: DenseCRF, field: Field, n: int, bad: UnaryErrors) -> UnaryErrors:
    """The counts of all images, the first places of image `n`."""
    for later in range(n + 1, field.batch):
        unary = _unary(crf, field, later)
        more = (
            registry.backend(field.given.array)
            .dense_crf(unary, (), True, crf.method, crf.quality)
            .bad
        )
        bad = bad._replace(
            total=bad.total + more.total if bad.total else 0,
            outside=bad.outside + more.outside if bad.outside else 0,
            hopeless=bad.hopeless + more.hopeless if bad.hopeless else 0,
        )
    return bad


class Ready(NamedTuple):
    """A term of a batch, checked."""

    name: str
    places: tuple[float, float, float] | None
    attraction: Array
    normalization: str
    guide: Guide | None = None
    sigmas: Array | None = None

    def image(self, n: int) -> Pairwise:
        """That of one image."""
        guide = found = None
        if self.guide is not None and self.sigmas is not None:
            guide, found = crf_terms.in_reach(
                self.guide.values[n],
                self.guide.kind,
                self.guide.range(n),
                self.sigmas,
                f"{self.name}'s sigma_rgb",
            )
        return Pairwise(
            self.places,
            guide,
            self.sigmas,
            self.attraction,
            self.normalization,
            None if found is None else found.reshape(-1),
        )


def _terms(crf: DenseCRF, field: Field, image: Any) -> list[Ready]:
    """Those whose weight is not 0; the others are checked too."""
    picture = None if image is None else inputs.guide(image, field, "image")
    found = []
    for kind in ("gaussian", "bilateral"):
        terms: tuple[Term, ...] = getattr(crf, kind)
        for i, term in enumerate(terms):
            name = kind if len(terms) == 1 else f"{kind}[{i}]"
            key = "sigma" if kind == "gaussian" else "sigma_xy"
            ready = Ready(
                name,
                crf_terms.place_sigma(term[key], field.size, crf.volume, f"{name}'s {key}"),
                crf_terms.attraction(term, crf.compatibility, field.labels, name),
                term.get("normalization", crf.normalization),
            )
            if kind == "bilateral":
                ready = _guided(ready, term, picture, field)
            if term["weight"]:
                found.append(ready)
    return found


def _guided(ready: Ready, term: Term, picture: Guide | None, field: Field) -> Ready:
    """The same with the picture that it reads."""
    guide = picture
    if "guide" in term:
        guide = inputs.guide(term["guide"], field, f"{ready.name}'s guide")
    if guide is None:
        if not term["weight"]:
            return ready
        raise ValueError(
            f"image is missing, but {ready.name} reads it; bilateral=None makes a CRF without"
        )
    sigma = crf_terms.guide_sigma(
        term["sigma_rgb"], guide.values.shape[-1], f"{ready.name}'s sigma_rgb"
    )
    return ready._replace(guide=guide, sigmas=sigma)
