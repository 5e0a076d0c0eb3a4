"""Arguments of `segpost compare`."""

from __future__ import annotations

import argparse

from segpost.cli.evaluation.arguments import add_dialect, add_exclude
from segpost.cli.gates import add_gates
from segpost.cli.options import PALETTES, file_path, fraction, natural_number, positive_integer
from segpost.metrics.run_comparison import LEVEL, SAMPLES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("baseline", type=file_path, metavar="A.json", help="the baseline")
    parser.add_argument(
        "others", type=file_path, nargs="+", metavar="B.json", help="runs that are compared with it"
    )
    add = parser.add_argument_group("which scores").add_argument
    add_dialect(add)
    add_exclude(add)
    add(
        "--samples",
        type=positive_integer,
        default=SAMPLES,
        metavar="N",
        help=f"data sets drawn for intervals and p-values; {SAMPLES} by default",
    )
    add("--level", type=fraction, default=LEVEL, metavar="P", help=f"of intervals; {LEVEL}")
    add("--seed", type=natural_number, default=0, metavar="N", help="of the draws; 0")
    add_gates(parser, has_baseline=True)
    _add_outputs(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add("--json", type=file_path, metavar="FILE", help="everything; - prints it alone, as for each")
    add("--csv", type=file_path, metavar="FILE", help="a line a score and class")
    add("--markdown", type=file_path, metavar="FILE", help="the report in Markdown")
    add("--latex", type=file_path, metavar="FILE", help="the report in LaTeX, for booktabs")
    add("--html", type=file_path, metavar="FILE", help="the report as a page")
    add("--percent", action="store_true", help="scores as percentages, except in JSON and CSV")
    add("--quiet", action="store_true", help="no report on the terminal")
    add = parser.add_argument_group("pictures of the page").add_argument
    add(
        "--preds",
        type=file_path,
        action="append",
        default=[],
        metavar="DIR",
        help="label maps of a run: once for A, then for each other run, in their order",
    )
    add("--targets", type=file_path, metavar="DIR", help="the true label maps")
    add("--images", type=file_path, metavar="DIR", help="photographs")
    add("--palette", metavar="NAME", help=f"colors of the labels: {PALETTES}")
    add(
        "--shown",
        type=natural_number,
        default=4,
        metavar="N",
        help="images shown of those that fell and rose most, each; 4 by default",
    )
