"""What `segpost evaluate` writes: every file whole or not at all."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from segpost import ConfusionMatrix, Scores
from segpost.cli.evaluation import page
from segpost.cli.evaluation.page import Subject
from segpost.cli.messages import named, sentence, shown
from segpost.evaluation import pairing
from segpost.evaluation.counting import Reader, Result
from segpost.evaluation.pairing import Pairing
from segpost.files import images as files_images
from segpost.metrics.base import Accumulator
from segpost.metrics.report import documents, formats

FILES = ("json", "csv", "per_image", "markdown", "html", "cityscapes_json", "state")


class Outcome(NamedTuple):
    """What was counted, and what was not."""

    cm: ConfusionMatrix
    failed: list[Result]
    pairing: Pairing
    measures: tuple[Accumulator, ...]

    @property
    def complete(self) -> bool:
        """Whether every prediction and every target is in the counts."""
        return not (self.failed or pairing.left_over(self.pairing))

    def usable(self, partial: bool) -> bool:
        """Whether scores may be given; `partial` allows those of a part."""
        return not self.failed or (partial and bool(self.cm.images))

    def notes(self) -> list[str]:
        """What is missing, in sentences."""
        says = []
        if self.failed:
            total = len(self.failed) + len(self.cm.images)
            names = named([result.pair.id for result in self.failed])
            says.append(f"{len(self.failed)} of {total} pairs failed: {names}")
        says += pairing.left_over(self.pairing)
        return [f"INCOMPLETE: {'; '.join(says)}."] if says else []


def places(arguments: argparse.Namespace) -> dict[str, Path]:
    """Where to write what; places that cannot be written to are an error before the work."""
    files = {name: path for name in FILES if (path := getattr(arguments, name)) is not None}
    seen: dict[Path, str] = {}
    for name, path in files.items():
        option = f"--{name.replace('_', '-')}"
        if path.is_dir():
            raise ValueError(f"{option} {shown(path)} is a folder; wanted is a file")
        if not path.parent.is_dir():
            raise ValueError(f"{option} {shown(path)}: there is no folder {shown(path.parent)}")
        place = path.resolve()
        if place in seen:
            raise ValueError(f"{seen[place]} and {option} are the same file, {shown(path)}")
        read = (arguments.preds, arguments.targets, arguments.instances)
        if place in [other.resolve() for other in read if other is not None]:
            raise ValueError(f"{option} {shown(path)} would overwrite what is evaluated")
        seen[place] = option
    if arguments.images is not None and arguments.html is None:
        raise ValueError("--images shows photographs in the report of --html FILE")
    return files


def content(
    name: str,
    outcome: Outcome,
    scores: Scores | None,
    reader: Reader,
    arguments: argparse.Namespace,
) -> Callable[[], str] | None:
    """What makes the text of one file; None where there are no scores to write."""
    notes = outcome.notes()
    if name == "json":
        return lambda: _json(outcome, scores)
    if name == "state" and outcome.usable(arguments.allow_partial):
        return lambda: outcome.cm.to_json() + "\n"
    if scores is None:
        return None
    makers: dict[str, Callable[[], str]] = {
        "csv": scores.to_csv,
        "per_image": lambda: _per_image(scores),
        "markdown": lambda: _markdown(scores, notes, outcome, arguments.compare),
        "html": lambda: page.page(scores, _subject(outcome, arguments), reader),
        "cityscapes_json": lambda: documents.cityscapes_json(scores, outcome.measures),
    }
    return makers[name]


def written(make: Callable[[], str] | None, path: Path) -> str | None:
    """Write a file; what went wrong, so that the others are still written."""
    if make is None:
        return None
    try:
        with files_images.replacing(path) as part:
            part.write_bytes(make().encode("utf-8", "surrogateescape"))
    except (ValueError, OSError) as error:
        return sentence(error, shown(path))
    return None


def _subject(outcome: Outcome, arguments: argparse.Namespace) -> Subject:
    """What the HTML report says it is about."""
    options = ["colors", "resize", "invalid_preds"]
    if arguments.map is not None:
        options += ["map", "map_to"]
    if arguments.instances is not None:
        options += ["instances", "things", "first_instance"]
    if any(pair.preds.suffix.lower() in files_images.ARRAYS for pair in outcome.pairing.pairs):
        options += ["axis", "grid", "threshold"]
    said = {name: getattr(arguments, name) for name in options}
    void = outcome.cm.settings()["ignore_index"]
    facts = {"void": ", ".join(map(str, void)) or "none"}
    facts |= {name.replace("_", " "): str(v) for name, v in said.items() if v is not None}
    return Subject(
        arguments.preds,
        arguments.targets,
        outcome.pairing.pairs,
        outcome.notes(),
        facts,
        arguments.worst,
        arguments.images,
        arguments.compare,
        outcome.measures,
    )


def _json(outcome: Outcome, scores: Scores | None) -> str:
    """The scores, and what they are of."""
    found = outcome.pairing
    document = {"segpost": "Scores", "version": documents.VERSION, "complete": outcome.complete}
    rest = {} if scores is None else documents.document(scores, outcome.measures)
    document |= {key: value for key, value in rest.items() if key not in document}
    return documents.dumps(
        {
            **document,
            "counted": len(outcome.cm.images),
            "failed": [{"id": r.pair.id, "problem": r.problem} for r in outcome.failed],
            "targets_without_prediction": found.no_preds,
            "predictions_without_target": found.no_target,
            "targets_without_instances": list(found.no_instances),
        }
    )


def _per_image(scores: Scores) -> str:
    """A line an image, in the order of the ids."""
    images = scores.images
    void = [int(image.counts[image.cells // (scores.num_classes + 1) == scores.num_classes].sum())
            for image in scores.snapshot.images]  # fmt: skip
    head = ["id", "miou", "pixel_accuracy", "pixels", "void_pixels"]
    rows: list[Sequence[object]] = [[*head, *(f"iou_{name}" for name in scores.class_names)]]
    for i, name in enumerate(images.ids):
        values = (images.miou[i], images.pixel_accuracy[i])
        rows.append(
            [
                name,
                *(formats.plain(float(value)) for value in values),
                int(images.class_counts.support[i].sum()),
                void[i],
                *(formats.plain(float(value)) for value in images.iou[i]),
            ]
        )
    return formats.csv_lines(rows)


def _markdown(scores: Scores, notes: list[str], outcome: Outcome, compare: bool) -> str:
    text = formats.markdown(scores, notes, outcome.measures)
    if compare:
        text += f"\n### Dialects\n\n{outcome.cm.compare_dialects().to_markdown()}"
    return text
