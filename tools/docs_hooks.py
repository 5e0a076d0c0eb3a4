"""Hooks of mkdocs: links to files outside of docs/.

Pages link to other files of the repository by relative paths, which work in a clone. On the site
they lead to the repository's address, that of `Repository` in pyproject.toml's `[project.urls]`.
Where that is missing, or a placeholder, the text of the link stays and the link is dropped.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^( *)(```|~~~)[^\n]*\n.*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def repository_address() -> str | None:
    """The address of `Repository` in pyproject.toml, if it is one."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls = re.search(r"^\[project\.urls\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    found = re.search(r'^Repository = "(https://[^"]+)"', urls[1] if urls else "", re.MULTILINE)
    return found[1].rstrip("/") if found and ".invalid" not in found[1] else None


def rewrite_links(markdown: str, page: str, address: str | None) -> str:
    """Replace links that leave docs/; `page` is the page's path below docs/."""
    folder = posixpath.dirname(f"docs/{page}")

    def replaced(link: re.Match[str]) -> str:
        text, path, anchor = link[1], link[2], link[3] or ""
        target = posixpath.normpath(posixpath.join(folder, path))
        if target.startswith("docs/"):
            return link[0]
        return f"[{text}]({address}/blob/main/{target}{anchor})" if address else text

    done, parts = 0, []
    for fence in FENCE.finditer(markdown):  # code is not changed
        parts += [LINK.sub(replaced, markdown[done : fence.start()]), fence[0]]
        done = fence.end()
    return "".join([*parts, LINK.sub(replaced, markdown[done:])])


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called by mkdocs for every page."""
    return rewrite_links(markdown, page.file.src_uri.replace(os.sep, "/"), repository_address())
