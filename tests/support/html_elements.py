"""The elements of a page or a piece of HTML, which must be well-formed."""

from __future__ import annotations

from html.parser import HTMLParser

VOID_ELEMENTS = {"img", "meta", "input", "br", "link", "source"}


class Elements(HTMLParser):
    """Collects the elements of a page, and fails where one is closed that was not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
