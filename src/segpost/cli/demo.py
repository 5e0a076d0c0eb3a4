"""`segpost demo`: a photograph, real logits, and everything that segpost does with them."""

from __future__ import annotations

import argparse
import importlib
import inspect
from pathlib import Path
from typing import Any

import segpost
from segpost.cli import pictures, report, scene, timing


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="pictures, a report and timings from a photograph; needs no network",
        description="Fit a small classifier on a photograph that comes with scikit-learn, take its "
        "logits at 1/8 of the size, and write everything that segpost makes of them.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("segpost-demo"), metavar="DIR", help="where to write"
    )
    parser.add_argument("--no-timing", action="store_true", help="leave the timings out")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the pictures and the report, and print the timings."""
    for module in ("PIL.Image", "matplotlib.figure", "sklearn.datasets"):
        importlib.import_module(module)  # better missed before the work than at its end

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    print("fitting a classifier on hand-drawn rectangles of the photograph ...", flush=True)
    view = scene.load()
    seg, lines = results(view.image, view.logits, view.palette)
    print(f"{'x'.join(map(str, view.logits.shape))} logits became {seg.labels.shape} labels:")
    for label, share in seg.shares().items():
        print(f"  {view.palette.name(label):<10} {share:6.1%}")
    table = None
    if not arguments.no_timing:
        table = timing.measure(view.logits, view.image.shape[:2], view.palette)
        print(f"\n{timing.text(table)}\n")
    drawn = segpost.overlay(view.image, view.rectangles, view.palette, alpha=0.6)
    drawn[view.rectangles == 255] = view.image[view.rectangles == 255]
    files = {
        "photograph.png": view.image,
        "rectangles.png": drawn,
        "color.png": seg.color,
        "overlay.png": seg.overlay,
        "contours.png": lines,
        "confidence.png": pictures.grey(seg.confidence),
    }
    for name, picture in files.items():
        with pictures.replacing(out / name) as part:
            pictures.save_png(part, picture)
    with pictures.replacing(out / "labels.png") as part:
        seg.save(part)
    with pictures.replacing(out / "figure.png") as part:
        seg.figure().savefig(part, dpi=120)
    page = report.page(out, seg, table, inspect.getsource(results))
    with pictures.replacing(out / "report.html") as part:
        part.write_text(page, encoding="utf-8")
    print(f"{len(files) + 3} files are in {out}; open {out / 'report.html'}")
    return 0


def results(image: Any, logits: Any, palette: segpost.Palette) -> tuple[segpost.Segmentation, Any]:
    """Everything after the network."""
    seg = segpost.postprocess(
        logits,  # (C, H / 8, W / 8), straight from the network
        size=image.shape[:2],  # upsampled on the way, never stored at full size
        image=image,
        palette=palette,
        want=("labels", "confidence", "color", "overlay"),
    )
    lines = segpost.overlay(image, seg.labels, palette, alpha=0.25, contour=2)
    return seg, lines
