"""`segpost append`: files, exit statuses and what is printed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.cli import main
from segpost.cli.commands.append import EXAMPLES


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["model.onnx"], "the following arguments are required: --out"),
        (["model.onnx", "--out", "x.onnx", "--size", "3"], "takes H W, or input, image, logits"),
        (["model.onnx", "--out", "x.onnx", "--size", "1", "2", "3"], "takes H W, or input"),
        (["model.onnx", "--out", "x.onnx", "--alpha", "2"], "must be in 0..1, got 2"),
        (["model.onnx", "--out", "model.onnx"], "--out model.onnx would overwrite an input"),
        (["model.onnx", "--out", "no/x.onnx"], "there is no folder 'no': create it first"),
        (["model.onnx", "--out", "x.onnx", "--want", "label"], "did you mean 'labels'?"),
        (["model.onnx", "--out", "x.onnx", "--want", "color"], "pass --palette, such as"),
        (["model.onnx", "--out", "x.onnx", "--size", "image"], "pass --size input"),
        (["model.onnx", "--out", "x.onnx", "--letterbox", "3", "4"], "takes H W of the images and"),
        (["model.onnx", "--out", "x.onnx", "--letterbox", "0", "4", "5", "5"], "image_size"),
        (
            [
                "model.onnx",
                "--out",
                "x.onnx",
                "--letterbox",
                *["33", "70", "9", "9", "8", "8", "5", "0"],
            ],
            "content_size",
        ),
        (
            [
                "model.onnx",
                "--out",
                "x.onnx",
                "--letterbox",
                "3",
                "4",
                "5",
                "5",
                "--size",
                "5",
                "5",
            ],
            "the letterbox maps back to images of (3, 4): leave --size out",
        ),
        (["model.onnx", "--out", "x.onnx", "--nan", "ignore"], "invalid choice: 'ignore'"),
        (["model.pt", "--out", "x.onnx"], "ends in .onnx or .xml (OpenVINO), got 'model.pt'"),
        (
            [
                "model.onnx",
                "--out",
                "x.onnx",
                "--want",
                "overlay",
                "--palette",
                "voc",
                "--standard",
            ],
            "leave out --standard, with which",
        ),
    ],
)
def test_usage(
    words: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.onnx", "model.pt"):
        (tmp_path / name).write_bytes(b"?")
    assert main(["append", *words]) == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.pt"]


@pytest.mark.runtimes
@pytest.mark.filterwarnings("default")
def test_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx: Any = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from append_models import SIZE, Graph

    monkeypatch.chdir(tmp_path)
    graph = Graph()
    graph.end(graph.add("ArgMax", graph.resize(graph.logits()), axis=1, keepdims=0), dtype=7)
    onnx.save(graph.model(), "model.onnx")
    np.save("x.npy", np.ones((1, 3, *SIZE), np.float32))
    assert main(["append", "model.onnx", "--out", "labels.onnx", "--input", "x.npy"]) == 0
    out = capsys.readouterr().out
    assert "replaced       Resize '/Resize', ArgMax '/ArgMax'\n" in out
    assert "check          4 inputs, 13824 pixels of 5 classes: all labels are those of" in out
    assert out.endswith("wrote labels.onnx\n")
    before = Path("labels.onnx").read_bytes()
    assert {node.op_type for node in onnx.load("labels.onnx").graph.node} == {
        "Conv",
        "Constant",
        "Argmax",
    }
    words = ["append", "model.onnx", "--out", "labels.onnx"]
    assert main([*words, "--size", "20", "30", "--standard", "--no-check"]) == 0
    assert "check          none" in capsys.readouterr().out
    assert main([*words, "--grid", "asymmetric"]) == 2
    assert "and grid is 'asymmetric'" in capsys.readouterr().err
    graph = Graph()
    graph.end(graph.logits())
    onnx.save(graph.model(), "small.onnx")
    assert Path("labels.onnx").read_bytes() != before
    after = Path("labels.onnx").read_bytes()
    words = ["append", "small.onnx", "--out", "labels.onnx"]
    assert main(words) == 2
    assert "pass --size H W" in capsys.readouterr().err
    assert main([*words, "--size", "input"]) == 2
    assert "pass --grid half_pixel" in capsys.readouterr().err
    assert Path("labels.onnx").read_bytes() == after  # a model that is refused writes nothing
    cured = [*words, "--size", "input", "--grid", "half_pixel", "--want", "labels,color"]
    assert main([*cured, "--palette", "voc"]) == 0
    np.save("x.npy", np.ones((1, 3), np.float32))
    assert main(["append", "model.onnx", "--out", "labels.onnx", "--input", "x.npy"]) == 2
    assert "pass --input that it takes, or --no-check" in capsys.readouterr().err
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["labels.onnx", "model.onnx", "small.onnx", "x.npy"]


@pytest.mark.runtimes
@pytest.mark.filterwarnings("default")
def test_letterbox_and_nan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the attributes of the operator: the geometry in full, and the rule."""
    onnx: Any = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from append_models import SIZE, Graph

    monkeypatch.chdir(tmp_path)
    graph = Graph()
    graph.end(graph.resize(graph.logits()))
    onnx.save(graph.model(), "model.onnx")
    box = segpost.Letterbox.fit((33, 70), SIZE)
    whole = [*box.image_size, *box.input_size, *box.content_size, *box.offset]
    for numbers in (whole[:4], whole):
        words = ["--letterbox", *map(str, numbers), "--nan", "propagate"]
        assert main(["append", "model.onnx", "--out", "labels.onnx", *words]) == 0
        (node,) = (one for one in onnx.load("labels.onnx").graph.node if one.op_type == "Argmax")
        values = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        assert values["letterbox"] == whole
        assert values["nan"] == b"propagate"


@pytest.mark.runtimes
@pytest.mark.filterwarnings("default")
def test_the_examples_of_the_help_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx: Any = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    openvino: Any = pytest.importorskip("openvino")
    from append_models import Graph

    monkeypatch.chdir(tmp_path)
    graph = Graph()
    graph.end(graph.resize(graph.logits()))
    onnx.save(graph.model(), "deeplab.onnx")
    openvino.save_model(openvino.Core().read_model("deeplab.onnx"), "deeplab.xml")
    for example in EXAMPLES:
        assert main(shlex.split(example)[1:]) == 0
    assert Path("deeplab.picture.bin").is_file()
