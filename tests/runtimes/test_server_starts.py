"""The servers of examples/servers refuse settings and models at their start, in one sentence."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from server_runs import SERVERS, Launch, environment_of

pytest.importorskip("segpost._cpu")
pytest.importorskip("PIL")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

WHOLE = {"MAX_BYTES": 10**9, "MAX_PIXELS": 10**9, "MAX_REQUESTS": 10_000, "THREADS": 256}
OTHER = ("", "8e6", "0.5", "-1", "0", " 1", "1x", "abc", "inf", "9" * 20)
RULES = {
    f"SEGPOST_{name}": (f"is a whole number from 1 to {largest}", (*OTHER, str(largest + 1)))
    for name, largest in WHOLE.items()
}
RULES["SEGPOST_SECONDS"] = (
    "is a number from 0.001 to 86400",
    ("", "abc", "inf", "NaN", "-1", "0", "0.0009", "1e2", "86400.1", "1.", "1 "),
)


@pytest.mark.parametrize("name", RULES)
def test_settings_of_cpp(name: str, cpp: Launch) -> None:
    rule, others = RULES[name]
    for text in others:
        said = cpp.refusal(**{name.removeprefix("SEGPOST_"): text})
        assert said == f"server: {name} {rule}, got '{text}'\n"


@pytest.mark.parametrize("name", RULES)
def test_settings_of_fastapi(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules and sentences of C++."""
    monkeypatch.syspath_prepend(str(SERVERS))
    limits: Any = importlib.import_module("limits")
    rule, others = RULES[name]
    for text in others:
        monkeypatch.setenv(name, text)
        with pytest.raises(ValueError, match=re.escape(f"{name} {rule}, got '{text}'")):
            limits.Limits.of_environment()


def test_a_setting_that_fastapi_says(fastapi: Launch) -> None:
    said = fastapi.refusal(MAX_BYTES="8e6")
    assert said.startswith("fastapi_server: SEGPOST_MAX_BYTES is a whole number from 1 to ")


PORTS = ("70000", "8110x", "abc", "-1", "")


@pytest.mark.parametrize("port", PORTS)
def test_ports_of_cpp(port: str, cpp: Launch) -> None:
    program = cpp._replace(command=cpp.command[:1])
    assert program.refusal(port) == (
        f"server: PORT is a whole number from 0 to 65535, got '{port}'\n"
    )


@pytest.mark.parametrize("port", ["70000", "8110x"])
def test_ports_of_fastapi(port: str, fastapi: Launch) -> None:
    assert fastapi.refusal(f"--port={port}") == (
        f"fastapi_server: --port is a whole number from 0 to 65535, got '{port}'\n"
    )


def test_a_host_of_cpp(cpp: Launch) -> None:
    """An address of the machine can be named; the server says where it listens."""
    program = cpp._replace(command=cpp.command[:1])
    said = program.refusal("localhost", "0")
    assert said == "server: HOST is an address as 0.0.0.0, got 'localhost'\n"
    with subprocess.Popen(
        [*program.command, "0.0.0.0", "0"],
        env=environment_of(cpp.settings),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert re.fullmatch(r"http://0\.0\.0\.0:\d+\n", process.stdout.readline())
        process.terminate()
        assert process.wait() == 0


def test_a_model_that_is_not_there(launch: Launch, tmp_path: Path) -> None:
    for path in ("", tmp_path / "absent"):
        assert "SEGPOST_MODEL is the path of a " in launch.refusal(MODEL=path)


def test_workers_without_a_model(fastapi: Launch, tmp_path: Path) -> None:
    """They would start again and again."""
    said = fastapi.refusal("--workers=2", MODEL=tmp_path / "absent")
    assert said.startswith("fastapi_server: SEGPOST_MODEL is the path of a model, got ")


def test_other_workers(fastapi: Launch) -> None:
    said = fastapi.refusal("--workers=0")
    assert said == "fastapi_server: --workers is a whole number from 1 to 256, got '0'\n"


def test_a_model_without_labels(launch: Launch, server_models: Path) -> None:
    """The network itself ends in logits."""
    said = launch.refusal(MODEL=server_models / "network.onnx")
    assert "output" in said
    assert "of uint8 and 3 axes" in said
    assert said.endswith("segpost append gives it that end\n")


def test_a_damaged_model_of_fastapi(fastapi: Launch, server_models: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes((server_models / "labels.onnx").read_bytes()[:1000])
    assert f"fastapi_server: {path}: " in fastapi.refusal(MODEL=path)


def test_a_palette_of_other_bytes(cpp: Launch, tmp_path: Path) -> None:
    palette = tmp_path / "palette.rgb"
    for content in (b"", b"four", bytes(771)):
        palette.write_bytes(content)
        said = cpp.refusal(PALETTE=palette)
        assert said == f"server: {palette} has not up to 256 colors of 3 bytes\n"
