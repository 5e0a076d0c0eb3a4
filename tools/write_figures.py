"""Write the figures of README and of the documentation from benches/results/tables.md.

    python -m tools.write_figures           # writes them
    python -m tools.write_figures --check   # exit status 1 where a page has another figure

A figure lies between `<!--= JOB; METHOD -->` and `<!--/-->`: the method's time over segpost's in
the table of that job, or the least and the largest where JOB ends in `*` and begins many titles.
The method "floor" is reading the inputs and writing the outputs once. Between
`<!--= table HEADING -->` and `<!--/-->` lies the table below that heading, between
`<!--= run NAME -->` and `<!--/-->` what the run says of itself in its line `- NAME: `.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "benches" / "results" / "tables.md"
MARKED = re.compile(r"<!--= (?P<job>[^;>]+); (?P<method>.+?) -->(?P<figure>.*?)<!--/-->")
RUN = re.compile(r"<!--= run (?P<name>[a-z]+) -->.*?<!--/-->")
TABLE = re.compile(r"<!--= table (?P<heading>.+?) -->\n\n(?P<rows>(?:\|.*\n)*)\n<!--/-->")
Ratios = dict[tuple[str, str], float]


def read_ratios(text: str) -> Ratios:
    """Every method's time over segpost's, by the job and the method."""
    ratios: Ratios = {}
    job = ""
    for line in text.splitlines():
        if line.startswith("### "):
            job = line.removeprefix("### ")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) < 6:
            continue
        if cells[0].startswith("*floor"):
            ratios[job, "floor"] = float(cells[1])
            continue
        try:
            ratios[job, cells[0].strip("*")] = float(cells[4])
        except ValueError:  # a head, or a table of another kind
            continue
        if cells[0] == "**segpost**" and (job, "floor") in ratios:
            ratios[job, "floor"] /= float(cells[1])
    return ratios


def find_table(text: str, heading: str) -> str:
    """The first table below a heading; KeyError where there is none."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(?:[^|#\n].*\n|\n)*((?:\|.*\n)+)", text, re.M)
    if match is None:
        raise KeyError(heading)
    return match[1]


def find_remark(text: str, name: str) -> str:
    """What the first line `- NAME: ` of the run says; KeyError where there is none."""
    match = re.search(rf"^- {name}: (.*)$", text, re.M)
    if match is None:
        raise KeyError(name)
    return match[1]


def as_text(number: float) -> str:
    """Two digits, or all before the point."""
    return f"{number:.0f}" if number >= 100 else f"{number:.2g}"


def find_figure(ratios: Ratios, job: str, method: str) -> str:
    """The ratio of a method in a job, or in many; KeyError where there is none."""
    if not job.endswith("*"):
        return as_text(ratios[job, method])
    start = job.removesuffix("*")
    every = [ratios[key] for key in ratios if key[0].startswith(start) and key[1] == method]
    if not every:
        raise KeyError(job, method)
    return f"{as_text(min(every))} to {as_text(max(every))}"


def rewrite(page: str, tables: str) -> str:
    """The page with the figures of the tables; KeyError where they lack one."""
    ratios = read_ratios(tables)

    def figure(match: re.Match[str]) -> str:
        job, method = match["job"], match["method"]
        return f"<!--= {job}; {method} -->{find_figure(ratios, job, method)}<!--/-->"

    def remark(match: re.Match[str]) -> str:
        return f"<!--= run {match['name']} -->{find_remark(tables, match['name'])}<!--/-->"

    def table(match: re.Match[str]) -> str:
        rows = find_table(tables, match["heading"])
        return f"<!--= table {match['heading']} -->\n\n{rows}\n<!--/-->"

    return RUN.sub(remark, TABLE.sub(table, MARKED.sub(figure, page)))


def pages() -> list[Path]:
    """Every page that has figures."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if "<!--= " in page.read_text(encoding="utf-8")]


def main() -> int:
    """Write the pages, or say which are old."""
    parser = argparse.ArgumentParser(prog="python -m tools.write_figures")
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    tables, old = TABLES.read_text(encoding="utf-8"), []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = rewrite(before, tables)
        if after != before:
            old.append(str(page.relative_to(ROOT)))
            if not check:
                page.write_text(after, encoding="utf-8")
    print(*[f"{'old' if check else 'written'}: {name}" for name in old], sep="\n")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
