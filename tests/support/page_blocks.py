"""The code blocks of the Markdown pages, and how a block of each language is run.

A page is read from top to bottom, as by a reader who types everything into one session: its blocks
share their names and their folder. Three languages are run:

- ``python``: the lines, as they are;
- ``pycon``: the lines, which must print what the page says;
- ``console``: commands. Those of `segpost` run in this process and must end with status 0, or with
  the status of a comment ``# exit status N``. Lines that begin with one of `INSTALLERS` are left
  out: they install, build or run whole suites, which `.ci/run` and tests of those subjects do. A
  script of examples/ must exist; tests of its own run it. Those of `ENGINES` are left out, too:
  tests/evaluation/test_engines.py runs them as the page has them; and those of `PEERS`.

A block with a title, as in ``python title="examples/a.py"``, is an excerpt: it is not run, and its
lines must be in that file. Blocks of `OTHER` languages are not run; a block of any other language,
or of none, is an error.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from segpost.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benches/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
INSTALLERS = (
    "pip",
    "python -m venv",
    "python -m pip",
    "pytest",
    "python -m pytest",
    "python -m benches",
    "python -m benches.compare",
    "python -m benches.everything",
    "python -m benches.evaluation.engines",
    "python -m benches.evaluation.reliability",
    "python -m benches.evaluation.simulation",
    "python -m benches.evaluation.scale",
    "python -m benches.labels.decoding",
    "python -m benches.metrics.distances",
    "python -m benches.metrics.mask_ap",
    "python -m benches.metrics.panoptic",
    "python -m benches.metrics.runs",
    "python -m benches.objects",
    "python -m benches.plot",
    "python -m benches.queries",
    "python -m benches.runtimes",
    "python -m benches.runtimes.litert",
    "python -m benches.runtimes.operators",
    "python -m benches.runtimes.orders",
    "python -m benches.servers",
    "python -m benches.threads",
    "python -m benches.volumes",
    "python -m tools.release",
    "python -m tools.web",
    "python -m tools.wheels",
    "python -m benches.web",
    "python -m tools.wheels.cuda",
    "mypy",
    "ruff",
    "cmake",
    "mkdocs",
    "c++",
    "curl",
    "build/litert/labels",
    "build/server/server",
    "apt-get",
    "clang-format",
    "export",
    "tools/gpu_check.sh",
    "segpost build-runtime",
)
ENGINES = ("parallel", "sbatch", "torchrun")
PEERS = ("TotalSegmentator",)  # commands of other programs, whose results the page's inputs have
OTHER = frozenset(("bibtex", "cmake", "cpp", "cython", "javascript", "json", "text", "toml"))

Names = dict[str, Any]


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str  # its path in the repository
    section: str  # the heading above it
    number: int  # among the blocks of its section, from 0
    line: int  # of the page, of its first line of code
    language: str
    code: str


class Command(NamedTuple):
    """One command of a console block."""

    words: list[str]
    status: int  # with which it must end


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    page, section, number = path.relative_to(ROOT).as_posix(), "", 0
    blocks: list[Block] = []
    opened: tuple[int, str, str] | None = None  # line, language, indentation
    code: list[str] = []
    for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"^( *)(?:```|~~~)(.*)$", line)
        if opened is None and fence:
            opened, code = (line_number + 1, fence[2].strip(), fence[1]), []
        elif opened is None:
            if line.startswith("#"):
                section, number = line.lstrip("#").strip(), 0
        elif fence and not fence[2].strip():
            start, language, _ = opened
            blocks.append(Block(page, section, number, start, language, "\n".join(code) + "\n"))
            number, opened = number + 1, None
        else:
            code.append(line.removeprefix(opened[2]))
    assert opened is None, f"{page}: the block at line {opened and opened[0]} has no end"
    return blocks


def commands_of(code: str) -> list[Command]:
    """The commands of a console block that are run; "&&" stands between those of one line."""
    commands = []
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        text, _, comment = line.removeprefix("$ ").partition(" #")
        status = re.search(r"exit status (\d+)", comment)
        words = [shlex.split(part, comments=True) for part in text.split(" && ")]
        if words[0] and not is_left_out(words[0]):
            commands += [Command(part, int(status[1]) if status else 0) for part in words]
    return commands


def is_left_out(words: list[str]) -> bool:
    """Whether the line of a command is left out: one of `INSTALLERS`, or a variable."""
    if re.match(r"\w+=\$\(", words[0]):
        return True
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    return any(words[: len(one.split())] == one.split() for one in (*INSTALLERS, *ENGINES, *PEERS))


def is_excerpt(lines: list[str], whole: list[str]) -> bool:
    """Whether lines are in a file, one after the other, maybe with an indentation."""
    depths = range(0, 12, 4)
    return any(
        [" " * depth + line if line else line for line in lines] == whole[k : k + len(lines)]
        for depth in depths
        for k in range(len(whole))
    )


def run_command(command: Command) -> str:
    """What a command prints."""
    words = command.words
    if words[:3] == ["python", "-m", "segpost"]:
        words = ["segpost", *words[3:]]
    if words[0] == "python" and words[1].startswith("examples/"):
        assert (ROOT / words[1]).is_file(), words[1]
        return ""
    assert words[0] == "segpost", f"no rule for the command {shlex.join(words)}"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main(words[1:])
    assert status == command.status, f"{shlex.join(words)}: status {status}\n{printed.getvalue()}"
    return printed.getvalue()


def run_block(block: Block, names: Names) -> str:
    """What a block prints; its names are added to `names`."""
    where = f"{block.page}:{block.line}"
    printed = io.StringIO()
    excerpt = re.fullmatch(r'\w+ title="(.+)"', block.language)
    if excerpt:
        lines = (ROOT / excerpt[1]).read_text(encoding="utf-8").splitlines()
        assert is_excerpt(block.code.splitlines(), lines), f"{where}: {excerpt[1]} has other lines"
    elif block.language == "python":
        # Lines of the page, so that a traceback shows the page's own numbers.
        code = compile("\n" * (block.line - 1) + block.code, where, "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, names)
    elif block.language == "pycon":
        test = doctest.DocTestParser().get_doctest(block.code, names, where, where, 0)
        runner = doctest.DocTestRunner(verbose=False)
        failed = runner.run(test, out=printed.write, clear_globs=False).failed
        names.update(test.globs)
        assert not failed, printed.getvalue()
    elif block.language == "console":
        for command in commands_of(block.code):
            printed.write(run_command(command))
    else:
        assert block.language in OTHER, f"{where}: no rule for a block of {block.language!r}"
    return printed.getvalue()
