"""Palettes and CRFs as text, which a graph can hold."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from segpost.color.palette import Palette, as_palette
from segpost.crf.model import DenseCRF


def as_text(settings: Palette | DenseCRF) -> str:
    """Return a palette or a CRF as text, which an operator takes in place of a name.

    Make it before the model is compiled or exported, in its ``__init__`` for example.

    Parameters
    ----------
    settings : Palette or DenseCRF
        Class names are left out.

    Raises
    ------
    ValueError
        For a CRF with a guide of its own: a text holds no arrays.
    TypeError
        For anything else.

    Examples
    --------
    >>> import torch, segpost, segpost.torch
    >>> palette = segpost.torch.as_text(segpost.Palette([(0, 0, 0), (255, 0, 0)]))
    >>> segpost.torch.colorize(torch.tensor([[0, 1]]), palette)
    tensor([[[  0,   0,   0],
             [255,   0,   0]]], dtype=torch.uint8)
    """
    if isinstance(settings, Palette):
        fields: dict[str, Any] = {
            "colors": settings.colors.tolist(),
            "void": settings.void,
            "ignore_index": settings.ignore_index,
        }
    elif isinstance(settings, DenseCRF):
        fields = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
        for name in ("gaussian", "bilateral"):
            fields[name] = [dict(term) for term in fields[name]]
        if any("guide" in term for term in fields["bilateral"]):
            raise ValueError(
                "settings have a term with a guide of its own, and a text holds no arrays; "
                "give it as image"
            )
    else:
        raise TypeError(f"settings must be a Palette or a DenseCRF, got {type(settings).__name__}")
    return json.dumps(fields)


@lru_cache(maxsize=64)
def parse_palette(text: str) -> Palette:
    """Return the palette of a name, or of a text of `as_text`."""
    if not text.startswith("{"):
        return as_palette(text)
    fields = json.loads(text)
    return Palette(fields["colors"], None, fields["void"], fields["ignore_index"])


@lru_cache(maxsize=64)
def parse_crf(text: Any) -> DenseCRF:
    """Return the CRF of a preset's name, or of a text of `as_text`."""
    return DenseCRF(**json.loads(text)) if text.startswith("{") else DenseCRF.preset(text)
