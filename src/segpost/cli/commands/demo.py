"""The command `segpost demo`: an image, real logits, and everything that segpost makes of them."""

from __future__ import annotations

import argparse
import importlib
import inspect
from pathlib import Path
from typing import Any

import numpy as np

import segpost
from segpost._core.text import display_path
from segpost.cli.demo import scene, timing
from segpost.cli.demo.detail import enlarge_side_by_side
from segpost.cli.demo.page import format_demo
from segpost.cli.installation import installation_facts
from segpost.cli.options import file_path
from segpost.cli.origin import describe_origin
from segpost.cli.parser import CommandParser, format_epilog
from segpost.files.temporary import remove_dead_temporaries
from segpost.files.writing import atomic_write, write_photograph, write_text
from segpost.render.html.pictures import PHOTOGRAPH_OPTIONS, photograph_format

DETAIL = (0, 100, 140, 240)  # left, top, right, bottom: leaves and eaves before sky and shore
DETAIL_FACTOR = 3

EXAMPLES = ("segpost demo --out my-demo --no-timing",)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Fit a small classifier on a photograph that comes with scikit-learn, take its "
        "logits at 1/8 of the size, and write everything that segpost makes of them."
    )
    parser.epilog = format_epilog(EXAMPLES)
    parser.add_argument(
        "--out", type=file_path, default=Path("segpost-demo"), metavar="DIR", help="where to write"
    )
    parser.add_argument("--no-timing", action="store_true", help="leave the timings out")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the images and the report, and print the timings."""
    for module in ("PIL.Image", "matplotlib.figure", "sklearn.datasets"):
        importlib.import_module(module)  # fail before the work if one is missing

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    remove_dead_temporaries(out)
    print("fitting a classifier on hand-drawn rectangles of the photograph ...", flush=True)
    example = scene.load()
    seg, lines = make_results(example.image, example.logits, example.palette)
    print(f"{'x'.join(map(str, example.logits.shape))} logits became {seg.labels.shape} labels:")
    for label, share in seg.shares().items():
        print(f"  {example.palette.name(label):<10} {share:6.1%}")
    refined, crf = None, None
    if _is_crf_fast():
        refined, crf = refine_with_crf(example.image, example.logits, example.palette)
    changed = _print_changed(seg, refined)
    tables = [] if arguments.no_timing else _print_timings(example, crf)
    pictures = _pictures(example, seg, lines, refined)
    files = {name: out / f"{name}.{photograph_format()}" for name in (*pictures, "figure")}
    for name, image in pictures.items():
        write_photograph(files[name], image, **PHOTOGRAPH_OPTIONS)
    with atomic_write(files["figure"]) as temporary:
        seg.figure().savefig(temporary, dpi=120, pil_kwargs=PHOTOGRAPH_OPTIONS)
    for what in ("labels", "color"):
        files[what] = out / f"{what}.png"
        seg.save(files[what], what=what)
    code = "\n".join(map(inspect.getsource, (make_results, refine_with_crf)))
    facts, origin = installation_facts(), describe_origin(arguments)
    page = format_demo(files, seg, tables, code, changed, facts, origin)
    write_text(out / "report.html", page)
    report = display_path(out / "report.html")
    print(f"{len(files) + 1} files are in {display_path(out)}; open {report}")
    return 0


def make_results(
    image: Any, logits: Any, palette: segpost.Palette
) -> tuple[segpost.Segmentation, Any]:
    """Return everything that comes after the network."""
    seg = segpost.postprocess(
        logits,  # (C, H / 8, W / 8), straight from the network
        size=image.shape[:2],  # upsampled on the way, never stored at full size
        image=image,
        palette=palette,
        want=("labels", "confidence", "color", "overlay"),
    )
    lines = segpost.overlay(image, seg.labels, palette, alpha=0.25, contour=2)
    return seg, lines


def refine_with_crf(
    image: Any, logits: Any, palette: segpost.Palette
) -> tuple[segpost.Segmentation, segpost.DenseCRF]:
    """Return the same with labels that follow the edges of the image."""
    crf = segpost.DenseCRF(
        gaussian={"sigma": 3, "weight": 3},  # near pixels are alike
        bilateral={"sigma_xy": 80, "sigma_rgb": 13, "weight": 4},  # and more so in like colors
    )
    seg = segpost.postprocess(
        logits,
        size=image.shape[:2],
        image=image,
        palette=palette,
        crf=crf,
        want=("labels", "overlay"),
    )
    return seg, crf


def _is_crf_fast() -> bool:
    """Return whether the CRF of an image takes seconds, not hours."""
    return bool(segpost.build_config()["backend"] != "reference")


def _print_changed(seg: segpost.Segmentation, refined: segpost.Segmentation | None) -> float | None:
    """Print and return the share of labels that the CRF changed, None where there was none."""
    if refined is None:
        print("no CRF: the reference backend sums over all pairs of pixels, which takes hours")
        return None
    changed = float((refined.labels != seg.labels).mean())
    print(f"a dense CRF then changed the labels of {changed:.1%} of the pixels")
    return changed


def _print_timings(example: scene.Scene, crf: segpost.DenseCRF | None) -> list[timing.Table]:
    """Print and return the timings."""
    tables = [timing.measure(example.logits, example.image.shape[:2], example.palette)]
    if crf is not None:
        tables.append(timing.measure_crf(crf, example.logits, example.image))
    for table in tables:
        print(f"\n{timing.format_table(table)}")
    print()
    return tables


def _pictures(
    example: scene.Scene,
    seg: segpost.Segmentation,
    lines: Any,
    refined: segpost.Segmentation | None,
) -> dict[str, Any]:
    """Return the photographs of the demo, and what was drawn on them, by name."""
    image, palette, rectangles = example.image, example.palette, example.rectangles
    drawing = segpost.overlay(image, rectangles, palette, alpha=0.6)
    drawing[rectangles == 255] = image[rectangles == 255]
    images = {
        "photograph": image,
        "rectangles": drawing,
        "contours": lines,
        "overlay": seg.overlay,
        "confidence": np.rint(255 * seg.confidence).astype(np.uint8),
    }
    if refined is not None:
        images["refined"] = refined.overlay
        overlays = [
            segpost.overlay(image, labels, palette, alpha=0.4, contour=1)
            for labels in (seg.labels, refined.labels)
        ]
        images["crf"] = enlarge_side_by_side([image, *overlays], DETAIL, DETAIL_FACTOR)
    return images
