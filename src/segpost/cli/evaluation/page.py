"""The HTML report of `segpost evaluate`: one file that loads nothing from anywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import segpost
from segpost import Scores
from segpost._core.text import display_path
from segpost.cli.evaluation.style import SCRIPT, STYLE
from segpost.cli.evaluation.subject import Subject
from segpost.cli.evaluation.worst_images import format_worst_images
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.reading import PairReader
from segpost.evaluation.summaries import class_pixels, miou_histogram
from segpost.metrics.report import content, plots
from segpost.metrics.report import measures as report_measures
from segpost.render.html import embed_image, format_facts, format_page, format_table
from segpost.render.tables import format_score, format_share
from segpost.render.text import escape_html

HISTOGRAM_BINS = 20  # of the images by their own mIoU
MIN_HISTOGRAM_IMAGES = 10
CLASS_HEAD = (
    "class",
    "IoU",
    "Dice",
    "precision",
    "recall",
    "of the target",
    "target px",
    "predicted px",
)


def format_evaluation(scores: Scores, subject: Subject, reader: PairReader) -> str:
    """Return the report as an HTML page.

    Parameters
    ----------
    scores : Scores
        Scores of the outcome.
    subject : Subject
        What was evaluated, and what of it is shown.
    reader : PairReader
        Reads the worst images again.
    """
    outcome = subject.outcome
    warnings = "".join(f'<p class="card warn">{escape_html(n)}</p>' for n in outcome.notes())
    notes = "".join(f"<li>{escape_html(line)}</li>" for line in content.sentences(scores))
    worst = format_worst_images(
        scores, outcome.cm, outcome.pairing.pairs, reader, subject.worst, subject.images
    )
    body = f"""<p class="soft">{_summary(scores, subject)}</p>
{warnings}
<div class="tiles">{_tiles(scores)}</div>
<ul class="notes">{notes}</ul>
<h2>Classes</h2>
<div class="card scroll">{_class_table(scores, reader)}</div>
<h2>Confusions</h2>
{_matrix(scores)}
<div class="two wide">{"".join(_confusion_tables(scores, outcome))}</div>
{_measures(scores, outcome)}
{_images(scores)}
{worst}
{_comparison(outcome) if subject.compare else ""}
<h2>How it was counted</h2>
{format_facts(_facts(scores, subject).items())}"""
    return format_page("segpost evaluation", body, style=STYLE, script=SCRIPT)


def _summary(scores: Scores, subject: Subject) -> str:
    """Return what was compared, in a sentence."""
    images = len(scores.images.ids)
    preds, targets = (escape_html(display_path(p)) for p in (subject.preds, subject.targets))
    return (
        f"{preds} against {targets}: {images:,} image{'' if images == 1 else 's'}, "
        f"{scores.num_classes:,} classes."
    )


def _tiles(scores: Scores) -> str:
    """Return the scores over all classes, mIoU large and first."""

    def tile(name: str, value: float, detail: str = "") -> str:
        extra = f'<span class="soft small">{escape_html(detail)}</span>' if detail else ""
        title = escape_html(content.SUMMARY[name])
        return (
            f'<div class="card tile"><span class="soft">{title}</span>'
            f"<b>{format_score(value)}</b>{extra}</div>"
        )

    summary = scores.summary()
    first = tile("miou", summary.pop("miou"), content.mean_description(scores))
    others = "".join(tile(name, value) for name, value in summary.items())
    return f'{first}<div class="others">{others}</div>'


def _class_table(scores: Scores, reader: PairReader) -> str:
    """Return a row a class, which the button of a column sorts."""
    names = "".join(
        f'<th aria-sort="none"><button type="button">{name}</button></th>' for name in CLASS_HEAD
    )
    reasons = content.left_out(scores)
    rows = "".join(_class_row(scores, reader, label, why) for label, why in enumerate(reasons))
    return (
        f'<table class="plain sortable"><thead><tr>{names}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _class_row(scores: Scores, reader: PairReader, label: int, reason: str | None) -> str:
    """Return the row of a class; `reason` says why it is not in the mean."""
    color = "#{:02x}{:02x}{:02x}".format(*reader.classes.colors[label])
    note = ""
    if reason:
        title = f"not in the mean: {content.LEFT_OUT[reason]}"
        note = f' <span class="tag" title="{title}">{reason}</span>'
    iou = float(scores.iou[label])
    bar = f'<i style="width:{0 if math.isnan(iou) else iou:.2%}"></i>'
    cells = [
        f'<td data-value="{_sort_key(iou)}"><div class="bar"><span>{bar}</span>'
        f"<em>{format_score(iou)}</em></div></td>"
    ]
    for column in (scores.dice, scores.precision, scores.recall):
        value = float(column[label])
        cells.append(f'<td data-value="{_sort_key(value)}">{format_score(value)}</td>')
    target, predicted = (int(pixels[label]) for pixels in class_pixels(scores))
    part = format_share(target / max(scores.pixels, 1))
    cells.append(f'<td data-value="{target}">{part}</td>')
    cells += [f'<td data-value="{pixels}">{pixels:,}</td>' for pixels in (target, predicted)]
    return (
        f'<tr{" class=out" if reason else ""}><td><span class="swatch" '
        f'style="background:{color}"></span>{escape_html(scores.class_names[label])}{note}</td>'
        f"{''.join(cells)}</tr>"
    )


def _sort_key(value: float) -> str:
    """Return what a column is sorted by; classes without a score come last."""
    return "-1" if math.isnan(value) else repr(value)


def _matrix(scores: Scores) -> str:
    """Return the confusion matrix as an image, for light and for dark pages."""
    light, dark = (_matrix_image(scores, dark) for dark in (False, True))
    image = (
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="confusion matrix, shares of the target classes"></picture>'
    )
    if scores.num_classes <= plots.MAX_NUMBERED:
        return f'<div class="card scroll matrix">{image}</div>'
    return (
        '<div class="card scroll matrix large" onclick="this.classList.toggle(\'full\')">'
        f'{image}</div><p class="soft small">Click to see it at full size.</p>'
    )


def _matrix_image(scores: Scores, dark: bool) -> str:
    buffer = io.BytesIO()
    plots.matrix(scores, dark=dark).savefig(buffer, dpi=100, metadata={"Software": None})
    return embed_image(buffer.getvalue(), "png")


def _confusion_tables(scores: Scores, outcome: Outcome) -> Iterator[str]:
    """Yield the most frequent confusions, and the categories where there are some."""
    confusions = content.confusion_table(scores)
    if confusions.rows:
        yield format_table(confusions)
    if outcome.cm.groups is not None:
        yield format_table(content.category_table(scores))


def _measures(scores: Scores, outcome: Outcome) -> str:
    """Return the tables of boundary and instance measures, or nothing."""
    tables = report_measures.tables(outcome.measures, scores.class_names)
    if not tables:
        return ""
    formatted = "".join(map(format_table, tables))
    return f'<h2>Boundaries and instances</h2><div class="packed">{formatted}</div>'


def _images(scores: Scores) -> str:
    """Return the distribution of the images' own scores."""
    counts = miou_histogram(scores, HISTOGRAM_BINS).tolist()
    images = sum(counts)
    if images < 2:
        return ""
    interval = content.interval_sentence(scores)
    note = f'<p class="soft small">{escape_html(interval)}</p>' if interval else ""
    histogram = _histogram(counts) if images >= MIN_HISTOGRAM_IMAGES else ""
    table = format_table(content.image_table(scores)._replace(title=""))
    return f'<h2>Images</h2>{histogram}<div class="wide">{table}</div>{note}'


