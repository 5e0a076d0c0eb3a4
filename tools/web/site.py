"""The page: web/demo beside the package, onnxruntime-web and a sample, as files of one folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from PIL import Image

from .scenes import CLASSES, draw_scene

SAMPLE = 1000  # a scene of which the network saw none
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def write_site(package: Path, site: Path) -> None:
    """Write the page of the package that was built in a folder.

    Parameters
    ----------
    package : pathlib.Path
        The folder of package.json, with `dist` and `node_modules`.
    site : pathlib.Path
        Where the page is written: any server of files can show it.
    """
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(package / "demo", site)
    shutil.copytree(package / "dist", site / "segpost")
    (site / "ort").mkdir()
    for name in RUNTIME:
        shutil.copy(package / "node_modules" / "onnxruntime-web" / "dist" / name, site / "ort")
    Image.fromarray(draw_scene(SAMPLE).image).save(site / "sample.png")
    classes = {"names": list(CLASSES), "colors": list(CLASSES.values())}
    (site / "classes.json").write_text(json.dumps(classes), encoding="utf-8")
