"""The checklist of a release: `python -m tools.release`, from the root of the repository.

    python -m tools.release                          all steps, in order
    python -m tools.release version changelog        some of them
    python -m tools.release --quick                  those that build nothing
    python -m tools.release --dry-run                what each step does

The exit status is 0 if every step passed, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# Files with the version, and where it stands in each.
VERSIONS = {
    "pyproject.toml": r'^version = "([^"]+)"',
    "CITATION.cff": r"^version: (\S+)",
    "tools/conda/recipe.yaml": r'^  version: "?([^"\s]+)',
    "web/package.json": r'^  "version": "([^"]+)"',
}
INSTALL = 'pip install -c constraints.txt -e ".[test,release]"'


class StepFailed(Exception):
    """A step did not pass; the text says why."""


class Release(NamedTuple):
    """What the steps share."""

    root: Path
    dist: Path  # an empty folder, where builds are put
    tag: str | None = None

    def read(self, name: str) -> str:
        """Return the text of a file of the repository."""
        return (self.root / name).read_text(encoding="utf-8")

    @property
    def version(self) -> str:
        """The version in pyproject.toml."""
        return find_version(self, "pyproject.toml")


class Step(NamedTuple):
    """One line of the checklist: a check in Python, or commands."""

    name: str
    words: str
    check: Callable[[Release], None] | None = None
    commands: Sequence[str] = ()  # {python}, {dist}, {wheel} and {tests} are put in
    variables: Sequence[str] = ()  # of the environment of the commands: NAME=VALUE
    is_quick: bool = False


def find_version(release: Release, name: str) -> str:
    """Return the version that stands in a file."""
    match = re.search(VERSIONS[name], release.read(name), re.MULTILINE)
    if match is None:
        raise StepFailed(f"{name} has no line with a version")
    return match[1]


def check_versions(release: Release) -> None:
    """Check that the version is the same in every file, and that of the tag."""
    versions = {name: find_version(release, name) for name in VERSIONS}
    for pinned in re.findall(r'"segpost-cuda==([^;"]+)', release.read("pyproject.toml")):
        versions["the extra cuda"] = pinned
    if release.tag is not None:
        versions["the tag"] = release.tag.removeprefix("v")
    wrong = [f"{name} has {text}" for name, text in versions.items() if text != release.version]
    if wrong:
        raise StepFailed(f"pyproject.toml has {release.version}, but {', '.join(wrong)}")
    if not re.fullmatch(r"\d+\.\d+\.\d+", release.version):
        raise StepFailed(f"version {release.version} is not MAJOR.MINOR.PATCH")


def changelog_section(text: str, title: str) -> str:
    """Return what stands below a heading of the changelog."""
    match = re.search(rf"^## {re.escape(title)}\b.*$", text, re.MULTILINE)
    if match is None:
        raise StepFailed(f"CHANGELOG.md has no heading '## {title}'")
    return text[match.end() :].partition("\n## ")[0].strip()


def check_changelog(release: Release) -> None:
    """Check that the version has entries, and that nothing is left under "Unreleased"."""
    text = release.read("CHANGELOG.md")
    if not re.search(r"^- ", changelog_section(text, release.version), re.MULTILINE):
        raise StepFailed(f"CHANGELOG.md has no entries of {release.version}")
    if changelog_section(text, "Unreleased"):
        raise StepFailed(
            f"CHANGELOG.md has entries under 'Unreleased': move them to '## {release.version}'"
        )


def check_tree(release: Release) -> None:
    """Check that everything is committed."""
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=release.root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StepFailed(done.stderr.strip())
    if done.stdout:
        names = [line[3:] for line in done.stdout.splitlines()]
        raise StepFailed(f"not committed: {', '.join(names)}")


SCHEMAS = "check-jsonschema --builtin-schema vendor"
STEPS = (
    Step("version", "one version in every file, and in --tag", check_versions, is_quick=True),
    Step("changelog", "entries of the version, none left", check_changelog, is_quick=True),
    Step("tree", "everything is committed", check_tree, is_quick=True),
    Step(
        "files",
        "citation, workflows and forms have their schemas",
        commands=(
            f"{SCHEMAS}.citation-file-format CITATION.cff",
            f"{SCHEMAS}.github-workflows .github/workflows/*.yml",
            f"{SCHEMAS}.github-issue-forms .github/ISSUE_TEMPLATE/[0-9]*.yml",
            f"{SCHEMAS}.github-issue-config .github/ISSUE_TEMPLATE/config.yml",
        ),
        is_quick=True,
    ),
    Step(
        "workflows",
        "workflows have no known weakness",
        commands=("zizmor --offline --no-progress --min-severity medium .github",),
        is_quick=True,
    ),
    Step(
        "pure",
        "the source distribution, and the wheel for every platform from it",
        commands=("{python} -m tools.wheels pure --dist {dist}",),
    ),
    Step(
        "wheels",
        "the wheels of all platforms that are compiled here",
        commands=("{python} -m tools.wheels build --dist {dist}",),
    ),
    Step(
        "cuda",
        "the wheels of segpost-cuda, by nvcc",
        commands=("{python} -m tools.wheels.cuda --dist {dist}",),
    ),
    Step(
        "audit",
        "what an index checks, and what wheels and binaries contain",
        commands=("{python} -m tools.wheels audit --dist {dist}",),
    ),
    Step(
        "installed",
        "the tests of wheels, with the Pythons of this machine",
        commands=("{python} -m tools.wheels test --dist {dist}",),
    ),
    Step(
        "platforms",
        "the wheel of AArch64 under QEMU, the library of Windows under wine",
        commands=("{python} -m tools.wheels aarch64 windows",),
    ),
    Step(
        "reproduce",
        "one wheel, built twice: the same bytes",
        commands=("{python} -m tools.wheels reproduce --target linux-x86_64 --python 3.11",),
    ),
    Step(
        "docs",
        "the site, without a warning",
        commands=("{python} -m mkdocs build -q --strict -d {dist}/site",),
    ),
    Step(
        "tests",
        "README's tests in a new environment, with the wheel",
        commands=(
            "{python} -m venv {tests}",
            '{tests}/bin/pip install -q -c constraints.txt {wheel}"[test]"',
            "{tests}/bin/python -m pytest -q",
        ),
    ),
)


def fill_command(command: str, release: Release) -> str:
    """Return a command with the paths of this release.

    Raises
    ------
    StepFailed
        If it needs a file that an earlier step makes, and the file is not there.
    """
    paths = {
        "python": sys.executable,
        "dist": str(release.dist),
        "tests": str(release.dist / "environment"),
    }
    if "{wheel}" in command:
        pattern = f"segpost-*-cp3{sys.version_info.minor}-manylinux*_{os.uname().machine}.whl"
        files = sorted(release.dist.glob(pattern))
        if len(files) != 1:
            raise StepFailed(f"{release.dist} has {len(files)} of {pattern}: run step wheels")
        paths["wheel"] = str(files[0])
    return command.format(**{name: shlex.quote(path) for name, path in paths.items()})


def run_step(step: Step, release: Release) -> None:
    """Run one step.

    Raises
    ------
    StepFailed
        If it does not pass.
    """
    if step.check is not None:
        step.check(release)
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = dict(variable.split("=", 1) for variable in step.variables)
    for template in step.commands:
        command = fill_command(template, release)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=release.root,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": scripts, **variables},
        )
        output = done.stdout + done.stderr
        if done.returncode == 127 or "No module named" in done.stderr:
            raise StepFailed(f"{output.strip()}\n{INSTALL}")
        if done.returncode != 0:
            raise StepFailed(f"$ {command}\n{output[-4000:].strip()}")


def run_steps(steps: Sequence[Step], release: Release) -> bool:
    """Run steps, print a line of each, and return whether all passed."""
    passed = []
    for step in steps:
        start = time.monotonic()
        try:
            run_step(step, release)
        except StepFailed as error:
            passed.append(False)
            print(f"FAILED  {step.name:<10} {error}", flush=True)
        else:
            passed.append(True)
            seconds = time.monotonic() - start
            print(f"passed  {step.name:<10} {step.words} ({seconds:.0f} s)", flush=True)
    print(f"{sum(passed)} of {len(passed)} steps passed", flush=True)
    return all(passed)


def print_plan(steps: Sequence[Step]) -> None:
    """Print what each step does, and do nothing."""
    for step in steps:
        print(f"{step.name:<10} {step.words}")
        prefix = "".join(f"{variable} " for variable in step.variables)
        for command in step.commands:
            print(f"{'':<10}   $ {prefix}{command}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps that are asked for and return the exit status."""
    names = [step.name for step in STEPS]
    parser = argparse.ArgumentParser(prog="python -m tools.release", description="Check a release.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="leave out what builds something")
    parser.add_argument("--tag", help="the tag of the release, such as v0.2.0")
    parser.add_argument("--dist", type=Path, help="keep the builds in this folder")
    parser.add_argument("--dry-run", action="store_true", help="print what the steps do")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.steps if name not in names]
    if unknown:
        parser.error(f"there is no step {', '.join(unknown)}: choose from {', '.join(names)}")
    steps = [
        step
        for step in STEPS
        if (not options.steps or step.name in options.steps)
        and (not options.quick or step.is_quick)
    ]
    if options.dry_run:
        print_plan(steps)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        dist = (options.dist or Path(folder)).resolve()
        dist.mkdir(parents=True, exist_ok=True)
        return 0 if run_steps(steps, Release(ROOT, dist, options.tag)) else 1


if __name__ == "__main__":
    sys.exit(main())
