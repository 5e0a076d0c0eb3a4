"""The options of `postprocess`, validated once into one record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypedDict, cast, get_args

from segpost._core import arguments
from segpost._core.arguments import Check, NanRule
from segpost._core.logits import resolve_quantization
from segpost._core.sampling import Grid
from segpost.color.palette import Palette, PaletteLike, as_palette
from segpost.crf.model import DenseCRF
from segpost.crf.terms import PRESETS, PresetName
from segpost.labels.volumes import are_volumes, resolve_nearest_axis
from segpost.pipeline.decoding import DECODINGS, Decoding, check_decoding
from segpost.pipeline.results import OUTPUTS, Want
from segpost.runtimes.convention import Convention, as_convention, merge_arguments
from segpost.runtimes.table import ConventionName
from segpost.spatial.letterbox import Letterbox

ConfidenceMode = Literal["exact", "fast"]
CONFIDENCE_MODES: tuple[str, ...] = get_args(ConfidenceMode)
ConfidenceDtype = Literal["float32", "uint8"]
CONFIDENCE_DTYPES: tuple[str, ...] = get_args(ConfidenceDtype)
ProbabilitiesDtype = Literal["float32", "uint16", "uint8"]
PROBABILITIES_DTYPES: tuple[str, ...] = get_args(ProbabilitiesDtype)
MOST_RANKS = 16  # of top-k


class Options(NamedTuple):
    """The options of `postprocess`, checked as far as they can be without logits."""

    convention: Convention | None
    axis: Any
    is_axis_default: bool  # neither argument nor convention says it
    volume: bool
    nearest_axis: int | None  # of a volume
    size: Any  # with grid, letterbox and scale checked by `plan_resampling`
    grid: Grid | None
    letterbox: Letterbox | None
    scale: Any
    palette: Palette | None
    alpha: Any
    crf: DenseCRF | None
    threshold: Any  # checked by `resolve_threshold`
    decode: Decoding
    quantization: tuple[float, float] | None  # (scale, zero_point)
    fast_confidence: bool
    confidence_dtype: ConfidenceDtype
    probabilities_dtype: ProbabilitiesDtype
    topk: int
    nan: NanRule
    check: Check
    outputs: frozenset[str]


class PostprocessSettings(TypedDict, total=False):
    """The keyword arguments of `postprocess` other than `image` and `want`, for type checkers."""

    convention: Convention | ConventionName | None
    axis: int | None
    volume: bool | None
    nearest_axis: int | None
    size: Sequence[int] | None
    grid: Grid | None
    letterbox: Letterbox | None
    scale: float | Sequence[float] | None
    palette: PaletteLike | None
    alpha: Any
    crf: DenseCRF | PresetName | None
    threshold: float | None
    decode: Decoding
    quantization: tuple[float, int] | None
    confidence_mode: ConfidenceMode
    confidence_dtype: ConfidenceDtype
    probabilities_dtype: ProbabilitiesDtype
    topk: int
    nan: NanRule
    check: Check


def check_options(
    *,
    convention: Convention | ConventionName | None = None,
    axis: int | None = None,
    volume: bool | None = None,
    nearest_axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: Grid | None = None,
    letterbox: Letterbox | None = None,
    scale: float | Sequence[float] | None = None,
    palette: PaletteLike | None = None,
    alpha: Any = 0.5,
    crf: DenseCRF | PresetName | None = None,
    threshold: float | None = None,
    decode: Decoding = "argmax",
    quantization: tuple[float, int] | None = None,
    confidence_mode: ConfidenceMode = "exact",
    confidence_dtype: ConfidenceDtype = "float32",
    probabilities_dtype: ProbabilitiesDtype = "float32",
    topk: int = 3,
    nan: NanRule = "raise",
    check: Check = "sync",
    want: Iterable[Want] = ("labels",),
) -> Options:
    """Validate the keyword arguments of `postprocess` other than `image`.

    Raises
    ------
    ValueError, TypeError
        For a value that no logits could fit: the message names the argument.
    """
    is_axis_default = convention is None and axis is None
    is_volume = are_volumes(volume, axis, size)
    if convention is None:
        axis = (-4 if is_volume else -3) if axis is None else axis
        grid = "half_pixel" if grid is None else grid
    else:
        convention = as_convention(convention)
        axis = -3 if axis == -4 else axis  # conventions say where the class axis of images is
        axis, grid, quantization = merge_arguments(convention, axis, grid, quantization)
        axis = -4 if is_volume and axis == -3 else axis
    words: tuple[Any, ...] = (
        decode,
        nan,
        check,
        confidence_mode,
        confidence_dtype,
        probabilities_dtype,
        topk,
        want,
    )
    try:
        ranks, outputs = _check_hashable_words(*words)
    except TypeError:  # of a list, or of a wrong type
        ranks, outputs = _check_words(*words)
    check_decoding(decode, threshold=threshold, volume=is_volume, outputs=outputs)
    return Options(  # by place: names would take a microsecond
        convention,
        axis,
        is_axis_default,
        is_volume,
        resolve_nearest_axis(nearest_axis, is_volume),
        size,
        grid,
        letterbox,
        scale,
        None if palette is None else as_palette(palette),
        alpha,
        None if crf is None else _as_crf(crf, threshold, is_volume),
        threshold,
        decode,
        resolve_quantization(quantization),
        confidence_mode == "fast",
        confidence_dtype,
        probabilities_dtype,
        ranks,
        nan,
        check,
        outputs,
    )


def _check_words(
    decode: object,
    nan: object,
    check: object,
    confidence_mode: object,
    confidence_dtype: object,
    probabilities_dtype: object,
    topk: object,
    want: Iterable[str],
) -> tuple[int, frozenset[str]]:
    """Return topk and the wanted results, after a check of the words and of these."""
    for value, name, allowed in (
        (decode, "decode", DECODINGS),
        (nan, "nan", arguments.NAN_RULES),
        (check, "check", arguments.CHECKS),
        (confidence_mode, "confidence_mode", CONFIDENCE_MODES),
        (confidence_dtype, "confidence_dtype", CONFIDENCE_DTYPES),
        (probabilities_dtype, "probabilities_dtype", PROBABILITIES_DTYPES),
    ):
        arguments.check_choice(value, name, allowed)
    ranks = arguments.as_count(topk, "topk", 1)
    if ranks > MOST_RANKS:
        raise ValueError(f"topk must be at most {MOST_RANKS}, got {topk!r}")
    return ranks, arguments.as_choices(want, "want", OUTPUTS)


_check_hashable_words = lru_cache(maxsize=256, typed=True)(_check_words)  # most calls repeat them


def _as_crf(crf: Any, threshold: object, is_volume: bool) -> DenseCRF:
    """Return the CRF that refines the probabilities of images or volumes, for any class axis."""
    if isinstance(crf, str) and is_volume:
        raise ValueError(
            f"crf={crf!r} is a preset of photographs, got logits of volumes: pass "
            "segpost.DenseCRF(volume=True, bilateral={'sigma_xy': 5, 'sigma_rgb': 50, 'weight': "
            "3}), where sigma_rgb is in the units of the image"
        )
    if isinstance(crf, str):
        arguments.check_choice(crf, "crf", tuple(PRESETS))
        crf = DenseCRF.preset(cast(PresetName, crf))
    if not isinstance(crf, DenseCRF):
        raise TypeError(f"crf must be a DenseCRF or the name of a preset, got {crf!r}")
    if crf.unary != "probabilities":
        raise ValueError(
            f"crf has unary={crf.unary!r}, but postprocess refines the probabilities, which it "
            "computes from the logits: leave that out"
        )
    if crf.volume != is_volume:
        kinds = ("images", "volumes")
        raise ValueError(
            f"crf has volume={crf.volume}, and the logits are {kinds[is_volume]}: pass "
            f"segpost.DenseCRF(volume={is_volume}, ...)"
        )
    if threshold is not None:
        raise ValueError(
            "crf needs probabilities of two labels, a head with threshold= has one; call "
            "segpost.dense_crf(np.stack([1 - p, p]), image) with the sigmoid p"
        )
    return replace(crf, axis=None)
