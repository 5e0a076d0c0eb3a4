"""Files that `segpost evaluate` writes, each as a whole or not at all."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segpost import Scores
from segpost._core.text import ErrorText, display_path
from segpost.cli.evaluation.subject import Subject
from segpost.cli.junit import format_junit
from segpost.cli.messages import describe_cli_error, format_error
from segpost.cli.output import check_stdout, is_stdout, refuse_inputs, write_output
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.reading import PairReader
from segpost.evaluation.spacings import Spacing, read_spacings
from segpost.evaluation.summaries import ignored_pixels, image_pixels
from segpost.files.writing import check_writable
from segpost.metrics.gates import GateResult
from segpost.metrics.report import documents, formats
from segpost.render.tables import format_markdown, in_percent
from segpost.render.text import escape_csv

OUTPUTS = (
    "json",
    "csv",
    "per_image",
    "markdown",
    "latex",
    "html",
    "cityscapes_json",
    "state",
    "junit",
)
WITHOUT_SCORES = ("json", "state", "junit")  # outputs that need no scores


def check_outputs(arguments: argparse.Namespace, sources: Iterable[Path]) -> dict[str, Path]:
    """Return the paths of the wanted outputs by name; a file was written beside each, and removed.

    Parameters
    ----------
    arguments : argparse.Namespace
        The arguments of the command.
    sources : iterable of Path
        What is read: files and folders.

    Raises
    ------
    ValueError, OSError
        If a path cannot be written to, is there twice, or is one of the sources.
    """
    outputs = {name: path for name in OUTPUTS if (path := getattr(arguments, name)) is not None}
    options: dict[Path, str] = {}
    by_option = {option_of(name): path for name, path in outputs.items()}
    check_stdout(by_option)
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
        options[resolved] = option
        check_writable(path)
    refuse_inputs(by_option, sources)
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
    subject: Subject,
    results: Sequence[GateResult],
    arguments: argparse.Namespace,
) -> Callable[[], str | Iterable[str]] | None:
    """Return a function that makes an output, a text or its pieces; None where it needs scores.

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
    subject : Subject
        What the HTML report is about.
    results : sequence of GateResult
        What the scores say of the gates.
    arguments : argparse.Namespace
        The arguments of the command.
    """
    notes = outcome.notes()
    if name == "json":
        return lambda: _format_json(outcome, scores)
    if name == "state" and outcome.has_scores(arguments.allow_partial):
        return outcome.state_pieces
    if name == "junit":
        return lambda: format_junit("segpost evaluate", results)
    if scores is None:
        return None
    contents: dict[str, Callable[[], str | Iterable[str]]] = {
        "csv": scores.to_csv,
        "per_image": lambda: _format_per_image(scores, outcome),
        "markdown": lambda: _format_markdown(scores, notes, outcome, arguments),
        "latex": lambda: formats.latex(scores, notes, outcome.measures, percent=arguments.percent),
        "html": lambda: _format_html(scores, subject, reader),
        "cityscapes_json": lambda: documents.cityscapes_json(scores, outcome.measures),
    }
    return contents[name]


def write_or_describe(path: Path, content: Callable[[], str | Iterable[str]]) -> str | None:
    """Write a file and return None, or what went wrong, so that other files are still written."""
    try:
        write_output(path, content())
    except (ValueError, OSError) as error:
        return describe_cli_error(error, display_path(path))
    return None


def _format_json(outcome: Outcome, scores: Scores | None) -> Iterator[str]:
    """Return the scores, and which files they are of, as pieces of JSON."""
    pairing = outcome.pairing
    document = {"segpost": "Scores", "version": documents.VERSION, "complete": outcome.is_complete}
    rest = {} if scores is None else documents.document(scores, outcome.measures)
    document |= {key: value for key, value in rest.items() if key not in document}
    failed = [
        {"id": one.id, "problem": format_error(ErrorText(one.file, one.reason))}
        for one in outcome.failed
    ]
    spacings = {
        id_: [float(f"{step:.6g}") for step in steps]  # headers have float32
        for id_, steps in read_spacings(pairing.pairs).items()
    }
    return documents.encode(
        {
            **document,
            **({"spacing": spacings} if spacings else {}),
            "counted": len(outcome.cm.images),
            "failed": failed,
            "targets_without_prediction": pairing.targets_without_preds,
            "predictions_without_target": pairing.preds_without_target,
            "targets_without_instances": list(pairing.pairs_without_instances),
            **_uncounted_shards(outcome),
        }
    )


def _uncounted_shards(outcome: Outcome) -> dict[str, Any]:
    """Return which shards are missing and damaged, nothing where none is."""
    if outcome.coverage is None or outcome.has_all_shards:
        return {}
    damaged = [{"shard": k, "problem": reason} for k, reason in outcome.coverage.damaged.items()]
    return {"missing_shards": outcome.coverage.missing, "damaged_shards": damaged}


def _format_per_image(scores: Scores, outcome: Outcome) -> Iterator[str]:
    """Return pieces of CSV with a line an image, in the order of the ids."""
    head = ["id", "miou", "pixel_accuracy", "pixels", "void_pixels"]
    for score in ("iou", "dice"):
        head += [escape_csv(f"{score}_{name}") for name in scores.class_names]
    spacings = read_spacings(outcome.pairing.pairs)
    if spacings:
        head += ["spacing_d", "spacing_h", "spacing_w"]
    return formats.csv_pieces(itertools.chain([head], _rows_of_images(scores, outcome, spacings)))


def _rows_of_images(
    scores: Scores, outcome: Outcome, spacings: Mapping[str, Spacing]
) -> Iterator[list[object]]:
    """Yield the row of each image, which takes much more memory than its text."""
    images = scores.images
    dice = images.dice
    pixels, ignored = image_pixels(scores).tolist(), ignored_pixels(outcome.cm)
    for i, id_ in enumerate(images.ids):
        miou, accuracy, *of_classes = (
            formats.plain(float(value))
            for value in (images.miou[i], images.pixel_accuracy[i], *images.iou[i], *dice[i])
        )
        spacing: Sequence[object] = ()
        if spacings:
            steps = spacings.get(str(id_))
            spacing = ("", "", "") if steps is None else [f"{step:.6g}" for step in steps]
        yield [escape_csv(str(id_)), miou, accuracy, pixels[i], ignored[i], *of_classes, *spacing]


def _format_html(scores: Scores, subject: Subject, reader: PairReader) -> str:
    from segpost.cli.evaluation.page import format_evaluation  # slow to import, rarely needed

    return format_evaluation(scores, subject, reader)


def _format_markdown(
    scores: Scores, notes: list[str], outcome: Outcome, arguments: argparse.Namespace
) -> str:
    text = formats.markdown(scores, notes, outcome.measures, percent=arguments.percent)
    if arguments.compare:
        table = outcome.cm.compare_dialects().table()
        shown = in_percent(table) if arguments.percent else table
        text += f"\n### Dialects\n\n{format_markdown([shown])}"
    return text
