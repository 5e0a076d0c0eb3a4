"""What the HTML report of `segpost evaluate` is about."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from segpost.evaluation.outcome import Outcome
from segpost.render.html.frame import Origin


class Subject(NamedTuple):
    """What was evaluated, and what of it the report shows."""

    preds: Path
    targets: Path
    outcome: Outcome
    facts: dict[str, str]  # options that the scores depend on
    worst: int  # images to show
    images: Path | None
    compare: bool
    origin: Origin | None  # of the HTML report, where one is written
