"""The page in Chromium: numbers equal to Python's bytes, on wide and narrow screens."""

from __future__ import annotations

import base64
import functools
import http.server
import importlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from chromium import import_package
from PIL import Image

import segpost

pytestmark = pytest.mark.browser

WIDE, NARROW = (1280, 900), (390, 844)
READ = """name => {
  const { data } = window.shown[name];
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""


class Opened(NamedTuple):
    """The page in a tab, what its console said, and what it asked the network for."""

    tab: Any
    said: list[str]
    asked: list[str]

    def read(self, name: str, dtype: str) -> np.ndarray:
        """The elements of an array that the page shows."""
        return np.frombuffer(base64.b64decode(self.tab.evaluate(READ, name)), dtype)

    def wait(self) -> None:
        """Until a picture is there."""
        self.tab.wait_for_selector("#legend tr")
        self.tab.locator("#status", has_text="labels").wait_for()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address(web_build: Path) -> Iterator[str]:
    """The page on a server of files."""
    importlib.import_module("tools.web.site").write_site(web_build, web_build / "site")
    handler = functools.partial(QuietHandler, directory=web_build / "site")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def load(browser: Any, address: str) -> Iterator[Any]:
    """A function that opens the page."""
    contexts = []

    def opened(size: tuple[int, int] = WIDE, colors: str = "light") -> Opened:
        width, height = size
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=colors)
        contexts.append(context)
        tab = context.new_page()
        page = Opened(tab, [], [])
        tab.on("console", lambda message: page.said.append(message.text))
        tab.on("pageerror", lambda error: page.said.append(str(error)))
        tab.on("request", lambda request: page.asked.append(request.url))
        tab.goto(address)
        page.wait()
        return page

    yield opened
    for context in contexts:
        context.close()


def check_numbers(page: Opened) -> None:
    """Labels and overlay are Python's of the same logits and the same image."""
    width, height = page.tab.evaluate("[shown.image.width, shown.image.height]")
    shape = page.tab.evaluate("[...shown.logits.dims]")
    logits = page.read("logits", "float32").reshape(shape)
    image = page.read("image", "uint8").reshape(height, width, 4)[..., :3]
    colors = page.tab.evaluate("shown.palette.colors")
    labels = segpost.argmax(logits[0], size=(height, width))
    np.testing.assert_array_equal(page.read("labels", "uint8"), labels.ravel())
    overlay = segpost.overlay(image, labels, colors, alpha=0.5, contour=1)
    np.testing.assert_array_equal(page.read("overlay", "uint8"), overlay.ravel())


def test_the_sample_is_shown(load: Any, address: str) -> None:
    """With most of its pixels right; nothing is asked of another host, and no error is said."""
    page = load()
    check_numbers(page)
    scene = importlib.import_module("tools.web.scenes").draw_scene(1000)
    assert (page.read("labels", "uint8") == scene.labels.ravel()).mean() > 0.9
    assert page.said == []
    assert all(url.startswith(address) for url in page.asked)
    drawn = page.tab.evaluate(
        "[...document.getElementById('picture').getContext('2d').getImageData(9, 7, 1, 1).data]"
    )
    at = 3 * (7 * 512 + 9)
    assert drawn == [*page.read("overlay", "uint8")[at : at + 3].tolist(), 255]


def test_a_photograph_is_opened(load: Any) -> None:
    """Larger than the page shows it, and of sides that are no multiples of the stride."""
    page = load()
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (37, 53, 3), np.uint8).repeat(41, 0).repeat(41, 1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg")
    page.tab.set_input_files(
        "#file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
    )
    page.tab.locator("#status", has_text="894 x 1280 labels").wait_for()
    check_numbers(page)
    assert page.said == []


def test_what_is_no_picture_is_refused(load: Any) -> None:
    """In words, and the page works on."""
    page = load()
    page.tab.set_input_files(
        "#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    page.tab.locator("#status.failed").wait_for()
    assert "This did not work" in page.tab.inner_text("#status")
    page.tab.click("#sample")
    page.wait()
    check_numbers(page)


def test_controls_change_the_picture(load: Any) -> None:
    """The weight of the colors, and contours."""
    page = load()
    page.tab.fill("#alpha", "0")
    page.tab.uncheck("#contour")
    image = page.read("image", "uint8").reshape(-1, 4)[:, :3]
    np.testing.assert_array_equal(page.read("overlay", "uint8"), image.ravel())


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("colors", ["light", "dark"])
def test_the_page_fits_and_can_be_read(load: Any, size: tuple[int, int], colors: str) -> None:
    """No line goes beyond the screen, buttons are large, and axe-core finds nothing."""
    page = load(size, colors)
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    for selector in (".button", "#sample"):
        assert page.tab.locator(selector).bounding_box()["height"] >= 44
    axe = import_package("axe_playwright_python.sync_playwright")
    results = axe.Axe().run(page.tab)
    assert results.violations_count == 0, results.generate_report()
