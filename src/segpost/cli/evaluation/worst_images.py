"""The worst images of an evaluation, side by side: photograph, target, prediction, differences."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost import Scores, diagnose
from segpost.diagnosis.result import STYLE, in_html
from segpost.evaluation import pairing
from segpost.evaluation.classes import nearest
from segpost.evaluation.counting import ITEM_ERRORS, Reader
from segpost.evaluation.pairing import Pair
from segpost.files import images as files_images
from segpost.files.images import Array
from segpost.render.tables import number, share, shown

SIDE = 960  # pixels of the longer side of a picture in the report
VOID_COLOR = (224, 224, 192)
NONE_COLORS = ((255, 0, 255), (0, 255, 0), (0, 255, 255), (255, 255, 0), (255, 255, 255))
WRONG_COLOR = (229, 72, 77)
DIFFERENCE = (((0, 0, 0), 0), (WRONG_COLOR, 255), (VOID_COLOR, 200))  # right, wrong, void: opacity
KEYS = 14  # classes that are named


class Shot(NamedTuple):
    """One of the worst images."""

    pair: Pair
    miou: float
    accuracy: float
    mistake: str  # the most frequent


def section(
    scores: Scores, pairs: Sequence[Pair], reader: Reader, count: int, images: Path | None
) -> str:
    """The worst images as HTML; empty where none is wanted."""
    shots = list(_shots(scores, pairs, count))
    if not shots:
        return ""
    photos = {}
    if images is not None:
        ids = [shot.pair.id for shot in shots]
        photos = pairing.images(images, files_images.IMAGES, ids)
    cards = "".join(_card(shot, reader, photos.get(shot.pair.id)) for shot in shots)
    title = "The worst image" if len(shots) == 1 else f"The {len(shots)} worst images"
    keys = "".join(_keys(scores, shots, reader))
    return f'{STYLE}<h2>{title}</h2><p class="keys small">{keys}</p>{cards}'


def embedded(content: bytes, kind: str) -> str:
    """A picture as a data URL."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def _shots(scores: Scores, pairs: Sequence[Pair], count: int) -> Iterator[Shot]:
    by_id = {pair.id: pair for pair in pairs}
    images = scores.images
    place = {name: i for i, name in enumerate(images.ids)}
    for name, miou in images.worst(count):
        at = place[name]
        accuracy = float(images.pixel_accuracy[at])
        yield Shot(by_id[str(name)], miou, accuracy, _mistake(scores, at))


def _mistake(scores: Scores, at: int) -> str:
    """The pair of classes that is most often confused in one image."""
    image = scores.snapshot.images[at]
    classes = scores.num_classes
    row, column = np.divmod(image.cells, classes + 1)
    wrong = np.where((row != column) & (row < classes), image.counts, 0)
    if not wrong.any():
        return ""
    worst = int(wrong.argmax())
    names = (*scores.class_names, "no class")
    part = share(int(wrong[worst]) / int(image.counts[row < classes].sum()))
    return f"{shown(names[row[worst]])} taken for {shown(names[column[worst]])}: {part}"


def _keys(scores: Scores, shots: Sequence[Shot], reader: Reader) -> Iterator[str]:
    """What the colors mean: the most frequent classes of these images, and what is no class."""
    place = {name: i for i, name in enumerate(scores.images.ids)}
    at = [place[shot.pair.id] for shot in shots]
    counts = scores.images.class_counts
    pixels = (counts.support[at] + counts.predicted[at]).sum(axis=0)
    order = [int(label) for label in np.argsort(-pixels, kind="stable") if pixels[label]]
    table = reader.classes.colors.tolist()
    named = [(scores.class_names[label], table[label]) for label in order[:KEYS]]
    named.append(("wrong", WRONG_COLOR))
    if scores.snapshot.state[-1].any():
        named.append(("void", VOID_COLOR))
    if scores.invalid_preds:
        named.append(("predicted, but no class", _none_color(reader.classes.colors)))
    for name, (red, green, blue) in named:
        yield (
            f'<span><span class="swatch" style="background:rgb({red},{green},{blue})"></span>'
            f"{escape(shown(name))}</span>"
        )


