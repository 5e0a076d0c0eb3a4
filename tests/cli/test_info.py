"""`segpost info`: what is installed, what is in use and why, and what is missing."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import Any

import pytest

import segpost
from segpost._backends import registry
from segpost.cli import installation, main


def facts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The lines of the command."""
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[:11].strip(): line[11:] for line in lines if line}


def test_info_has_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its reason, where there is one."""
    printed = facts(capsys)
    config = segpost.build_config()
    assert printed["backend"] == f"{config['backend']} ({config['backend_reason']})"
    assert printed["threads"].startswith(f"{config['threads']} (")
    assert printed["platform"] == config["platform"]
    assert printed["wheel"].startswith(("compiled", "pure Python"))
    assert printed["native"] == ("yes" if config["native"] else "no")
    assert re.match(r"yes|no: ", printed["CUDA"])


@pytest.mark.parametrize(
    ("variable", "block", "reason"),
    [
        (None, None, "the fastest"),
        ("numba", None, "SEGPOST_BACKEND"),
        ("numba", "reference", "use_backend"),
    ],
)
def test_reason_of_the_backend(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, block: Any, reason: str
) -> None:
    """What was asked for last, or what is there."""
    if variable is None:
        pytest.importorskip("segpost._cpu")
    monkeypatch.setattr(registry, "_default", None)
    monkeypatch.setenv("SEGPOST_BACKEND", variable or "")
    if block is None:
        assert registry.backend_reason() == reason
        return
    with segpost.use_backend(block):
        config = segpost.build_config()
    assert (config["backend"], config["backend_reason"]) == (block, reason)


def test_reason_of_the_threads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable, or the machine."""
    monkeypatch.setenv("SEGPOST_NUM_THREADS", "1")
    assert facts(capsys)["threads"].endswith("(SEGPOST_NUM_THREADS)")
    monkeypatch.delenv("SEGPOST_NUM_THREADS")
    assert "(this machine has " in facts(capsys)["threads"]


def test_missing_packages_have_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a command."""
    absent = ("PIL", "tqdm", "torch", "rasterio")
    monkeypatch.setattr(
        installation, "find_spec", lambda name: None if name in absent else find_spec(name)
    )
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for line in (
        'pillow, tqdm: pip install "segpost[cli]"',
        'rasterio: pip install "segpost[geo]"',
        "torch: pip install torch",
    ):
        assert f" {line}\n" in printed
    assert main(["info", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["missing"]["pip install torch"] == ["torch"]
    assert printed["optional"]["pillow"] is None


def test_json_has_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that ask whether an installation is what it should be."""
    assert main(["info", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    wanted = {"wheel", "wheel_tag", "platform", "backend_reason", "native_problem", "native_cure"}
    assert wanted | {"cuda_problem", "optional", "missing", "simd_level", "threads"} <= {*printed}
    assert (printed["native_problem"] is None) == printed["native"]
    assert (printed["native_cure"] is None) == printed["native"]
