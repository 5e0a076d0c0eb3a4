"""From the pairwise terms that a caller describes to those that backends read."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost.crf.batch import MAX_SIGMAS, Guide, PairwiseTerm, UnaryBatch
from segpost.crf.inputs import as_guide
from segpost.crf.terms import Compatibility, Term


def build_pairwise_terms(
    batch: UnaryBatch, image: Guide | None
) -> tuple[list[PairwiseTerm], list[Array]]:
    """Return the terms whose weight is not 0, and the arrays of their guides.

    The other terms are checked too.

    Parameters
    ----------
    batch : UnaryBatch
        What the terms have to fit, with the settings that describe them.
    image : Guide or None
        The guide of terms that have none of their own.

    Raises
    ------
    ValueError
        If a term does not fit the batch, or has no guide.
    """
    settings, terms, arrays = batch.settings, [], []
    for kind, sigma_key in (("gaussian", "sigma"), ("bilateral", "sigma_xy")):
        described: tuple[Term, ...] = getattr(settings, kind)
        for i, term in enumerate(described):
            name = kind if len(described) == 1 else f"{kind}[{i}]"
            items = term.data
            built = PairwiseTerm(
                name,
                _spatial_sigma(items[sigma_key], batch, f"{name}'s {sigma_key}"),
                _compatibility(term, settings.compatibility, batch.num_labels, name),
                items.get("normalization", settings.normalization),
            )
            if kind == "bilateral":
                built = _add_guide(built, term, image, batch)
            if items["weight"]:
                terms.append(built)
                if built.guide is not None:
                    arrays.append(built.guide.values)
    return terms, arrays


def _spatial_sigma(
    sigma: float | tuple[float, ...] | None, batch: UnaryBatch, name: str
) -> tuple[float, float, float] | None:
    """Return sigma along D, H and W in pixels; None where the position plays no part."""
    if sigma is None:
        return None
    axes = 3 if batch.settings.volume else 2
    sigmas = sigma if isinstance(sigma, tuple) else (sigma,) * axes
    depth, height, width = (1.0,) * (3 - axes) + sigmas
    for each, n in zip((depth, height, width), batch.size, strict=True):
        if n - 1 > MAX_SIGMAS * each:
            raise ValueError(
                f"{name} is {each:g}, so {n} pixels span more than {MAX_SIGMAS} sigmas; "
                "it is in pixels"
            )
    return depth, height, width


def _compatibility(term: Term, default: Compatibility, num_labels: int, name: str) -> Array:
    """Return the weights, float64 of shape (), [L] or [L, L], with which labels gather messages.

    The weight of the term is included. Costs, which a matrix holds, are negative weights.
    """
    value = term.data.get("compatibility", default)
    weight = np.float64(term.data["weight"])
    if isinstance(value, str):
        return np.array(weight)
    table = np.array(value, np.float64)
    if len(table) != num_labels:
        owner = f"{name}'s compatibility" if "compatibility" in term.data else "compatibility"
        raise ValueError(
            f"{owner} has shape {table.shape}, but there are {num_labels} labels: it must be "
            f"({num_labels},) or ({num_labels}, {num_labels})"
        )
    return weight * table if table.ndim == 1 else -weight * table


def _add_guide(
    built: PairwiseTerm, term: Term, image: Guide | None, batch: UnaryBatch
) -> PairwiseTerm:
    """Return a bilateral term with the guide that it reads, and a sigma for each channel."""
    guide = image
    if "guide" in term.data:
        guide = as_guide(term.data["guide"], batch, f"{built.name}'s guide")
    if guide is None:
        if not term.data["weight"]:
            return built
        raise ValueError(
            f"image is missing, but {built.name} reads it: pass image=, the picture that the "
            "network saw; bilateral=None makes a CRF without"
        )
    sigma, num_channels = term.data["sigma_rgb"], guide.values.shape[-1]
    if isinstance(sigma, tuple) and len(sigma) != num_channels:
        raise ValueError(
            f"{built.name}'s sigma_rgb has {len(sigma)} numbers, but its guide has {num_channels} "
            "channels"
        )
    sigmas = np.broadcast_to(np.array(sigma, np.float64), num_channels).copy()
    return built._replace(guide=guide, guide_sigma=sigmas)
