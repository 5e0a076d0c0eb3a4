"""The operators ``torch.ops.segpost``: their schemas, what runs, and the shapes that come out.

What runs is segpost itself, which looks where a tensor is. Importing this module imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import torch

import segpost
from segpost._core import arguments
from segpost._core.arrays import label_dtype
from segpost.color.palette import Palette, as_palette
from segpost.crf.model import DenseCRF
from segpost.pipeline.options import OUTPUTS

Tensor = torch.Tensor
Function = Callable[..., Any]

_library = torch.library.Library("segpost", "DEF")  # type: ignore[no-untyped-call]
# Reports are read on the CPU, which a CUDA graph cannot do.
_TAGS = (torch.Tag.pt2_compliant_tag, torch.Tag.cudagraph_unsafe)


def as_text(settings: Palette | DenseCRF) -> str:
    """What `segpost.torch.as_text` gives."""
    if isinstance(settings, Palette):
        told: dict[str, Any] = {
            "colors": settings.colors.tolist(),
            "void": settings.void,
            "ignore_index": settings.ignore_index,
        }
    elif isinstance(settings, DenseCRF):
        told = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
        for name in ("gaussian", "bilateral"):
            told[name] = [dict(term) for term in told[name]]
        if any("guide" in term for term in told["bilateral"]):
            raise ValueError(
                "settings have a term with a guide of its own, and a text holds no arrays; "
                "give it as image"
            )
    else:
        raise TypeError(f"settings must be a Palette or a DenseCRF, got {type(settings).__name__}")
    return json.dumps(told)


@lru_cache(maxsize=64)
def _palette(text: str) -> Palette:
    """Of a name, or of what `as_text` made."""
    if not text.startswith("{"):
        return as_palette(text)
    told = json.loads(text)
    return Palette(told["colors"], None, told["void"], told["ignore_index"])


@lru_cache(maxsize=64)
def _crf(text: str) -> DenseCRF:
    """The same of a preset."""
    return DenseCRF(**json.loads(text)) if text.startswith("{") else DenseCRF.preset(text)


def _operator(
    schema: str, shapes: Function, gradient: bool = False
) -> Callable[[Function], Function]:
    """Define what follows as an operator; `gradient`: whether one could be asked for."""
    name = schema.partition("(")[0]

    def define(run: Function) -> Function:
        _library.define(schema, tags=_TAGS)  # type: ignore[no-untyped-call]
        _library.impl(name, run, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"segpost::{name}", shapes, lib=_library)
        if gradient:

            def refuse(context: Any, *gradients: Any) -> NoReturn:
                raise RuntimeError(
                    f"segpost.torch.{name} has no gradient: call it under torch.no_grad(), "
                    "or on logits.detach()"
                )

            torch.library.register_autograd(f"segpost::{name}", refuse, lib=_library)
        made: Function = getattr(torch.ops.segpost, name).default
        return made

    return define


def _made(like: Tensor, shape: Sequence[Any], dtype: Any) -> Tensor:
    """A result without its values."""
    return like.new_empty(tuple(shape), dtype=getattr(torch, dtype))


def _labels_made(
    logits: Tensor,
    *,
    axis: int | None = None,
    size: Sequence[int] | None = None,
    grid: str = "half_pixel",
    nan: str = "raise",
    check: str = "sync",
) -> Tensor:
    spatial = 3 if axis == -4 or (size is not None and len(size) == 3) else 2
    first = -1 - spatial
    lead, classes, pixels, _ = _parted(logits, first if axis is None else axis, spatial)
    shape = (*lead, *(pixels if size is None else size))
    return _made(logits, shape, label_dtype(classes).__name__)


def _parted(logits: Tensor, axis: int, spatial: int) -> tuple[Any, Any, Any, int]:
    """Sizes before the classes, their number, sizes of pixels, and the class axis."""
    shape = tuple(logits.shape)
    counted = arguments.resolve_class_axis(shape, axis, spatial)
    batch = shape[: len(shape) - spatial - 1]
    pixels = shape[-spatial:] if counted != -1 else shape[-1 - spatial : -1]
    return batch, shape[counted], pixels, counted


@_operator(
    "argmax(Tensor logits, *, int? axis=None, SymInt[]? size=None, str grid='half_pixel', "
    "str nan='raise', str check='sync') -> Tensor",
    _labels_made,
)
def argmax(logits: Tensor, **given: Any) -> Any:
    return segpost.argmax(logits, **given)


def _probabilities_made(logits: Tensor, **given: Any) -> Tensor:
    return _made(logits, logits.shape, "float32")


@_operator(
    "softmax(Tensor logits, *, int axis=-3, str nan='raise', str check='sync') -> Tensor",
    _probabilities_made,
    gradient=True,
)
def softmax(logits: Tensor, **given: Any) -> Any:
    return segpost.softmax(logits, **given)


def _color_made(labels: Tensor, palette: str, **given: Any) -> Tensor:
    return _made(labels, (*labels.shape, 3), "uint8")


@_operator("colorize(Tensor labels, str palette, *, str check='sync') -> Tensor", _color_made)
def colorize(labels: Tensor, palette: str, **given: Any) -> Any:
    return segpost.colorize(labels, _palette(palette), **given)


def _overlay_made(image: Tensor, labels: Tensor, palette: str, **given: Any) -> Tensor:
    return _made(image, image.shape, "uint8")


@_operator(
    "overlay(Tensor image, Tensor labels, str palette, *, float[] alpha, int contour=0, "
    "str check='sync') -> Tensor",
    _overlay_made,
)
def overlay(
    image: Tensor, labels: Tensor, palette: str, *, alpha: list[float], **given: Any
) -> Any:
    return segpost.overlay(image, labels, _palette(palette), alpha=_weight(alpha), **given)


def _weight(alpha: list[float]) -> float | list[float]:
    """One number is for every class."""
    return alpha[0] if len(alpha) == 1 else alpha


def _matrix_made(preds: Tensor, target: Tensor, *, num_classes: int, **given: Any) -> Tensor:
    return _made(target, (num_classes, num_classes), "int64")


@_operator(
    "confusion_matrix(Tensor preds, Tensor target, *, int num_classes, int[] ignore_index=[], "
    "int axis=-3, str grid='half_pixel', str check='sync') -> Tensor",
    _matrix_made,
)
def confusion_matrix(preds: Tensor, target: Tensor, **given: Any) -> Any:
    return segpost.confusion_matrix(preds, target, **given)


def _refined_made(probabilities: Tensor, image: Tensor | None = None, *, crf: str) -> Tensor:
    described = _crf(crf)
    shape = list(probabilities.shape)
    if described.unary == "labels":
        last = described.axis in (-1, len(shape))
        at = len(shape) if last else len(shape) - (3 if described.volume else 2)
        shape.insert(at, described.num_classes or 0)
    return _made(probabilities, shape, "float32")


@_operator(
    "dense_crf(Tensor probabilities, Tensor? image=None, *, str crf) -> Tensor",
    _refined_made,
    gradient=True,
)
def dense_crf(probabilities: Tensor, image: Tensor | None = None, *, crf: str) -> Any:
    return _crf(crf)(probabilities, image).contiguous()


def _postprocessed_made(
    logits: Tensor,
    image: Tensor | None = None,
    *,
    axis: int = -3,
    size: Sequence[int] | None = None,
    threshold: float | None = None,
    confidence_dtype: str = "float32",
    want: Sequence[str],
    **given: Any,
) -> list[Tensor]:
    lead, classes, pixels, counted = _parted(logits, axis, 2)
    pixels = tuple(pixels if size is None else size)
    labels = label_dtype(classes if threshold is None else 2).__name__
    spread = (classes, *pixels) if counted == -3 else (*pixels, classes)
    shapes = {
        "labels": (pixels, labels),
        "confidence": (pixels, confidence_dtype),
        "probabilities": (spread, "float32"),
        "color": ((*pixels, 3), "uint8"),
        "overlay": ((*pixels, 3), "uint8"),
    }
    return [_made(logits, (*lead, *shapes[name][0]), shapes[name][1]) for name in _each_once(want)]


def _each_once(want: Sequence[str]) -> Sequence[str]:
    """The results of an operator share no memory."""
    if len(arguments.as_choices(want, "want", OUTPUTS)) != len(want):
        raise ValueError(f"want has a name twice: {list(want)}")
    return want


@_operator(
    "postprocess(Tensor logits, Tensor? image=None, *, int axis=-3, SymInt[]? size=None, "
    "str grid='half_pixel', str? palette=None, float[] alpha, str? crf=None, "
    "float? threshold=None, float[]? quantization=None, str confidence_mode='exact', "
    "str confidence_dtype='float32', str nan='raise', str check='sync', str[] want) -> Tensor[]",
    _postprocessed_made,
    gradient=True,
)
def postprocess(
    logits: Tensor,
    image: Tensor | None = None,
    *,
    palette: str | None = None,
    alpha: list[float],
    crf: str | None = None,
    want: list[str],
    **given: Any,
) -> Any:
    seg = segpost.postprocess(
        logits,
        image=image,
        palette=None if palette is None else _palette(palette),
        alpha=_weight(alpha),
        crf=None if crf is None else _crf(crf),
        want=_each_once(want),
        **given,
    )
    return [getattr(seg, name).contiguous() for name in want]
