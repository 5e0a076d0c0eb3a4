"""The checklist of a release: its steps, and what they say when they do not pass."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The module that `python -m tools.release` runs."""
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(release: ModuleType, tmp_path: Path) -> Any:
    """A repository of the files with the version, and of a changelog."""
    for name in release.VERSIONS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return release.Release(tmp_path, tmp_path / "dist")


def test_version_is_the_same_everywhere(release: ModuleType, tmp_path: Path) -> None:
    """In this repository, too."""
    release.check_versions(release.Release(ROOT, tmp_path))


@pytest.mark.parametrize("name", ["CITATION.cff", "tools/conda/recipe.yaml"])
def test_file_with_another_version_is_named(release: ModuleType, copy: Any, name: str) -> None:
    """With both versions."""
    path = copy.root / name
    path.write_text(path.read_text().replace(copy.version, "9.8.7"))
    message = f"pyproject.toml has {copy.version}, but {name} has 9.8.7"
    with pytest.raises(release.StepFailed, match=message):
        release.check_versions(copy)


def test_extra_has_the_version(release: ModuleType, copy: Any) -> None:
    """It pins segpost-cuda."""
    path = copy.root / "pyproject.toml"
    path.write_text(path.read_text().replace("segpost-cuda==", "segpost-cuda==9."))
    with pytest.raises(release.StepFailed, match=rf"but the extra cuda has 9\.{copy.version}"):
        release.check_versions(copy)


def test_tag_is_that_of_the_version(release: ModuleType, copy: Any) -> None:
    """A tag begins with "v", and a version has three numbers."""
    release.check_versions(copy._replace(tag=f"v{copy.version}"))
    with pytest.raises(release.StepFailed, match=r"the tag has 7\.0\.0"):
        release.check_versions(copy._replace(tag="v7.0.0"))
    version = copy.version
    for name in release.VERSIONS:
        path = copy.root / name
        path.write_text(path.read_text().replace(version, "0.2.dev0"))
    with pytest.raises(release.StepFailed, match=r"0\.2\.dev0 is not MAJOR\.MINOR\.PATCH"):
        release.check_versions(copy)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("## Unreleased\n\n## V\n\n- An entry.\n\n## 0.0.1\n\n- Another.\n", None),
        ("## Unreleased\n\n## V (2026-12-01)\n\n- An entry.\n", None),
        ("## Unreleased\n\n- An entry.\n\n## V\n\n- Another.\n", "move them to '## V'"),
        ("## Unreleased\n\n## 0.0.1\n\n- Another.\n", "no heading '## V'"),
        ("## Unreleased\n\n## V\n\nNothing.\n\n## 0.0.1\n\n- Another.\n", "no entries of V"),
        ("## V\n\n- An entry.\n", "no heading '## Unreleased'"),
    ],
)
def test_changelog(release: ModuleType, copy: Any, text: str, problem: str | None) -> None:
    """The version has entries, and "Unreleased" has none."""
    (copy.root / "CHANGELOG.md").write_text(text.replace("V", copy.version))
    if problem is None:
        release.check_changelog(copy)
    else:
        with pytest.raises(release.StepFailed) as error:
            release.check_changelog(copy)
        assert problem.replace("V", copy.version) in str(error.value)


def test_tree(release: ModuleType, copy: Any) -> None:
    """Files that are not committed are named."""
    with pytest.raises(release.StepFailed, match="not a git repository"):
        release.check_tree(copy)
    subprocess.run(["git", "init", "-q"], cwd=copy.root, check=True)
    with pytest.raises(release.StepFailed, match=r"not committed: CITATION\.cff"):
        release.check_tree(copy)


def test_steps_go_on_after_one_that_fails(
    release: ModuleType, copy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each; commands see the variables of their step, and say what they printed."""
    steps = [
        release.Step("first", "words", commands=('test "$X" = 1',), variables=("X=1",)),
        release.Step("second", "words", commands=("echo output; exit 3", "touch never")),
        release.Step("third", "words", commands=("no-such-program",)),
        release.Step("fourth", "words", commands=("cat {wheel}",)),
        release.Step("fifth", "words", check=lambda _: None),
    ]
    assert not release.run_steps(steps, copy)
    lines = capsys.readouterr().out.splitlines()
    passed = [line.split()[1] for line in lines if line.startswith("passed")]
    assert passed == ["first", "fifth"]
    assert "FAILED  second     $ echo output; exit 3" in lines
    assert "output" in lines
    assert not (copy.root / "never").exists()
    assert release.INSTALL in lines  # what has the programs
    assert any(line.endswith(".whl: run step wheels") for line in lines)
    assert lines[-1] == "2 of 5 steps passed"
    assert release.run_steps(steps[:1], copy)


def test_command_line(release: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Steps are chosen by name; a dry run prints them, in their order, and runs nothing."""
    assert release.main(["--dry-run", "docs", "pure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == ["pure", "docs"]
    assert release.main(["--dry-run", "--quick"]) == 0
    assert "build" not in capsys.readouterr().out
    assert release.main(["version"]) == 0
    assert release.main(["version", "--tag", "v99.0.0"]) == 1
    with pytest.raises(SystemExit, match="2"):
        release.main(["versions"])
    assert "choose from version, changelog" in capsys.readouterr().err


def test_extra_has_what_the_steps_run(release: ModuleType) -> None:
    """The error of a missing program names the extra `release`."""
    tomllib = pytest.importorskip("tomllib")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = " ".join(extras["optional-dependencies"]["release"])
    programs = {command.split()[0] for step in release.STEPS for command in step.commands}
    others = {"{python}", "{tests}/bin/pip", "{tests}/bin/python"}
    assert "segpost[docs]" in listed
    assert {name for name in programs - others if name not in listed} == set()
    for name in ("ziglang==", "auditwheel", "check-wheel-contents", "twine", "lief", "wheel"):
        assert name in listed


@pytest.mark.packaging
def test_files_and_builds_pass(release: ModuleType, tmp_path: Path) -> None:
    """The source distribution, the pure wheel, their audit, and the schemas of files."""
    for module in ("twine", "check_wheel_contents", "check_jsonschema", "lief"):
        pytest.importorskip(module)
    names = ["files", "pure", "audit"]
    command = [sys.executable, "-m", "tools.release", *names, "--dist", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("segpost-*-py3-none-any.whl"))) == 1


@pytest.mark.packaging
def test_recipe_is_read() -> None:
    """By rattler-build, which does not build it here: its requirements are those of the package."""
    rattler = pytest.importorskip("rattler_build")
    tomllib = pytest.importorskip("tomllib")
    recipe = rattler.Stage0Recipe.from_file(str(ROOT / "tools" / "conda" / "recipe.yaml"))
    requirements = recipe.to_dict()["requirements"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = {line.replace(">", " >", 1) for line in project["project"]["dependencies"]}
    assert {*requirements["run"]} == {"python", *needs}
    builds = {line.replace(">", " >", 1) for line in project["build-system"]["requires"]}
    assert builds <= {*requirements["host"]}
