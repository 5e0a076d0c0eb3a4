"""examples/litert, built and run: the labels of segpost.argmax, and errors that arrive."""

from __future__ import annotations

import copy
import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from server_runs import ROOT, require, run

import segpost

pytest.importorskip("segpost._cpu")
litert = pytest.importorskip("ai_edge_litert")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]

EXAMPLE = ROOT / "examples" / "litert"
SMALL = (1, 17, 33, 19)
SIZE = (64, 100)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled."""
    for tool in ("cmake", "c++"):
        require(shutil.which(tool) is not None, f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("build")
    cmakedir = run([sys.executable, "-m", "segpost", "--cmakedir"]).strip()
    run(
        ["cmake", "-S", str(EXAMPLE), "-B", str(folder), f"-Dsegpost_DIR={cmakedir}",
         f"-DLITERT={litert.__path__[0]}", "-DCMAKE_BUILD_TYPE=Debug"],
    )  # fmt: skip
    run(["cmake", "--build", str(folder)])
    return folder / "labels"


@pytest.fixture(scope="module")
def maker() -> Any:
    """The script that writes models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        return importlib.import_module("make_model")


class Answer(NamedTuple):
    """How the program ended; LiteRT writes to stderr too."""

    status: int
    output: bytes
    said: str


def run_model(program: Path, model: Path, values: np.ndarray, *arguments: str) -> Answer:
    """What the program answers."""
    command = [str(program), str(model), *arguments]
    done = subprocess.run(command, input=values.tobytes(), capture_output=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
def answer(program: Path, maker: Any, tmp_path: Path) -> Callable[..., Answer]:
    """A function that writes a model and runs it."""

    def answer(model: Any, values: np.ndarray, *arguments: str) -> Answer:
        path = tmp_path / "model.tflite"
        maker.write_model(model, path)
        return run_model(program, path, values, *arguments)

    return answer


def make_logits(shape: tuple[int, ...], noise: float) -> np.ndarray:
    """Blocks of 8 x 8 logits, and noise."""
    rng = np.random.default_rng(sum(shape))
    images, height, width, classes = shape
    small = rng.normal(size=(images, -(-height // 8), -(-width // 8), classes))
    blocks = small.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    return (3 * blocks + noise * rng.normal(size=blocks.shape)).astype(np.float32)


@pytest.mark.parametrize("noise", [0.2, 1.5])
@pytest.mark.parametrize(
    ("shape", "size"), [((1, 32, 64, 19), (256, 512)), ((1, 65, 65, 21), (513, 513))]
)
def test_labels(
    shape: tuple[int, ...], size: tuple[int, int], noise: float, maker: Any, answer: Any
) -> None:
    logits = make_logits(shape, noise)
    model = maker.make_logits(shape)
    maker.append_argmax(model, size)
    expect_labels(answer(model, logits), segpost.argmax(logits, size=size, axis=-1))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
def test_grids_and_types(grid: Any, dtype: str, maker: Any, answer: Any) -> None:
    """Two images."""
    logits = make_logits((2, *SMALL[1:]), 1.5)
    logits = (20 * logits).clip(-128, 127).astype(dtype)
    model = maker.make_logits(logits.shape, dtype)
    maker.append_argmax(model, SIZE, grid)
    wanted = segpost.argmax(logits, size=SIZE, axis=-1, grid=grid)
    expect_labels(answer(model, logits), wanted)


def expect_labels(answer: Answer, wanted: np.ndarray) -> None:
    """The same bytes, of more than one class."""
    assert answer.status == 0, answer.said
    assert wanted.dtype == np.uint8
    assert len(np.unique(wanted)) > 1
    labels = np.frombuffer(answer.output, np.uint8).reshape(wanted.shape)
    np.testing.assert_array_equal(labels, wanted)


def test_behind_a_network(
    maker: Any, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command appends the operator to a file of the converter."""
    tf = pytest.importorskip("tensorflow")
    interpreters = importlib.import_module("ai_edge_litert.interpreter")
    rng = np.random.default_rng(0)
    filters = tf.constant(rng.normal(size=(8, 8, 3, 19)).astype(np.float32))
    module = tf.Module()
    module.run = tf.function(
        lambda image: tf.nn.conv2d(image, filters, 8, "VALID"),
        input_signature=[tf.TensorSpec((1, 64, 96, 3), tf.float32)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.run.get_concrete_function()], module
    )
    network, labels = tmp_path / "network.tflite", tmp_path / "labels.tflite"
    network.write_bytes(converter.convert())
    command = ["make_model.py", str(labels), "--network", str(network), "--size", "64", "96"]
    monkeypatch.setattr(sys, "argv", command)
    maker.main()

    image = rng.random((1, 64, 96, 3), np.float32)
    interpreter = interpreters.Interpreter(str(network))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    wanted = segpost.argmax(logits, size=(64, 96), axis=-1)
    expect_labels(run_model(program, labels, image), wanted)


def test_time(maker: Any, answer: Any) -> None:
    """Runs again and again give the same labels, and the time of one is said."""
    logits = make_logits(SMALL, 1.5)
    model = maker.make_logits(SMALL)
    maker.append_argmax(model, SIZE)
    timed = answer(model, logits, "3")
    expect_labels(timed, segpost.argmax(logits, size=SIZE, axis=-1))
    assert re.search(r"^labels: \d+\.\d{3} ms of CPU time$", timed.said, re.MULTILINE)


def test_nan(maker: Any, answer: Any) -> None:
    """LiteRT reads no status of an operator; the program writes nothing all the same."""
    logits = make_logits(SMALL, 0.2)
    logits[0, 4, 5, 3] = np.nan
    model = maker.make_logits(SMALL)
    maker.append_argmax(model, SIZE)
    expect_error(answer(model, logits), "logits have 1 NaN, first at image 0, y 4, x 5")


def no_batch(model: Any) -> None:
    """Logits (h, w, C)."""
    model.subgraphs[0].tensors[0].shape = list(SMALL[1:])


def other_labels(model: Any) -> None:
    """Labels as if the size were another one."""
    model.subgraphs[0].tensors[1].shape = [1, SIZE[0] - 1, SIZE[1]]


def two_sizes(model: Any) -> None:
    """A second node of the same name, for larger labels."""
    graph = model.subgraphs[0]
    graph.tensors.append(copy.deepcopy(graph.tensors[1]))
    graph.operators.append(copy.deepcopy(graph.operators[0]))
    graph.tensors[2].name, graph.tensors[2].shape = "larger", [1, SIZE[0] + 1, SIZE[1]]
    graph.operators[1].outputs, graph.outputs = [2], [1, 2]
    graph.operators[1].customOptions[0] += 1


def float_labels(model: Any) -> None:
    """Labels of float32."""
    model.subgraphs[0].tensors[1].type = 0


def other_size(model: Any) -> None:
    """A size of no pixels."""
    model.subgraphs[0].operators[0].customOptions[:4] = [0] * 4


def no_options(model: Any) -> None:
    """A node of another program."""
    model.subgraphs[0].operators[0].customOptions = [0] * 4


MISTAKES: dict[Callable[[Any], None], str] = {
    no_batch: "segpost.argmax: logits have 3 axes, not 4: (N, h, w, C)",
    other_labels: "labels: running the graph: LiteRT's status",
    two_sizes: "segpost.argmax: two nodes of a graph have different options",
    float_labels: "segpost.argmax: labels are neither uint8 nor int32",
    other_size: "segpost.argmax: the size is not positive",
    no_options: "segpost.argmax: the options have 4 bytes, not 12",
}


@pytest.mark.parametrize("spoil", MISTAKES)
def test_mistakes(spoil: Callable[[Any], None], maker: Any, answer: Any) -> None:
    model = maker.make_logits(SMALL)
    maker.append_argmax(model, SIZE)
    spoil(model)
    expect_error(answer(model, make_logits(SMALL, 0.2)), MISTAKES[spoil])


@pytest.mark.parametrize("count", [SMALL[1] - 1, SMALL[1] + 1])
def test_other_bytes(count: int, maker: Any, answer: Any) -> None:
    """Logits of another shape than the file's."""
    model = maker.make_logits(SMALL)
    maker.append_argmax(model, SIZE)
    logits = make_logits((1, count, *SMALL[2:]), 0.2)
    expect_error(answer(model, logits), f", not {4 * np.prod(SMALL)}")


def expect_error(answer: Answer, text: str) -> None:
    """The program says why, and writes no labels."""
    assert answer.status == 1, answer
    assert text in answer.said
    assert answer.output == b""
