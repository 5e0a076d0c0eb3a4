"""The HTML report of `segpost evaluate`: one file, nothing loaded from anywhere."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

import segpost
from segpost import Scores
from segpost.cli.demo.page import STYLE
from segpost.cli.evaluation import worst_images
from segpost.cli.evaluation.worst_images import embedded
from segpost.cli.messages import shown
from segpost.evaluation.counting import Reader
from segpost.evaluation.pairing import Pair
from segpost.metrics.base import Accumulator
from segpost.metrics.comparison import compare
from segpost.metrics.report import content, plots
from segpost.metrics.report import measures as report_measures
from segpost.render.tables import Table, number, share
from segpost.render.tables import shown as printable

BINS = 20  # of the histogram of images
ENOUGH = 10  # images for a histogram

MORE_STYLE = """
.tiles { display: grid; gap: 14px; margin-top: 26px; grid-template-columns: 1fr 2.1fr; }
.others { display: flex; flex-wrap: wrap; gap: 14px; }
.others .tile { flex: 1 1 158px; justify-content: space-between; }
.tile { padding: 14px 18px; display: flex; flex-direction: column; justify-content: center; }
.tile b { font-size: 1.5rem; font-weight: 650; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
.tiles > .tile b { font-size: 3.2rem; line-height: 1.15; }
@media (max-width: 820px) { .tiles { grid-template-columns: 1fr; } }
.warn { margin-top: 20px; padding: 14px 18px; border-left: 4px solid var(--wrong); }
:root { --wrong: #d92d3a; } @media (prefers-color-scheme: dark) { :root { --wrong: #ff6b75; } }
ul.notes { margin: 18px 0 0; padding: 0; list-style: none; color: var(--soft); }
ul.notes li { margin: 4px 0; }
.plain tbody tr:first-child td { font-weight: inherit; }
.plain tfoot td { font-weight: 600; border-top: 2px solid var(--line); }
.plain td:last-child.words, .plain .words { text-align: left; }
td .swatch { display: inline-block; width: 13px; height: 13px; border-radius: 4px;
  margin-right: 10px; vertical-align: -1px; box-shadow: inset 0 0 0 1px #8888; }
.bar { display: grid; grid-template-columns: minmax(90px, 1fr) 4.2em; align-items: center;
  gap: 12px; } .bar span { height: 8px; border-radius: 4px; background: var(--line);
  overflow: hidden; } .bar i { display: block; height: 100%; background: var(--accent); }
.bar em { font-style: normal; }
.out td { color: var(--soft); } .out .bar i { background: var(--soft); }
.sortable td { white-space: nowrap; }
.tag { margin-left: 8px; padding: 1px 7px; border: 1px solid var(--line); border-radius: 9px;
  font-size: .75rem; color: var(--soft); white-space: nowrap; }
.sortable th { cursor: pointer; user-select: none; white-space: nowrap; }
.sortable th:hover { color: var(--ink); }
.matrix img { display: block; max-width: 100%; margin: 0 auto; }
.matrix.large img { cursor: zoom-in; } .matrix.full img { max-width: none; cursor: zoom-out; }
.two { display: grid; gap: 20px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.packed { columns: 440px 2; column-gap: 20px; }
.packed > div { break-inside: avoid; margin-bottom: 20px; } .packed h3 { margin-top: 0; }
.bins { display: flex; align-items: flex-end; gap: 3px; height: 120px; padding: 18px 18px 0; }
.bins i { flex: 1; background: var(--accent); border-radius: 3px 3px 0 0; min-height: 1px; }
.ends { display: flex; justify-content: space-between; padding: 4px 18px 14px; }
.shot { margin-bottom: 20px; } .shot header { padding: 12px 18px; display: flex; flex-wrap: wrap;
  gap: 4px 18px; align-items: baseline; } .shot header strong { overflow-wrap: anywhere; }
.panels { display: grid; gap: 2px; background: var(--line);
  grid-template-columns: repeat(auto-fit, minmax(min(240px, 50%), 1fr)); }
.panels figure { background: var(--code); } .panels figcaption { padding: 7px 14px; }
.panels img { image-rendering: pixelated; } .panels img.photo { image-rendering: auto; }
.keys { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 16px; }
.keys .swatch { display: inline-block; width: 13px; height: 13px; border-radius: 4px;
  margin-right: 8px; vertical-align: -1px; box-shadow: inset 0 0 0 1px #8888; }
"""

SORT = """
document.querySelectorAll('.sortable th').forEach((head, column) => head.onclick = () => {
  const body = head.closest('table').tBodies[0], down = head.dataset.down !== '1';
  const value = row => { const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : +cell.dataset.value; };
  const rows = [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
    return typeof x === 'string' ? x.localeCompare(y) : y - x; });
  body.append(...(down ? rows : rows.reverse())); head.dataset.down = down ? '1' : '';
});
"""


class Subject(NamedTuple):
    """What was evaluated, and what of it is shown."""

    preds: Path
    targets: Path
    pairs: Sequence[Pair]
    notes: Sequence[str]  # what is missing
    facts: dict[str, str]  # options that decided about the numbers
    worst: int
    images: Path | None
    compare: bool
    measures: Sequence[Accumulator]


def page(scores: Scores, subject: Subject, reader: Reader) -> str:
    """The report as HTML.

    Parameters
    ----------
    scores : Scores
    subject : Subject
    reader : Reader
        Reads the worst images again.
    """
    warned = "".join(f'<p class="card warn">{escape(note)}</p>' for note in subject.notes)
    said = "".join(f"<li>{escape(line)}</li>" for line in content.sentences(scores))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>segpost evaluation</title>
<style>{STYLE}{MORE_STYLE}</style>
</head>
<body>
<main>
<h1>segpost evaluation</h1>
<p class="soft">{_what(scores, subject)}</p>
{warned}
<div class="tiles">{_tiles(scores)}</div>
<ul class="notes">{said}</ul>
<h2>Classes</h2>
<div class="card scroll">{_classes(scores, reader)}</div>
<h2>Confusions</h2>
{_matrix(scores)}
<div class="two wide">{"".join(_beside(scores))}</div>
{_measures(scores, subject)}
{_images(scores)}
{worst_images.section(scores, subject.pairs, reader, subject.worst, subject.images)}
{_comparison(scores) if subject.compare else ""}
<h2>How it was counted</h2>
<div class="card"><table class="build"><tbody>{_facts(scores, subject)}</tbody></table></div>
</main>
<script>{SORT}</script>
</body>
</html>
"""


def _what(scores: Scores, subject: Subject) -> str:
    images = len(scores.snapshot.images)
    return (
        f"{escape(shown(subject.preds))} against {escape(shown(subject.targets))}: "
        f"{images:,} image{'' if images == 1 else 's'}, {scores.num_classes:,} classes."
    )


def _tiles(scores: Scores) -> str:
    def tile(name: str, value: float, more: str = "") -> str:
        said = f'<span class="soft small">{escape(more)}</span>' if more else ""
        title = escape(content.SUMMARY[name])
        return (
            f'<div class="card tile"><span class="soft">{title}</span><b>{number(value)}</b>'
            f"{said}</div>"
        )

    summary = scores.summary()
    first = tile("miou", summary.pop("miou"), content.mean_description(scores))
    others = "".join(tile(name, value) for name, value in summary.items())
    return f'{first}<div class="others">{others}</div>'


def _classes(scores: Scores, reader: Reader) -> str:
    head = (
        "class",
        "IoU",
        "Dice",
        "precision",
        "recall",
        "of the target",
        "target px",
        "predicted px",
    )
    names = "".join(f"<th>{name}</th>" for name in head)
    pixels = max(scores.pixels, 1)
    rows = []
    for label, why in enumerate(content.left_out(scores)):
        color = "#{:02x}{:02x}{:02x}".format(*reader.classes.colors[label])
        name = escape(printable(scores.class_names[label]))
        note = ""
        if why:
            title = f"not in the mean: {content.LEFT_OUT[why]}"
            note = f' <span class="tag" title="{title}">{why}</span>'
        target, preds = (
            int(scores.class_counts.support[label]),
            int(scores.class_counts.predicted[label]),
        )
        iou = float(scores.iou[label])
        bar = f'<i style="width:{0 if math.isnan(iou) else iou:.2%}"></i>'
        cells = [
            f'<td data-value="{_key(iou)}"><div class="bar"><span>{bar}</span>'
            f"<em>{number(iou)}</em></div></td>"
        ]
        for column in (scores.dice, scores.precision, scores.recall):
            value = float(column[label])
            cells.append(f'<td data-value="{_key(value)}">{number(value)}</td>')
        cells.append(f'<td data-value="{target}">{share(target / pixels)}</td>')
        cells += [f'<td data-value="{n}">{n:,}</td>' for n in (target, preds)]
        rows.append(
            f'<tr{" class=out" if why else ""}><td><span class="swatch" '
            f'style="background:{color}"></span>{name}{note}</td>{"".join(cells)}</tr>'
        )
    return (
        f'<table class="plain sortable"><thead><tr>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _matrix(scores: Scores) -> str:
    light, dark = (_figure(scores, dark) for dark in (False, True))
    picture = (
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="confusion matrix, shares of the target classes"></picture>'
    )
    if scores.num_classes <= plots.MAX_NUMBERED:
        return f'<div class="card scroll matrix">{picture}</div>'
    return (
        '<div class="card scroll matrix large" onclick="this.classList.toggle(\'full\')">'
        f'{picture}</div><p class="soft small">Click to see it at full size.</p>'
    )


def _figure(scores: Scores, dark: bool) -> str:
    buffer = io.BytesIO()
    plots.matrix(scores, dark=dark).savefig(buffer, dpi=100, metadata={"Software": None})
    return embedded(buffer.getvalue(), "png")


def _beside(scores: Scores) -> Iterator[str]:
    wrong = content.confusion_table(scores)
    if wrong.rows:
        yield _table(wrong)
    if scores.snapshot.groups is not None:
        yield _table(content.category_table(scores))


def _measures(scores: Scores, subject: Subject) -> str:
    tables = report_measures.tables(subject.measures, scores.class_names)
    if not tables:
        return ""
    drawn = "".join(map(_table, tables))
    return f'<h2>Boundaries and instances</h2><div class="packed">{drawn}</div>'


def _images(scores: Scores) -> str:
    """The spread of the images' own scores."""
    known = scores.images.miou[~np.isnan(scores.images.miou)]
    if len(known) < 2:
        return ""
    interval = content.interval_sentence(scores)
    said = f'<p class="soft small">{escape(interval)}</p>' if interval else ""
    bars = ""
    if len(known) >= ENOUGH:
        counts, _ = np.histogram(known, BINS, (0.0, 1.0))
        columns = "".join(
            f'<i style="height:{count / counts.max():.1%}" title="{k / BINS:g} to '
            f'{(k + 1) / BINS:g}: {count} images"></i>'
            for k, count in enumerate(counts.tolist())
        )
        bars = (
            f'<div class="card"><div class="bins">{columns}</div>'
            '<div class="ends soft small"><span>0</span><span>images by their own mIoU</span>'
            "<span>1</span></div></div>"
        )
    table = content.image_table(scores)
    return f'<h2>Images</h2>{bars}<div class="wide">{_table(table._replace(title=""))}</div>{said}'


def _comparison(scores: Scores) -> str:
    table = compare(scores.snapshot).table()
    return f"<h2>What other libraries would say</h2>{_table(table)}"


def _facts(scores: Scores, subject: Subject) -> str:
    policy = ", ".join(f"{key} {value}" for key, value in scores.policy.__dict__.items())
    config = segpost.build_config()
    facts = {
        "predictions": shown(subject.preds),
        "targets": shown(subject.targets),
        **subject.facts,
        "dialect": scores.dialect or "segpost's own",
        "policy": policy,
        "segpost": f"{segpost.__version__}, {config['backend']} backend",
    }
    return "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in facts.items())


def _table(table: Table) -> str:
    """A table of the text report in a card."""
    last = len(table.head) - 1

    def cell(tag: str, column: int, text: str) -> str:
        words = column < table.words or (table.wrapped and column == last)
        return f"<{tag}{' class=words' if words else ''}>{escape(text)}</{tag}>"

    def row(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(cell(tag, i, text) for i, text in enumerate(cells)) + "</tr>"

    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    rows = [row("td", cells) for cells in table.rows]
    foot = f"<tfoot>{rows.pop()}</tfoot>" if table.summed else ""
    return (
        f'<div>{title}<div class="card scroll"><table class="plain">'
        f"<thead>{row('th', table.head)}</thead>"
        f"<tbody>{''.join(rows)}</tbody>{foot}</table></div></div>"
    )


def _key(value: float) -> str:
    """What a column is sorted by; classes without a score come last."""
    return "-1" if math.isnan(value) else repr(value)
