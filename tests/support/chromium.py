"""Chromium for tests of pages: one for all, since Playwright drives one at a time."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

IS_REQUIRED = bool(os.environ.get("SEGPOST_REQUIRE_BROWSER"))


def import_package(name: str) -> Any:
    """A package of the extra `browser`; where it is missing, the test is skipped or fails."""
    return importlib.import_module(name) if IS_REQUIRED else pytest.importorskip(name)


@contextmanager
def start_chromium() -> Iterator[Any]:
    """Debian's Chromium; where it is missing, the test is skipped or fails."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        assert not IS_REQUIRED, "SEGPOST_REQUIRE_BROWSER is set, and there is no chromium"
        pytest.skip("there is no chromium")
    with import_package("playwright.sync_api").sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()
