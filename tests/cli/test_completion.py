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


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of bash, as it is printed."""
    pytest.importorskip("shtab")
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    command = [sys.executable, "-m", "segpost", "--print-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = tmp_path_factory.mktemp("completion") / "segpost.bash"
    path.write_text(done.stdout)
    return path


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
