"""JavaScript of the pages runs in node, as it stands there."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest
from page_blocks import blocks_of
from web_package import ROOT

pytestmark = pytest.mark.browser

PAGES = ("docs/guides/runtimes/web.md", "web/README.md")
INPUTS = """
const logits = {
  data: Float32Array.from({ length: 19 * 16 * 32 }, (_, i) => Math.sin(i * 1.7)),
  dims: [1, 19, 16, 32],
};
const image = {
  data: new Uint8ClampedArray(64 * 128 * 4),
  width: 128,
  height: 64,
};
const target = { data: new Uint8Array(64 * 128), shape: [1, 64, 128] };
"""


@pytest.mark.parametrize("page", PAGES)
def test_javascript_of_a_page_runs(page: str, web_build: Path, tmp_path: Path) -> None:
    """All blocks of a page, one after another, as one module."""
    blocks = [block.code for block in blocks_of(ROOT / page) if block.language == "javascript"]
    assert blocks
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (modules / "segpost").symlink_to(web_build, target_is_directory=True)
    script = tmp_path / "page.mjs"
    script.write_text(INPUTS + "\n".join(blocks), encoding="utf-8")
    node = importlib.import_module("tools.web.node").find_node()
    run = subprocess.run([*node, str(script)], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
