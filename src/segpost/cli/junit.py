"""Gates as JUnit's XML, which services for continuous integration show as tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from segpost.metrics.gates import GateResult
from segpost.render.text import as_printable


def format_junit(suite: str, results: Sequence[GateResult]) -> str:
    """Return a test suite with a test case for each gate.

    Parameters
    ----------
    suite : str
        Its name, the command.
    results : sequence of GateResult
    """
    missed = sum(result.is_missed for result in results)
    cases = "".join(_format_case(suite, result) for result in results)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name={_quoted(suite)} tests="{len(results)}" failures="{missed}">\n'
        f"{cases}</testsuite>\n"
    )


def _format_case(suite: str, result: GateResult) -> str:
    head = f"  <testcase classname={_quoted(suite)} name={_quoted(result.gate)}"
    if not result.is_missed:
        return f"{head}/>\n"
    return f"{head}>\n    <failure message={_quoted(result.describe())}/>\n  </testcase>\n"


def _quoted(value: object) -> str:
    """Return text as an attribute; XML cannot hold control characters and lone surrogates."""
    return quoteattr(as_printable(value))
