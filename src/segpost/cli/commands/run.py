"""`segpost run`: label maps and pictures of saved logits."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import segpost
from segpost._core.sampling import GRIDS
from segpost.cli.messages import sentence
from segpost.cli.options import share, whole
from segpost.cli.progress import progress
from segpost.color.datasets import list_palettes
from segpost.crf.terms import PRESETS
from segpost.files import images

WANTED = ("labels", "color", "overlay", "confidence")
ITEM_ERRORS = (ValueError, TypeError, OSError, MemoryError)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="label maps and pictures of saved logits",
        description="Make label maps (indexed PNG), colors, overlays and confidence of logits that "
        "were saved with numpy.save or numpy.savez: (C, H, W), or (N, C, H, W) for a batch.",
        epilog="An item that fails is reported and the others go on; the exit status is then 1.",
    )
    add = parser.add_argument
    add("logits", nargs="+", type=Path, metavar="LOGITS", help=".npy or .npz files, or folders")
    add("--out", type=Path, required=True, metavar="DIR", help="where to write; made if missing")
    add("--image", type=Path, help="the photograph, or a folder of them with the logits' names")
    add("--palette", metavar="NAME", help=f"colors of the classes: {', '.join(list_palettes())}")
    add(
        "--convention",
        choices=segpost.Convention.names(),
        metavar="NAME",
        help="the runtime that made the logits: sets the class axis, the grid and whether they are "
        f"logits, probabilities or labels; one of {', '.join(segpost.Convention.names())}",
    )
    add("--axis", type=int, choices=(-3, -1), help="the class axis; -3 by default")
    add(
        "--size",
        nargs=2,
        type=whole,
        metavar=("H", "W"),
        help="upsample to this size; the image's where there is one, or else the logits'",
    )
    add(
        "--grid",
        choices=GRIDS,
        help="how the network's grid lies on the picture; half_pixel, torch's default, by default",
    )
    add("--threshold", type=share, metavar="T", help="for a one-channel sigmoid head, such as 0.5")
    add(
        "--quantization",
        nargs=2,
        type=float,
        metavar=("SCALE", "ZERO"),
        help="of integer logits; confidence needs it",
    )
    add(
        "--crf",
        choices=tuple(PRESETS),
        help="refine the probabilities along the image's edges before anything is made of them, by "
        "a dense CRF with these settings",
    )
    add(
        "--want",
        type=_wanted,
        metavar="LIST",
        help=f"any of {','.join(WANTED)}, with commas; by default labels, color where there is a "
        "palette, and overlay where there are both palette and image",
    )
    add("--alpha", type=share, default=0.5, help="weight of the overlay's colors; 0.5 by default")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the pictures of every input."""
    import PIL.Image  # noqa: F401  # if it is missing, say so once and not for every item

    palette = None if arguments.palette is None else segpost.Palette.named(arguments.palette)
    want = arguments.want or _default(palette is not None, arguments.image is not None)
    if palette is None and not want.isdisjoint(("color", "overlay")):
        raise ValueError("--want color or overlay needs --palette NAME")
    if arguments.image is None and "overlay" in want:
        raise ValueError("--want overlay needs --image IMAGE")
    if arguments.crf is not None:
        _check_crf(arguments)
    image_of = _image_finder(arguments.image)
    paths = _inputs(arguments.logits)
    arguments.out.mkdir(parents=True, exist_ok=True)
    options = {
        "convention": arguments.convention,
        "axis": arguments.axis,
        "grid": arguments.grid,
        "palette": palette,
        "alpha": arguments.alpha,
        "crf": arguments.crf,
        "threshold": arguments.threshold,
        "quantization": arguments.quantization and tuple(arguments.quantization),
        "want": want,
    }
    told = arguments.convention and segpost.Convention.named(arguments.convention)
    one = 2 if told and told.kind == "labels" else 3
    writer = _Writer(arguments.out, by_value=one == 2)
    failed = done = 0
    with progress(paths, len(paths)) as (steps, say):
        for path in steps:
            try:
                loaded = images.read_logits(path)
                if arguments.crf is not None and loaded.ndim == 2 and loaded.dtype.kind in "iu":
                    raise ValueError("it holds labels; --crf refines the probabilities of logits")
                parts = _parts(path.stem, loaded, one)
                if len(parts) > 1 and arguments.image and not arguments.image.is_dir():
                    raise ValueError(
                        f"it holds a batch of {len(parts)}, but --image is one picture; give a "
                        f"folder with {parts[0][0]}.jpg and so on"
                    )
            except ITEM_ERRORS as error:
                failed += 1
                say(sentence(error, path))
                continue
            for name, logits in parts:
                try:
                    image = image_of(name)
                    size = arguments.size
                    if size is None and image is not None:
                        size = image.shape[:2]
                    seg = segpost.postprocess(logits, size=size, image=image, **options)
                    for note in writer.write(name, seg, path):
                        say(note)
                    done += 1
                except ITEM_ERRORS as error:
                    failed += 1
                    say(sentence(error, path if len(parts) == 1 else f"{path} ({name})"))
    tail = f", {failed} failed" if failed else ""
    files = len(writer.written)
    print(f"{done} done{tail}: {files} file{'' if files == 1 else 's'} in {arguments.out}")
    return 1 if failed else 0


