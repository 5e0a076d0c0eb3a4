"""Ctrl-C at the moments before a command: no traceback, and the status of an interrupt."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Sends SIGINT to itself when a module is imported, or an argument is read.
PROGRAM = """
import argparse, builtins, os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.{handler})
name = {name!r}
before = builtins.__import__

def import_module(module, *arguments, **options):
    if module == name:
        os.kill(os.getpid(), signal.SIGINT)
    return before(module, *arguments, **options)

if name == "argparse":
    argparse.ArgumentParser.parse_args = lambda *_: os.kill(os.getpid(), signal.SIGINT)
else:
    builtins.__import__ = import_module
sys.argv = ["segpost", {command!r}]
runpy.run_module("segpost", run_name="__main__")
"""


def run_program(
    name: str, handler: str, command: str = "--version"
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(name=name, handler=handler, command=command)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [("numpy", "info"), ("segpost.cli.installation", "info"), ("argparse", "--version")],
)
def test_ctrl_c_before_the_command(name: str, command: str) -> None:
    """While modules of all commands or of one are imported, and while arguments are read."""
    result = run_program(name, "default_int_handler", command)
    assert (result.returncode, result.stderr) == (128 + signal.SIGINT, "segpost: interrupted\n")
    assert result.stdout == ""


def test_ctrl_c_that_is_ignored() -> None:
    """As in the background of a shell: the command is carried out."""
    result = run_program("numpy", "SIG_IGN", "info")
    assert (result.returncode, result.stderr) == (0, "")
    assert "segpost" in result.stdout
