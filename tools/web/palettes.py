"""The palettes of Python as a file of TypeScript, so that there is one table of colors."""

from __future__ import annotations

import json
from pathlib import Path

from segpost.color.datasets import list_palettes, read_dataset
from segpost.color.datasets.reader import list_aliases
from segpost.color.distinct import distinct_colors

DISTINCT_COLORS = 256  # of those 1024 that Python has
HEAD = "/** The palettes of segpost, written by `python -m tools.web`. */\n"


def format_palettes() -> str:
    """Return the text of the file."""
    palettes = {}
    for name in list_palettes():
        dataset = read_dataset(name)
        palettes[name] = {
            "colors": "".join(bytes(color).hex() for color in dataset.colors),
            "names": dataset.names,
            "void": None if dataset.void is None else bytes(dataset.void).hex(),
            "ignoreIndex": dataset.ignore_index,
        }
    aliases = {also: name for name, others in list_aliases().items() for also in others}
    rows = "".join(f"  {name}: {json.dumps(values)},\n" for name, values in palettes.items())
    return (
        f"{HEAD}\n"
        "interface Dataset {\n"
        "  readonly colors: string;\n"
        "  readonly names: readonly string[];\n"
        "  readonly void: string | null;\n"
        "  readonly ignoreIndex: number | null;\n"
        "}\n\n"
        f"export const PALETTES = {{\n{rows}}} as const satisfies Record<string, Dataset>;\n\n"
        f"export const ALIASES: Readonly<Record<string, string>> = {json.dumps(aliases)};\n\n"
        f'export const DISTINCT = "{distinct_colors(DISTINCT_COLORS).tobytes().hex()}";\n'
    )


def write_palettes(path: Path) -> None:
    """Write the file."""
    path.write_text(format_palettes(), encoding="utf-8")
