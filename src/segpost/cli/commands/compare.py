"""The command `segpost compare`: what a run gained and lost against another."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import segpost
from segpost import ConfusionMatrix, Palette, RunComparison
from segpost._core.text import display_path
from segpost.cli.comparison.arguments import add_arguments
from segpost.cli.gates import MISSED, Gates, named_gates, print_missed
from segpost.cli.junit import format_junit
from segpost.cli.origin import describe_origin
from segpost.cli.output import (
    check_stdout,
    is_stdout,
    print_text,
    refuse_inputs,
    write_output,
)
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import print_error
from segpost.cli.states import read_state
from segpost.color.palette import as_palette
from segpost.files.writing import check_writable
from segpost.metrics.gates import GateResult
from segpost.metrics.report import runs

OUTPUTS = ("json", "csv", "markdown", "latex", "html", "junit")
EXAMPLES = (
    "segpost compare main.state.json branch.state.json --json comparison.json",
    "segpost compare main.state.json branch.state.json --html comparison.html --max-drop 0.02",
)


def declare(parser: CommandParser) -> None:
    """Declare the command."""
    parser.description = (
        "Compare runs on the images that they share: the deltas of all scores with paired "
        "bootstrap intervals and p-values of a paired permutation test, the images that fell and "
        "rose most, and the confusions that grew and shrank. A run is the file that `segpost "
        "evaluate --state` writes; the first is the baseline."
    )
    parser.epilog = format_epilog(
        EXAMPLES,
        "exit status: 0 done, 2 the command cannot be carried out as given, 3 a gate was missed",
    )
    add_arguments(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare the runs, print the report and write the files that the arguments name."""
    paths = [arguments.baseline, *arguments.others]
    outputs = {name: path for name in OUTPUTS if (path := getattr(arguments, name)) is not None}
    _check(arguments, outputs, paths)
    names = _run_names(paths)
    states = [read_state(path) for path in paths]
    _warn_of_incomplete(states, names)
    gates = Gates(named_gates(arguments, states[0]))
    comparisons = [
        segpost.compare(
            states[0],
            state,
            names=(names[0], name),
            dialect=arguments.dialect,
            exclude=[int(one) if one.isdecimal() else one for one in arguments.exclude],
            samples=arguments.samples,
            level=arguments.level,
            seed=arguments.seed,
        )
        for state, name in zip(states[1:], names[1:], strict=True)
    ]
    results = [result for one in comparisons for result in gates.results(one.b, one.a)]
    for name, path in outputs.items():
        write_output(path, _contents(comparisons, results, paths, arguments)[name]())
    if not arguments.quiet and not any(map(is_stdout, outputs.values())):
        print_text("\n\n".join(one.to_text(percent=arguments.percent) for one in comparisons))
    return MISSED if print_missed(results, arguments.annotate) else 0


def _check(arguments: argparse.Namespace, outputs: dict[str, Path], paths: Sequence[Path]) -> None:
    """Raise an error where outputs cannot be written, or options need others."""
    by_option = {f"--{name}": path for name, path in outputs.items()}
    check_stdout(by_option)
    refuse_inputs(by_option, [*paths, *arguments.preds, arguments.targets, arguments.images])
    for path in outputs.values():
        if not is_stdout(path):
            check_writable(path)
    if arguments.preds and len(arguments.preds) != len(paths):
        raise ValueError(
            f"--preds DIR is there {len(arguments.preds)} times for {len(paths)} runs: once for "
            "each, in their order"
        )
    if arguments.preds and arguments.html is None:
        raise ValueError("--preds DIR is for the pictures of --html FILE")
    if not arguments.preds and (arguments.targets or arguments.images):
        raise ValueError("--targets and --images are shown beside --preds DIR")


def _run_names(paths: Sequence[Path]) -> list[str]:
    """Return short names of the files, which are all different."""
    for names in (
        [path.name.removesuffix(".json").removesuffix(".state") for path in paths],
        [display_path(path) for path in paths],
    ):
        if len(set(names)) == len(names):
            return names
    raise ValueError(f"{display_path(paths[0])}: a run is there twice")


def _warn_of_incomplete(states: Sequence[ConfusionMatrix], names: Sequence[str]) -> None:
    for state, name in zip(states, names, strict=True):
        if not state.is_complete:
            print_error(f"warning: the counts of {name} are incomplete")


def _contents(
    comparisons: Sequence[RunComparison],
    results: Sequence[GateResult],
    paths: Sequence[Path],
    arguments: argparse.Namespace,
) -> dict[str, Callable[[], str]]:
    """Return functions that make the outputs, by name."""
    percent = arguments.percent
    return {
        "json": lambda: _format_json(comparisons),
        "csv": lambda: runs.csv(comparisons),
        "markdown": lambda: "\n".join(one.to_markdown(percent=percent) for one in comparisons),
        "latex": lambda: "\n".join(one.to_latex(percent=percent) for one in comparisons),
        "html": lambda: _format_html(comparisons, paths, arguments),
        "junit": lambda: format_junit("segpost compare", results),
    }


def _format_json(comparisons: Sequence[RunComparison]) -> str:
    content = {
        "segpost": "RunComparisons",
        "version": runs.VERSION,
        "comparisons": [runs.document(one) for one in comparisons],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _format_html(
    comparisons: Sequence[RunComparison], paths: Sequence[Path], arguments: argparse.Namespace
) -> str:
    from segpost.cli.comparison.page import PictureFolders, format_comparisons  # slow to import

    classes = comparisons[0].a.num_classes
    palette = (
        Palette.distinct(classes) if arguments.palette is None else as_palette(arguments.palette)
    )
    colors = np.asarray(palette.colors, np.uint8)
    folders = [
        PictureFolders(
            [arguments.preds[0], preds] if arguments.preds else [],
            arguments.targets,
            arguments.images,
            colors,
            arguments.shown,
        )
        for preds in arguments.preds[1:] or arguments.others
    ]
    facts = {
        "runs": ", ".join(map(display_path, paths)),
        "dialect": arguments.dialect or "segpost's own",
        "samples": f"{arguments.samples:,}",
        "seed": str(arguments.seed),
    }
    origin = describe_origin(arguments)
    return format_comparisons(comparisons, folders, facts, origin, percent=arguments.percent)
