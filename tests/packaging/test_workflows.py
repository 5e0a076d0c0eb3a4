"""The workflows, the wheels that they build, and the forms of issues."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
WRITABLE = {"pages", "id-token"}  # what a job may write, each for a reason beside it

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def test_workflows_are_found() -> None:
    """Four, and three forms."""
    assert [path.stem for path in WORKFLOWS] == ["docs", "release", "tests", "wheels"]
    assert len(FORMS) == 3


@each_workflow
def test_head_says_what_has_never_run(path: Path) -> None:
    """Until it has, and somebody takes the sentence away."""
    head = path.read_text().partition("\nname:")[0]
    assert "This workflow has never run" in head


@each_workflow
def test_actions_are_pinned(path: Path) -> None:
    """By the hash of a commit, with the version beside it."""
    used = re.findall(r"^ +(?:- )?uses: (.*)$", path.read_text(), re.MULTILINE)
    pinned = re.compile(r"[\w-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert used
    assert [use for use in used if not pinned.fullmatch(use) and not use.startswith("./")] == []


def test_an_action_has_one_version() -> None:
    """In all workflows."""
    text = "".join(path.read_text() for path in WORKFLOWS)
    versions: dict[str, set[str]] = {}
    for action, version in re.findall(r"uses: ([^\s@]+)@(.*)", text):
        versions.setdefault(action, set()).add(version)
    assert {action: found for action, found in versions.items() if len(found) > 1} == {}


@each_workflow
def test_permissions_are_the_least(path: Path) -> None:
    """Reading is the default; a job that writes says what and why. No checkout keeps a token."""
    text = path.read_text()
    assert "\npermissions:\n  contents: read\n" in text
    writes = re.findall(r"^ +([\w-]+): write\b(.*)$", text, re.MULTILINE)
    assert {name for name, _ in writes} <= WRITABLE
    assert all(reason.startswith(" # ") for _, reason in writes)
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "secrets." not in text


@each_workflow
def test_jobs_end_and_do_not_pile_up(path: Path) -> None:
    """Each job has a limit of time, each workflow a group of which one runs."""
    text = path.read_text()
    assert "\nconcurrency:\n  group: " in text
    assert text.count("runs-on: ") == text.count("timeout-minutes: ")


@each_workflow
def test_scripts_have_no_expressions(path: Path) -> None:
    """What others can name, such as a branch, is never part of a script."""
    lines = path.read_text().splitlines()
    scripts, indentation = [], None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if indentation is not None and line.strip() and depth <= indentation:
            indentation = None
        start = re.match(r"^( +)(- )?run:(.*)$", line)
        if start:
            indentation = len(start[1]) + len(start[2] or "")
            scripts.append(start[3])
        elif indentation is not None:
            scripts.append(line)
    assert scripts or path.stem == "release"
    assert [script for script in scripts if "${{" in script] == []


def test_tests_are_those_of_readme() -> None:
    """The command of README's second line, as it stands there."""
    (command,) = re.findall(r"^pip install .*pytest.*$", (ROOT / "README.md").read_text(), re.M)
    assert f"\n          {command}\n" in (ROOT / ".github/workflows/tests.yml").read_text()


def test_release_waits_for_tests_and_wheels() -> None:
    """It publishes what the workflow of wheels has built, and nothing else."""
    text = (ROOT / ".github/workflows/release.yml").read_text()
    job = text.partition("\n  publish:\n")[2]
    assert "needs: [checklist, tests, wheels]" in job
    assert "actions/checkout" not in job
    assert "run:" not in job
    called = re.findall(r"uses: \./\.github/workflows/(\w+)\.yml", text)
    assert called == ["tests", "wheels"]
    for name in called:
        assert "\n  workflow_call:\n" in (ROOT / f".github/workflows/{name}.yml").read_text()


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    """The tables of pyproject.toml."""
    tomllib = pytest.importorskip("tomllib")
    tables: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return tables


def test_wheels_are_built_for_every_python(pyproject: dict[str, Any]) -> None:
    """Those of the classifiers, and free-threaded ones."""
    built = pyproject["tool"]["cibuildwheel"]["build"].split()
    versions = [
        f"cp3{match[1]}-*"
        for text in pyproject["project"]["classifiers"]
        if (match := re.search(r":: 3\.(\d+)$", text))
    ]
    assert [name for name in built if "t-" not in name] == versions
    assert [name for name in built if "t-" in name] == ["cp314t-*"]


def test_wheels_are_never_without_native_code(pyproject: dict[str, Any]) -> None:
    """A wheel for a platform has kernels; tests that run on it are there."""
    settings = pyproject["tool"]["cibuildwheel"]
    for table in (settings, settings["macos"], settings["windows"]):
        assert table["environment"]["SEGPOST_REQUIRE_NATIVE"] == "1"
    paths = re.findall(r"tests/\S+", " ".join(settings["test-command"]))
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    text = (ROOT / ".github/workflows/wheels.yml").read_text()
    assert re.findall(r"tests/\S+\.py", text) == paths  # of the pure wheel, too


@pytest.mark.packaging
@pytest.mark.parametrize(
    ("platform", "processor"), [("linux", "aarch64"), ("macos", "arm64"), ("windows", "AMD64")]
)
def test_cibuildwheel_reads_its_settings(platform: str, processor: str) -> None:
    """It names a wheel for every Python, and builds none."""
    pytest.importorskip("cibuildwheel")
    command = ["cibuildwheel", "--print-build-identifiers", "--platform", platform]
    command += ["--archs", processor, "."]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = [line.partition("-")[0] for line in done.stdout.split()]
    assert names == ["cp310", "cp311", "cp312", "cp313", "cp314", "cp314t"]


@pytest.mark.packaging
def test_workflows_have_no_known_weakness() -> None:
    """By zizmor, without a network."""
    if shutil.which("zizmor") is None:
        pytest.skip("there is no zizmor")
    command = ["zizmor", "--offline", "--min-severity", "medium", "--no-progress", ".github"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.packaging
def test_workflows_mean_something() -> None:
    """By actionlint: names of contexts, outputs, matrices and needed jobs, types of expressions."""
    if shutil.which("actionlint") is None:
        pytest.skip("there is no actionlint")
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_ask_for_the_installation(path: Path) -> None:
    """`segpost info`, always where something is wrong."""
    text = path.read_text()
    _, _, question = text.partition("    id: info\n")
    assert "Output of `segpost info`" in question
    assert "required: true" in question or path.stem == "3-feature"


def test_no_file_names_a_host_of_packages() -> None:
    """Clients and actions know where packages are; a name here would outlive it."""
    hosts = ("pypi.org", "pythonhosted.org", "anaconda.org", "npmjs.", "prefix.dev", "debian.org")
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no repository")
    command = ["git", "grep", "-lIF", *(part for host in hosts for part in ("-e", host))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    own = Path(__file__).relative_to(ROOT).as_posix()
    assert [name for name in done.stdout.split() if name != own] == []
