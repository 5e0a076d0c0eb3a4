"""`python -m tools.web`: the package of web/ and its page.

The module is compiled by zig, the palettes are written from Python's, TypeScript is compiled, and
the page is put together in web/site. `--train` fits the page's network again; it needs onnx.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from .compile import ROOT, compile_module
from .node import compile_types, install_packages
from .palettes import write_palettes
from .site import write_site

PACKAGE = ROOT / "web"


def build_package(package: Path, objects: Path) -> None:
    """Build the package in the folder of package.json; objects are kept in another folder."""
    write_palettes(package / "src" / "palettes.ts")
    install_packages(package)
    compile_types(package)
    shutil.copy(compile_module(objects), package / "dist")
    shutil.copy(ROOT / "LICENSE", package)


def main() -> None:
    """Build the package and the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.web")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the folder of package.json")
    parser.add_argument("--objects", type=Path, default=ROOT / "build" / "web")
    parser.add_argument("--train", action="store_true", help="fit the network of the page again")
    options = parser.parse_args()
    if options.train:
        from .model import write_model

        write_model(options.package / "demo" / "model.onnx")
    build_package(options.package, options.objects)
    write_site(options.package, options.package / "site")
    print(f"python -m http.server --bind 127.0.0.1 --directory {options.package / 'site'} 8000")


if __name__ == "__main__":
    main()
