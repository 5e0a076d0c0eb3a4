"""The options of `postprocess`, validated once into one record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from segpost._core import arguments
from segpost._core.logits import resolve_quantization
from segpost.color.palette import Palette, as_palette
from segpost.crf.model import DenseCRF
from segpost.runtimes.convention import Convention, as_convention, merge_arguments
from segpost.spatial.letterbox import Letterbox

OUTPUTS = ("labels", "confidence", "probabilities", "color", "overlay")
CONFIDENCE_MODES = ("exact", "fast")
CONFIDENCE_DTYPES = ("float32", "uint8")


class Options(NamedTuple):
    """The options of `postprocess`, checked as far as they can be without logits."""

    convention: Convention | None
    axis: Any
    size: Any  # with grid and letterbox checked by `plan_resampling`
    grid: str | None
    letterbox: Letterbox | None
    palette: Palette | None
    alpha: Any
    crf: DenseCRF | None
    threshold: Any  # checked by `resolve_threshold`
    quantization: tuple[float, float] | None  # (scale, zero_point)
    fast_confidence: bool
    confidence_dtype: str
    nan: str
    check: str
    outputs: frozenset[str]


def check_options(
    *,
    convention: Convention | str | None = None,
    axis: int | None = None,
    size: tuple[int, int] | None = None,
    grid: str | None = None,
    letterbox: Letterbox | None = None,
    palette: Palette | str | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | str | None = None,
    threshold: float | None = None,
    quantization: tuple[float, int] | None = None,
    confidence_mode: str = "exact",
    confidence_dtype: str = "float32",
    nan: str = "raise",
    check: str = "sync",
    want: Iterable[str] = ("labels",),
) -> Options:
    """Validate the keyword arguments of `postprocess` other than `image`.

    Raises
    ------
    ValueError, TypeError
        For a value that no logits could fit: the message names the argument.
    """
    if convention is None:
        axis = -3 if axis is None else axis
        grid = "half_pixel" if grid is None else grid
    else:
        convention = as_convention(convention)
        axis, grid, quantization = merge_arguments(convention, axis, grid, quantization)
    arguments.check_choice(nan, "nan", arguments.NAN_RULES)
    arguments.check_choice(check, "check", arguments.CHECKS)
    arguments.check_choice(confidence_mode, "confidence_mode", CONFIDENCE_MODES)
    arguments.check_choice(confidence_dtype, "confidence_dtype", CONFIDENCE_DTYPES)
    outputs = arguments.as_choices(want, "want", OUTPUTS)
    return Options(
        convention=convention,
        axis=axis,
        size=size,
        grid=grid,
        letterbox=letterbox,
        palette=None if palette is None else as_palette(palette),
        alpha=alpha,
        crf=None if crf is None else _as_crf(crf, threshold),
        threshold=threshold,
        quantization=resolve_quantization(quantization),
        fast_confidence=confidence_mode == "fast",
        confidence_dtype=confidence_dtype,
        nan=nan,
        check=check,
        outputs=outputs,
    )


def _as_crf(crf: object, threshold: object) -> DenseCRF:
    """Return the CRF that refines the probabilities of images, for any class axis."""
    crf = DenseCRF.preset(crf) if isinstance(crf, str) else crf
    if not isinstance(crf, DenseCRF):
        raise TypeError(f"crf must be a DenseCRF or the name of a preset, got {crf!r}")
    if crf.unary != "probabilities" or crf.volume:
        setting = "volume=True" if crf.volume else f"unary={crf.unary!r}"
        raise ValueError(
            f"crf has {setting}, but postprocess refines the probabilities of images, which it "
            "computes from the logits: leave that out"
        )
    if threshold is not None:
        raise ValueError(
            "crf needs probabilities of two labels, a head with threshold= has one; call "
            "segpost.dense_crf(np.stack([1 - p, p]), image) with the sigmoid p"
        )
    return replace(crf, axis=None)