def _card(shot: Shot, reader: Reader, photo: Path | None) -> str:
    found = ""
    try:
        panels = "".join(_panels(shot.pair, reader, photo))
        found = _diagnosed(shot.pair, reader)
    except ITEM_ERRORS as error:  # it could be read before
        panels = f"<figure><figcaption>{escape(str(error))}</figcaption></figure>"
    facts = [f"mIoU {number(shot.miou)}", f"pixel accuracy {number(shot.accuracy)}", shot.mistake]
    said = "".join(f'<span class="soft">{escape(fact)}</span>' for fact in facts if fact)
    return (
        f'<div class="card shot"><header><strong>{escape(shown(shot.pair.id))}</strong>{said}'
        f'</header>{found}<div class="panels">{panels}</div></div>'
    )


def _diagnosed(pair: Pair, reader: Reader) -> str:
    """What is known to go wrong and looks like this; empty where nothing does."""
    preds, target = reader.labels(pair)
    classes = reader.classes
    said = diagnose(
        labels=preds, target=target, num_classes=classes.number, ignore_index=classes.ignore
    )
    findings = "".join(map(in_html, said.findings))
    return f'<section class="diagnosis">{findings}</section>' if findings else ""


def _panels(pair: Pair, reader: Reader, photo: Path | None) -> Iterator[str]:
    if photo is not None:
        try:
            yield _panel(_photograph(photo), "image", "photo")
        except ITEM_ERRORS as error:
            yield f"<figure><figcaption>{escape(shown(error))}</figcaption></figure>"
    preds, target = reader.labels(pair)
    classes = reader.classes.number
    void = np.isin(target, reader.classes.ignore)
    known = np.where(void, classes, target)
    given = np.where((preds >= 0) & (preds < classes), preds, classes + 1)
    colors = reader.classes.colors
    table = np.concatenate([colors, [VOID_COLOR], [_none_color(colors)]]).astype(np.uint8)
    yield _panel(_indexed(known, table), "target")
    yield _panel(_indexed(given, table), "prediction")
    differs = np.where(void, 2, (given != known).astype(np.intp))
    three = np.array([color for color, _ in DIFFERENCE], np.uint8)
    opacity = bytes(alpha for _, alpha in DIFFERENCE)
    yield _panel(_indexed(differs, three, opacity), "where they differ")


def _none_color(colors: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    """For predictions that are no class: the color that is least like any class's."""
    away = np.array(NONE_COLORS)[:, None] - colors.astype(np.int64)
    return NONE_COLORS[int((away**2).sum(axis=2).min(axis=1).argmax())]


def _panel(source: str, title: str, kind: str = "") -> str:
    extra = f' class="{kind}"' if kind else ""
    return (
        f'<figure><img src="{source}"{extra} alt="{title}">'
        f"<figcaption>{title}</figcaption></figure>"
    )


def _indexed(labels: Array, table: npt.NDArray[np.uint8], opacity: bytes | None = None) -> str:
    """Labels as a small PNG; never interpolated."""
    from PIL import Image

    height, width = labels.shape
    if max(height, width) > SIDE:
        scale = SIDE / max(height, width)
        labels = nearest(labels, (max(1, round(height * scale)), max(1, round(width * scale))))
    if len(table) > 256:
        picture = Image.fromarray(table[labels])
    else:
        picture = Image.fromarray(labels.astype(np.uint8))
        picture.putpalette(table.tobytes())
    buffer = io.BytesIO()
    options = {} if opacity is None else {"transparency": opacity}
    picture.save(buffer, format="PNG", **options)
    return embedded(buffer.getvalue(), "png")


def _photograph(path: Path) -> str:
    from PIL import Image

    picture = Image.fromarray(files_images.read_image(path))
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return embedded(buffer.getvalue(), "jpeg")
