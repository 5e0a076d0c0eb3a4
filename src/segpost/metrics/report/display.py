"""Scores and counts of a data set as HTML for a notebook."""

from __future__ import annotations

from segpost.metrics.conventions import MetricConvention
from segpost.metrics.counts import CountSnapshot
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.report import content
from segpost.metrics.values import ScoreValues
from segpost.render.notebook import (
    format_compact_table,
    format_paragraph,
    format_result,
    format_shares,
)
from segpost.render.tables import format_score
from segpost.render.text import as_printable

MAX_MATRIX_CLASSES = 24  # of which all cells are shown
MAX_CONFUSIONS = 10


def format_scores(scores: ScoreValues) -> str:
    """Return the summary, what a reader must know about it, and a row for each class."""
    title = f"mIoU {format_score(scores.miou)}, {content.mean_description(scores)}"
    summary = content.summary_table(scores)
    return format_result(
        title,
        format_compact_table(summary._replace(rows=summary.rows[1:])),
        *map(format_paragraph, content.sentences(scores)),
        format_compact_table(content.class_table(scores)),
    )


def format_counts(snapshot: CountSnapshot) -> str:
    """Return mIoU and the confusion matrix, or the most frequent confusions of many classes."""
    policy = AveragingPolicy(invalid_preds=snapshot.settings["invalid_preds"])
    scores = ScoreValues(snapshot, MetricConvention.own(policy))
    shares = ""
    if scores.pixels and scores.num_classes <= MAX_MATRIX_CLASSES:
        names = [as_printable(name) for name in scores.class_names]
        title = "Predicted classes in percent of each target class"
        shares = format_shares(title, names, scores.normalized("target").tolist())
    return format_result(
        f"Confusion matrix of {scores.num_classes:,} classes, mIoU {format_score(scores.miou)}",
        *map(format_paragraph, content.sentences(scores)),
        shares or format_compact_table(content.confusion_table(scores, MAX_CONFUSIONS)),
    )
