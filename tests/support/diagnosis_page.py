"""The tables of docs/reference/diagnosis-rules.md: every injected fault and every clean run.

``python tests/support/diagnosis_page.py`` writes them; a test holds the page to them.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from corpus_counts import corpus_table
from diagnosis_files import DATA
from diagnosis_runs import FAILURES, FAILURES_OF_FILES, RIGHT, RIGHT_OF_FILES, examine
from diagnosis_scenes import Failure, Run

from segpost import Finding
from segpost.diagnosis.registry import TABLE
from segpost.render.findings import RANKS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "diagnosis-rules.md"
BEGIN, END = "<!-- made by tests/support/diagnosis_page.py: {} -->", "<!-- end -->"

Cases = list[tuple[str, tuple[Finding, ...]]]  # what was made, and what was found


def findings(failures: list[Failure]) -> Cases:
    """The findings of every failure."""
    return [(failure.code, examine(failure).diagnosis.findings) for failure in failures]


def codes(cases: Cases) -> str:
    """What each code means, with evidence and cure as a made failure has them."""
    lines: list[str] = []
    group = ""
    for code, entry in TABLE.items():
        if entry.group != group:
            group = entry.group
            module = sys.modules[f"segpost.diagnosis.rules.{group}"]
            about = (module.__doc__ or "").strip().rstrip(".")
            lines += [
                "",
                f"### {about}",
                "",
                "| code, rank | what it means | needs | evidence, cure |",
            ]
            lines.append("|---|---|---|---|")
        shown = [
            f
            for of, findings_of_run in cases
            if of == code
            for f in findings_of_run
            if f.code == code
        ]
        evidence = list(dict.fromkeys(name for finding in shown for name in finding.evidence))
        needs = ", ".join(need.replace("|", " or ") for need in entry.needs)
        text = f"{', '.join(evidence)}<br>`{shown[0].cure}`" if evidence else f"`{shown[0].cure}`"
        lines.append(f"| `{code}`<br>{', '.join(entry.ranks)} | {entry.means} | {needs} | {text} |")
    return "\n".join(lines[1:])


def confusions(cases: Cases, runs: list[Run]) -> str:
    """Mistakes against findings: those of the right code by rank, and the others."""
    lines = ["| mistake | runs | certain | likely | hint | missed | other findings |"]
    lines.append("|---|--:|--:|--:|--:|--:|---|")
    for code in [code for code in TABLE if code in {of for of, _ in cases}]:
        times = [findings_of_run for of, findings_of_run in cases if of == code]
        ranks = Counter(
            f.rank for findings_of_run in times for f in findings_of_run if f.code == code
        )
        others = Counter(
            (f.code, f.rank) for findings_of_run in times for f in findings_of_run if f.code != code
        )
        missed = sum(all(f.code != code for f in findings_of_run) for findings_of_run in times)
        beside = ", ".join(f"`{other}` ({rank}) {n}" for (other, rank), n in sorted(others.items()))
        counts = " | ".join(str(ranks[rank] or "") for rank in RANKS)  # type: ignore[index]
        lines.append(f"| `{code}` | {len(times)} | {counts} | {missed or ''} | {beside} |")
    spoken = Counter(f.rank for run in runs for f in examine(run).diagnosis.findings)
    counts = " | ".join(str(spoken[rank]) for rank in RANKS)  # type: ignore[index]
    lines.append(f"| nothing: right runs | {len(runs)} | {counts} | | |")
    return "\n".join(lines)


def parts() -> dict[str, str]:
    """Every table that can be made here, by its name."""
    cases = findings(FAILURES)
    tables = {"codes": codes(cases), "scenes": confusions(cases, RIGHT)}
    if DATA.is_dir():
        tables["photographs"] = confusions(findings(FAILURES_OF_FILES), RIGHT_OF_FILES)
    return tables


def table_on(page: str, name: str) -> str:
    """A table as it stands on the page."""
    begin = page.index(BEGIN.format(name)) + len(BEGIN.format(name))
    return page[begin : page.index(END, begin)].strip()


def main() -> None:
    """Write the tables into the page."""
    page = PAGE.read_text()
    for name, table in {**parts(), "corpus": corpus_table()}.items():
        begin = page.index(BEGIN.format(name)) + len(BEGIN.format(name))
        page = f"{page[:begin]}\n{table}\n{page[page.index(END, begin) :]}"
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
