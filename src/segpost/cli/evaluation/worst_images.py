"""The worst images in the HTML report: image, target, prediction and differences side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost import ConfusionMatrix, Scores, diagnose
from segpost._core.arrays import Array
from segpost._core.text import FILE_ERRORS
from segpost.cli.messages import describe_cli_error, format_error
from segpost.cli.pictures import embed_image_file, embed_labels, invalid_color
from segpost.evaluation.pairing import Pair, find_images
from segpost.evaluation.reading import PairError, PairReader
from segpost.evaluation.summaries import WorstImage, has_ignored_pixels, worst_images
from segpost.render.findings import format_html
from segpost.render.html.figures import (
    Entry,
    Picture,
    format_figure,
    format_legend,
    format_missing_figure,
    format_panels,
)
from segpost.render.html.frame import Section
from segpost.render.tables import format_score, format_share
from segpost.render.text import escape_html

MAX_DESCRIBED = 4  # classes, for a reader who cannot see an image
IGNORED_COLOR = (224, 224, 192)
WRONG_COLOR = (229, 72, 77)
# Color and opacity of pixels that are right, wrong and ignored.
DIFFERENCES = (((0, 0, 0), 0), (WRONG_COLOR, 255), (IGNORED_COLOR, 200))


def format_worst_images(
    scores: Scores,
    cm: ConfusionMatrix,
    pairs: Sequence[Pair],
    reader: PairReader,
    count: int,
    folder: Path | None = None,
) -> Section:
    """Return the images of the smallest mIoU, nothing where none is wanted.

    Parameters
    ----------
    scores : Scores
        Scores of `cm`.
    cm : ConfusionMatrix
        The counts of every image.
    pairs : sequence of Pair
        The files of the images.
    reader : PairReader
        Reads them again.
    count : int
        How many images at most.
    folder : Path, optional
        Images to show beside their labels.
    """
    worst = worst_images(scores, cm, pairs, count)
    title = "The worst image" if len(worst) == 1 else f"The {len(worst)} worst images"
    if not worst:
        return Section(title, "")
    ids = [image.pair.id for image in worst]
    image_paths = {} if folder is None else find_images(folder, ids)
    cards = "".join(_card(image, scores, reader, image_paths.get(image.pair.id)) for image in worst)
    legend = format_legend(_legend(scores, cm, reader.classes.colors))
    return Section(title, legend + cards)


def _legend(scores: Scores, cm: ConfusionMatrix, colors: npt.NDArray[np.uint8]) -> Iterator[Entry]:
    """Yield what the colors mean: what is no class, and all classes."""
    yield Entry("wrong", WRONG_COLOR)
    if has_ignored_pixels(cm):
        yield Entry("void", IGNORED_COLOR)
    if scores.invalid_preds:
        yield Entry("predicted, but no class", invalid_color(colors))
    for name, (red, green, blue) in zip(scores.class_names, colors.tolist(), strict=True):
        yield Entry(name, (red, green, blue))


def _card(image: WorstImage, scores: Scores, reader: PairReader, image_path: Path | None) -> str:
    """Return an image with its scores, its panels and what may be wrong with it."""
    findings = ""
    try:
        figures = [*_panels(image.pair, reader, image_path)]
        count = len(figures)
        panels = format_panels(figures, (count - 3, count - 2), "Compare target and prediction")
        findings = _findings(image.pair, reader)
    except PairError as error:  # the files could be read before
        panels = format_missing_figure(format_error(error.text))
    except FILE_ERRORS as error:
        panels = format_missing_figure(describe_cli_error(error))
    facts = [
        f"mIoU {format_score(image.miou)}",
        f"pixel accuracy {format_score(image.pixel_accuracy)}",
        _describe_mistake(image, scores),
    ]
    details = "".join(f'<span class="soft">{escape_html(fact)}</span>' for fact in facts if fact)
    return (
        f'<div class="card shot"><header><strong>{escape_html(image.pair.id)}</strong>{details}'
        f"</header>{findings}{panels}</div>"
    )


def _describe_mistake(image: WorstImage, scores: Scores) -> str:
    """Return the most frequent mistake in words."""
    if image.mistake is None:
        return ""
    target, predicted, share = image.mistake
    names = (*scores.class_names, "no class")
    return f"{names[target]} taken for {names[predicted]}: {format_share(share)}"


def _findings(pair: Pair, reader: PairReader) -> str:
    """Return the known mistakes that an image shows, nothing where there are none."""
    classes = reader.classes
    preds, target, _, _ = _shown_labels(pair, reader)
    diagnosis = diagnose(
        labels=preds,
        target=target,
        num_classes=classes.num_classes,
        ignore_index=classes.ignore_index,
    )
    blocks = "".join(map(format_html, diagnosis.findings))
    return f'<section class="diagnosis">{blocks}</section>' if blocks else ""


def _panels(pair: Pair, reader: PairReader, image_path: Path | None) -> Iterator[str]:
    """Yield the image, the target, the prediction and their differences."""
    preds, target, z, where = _shown_labels(pair, reader)
    if image_path is not None:
        try:
            source, title = embed_image_file(image_path, z), f"image{where}"
            yield format_figure(Picture(source, f"image {pair.id}{where}", True), title)
        except FILE_ERRORS as error:
            yield format_missing_figure(describe_cli_error(error, image_path.name))
    num_classes, colors = reader.classes.num_classes, reader.classes.colors
    is_ignored = np.isin(target, reader.classes.ignore_index)
    target_rows = np.where(is_ignored, num_classes, target)
    pred_rows = np.where((preds >= 0) & (preds < num_classes), preds, num_classes + 1)
    table = np.concatenate([colors, [IGNORED_COLOR], [invalid_color(colors)]]).astype(np.uint8)
    names = (*(reader.classes.names or map(str, range(num_classes))), "void", "no class")
    for title, rows in (("target", target_rows), ("prediction", pred_rows)):
        description = f"{title} of {pair.id}: {_describe_classes(rows, names)}"
        yield format_figure(Picture(embed_labels(rows, table), description), title + where)
    differences = np.where(is_ignored, 2, (pred_rows != target_rows).astype(np.intp))
    table = np.array([color for color, _ in DIFFERENCES], np.uint8)
    opacity = bytes(alpha for _, alpha in DIFFERENCES)
    share = format_share(float((differences == 1).sum()) / max(int((~is_ignored).sum()), 1))
    description = f"where they differ in {pair.id}: {share} of the pixels that count"
    source = embed_labels(differences, table, opacity)
    yield format_figure(Picture(source, description), "where they differ")


class ShownLabels(NamedTuple):
    """Predicted and true labels of an image, or of a slice of a volume.

    Attributes
    ----------
    preds, target : integer arrays of shape (H, W)
    z : int or None
        The slice.
    where : str
        Text about it.
    """

    preds: Array
    target: Array
    z: int | None = None
    where: str = ""


def _shown_labels(pair: Pair, reader: PairReader) -> ShownLabels:
    """Return the labels of an image, or of the slice of a volume with the most differences."""
    arrays = reader.read_labels(pair)
    preds, target = arrays.preds, arrays.target
    if target.ndim == 2:
        return ShownLabels(preds, target)
    counts = ~np.isin(target, reader.classes.ignore_index)
    wrong = ((preds != target) & counts).sum(axis=(1, 2))
    z = int(wrong.argmax())
    return ShownLabels(preds[z], target[z], z, f", slice {z} of {len(target)}")


def _describe_classes(rows: Array, names: Sequence[str]) -> str:
    """Return the largest classes of a label map, and their shares, in words."""
    counts = np.bincount(rows.reshape(-1), minlength=len(names))
    order = [int(row) for row in np.argsort(-counts, kind="stable")[:MAX_DESCRIBED] if counts[row]]
    return ", ".join(f"{names[row]} {format_share(counts[row] / rows.size)}" for row in order)
