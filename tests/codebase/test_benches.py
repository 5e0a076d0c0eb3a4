"""The benches as users of pytest-benchmark run them: the marker `own`, and ratios as a gate."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = "test_labels[labels_a--segpost]"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`python -m benches.compare`."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benches.compare")


def saved(path: Path, **ratios: float) -> Path:
    """A file as pytest-benchmark writes it, with the ratios to the floor by job."""
    rows = [
        {"name": f"test_labels[{job}--segpost]", "extra_info": {"ratio to floor": ratio}}
        for job, ratio in ratios.items()
    ]
    rows.append({"name": "test_labels[absent--segpost]", "extra_info": {}})
    path.write_text(json.dumps({"benchmarks": rows}))
    return path


@pytest.mark.parametrize(
    ("now", "options", "status"),
    [
        ({"a": 4.0, "b": 9.0}, [], 0),
        ({"a": 4.9, "b": 9.0}, [], 0),
        ({"a": 5.5, "b": 9.0}, [], 1),
        ({"a": 5.5, "b": 9.0}, ["--tolerance", "0.4"], 0),
        ({"a": 2.0}, [], 0),
        ({"c": 2.0}, [], 2),
    ],
)
def test_a_slower_ratio_fails(
    now: dict[str, float],
    options: list[str],
    status: int,
    tmp_path: Path,
    compare: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A ratio to the floor may grow by the tolerance; nothing in common is no success."""
    before = saved(tmp_path / "before.json", a=4.0, b=9.0)
    after = saved(tmp_path / "after.json", **now)
    arguments = ["compare", str(after), "--baseline", str(before), *options]
    monkeypatch.setattr(sys, "argv", arguments)
    assert compare.main() == status
    printed = capsys.readouterr()
    assert ("slower" in printed.out) == (status == 1)
    assert ("no job in common" in printed.err) == (status == 2)


def test_a_run_of_the_module_is_read_as_before(compare: ModuleType) -> None:
    """Ratios of the rivals' quietest times to segpost's."""
    times = {"segpost": 2.0, "rival": 7.0, "floor: read": 1.0}
    contenders = {name: {"quietest_ms": ms} for name, ms in times.items()}
    run: dict[str, Any] = {"jobs": [{"title": "a", "contenders": contenders}]}
    assert compare.ratios(run) == {"a": {"rival": 3.5}}
    assert compare.ratios({"a": {"rival": 3.5}}) == {"a": {"rival": 3.5}}


def test_a_page_of_results_keeps_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is above the mark stays; without a mark the title does."""
    monkeypatch.syspath_prepend(str(ROOT))
    everything = importlib.import_module("benches.everything")
    page = tmp_path / "tables.md"
    page.write_text("# Title\n\nold numbers\n")
    everything.write_page(page, ["first"])
    assert page.read_text() == f"# Title\n\n{everything.MARK}\n\nfirst"
    page.write_text(f"# Title\n\nWhat is not fair.\n\n{everything.MARK}\n\nfirst")
    everything.write_page(page, ["second", "third"])
    assert page.read_text() == (
        f"# Title\n\nWhat is not fair.\n\n{everything.MARK}\n\nsecond\nthird"
    )
    assert all((everything.RESULTS / f"{name}.md").is_file() for name in everything.PAGES)


@pytest.mark.slow
def test_own_rows_need_no_rival(tmp_path: Path) -> None:
    """One row: its ratio is saved, the options have effect, and no other library is imported."""
    pytest.importorskip("pytest_benchmark")
    code = (
        "import sys, pytest\n"
        "status = pytest.main(sys.argv[1:])\n"
        "rivals = {'torch', 'cv2', 'onnxruntime', 'torchmetrics', 'pydensecrf'}\n"
        "print('imported:', sorted(rivals & {*sys.modules}))\n"
        "sys.exit(status)\n"
    )
    place = tmp_path / "run.json"
    options = ["-m", "own", "-k", "labels_a--segpost", "-p", "no:cacheprovider", "-q"]
    measured = ["--benchmark-json", str(place), "--benchmark-storage", str(tmp_path)]
    rounds = ["--benchmark-min-rounds=7", "--benchmark-max-time=0.000001"]
    command = [sys.executable, "-c", code, "benches/labels", "--benchmark-only"]
    # A worker of pytest-xdist would hand on that it is one, which disables benchmarks.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    done = subprocess.run(
        [*command, *options, *measured, *rounds],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported: []" in done.stdout
    (row,) = json.loads(place.read_text())["benchmarks"]
    assert row["name"] == ROW
    assert row["stats"]["rounds"] == 7
    assert row["extra_info"]["ratio to floor"] > 0