class _Writer:
    """Writes segmentations into one folder, and no file twice.

    Labels become an indexed PNG where their type says that they fit, or, `by_value`, where they do.
    """

    def __init__(self, folder: Path, by_value: bool) -> None:
        self.folder = folder
        self.by_value = by_value
        self.written: dict[Path, Path] = {}

    def write(self, name: str, seg: segpost.Segmentation, source: Path) -> Iterator[str]:
        """Write what `seg` has, as ``name.KIND.png``; yields what the user should know."""
        if seg.labels is not None:
            labels = seg.labels
            fits = self.by_value and bool((labels >= 0).all() and (labels <= 255).all())
            png = fits or labels.dtype == np.uint8
            target = f"{name}.labels.{'png' if png else 'npy'}"
            with self._new(target, source) as part:
                seg.save(part)
            if not png:
                yield f"{source}: more than 256 classes fit no indexed PNG; wrote {target}"
        for kind in ("color", "overlay", "confidence"):
            if getattr(seg, kind) is not None:
                with self._new(f"{name}.{kind}.png", source) as part:
                    seg.save(part, what=kind)

    @contextmanager
    def _new(self, name: str, source: Path) -> Iterator[Path]:
        path = self.folder / name
        if path in self.written:
            raise ValueError(f"{path} is already that of {self.written[path]}; rename one of them")
        with images.replacing(path) as part:
            yield part
        self.written[path] = source


def _check_crf(arguments: argparse.Namespace) -> None:
    """Refuse what no input could be refined with."""
    if arguments.image is None:
        raise ValueError(f"--crf {arguments.crf} follows the edges of a photograph: give --image")
    if arguments.threshold is not None:
        raise ValueError(
            "--crf refines logits of two classes or more, and --threshold is for heads of one: "
            "leave one of them out, or save two classes, zeros before the head's logits"
        )


def _default(palette: bool, image: bool) -> set[str]:
    if not palette:
        return {"labels"}
    return {"labels", "color", "overlay"} if image else {"labels", "color"}


def _inputs(given: Iterable[Path]) -> list[Path]:
    """The files named and those in the folders named; a file that is missing fails as an item."""
    paths: list[Path] = []
    for place in given:
        if place.is_dir():
            inside = sorted(p for p in place.iterdir() if p.suffix.lower() in (".npy", ".npz"))
            if not inside:
                raise ValueError(f"{place} holds no .npy or .npz file")
            paths += inside
        elif place.suffix.lower() in (".npy", ".npz"):
            paths.append(place)
        elif not place.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
        else:
            raise ValueError(f"{place} is neither a folder nor an .npy or .npz file")
    return paths


def _parts(stem: str, logits: images.Array, one: int) -> list[tuple[str, images.Array]]:
    """The images of a batch one by one, so that a large file is never in memory at once.

    `one` is the number of dimensions of a single image.
    """
    if 0 in logits.shape:
        raise ValueError(f"it holds nothing: shape {logits.shape}")
    if logits.ndim != one + 1:
        return [(stem, logits)]
    if len(logits) == 1:
        return [(stem, logits[0])]
    return [(f"{stem}-{index}", part) for index, part in enumerate(logits)]


def _image_finder(place: Path | None) -> Callable[[str], images.Array | None]:
    """A function from the stem of the logits' file to the photograph."""
    if place is None:
        return lambda stem: None
    if not place.is_dir():
        only = images.read_image(place)
        return lambda stem: only
    found: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in images.IMAGES:
            found.setdefault(path.stem, []).append(path)

    def find(stem: str) -> images.Array:
        matches = found.get(stem, [])
        if len(matches) != 1:
            names = ", ".join(path.name for path in matches) or "none"
            raise ValueError(f"one image in {place} should be called {stem!r}, found {names}")
        return images.read_image(matches[0])

    return find


def _wanted(text: str) -> set[str]:
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in WANTED]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"takes any of {', '.join(WANTED)} with commas between them, got {text!r}"
        )
    return set(names)