def _histogram(counts: list[int]) -> str:
    """Return how many images have which mIoU, as bars."""
    bins, highest = len(counts), max(counts)
    bars = "".join(
        f'<i style="height:{count / highest:.1%}" title="{k / bins:g} to {(k + 1) / bins:g}: '
        f'{count} images"></i>'
        for k, count in enumerate(counts)
    )
    return (
        f'<div class="card"><div class="bins">{bars}</div>'
        '<div class="ends soft small"><span>0</span><span>images by their own mIoU</span>'
        "<span>1</span></div></div>"
    )


def _comparison(outcome: Outcome) -> str:
    """Return the scores by the conventions of other libraries."""
    table = outcome.cm.compare_dialects().table()
    return f"<h2>What other libraries would say</h2>{format_table(table)}"


def _facts(scores: Scores, subject: Subject) -> dict[str, str]:
    """Return what the scores depend on."""
    policy = ", ".join(f"{key} {value}" for key, value in scores.policy.__dict__.items())
    config = segpost.build_config()
    return {
        "predictions": display_path(subject.preds),
        "targets": display_path(subject.targets),
        **subject.facts,
        "dialect": scores.dialect or "segpost's own",
        "policy": policy,
        "segpost": f"{segpost.__version__}, {config['backend']} backend",
    }
