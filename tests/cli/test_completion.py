"""Scripts of `segpost --print-completion`, run by the shell that they are for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segpost.cli import main
from segpost.cli.commands import COMMANDS
from segpost.cli.completion import SHELLS

COMPLETE = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_shtab_segpost
printf '%s\\n' "${COMPREPLY[@]}"
"""


# A terminal of zsh's own, since its completion works only where keys are pressed.
PRESS_TAB = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; print LOA''DED"
zpty -r shell output '*LOADED*'
zpty -w -n shell $'segpost run --grid \t\t'
zpty -r shell output '*half_pixel*'
print -r -- $output
zpty -d shell
"""


def print_script(folder: Path, shell: str, name: str) -> Path:
    """The script of a shell in a file, as it is printed, where that shell is installed."""
    pytest.importorskip("shtab")
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    command = [sys.executable, "-m", "segpost", "--print-completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = folder / name
    path.write_text(done.stdout)
    return path


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of bash."""
    return print_script(tmp_path_factory.mktemp("completion"), "bash", "segpost.bash")


def complete(script: Path, folder: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    command = ["bash", "-c", COMPLETE, "bash", str(script), "segpost", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_commands_options_choices_and_files(script: Path, tmp_path: Path) -> None:
    """At each place what belongs there."""
    (tmp_path / "logits.npy").touch()
    assert complete(script, tmp_path, "") >= {*COMMANDS}
    assert complete(script, tmp_path, "compare") == {"compare", "compare-checkpoints"}
    assert complete(script, tmp_path, "evaluate", "--fail") == {"--fail-under"}
    assert complete(script, tmp_path, "run", "--grid", "") >= {"half_pixel", "align_corners"}
    assert complete(script, tmp_path, "run", "log") == {"logits.npy"}


def test_fish_completes_commands_options_and_choices(tmp_path: Path) -> None:
    """With a line of help each."""
    path = print_script(tmp_path, "fish", "segpost.fish")
    offered = {}
    for line in ("segpost compare", "segpost run --gr", "segpost run --grid "):
        program = f"source {path}; complete -C '{line}'"
        done = subprocess.run(["fish", "-c", program], capture_output=True, text=True, check=True)
        offered[line] = {row.partition("\t")[0] for row in done.stdout.splitlines()}
    assert offered["segpost compare"] == {"compare", "compare-checkpoints"}
    assert offered["segpost run --gr"] == {"--grid"}
    assert offered["segpost run --grid "] == {"half_pixel", "align_corners", "asymmetric"}


def test_zsh_completes_choices(tmp_path: Path) -> None:
    """In a terminal, from a folder of $fpath."""
    print_script(tmp_path, "zsh", "_segpost")
    done = subprocess.run(
        ["zsh", "-f", "-c", PRESS_TAB, "zsh", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert {name for name in ("align_corners", "half_pixel") if name in done.stdout}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With every command."""
    pytest.importorskip("shtab")
    assert main(["--print-completion", shell]) == 0
    printed = capsys.readouterr().out
    assert {name for name in COMMANDS if name not in printed} == set()


def test_without_the_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    assert capsys.readouterr().err.endswith(': pip install "segpost[completion]"\n')
    assert main(["--print-completion", "dash"]) == 2
    assert "choose from bash, zsh, fish" in capsys.readouterr().err
