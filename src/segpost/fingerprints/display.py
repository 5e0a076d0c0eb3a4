"""A fingerprint as HTML for a notebook."""

from __future__ import annotations

from segpost.fingerprints.record import FingerprintRecord
from segpost.render.notebook import format_compact_table, format_paragraph, format_result
from segpost.render.tables import Table, format_share

MAX_CLASSES = 8


def format_fingerprint(record: FingerprintRecord) -> str:
    """Return the most frequent classes of a fingerprint, and the statistics of its arrays."""
    arrays = {"logits": record.logits, **record.stages}
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(summary.shape),
            summary.kind,
            f"{summary.low.min():.4g}",
            f"{summary.mean.mean():.4g}",
            f"{summary.high.max():.4g}",
        )
        for name, summary in arrays.items()
    ]
    head = ("array", "shape", "dtype", "smallest", "mean", "largest")
    positions = sum(record.histogram)
    order = sorted(range(len(record.histogram)), key=lambda label: -record.histogram[label])
    present = [label for label in order if record.histogram[label]]
    names = record.class_names or tuple(map(str, range(len(record.histogram))))
    shares = ", ".join(
        f"{names[label]} {format_share(record.histogram[label] / positions)}"
        for label in present[:MAX_CLASSES]
    )
    rest = len(present) - MAX_CLASSES
    return format_result(
        f"Fingerprint, mean confidence {record.confidence:.3f}",
        format_compact_table(Table("", head, rows, words=3)),
        format_paragraph(f"Labels: {shares}{f' and {rest} more' if rest > 0 else ''}."),
    )
