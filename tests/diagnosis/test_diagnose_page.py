"""docs/reference/diagnosis-rules.md says what `segpost.diagnose` does."""

from __future__ import annotations

from diagnosis_page import PAGE, parts, table_on


def test_tables_are_those_computed() -> None:
    """Codes, and faults against findings, are those of the failures and runs of these tests."""
    page = PAGE.read_text()
    for name, table in parts().items():
        assert table_on(page, name) == table, "run python tests/support/diagnosis_page.py"
