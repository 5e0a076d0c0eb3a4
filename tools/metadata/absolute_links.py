"""The long description of the package: README.md with absolute links, which work on any page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
RELATIVE = r"(?![a-z]+:|#|/)([^)\"\s]+)"
PICTURE = re.compile(rf"(!\[[^]]*\]\(|\bsrc=\"){RELATIVE}")
PAGE = re.compile(rf"(\]\(|\bhref=\"){RELATIVE}")


def dynamic_metadata(field: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the readme of the project; scikit-build-core calls this.

    Parameters
    ----------
    field : str
        "readme".
    settings : mapping
        The settings of this provider in pyproject.toml; there are none.
    """
    if field != "readme" or settings:
        raise ValueError(f"this provides the readme without settings, got {field!r}, {settings!r}")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return {"content-type": "text/markdown", "text": make_links_absolute(text, repository())}


def repository() -> str:
    """Return the address of the repository in pyproject.toml; Python 3.10 reads no TOML."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address = re.search(r'^Repository = "([^"]+)"$', text, re.MULTILINE)
    if address is None:
        raise ValueError('pyproject.toml has no line Repository = "..."')
    return address[1]


def make_links_absolute(text: str, repository: str) -> str:
    """Return a Markdown text in which links to files of the repository begin with its address."""
    parts = CODE.split(text)  # text and code by turns
    for i in range(0, len(parts), 2):
        pictures = PICTURE.sub(rf"\1{repository}/raw/main/\2", parts[i])
        parts[i] = PAGE.sub(rf"\1{repository}/blob/main/\2", pictures)
    return "".join(parts)
