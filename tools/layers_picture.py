"""Draw docs/images/layers.svg from the table of layers in docs/contributing/architecture.md.

python tools/layers_picture.py
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, PICTURE = DOCS / "contributing/architecture.md", DOCS / "images/layers.svg"
WIDTH, LEFT, RIGHT, HEIGHT, GAP, TOP = 800, 60, 20, 44, 8, 16
FILLS = ("#e8eefc", "#f1f4f9")


def layers(text: str) -> list[tuple[str, list[str]]]:
    """The number and the packages of every row of the table, the highest layer first."""
    rows = re.findall(r"^\| (\d*) +\| (`.*?`) \|", text, re.MULTILINE)
    return [(number, re.findall(r"`([^`]+)`", packages)) for number, packages in rows]


def draw(rows: list[tuple[str, list[str]]]) -> str:
    """The picture: a row of boxes for every layer, and an arrow in the direction of imports."""
    parts, y = [], TOP
    for row, (number, packages) in enumerate(rows):
        middle = y + HEIGHT // 2 + 5
        parts.append(f'<text x="{LEFT - 14}" y="{middle}" text-anchor="end">{number}</text>')
        space = WIDTH - LEFT - RIGHT - GAP * (len(packages) - 1)
        for place, package in enumerate(packages):
            wide = space / len(packages)
            x = LEFT + place * (wide + GAP)
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{HEIGHT}" rx="5" '
                f'fill="{FILLS[row % 2]}" stroke="#6b7890"/>'
            )
            parts.append(
                f'<text x="{x + wide / 2:.1f}" y="{middle}" text-anchor="middle">'
                f"{escape(package)}</text>"
            )
        y += HEIGHT + GAP
    arrow = (
        f'<path d="M18 {TOP} V{y - 22}" stroke="#2f6fde" stroke-width="2"/>'
        f'<path d="M12 {y - 24} L18 {y - 10} L24 {y - 24} Z" fill="#2f6fde"/>'
    )
    label = f'<text x="{LEFT}" y="{y + 16}">A package imports packages of lower layers.</text>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 30}" '
            'font-family="sans-serif" font-size="15" fill="#1b2330">',
            "<title>Layers of segpost</title>",
            f'<rect width="{WIDTH}" height="{y + 30}" fill="#ffffff"/>',
            arrow,
            *parts,
            label,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(layers(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
