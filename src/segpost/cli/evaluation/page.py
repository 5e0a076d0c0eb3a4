"""The HTML report of `segpost evaluate`: one file that loads nothing from anywhere."""

from __future__ import annotations

import segpost
from segpost import Scores
from segpost._core.text import display_path
from segpost.cli.evaluation.class_table import format_class_table
from segpost.cli.evaluation.measure_sections import measure_sections
from segpost.cli.evaluation.plots import draw_for_page
from segpost.cli.evaluation.subject import Subject
from segpost.cli.evaluation.worst_images import format_worst_images
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.reading import PairReader
from segpost.evaluation.summaries import miou_histogram
from segpost.metrics.report import content, plots
from segpost.render.html.figures import Color
from segpost.render.html.frame import Section, format_note, format_notes, format_page
from segpost.render.html.tables import format_facts, format_table
from segpost.render.tables import format_score
from segpost.render.text import as_printable, escape_html

HISTOGRAM_BINS = 20  # of the images by their own mIoU
MIN_HISTOGRAM_IMAGES = 10


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
    names = map(as_printable, scores.class_names)
    colors = dict(zip(names, map(tuple, reader.classes.colors.tolist()), strict=True))
    sections = [
        Section("", _overview(scores, outcome)),
        Section("Classes", format_class_table(scores, reader.classes.colors)),
        Section("Confusions", _confusions(scores, outcome, colors)),
        *measure_sections(outcome, scores.class_names, colors),
        Section("Images", _images(scores)),
        format_worst_images(
            scores, outcome.cm, outcome.pairing.pairs, reader, subject.worst, subject.images
        ),
        Section("What other libraries would say", _comparison(outcome) if subject.compare else ""),
        Section("How it was counted", format_facts(_facts(scores, subject).items())),
    ]
    return format_page(
        "segpost evaluation", sections, lead=_summary(scores, subject), origin=subject.origin
    )


def _summary(scores: Scores, subject: Subject) -> str:
    """Return what was compared, in a sentence."""
    images = len(scores.images.ids)
    preds, targets = (display_path(path) for path in (subject.preds, subject.targets))
    return (
        f"{preds} against {targets}: {images:,} image{'' if images == 1 else 's'}, "
        f"{scores.num_classes:,} classes."
    )


def _overview(scores: Scores, outcome: Outcome) -> str:
    """Return warnings, the scores over all classes, and what a reader of them must know."""
    warnings = "".join(f'<p class="card warn">{escape_html(n)}</p>' for n in outcome.notes())
    notes = format_notes(content.sentences(scores))
    return f'{warnings}<div class="tiles">{_tiles(scores)}</div>{notes}'


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


def _confusions(scores: Scores, outcome: Outcome, colors: dict[str, Color]) -> str:
    """Return the matrix, the most frequent confusions, and the categories where there are some."""
    picture = draw_for_page(
        lambda dark: plots.matrix(scores, dark=dark),
        "confusion matrix, shares of the target classes",
    )
    tables = []
    confusions = content.confusion_table(scores)
    if confusions.rows:
        tables.append(format_table(confusions, colors))
    if outcome.cm.groups is not None:
        tables.append(format_table(content.category_table(scores)))
    return f'{picture}<div class="side">{"".join(tables)}</div>'


def _images(scores: Scores) -> str:
    """Return the distribution of the images' own scores."""
    counts = miou_histogram(scores, HISTOGRAM_BINS).tolist()
    images = sum(counts)
    if images < 2:
        return ""
    histogram = _histogram(counts) if images >= MIN_HISTOGRAM_IMAGES else ""
    table = content.image_table(scores)._replace(title="")
    note = format_note(content.interval_sentence(scores))
    name = "Mean and quantiles over the images"
    return f'<div class="rows">{histogram}{format_table(table, name=name)}</div>{note}'


def _histogram(counts: list[int]) -> str:
    """Return how many images have which mIoU, as bars."""
    bins, highest = len(counts), max(counts)
    bars = "".join(
        f'<rect x="{10 * k + 1}" width="8" y="{100 - 100 * count / highest:.1f}" '
        f'height="{100 * count / highest:.1f}"><title>{k / bins:g} to {(k + 1) / bins:g}: '
        f"{count} images</title></rect>"
        for k, count in enumerate(counts)
    )
    return (
        f'<div class="card"><svg class="bins" viewBox="0 0 {10 * bins} 100" role="img" '
        f'preserveAspectRatio="none" aria-label="Images by their own mIoU, {bins} bars from 0 to '
        f'1">{bars}</svg><div class="ends soft small"><span>0</span>'
        "<span>images by their own mIoU</span><span>1</span></div></div>"
    )


def _comparison(outcome: Outcome) -> str:
    """Return the scores by the conventions of other libraries."""
    return format_table(outcome.cm.compare_dialects().table())


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
        "backend": config["backend"],
    }
