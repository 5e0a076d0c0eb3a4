"""Files that `segpost evaluate` writes, each as a whole or not at all."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from segpost import Scores
from segpost._core.text import display_path
from segpost.cli.evaluation.page import Subject, format_evaluation
from segpost.cli.messages import describe_cli_error, format_error
from segpost.cli.output import check_stdout, is_stdout, write_output
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.reading import PairReader
from segpost.evaluation.summaries import ignored_pixels, image_pixels
from segpost.files.arrays import ARRAY_SUFFIXES
from segpost.metrics.report import documents, formats
from segpost.render.text import escape_csv

OUTPUTS = ("json", "csv", "per_image", "markdown", "html", "cityscapes_json", "state")
WITHOUT_SCORES = ("json", "state")  # outputs that need no scores


def check_outputs(arguments: argparse.Namespace) -> dict[str, Path]:
    """Return the paths of the wanted outputs by name.

    Raises
    ------
    ValueError
        If a path cannot be written to, is there twice, or is a file that is evaluated.
    """
    outputs = {name: path for name in OUTPUTS if (path := getattr(arguments, name)) is not None}
    inputs = [
        path.resolve()
        for path in (arguments.preds, arguments.targets, arguments.instances)
        if path is not None
    ]
    options: dict[Path, str] = {}
    check_stdout({option_of(name): path for name, path in outputs.items()})
    for name, path in outputs.items():
        option = option_of(name)
        if is_stdout(path):
            continue
        text, resolved = display_path(path), path.resolve()
        if path.is_dir():
            raise ValueError(f"{option} {text} is a folder; wanted is a file")
        if not path.parent.is_dir():
            folder = display_path(path.parent)
            raise ValueError(f"{option} {text}: there is no folder {folder}")
        if resolved in options:
            raise ValueError(f"{options[resolved]} and {option} are the same file, {text}")
        if resolved in inputs:
            raise ValueError(f"{option} {text} would overwrite what is evaluated")
        options[resolved] = option
    if arguments.images is not None and arguments.html is None:
        raise ValueError("--images shows photographs in the report of --html FILE")
    return outputs


def option_of(name: str) -> str:
    """Return the option of an output."""
    return f"--{name.replace('_', '-')}"


def file_content(
    name: str,
    outcome: Outcome,
    scores: Scores | None,
    reader: PairReader,
    arguments: argparse.Namespace,
) -> Callable[[], str] | None:
    """Return a function that makes the text of an output, None where it needs scores.

    Parameters
    ----------
    name : str
        One of `OUTPUTS`.
    outcome : Outcome
        What was counted.
    scores : Scores or None
        Its scores, where there are some.
    reader : PairReader
        Reads the images of the HTML report.
    arguments : argparse.Namespace
        The arguments of the command.
    """
    notes = outcome.notes()
    if name == "json":
        return lambda: _format_json(outcome, scores)
    if name == "state" and outcome.has_scores(arguments.allow_partial):
        return lambda: outcome.cm.to_json() + "\n"
    if scores is None:
        return None
    contents: dict[str, Callable[[], str]] = {
        "csv": scores.to_csv,
        "per_image": lambda: _format_per_image(scores, outcome),
        "markdown": lambda: _format_markdown(scores, notes, outcome, arguments.compare),
        "html": lambda: format_evaluation(scores, _subject(outcome, arguments), reader),
        "cityscapes_json": lambda: documents.cityscapes_json(scores, outcome.measures),
    }
    return contents[name]


def write_or_describe(path: Path, content: Callable[[], str]) -> str | None:
    """Write a file and return None, or what went wrong, so that other files are still written."""
    try:
        write_output(path, content())
    except (ValueError, OSError) as error:
        return describe_cli_error(error, display_path(path))
    return None


def _subject(outcome: Outcome, arguments: argparse.Namespace) -> Subject:
    """Return what the HTML report is about."""
    options = ["colors", "resize", "invalid_preds"]
    if arguments.map is not None:
        options += ["map", "map_to"]
    if arguments.instances is not None:
        options += ["instances", "things", "first_instance"]
    if any(pair.preds.suffix.lower() in ARRAY_SUFFIXES for pair in outcome.pairing.pairs):
        options += ["axis", "grid", "threshold"]
    values = {name: getattr(arguments, name) for name in options}
    ignored = outcome.cm.settings()["ignore_index"]
    facts = {"void": ", ".join(map(str, ignored)) or "none"}
    facts |= {name.replace("_", " "): str(v) for name, v in values.items() if v is not None}
    return Subject(
        arguments.preds,
        arguments.targets,
        outcome,
        facts,
        arguments.worst,
        arguments.images,
        arguments.compare,
    )


def _format_json(outcome: Outcome, scores: Scores | None) -> str:
    """Return the scores, and which files they are of, as JSON."""
    pairing = outcome.pairing
    document = {"segpost": "Scores", "version": documents.VERSION, "complete": outcome.is_complete}
    rest = {} if scores is None else documents.document(scores, outcome.measures)
    document |= {key: value for key, value in rest.items() if key not in document}
    failed = [
        {"id": result.pair.id, "problem": format_error(result.problem)}
        for result in outcome.failed
        if result.problem is not None
    ]
    return documents.dumps(
        {
            **document,
            "counted": len(outcome.cm.images),
            "failed": failed,
            "targets_without_prediction": pairing.targets_without_preds,
            "predictions_without_target": pairing.preds_without_target,
            "targets_without_instances": list(pairing.pairs_without_instances),
        }
    )


def _format_per_image(scores: Scores, outcome: Outcome) -> str:
    """Return CSV with a line an image, in the order of the ids."""
    images = scores.images
    pixels, ignored = image_pixels(scores).tolist(), ignored_pixels(outcome.cm)
    head = ["id", "miou", "pixel_accuracy", "pixels", "void_pixels"]
    rows: list[Sequence[object]] = [
        [*head, *(escape_csv(f"iou_{name}") for name in scores.class_names)]
    ]
    for i, id_ in enumerate(images.ids):
        miou, accuracy, *iou = (
            formats.plain(float(value))
            for value in (images.miou[i], images.pixel_accuracy[i], *images.iou[i])
        )
        rows.append(
            [
                id_ if isinstance(id_, int) else escape_csv(id_),
                miou,
                accuracy,
                pixels[i],
                ignored[i],
                *iou,
            ]
        )
    return formats.csv_lines(rows)


def _format_markdown(scores: Scores, notes: list[str], outcome: Outcome, compare: bool) -> str:
    text = formats.markdown(scores, notes, outcome.measures)
    if compare:
        text += f"\n### Dialects\n\n{outcome.cm.compare_dialects().to_markdown()}"
    return text
