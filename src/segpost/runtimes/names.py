"""Names of conventions: their other names, and a name that is given without its settings."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from segpost.runtimes.table import ALIASES, TABLE

NAMES_OF_MODELS = ("custom", "onnxruntime", "openvino", "litert")  # whose settings are read


def known_name(name: object) -> str:
    """Return how a convention is called in the table, if there is one of the name."""
    plain = name.lower().replace("_", "-").replace(" ", "-") if isinstance(name, str) else ""
    return ALIASES.get(plain, plain)


def refuse_name_alone(convention: Any) -> None:
    """Raise an error for a convention with the name of a known one, and none of its settings.

    Raises
    ------
    ValueError
    """
    if convention.name in NAMES_OF_MODELS:
        return
    entry = TABLE.get(known_name(convention.name), {})
    is_alone = all(
        getattr(convention, one.name) == one.default
        for one in fields(convention)
        if one.name != "name" and one.default is not MISSING
    )
    if is_alone and any(getattr(convention, name) != value for name, value in entry.items()):
        raise ValueError(
            f"the convention of {convention.name!r} is segpost.Convention.named("
            f"{convention.name!r}); Convention(name, ...) makes one of your own"
        )
