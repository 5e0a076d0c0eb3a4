"""The package of JavaScript, built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from web_package import build_web_package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built package."""
    if not os.environ.get("SEGPOST_REQUIRE_BROWSER"):
        pytest.importorskip("ziglang")
    return build_web_package(tmp_path_factory.mktemp("web"))
