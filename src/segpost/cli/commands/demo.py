"""`segpost demo`: a photograph, real logits, and everything that segpost does with them."""

from __future__ import annotations

import argparse
import importlib
import inspect
from pathlib import Path
from typing import Any

import segpost
from segpost.cli.demo import page as demo_page
from segpost.cli.demo import scene, timing
from segpost.files import images

DETAIL = (0, 100, 140, 240)  # left, top, right, bottom: leaves and eaves before sky and shore
ENLARGED = 3


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
    sharp, crf = with_crf(view.image, view.logits, view.palette) if _has_time() else (None, None)
    changed = None if sharp is None else float((sharp.labels != seg.labels).mean())
    if changed is None:
        print("no CRF: the reference backend sums over all pairs of pixels, which takes hours")
    else:
        print(f"a dense CRF then changed the labels of {changed:.1%} of the pixels")
    tables = []
    if not arguments.no_timing:
        tables.append(timing.measure(view.logits, view.image.shape[:2], view.palette))
        if crf is not None:
            tables.append(timing.measure_crf(crf, view.logits, view.image))
        for table in tables:
            print(f"\n{timing.text(table)}")
        print()
    drawn = segpost.overlay(view.image, view.rectangles, view.palette, alpha=0.6)
    drawn[view.rectangles == 255] = view.image[view.rectangles == 255]
    files = {
        "photograph.png": view.image,
        "rectangles.png": drawn,
        "contours.png": lines,
    }
    if sharp is not None:
        files["refined.png"] = sharp.overlay
        detail = [
            segpost.overlay(view.image, labels, view.palette, alpha=0.4, contour=1)
            for labels in (seg.labels, sharp.labels)
        ]
        files["crf.png"] = images.enlarged([view.image, *detail], DETAIL, ENLARGED)
    for name, picture in files.items():
        with images.replacing(out / name) as part:
            images.save_png(part, picture)
    for what in ("labels", "color", "overlay", "confidence"):
        with images.replacing(out / f"{what}.png") as part:
            seg.save(part, what=what)
    with images.replacing(out / "figure.png") as part:
        seg.figure().savefig(part, dpi=120)
    code = "\n".join(map(inspect.getsource, (results, with_crf)))
    page = demo_page.page(out, seg, tables, code, changed)
    with images.replacing(out / "report.html") as part:
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


def with_crf(
    image: Any, logits: Any, palette: segpost.Palette
) -> tuple[segpost.Segmentation, segpost.DenseCRF]:
    """The same, with labels that follow the edges of the photograph."""
    crf = segpost.DenseCRF(
        gaussian={"sigma": 3, "weight": 3},  # near pixels are alike
        bilateral={"sigma_xy": 80, "sigma_rgb": 13, "weight": 4},  # and more so in like colors
    )
    want = ("labels", "overlay")
    size = image.shape[:2]
    seg = segpost.postprocess(logits, size=size, image=image, palette=palette, crf=crf, want=want)
    return seg, crf


def _has_time() -> bool:
    """Whether the CRF of a photograph takes less than hours."""
    return bool(segpost.build_config()["backend"] != "reference")
