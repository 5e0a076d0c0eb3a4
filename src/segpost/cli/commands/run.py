"""The command `segpost run`: label maps and images of saved logits."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import segpost
from segpost._core.arrays import Array
from segpost._core.sampling import GRIDS
from segpost._core.text import FILE_ERRORS, describe_error
from segpost.cli.messages import format_error
from segpost.cli.options import PALETTES, fraction, positive_integer
from segpost.cli.parser import format_epilog
from segpost.cli.progress import progress
from segpost.cli.repetitions import RepeatedMessages
from segpost.crf.terms import PRESETS
from segpost.files.arrays import ARRAY_SUFFIXES, read_array
from segpost.files.images import IMAGE_SUFFIXES, read_image
from segpost.files.writing import write_array
from segpost.runtimes.table import ALIASES

MAX_PRINTED = 20  # failures of different kinds
OUTPUTS = ("labels", "color", "overlay", "confidence")

EXAMPLES = ("segpost run logits.npy --image photo.png --palette voc --out pictures",)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="label maps and images of saved logits",
        description="Make label maps (indexed PNG), colors, overlays and confidence of logits that "
        "were saved with numpy.save or numpy.savez: (C, H, W), or (N, C, H, W) with --batch; or "
        "label maps (.npy) of volumes (C, D, H, W) with --volume.",
        epilog=format_epilog(
            EXAMPLES,
            "An item that fails is reported and the others go on; the exit status is then 1.",
        ),
    )
    add = parser.add_argument
    add("logits", nargs="+", type=Path, metavar="LOGITS", help=".npy or .npz files, or folders")
    add("--out", type=Path, required=True, metavar="DIR", help="where to write; made if missing")
    add("--image", type=Path, help="the image, or a folder of them with the logits' names")
    add("--palette", metavar="NAME", help=f"colors of the classes: {PALETTES}")
    conventions = segpost.Convention.names()
    add(
        "--convention",
        choices=(*conventions, *ALIASES),
        metavar="NAME",
        help="the runtime that made the logits: sets the class axis, the grid and whether they are "
        f"logits, probabilities or labels; one of {', '.join(conventions)} (segpost info "
        "--conventions lists them)",
    )
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        "--batch",
        action="store_true",
        help="files of four dimensions hold batches (N, C, H, W); not needed with a --convention",
    )
    layout.add_argument(
        "--volume",
        action="store_true",
        help="files of four dimensions hold volumes (C, D, H, W): labels are written as .npy",
    )
    add("--axis", type=int, choices=(-3, -1), help="the class axis; -3 by default")
    add(
        "--size",
        nargs=2,
        type=positive_integer,
        metavar=("H", "W"),
        help="upsample to this size; the image's where there is one, or else the logits'",
    )
    add(
        "--grid",
        choices=GRIDS,
        help="how the network's grid lies on the image; half_pixel, torch's default, by default",
    )
    add(
        "--threshold",
        type=fraction,
        metavar="T",
        help="for a one-channel sigmoid head, such as 0.5",
    )
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
        type=_output_names,
        metavar="LIST",
        help=f"any of {','.join(OUTPUTS)}, with commas; by default labels, color where there is a "
        "palette, and overlay where there are both palette and image",
    )
    add(
        "--alpha", type=fraction, default=0.5, help="weight of the overlay's colors; 0.5 by default"
    )
    parser.set_defaults(command=run)
    parser.describe_words = _join_outputs


def _join_outputs(words: Sequence[str]) -> str:
    """Return how words that are outputs are passed; nothing for other words."""
    if not all(word.strip(",") in OUTPUTS for word in words):
        return ""
    return f"; commas join the words of --want, without spaces: --want {','.join(OUTPUTS[:2])}"


def run(arguments: argparse.Namespace) -> int:
    """Write the outputs of every input."""
    import PIL.Image  # noqa: F401  # if it is missing, say so once and not for every item

    palette = None if arguments.palette is None else segpost.Palette.named(arguments.palette)
    want = arguments.want or _default_outputs(palette is not None, arguments.image is not None)
    _check(arguments, want)
    image_of = _image_finder(arguments.image)
    paths = _list_inputs(arguments.logits)
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
    convention = arguments.convention and segpost.Convention.named(arguments.convention)
    holds_labels = bool(convention) and convention.kind == "labels"
    writer = _Writer(arguments.out, by_value=holds_labels)
    failed = written = 0
    repeated = RepeatedMessages(MAX_PRINTED)
    with progress(paths, len(paths)) as (items, print_line):
        for path in items:
            try:
                parts = _read_parts(path, arguments, 2 if holds_labels else 3)
            except FILE_ERRORS as error:
                failed += 1
                problem = describe_error(error, path)
                if repeated.is_new(problem):
                    print_line(format_error(problem))
                continue
            for name, logits in parts:
                try:
                    if arguments.volume and logits.ndim == 4:
                        writer.write_volume(name, segpost.argmax(logits, volume=True), path)
                        written += 1
                        continue
                    image = image_of(name)
                    size = arguments.size
                    if size is None and image is not None:
                        size = image.shape[:2]
                    seg = segpost.postprocess(logits, size=size, image=image, **options)
                    for note in writer.write(name, seg, path):
                        print_line(note)
                    written += 1
                except FILE_ERRORS as error:
                    failed += 1
                    about = path if len(parts) == 1 else f"{path} ({name})"
                    problem = describe_error(error, about)
                    if repeated.is_new(problem):
                        print_line(format_error(problem))
        for line in repeated.summaries():
            print_line(line)
    tail = f", {failed} failed" if failed else ""
    files = len(writer.sources)
    print(f"{written} done{tail}: {files} file{'' if files == 1 else 's'} in {arguments.out}")
    return 1 if failed else 0


class _Writer:
    """Writes segmentations into one folder, and no file twice.

    Labels become an indexed PNG where their dtype is uint8, or with `by_value` where their values
    fit.
    """

    def __init__(self, folder: Path, by_value: bool) -> None:
        self.folder = folder
        self.by_value = by_value
        self.sources: dict[Path, Path] = {}  # of every file that was written

    def write(self, name: str, seg: segpost.Segmentation, source: Path) -> Iterator[str]:
        """Write what a segmentation has, as ``name.KIND.png``, and yield notes for the user."""
        if seg.labels is not None:
            labels = seg.labels
            fits = self.by_value and bool((labels >= 0).all() and (labels <= 255).all())
            is_png = fits or labels.dtype == np.uint8
            file_name = f"{name}.labels.{'png' if is_png else 'npy'}"
            with self._new_file(file_name, source) as path:
                seg.save(path)
            if not is_png:
                yield f"{source}: more than 256 classes fit no indexed PNG; wrote {file_name}"
        for kind in ("color", "overlay", "confidence"):
            if getattr(seg, kind) is not None:
                with self._new_file(f"{name}.{kind}.png", source) as path:
                    seg.save(path, what=kind)

    def write_volume(self, name: str, labels: Array, source: Path) -> None:
        """Write the labels of a volume as ``name.labels.npy``."""
        with self._new_file(f"{name}.labels.npy", source) as path:
            write_array(path, labels)

    @contextmanager
    def _new_file(self, name: str, source: Path) -> Iterator[Path]:
        """Yield the path of a file to write, and refuse a name that was written before."""
        path = self.folder / name
        if path in self.sources:
            raise ValueError(f"{path} is already that of {self.sources[path]}; rename one of them")
        yield path
        self.sources[path] = source


def _check(arguments: argparse.Namespace, want: set[str]) -> None:
    """Refuse arguments that no input could be used with."""
    if arguments.volume:
        _check_volume(arguments, want)
    if arguments.palette is None and not want.isdisjoint(("color", "overlay")):
        raise ValueError("--want color or overlay needs --palette NAME")
    if arguments.image is None and "overlay" in want:
        raise ValueError("--want overlay needs --image IMAGE")
    if arguments.crf is None:
        return
    if arguments.image is None:
        raise ValueError(f"--crf {arguments.crf} follows the edges of a photograph: give --image")
    if arguments.threshold is not None:
        raise ValueError(
            "--crf refines logits of two classes or more, and --threshold is for heads of one: "
            "leave one of them out, or save two classes, zeros before the head's logits"
        )


def _check_volume(arguments: argparse.Namespace, want: set[str]) -> None:
    """Refuse arguments that are for images only."""
    if want != {"labels"} or arguments.palette is not None:
        raise ValueError("--volume writes labels only: leave --palette out, and other --want")
    names = ("image", "convention", "axis", "size", "grid", "threshold", "quantization", "crf")
    for name in names:
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name} is for images, and --volume was passed")


def _default_outputs(has_palette: bool, has_image: bool) -> set[str]:
    if not has_palette:
        return {"labels"}
    return {"labels", "color", "overlay"} if has_image else {"labels", "color"}


def _list_inputs(sources: Iterable[Path]) -> list[Path]:
    """Return the files that are named, and those in the folders that are named."""
    paths: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(p for p in source.iterdir() if p.suffix.lower() in ARRAY_SUFFIXES)
            if not inside:
                raise ValueError(f"{source} holds no .npy or .npz file")
            paths += inside
        elif source.suffix.lower() in ARRAY_SUFFIXES:  # one that is missing fails as an item
            paths.append(source)
        elif not source.exists() and (cure := _join_outputs([str(source)])):
            raise ValueError(f"{source} is no file{cure}")
        elif not source.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        else:
            raise ValueError(
                f"{source} is neither a folder nor an .npy or .npz file; of logits in a program "
                "np.save(path, logits) writes one"
            )
    return paths


def _read_parts(path: Path, arguments: argparse.Namespace, ndim: int) -> list[tuple[str, Array]]:
    """Return the images of a file, with their names.

    The images of a batch are views of a mapped file, so that a large one is never in memory as a
    whole.

    Parameters
    ----------
    path : Path
        An .npy or .npz file.
    arguments : argparse.Namespace
        The arguments of the command.
    ndim : int
        The number of dimensions of one image.
    """
    array = read_array(path)
    if arguments.crf is not None and array.ndim == 2 and array.dtype.kind in "iu":
        raise ValueError("it holds labels; --crf refines the probabilities of logits")
    if 0 in array.shape:
        raise ValueError(f"it holds nothing: shape {array.shape}")
    if array.ndim != ndim + 1 or arguments.volume:
        return [(path.stem, array)]
    if len(array) == 1:
        return [(path.stem, array[0])]
    if array.ndim == 4 and not arguments.batch and arguments.convention is None:
        raise ValueError(
            f"it has four dimensions, {array.shape}: pass --batch if these are {len(array)} images "
            f"of {array.shape[1]} classes, or --volume if this is one volume of {len(array)}"
        )
    digits = len(str(len(array) - 1))  # names in the order of the images
    parts = [(f"{path.stem}-{index:0{digits}}", part) for index, part in enumerate(array)]
    if arguments.image and not arguments.image.is_dir():
        raise ValueError(
            f"it holds a batch of {len(parts)}, but --image is one picture; give a "
            f"folder with {parts[0][0]}.jpg and so on"
        )
    return parts


def _image_finder(source: Path | None) -> Callable[[str], Array | None]:
    """Return a function from the stem of the logits' file to the image."""
    if source is None:
        return lambda stem: None
    if not source.is_dir():
        only = read_image(source)
        return lambda stem: only
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(source.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            by_stem.setdefault(path.stem, []).append(path)

    def find(stem: str) -> Array:
        matches = by_stem.get(stem, [])
        if len(matches) != 1:
            names = ", ".join(path.name for path in matches) or "none"
            raise ValueError(f"one image in {source} should be called {stem!r}, found {names}")
        return read_image(matches[0])

    return find


def _output_names(text: str) -> set[str]:
    """Return the names of outputs, which commas separate."""
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in OUTPUTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"takes any of {', '.join(OUTPUTS)} with commas between them, got {text!r}"
        )
    return set(names)
