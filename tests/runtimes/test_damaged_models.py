"""Damaged files of models are errors, never endless and never another exception."""

import pathlib
import sys
from typing import Any

import pytest
from graphs import litert_schema, onnx_model
from mutations import count_refused

from segpost import Convention
from segpost.runtimes import litert
from segpost.runtimes.graph import Operator, refuse_damage, trace_output


def test_a_circle_of_operators_ends() -> None:
    with pytest.raises(ValueError, match="form a circle"):
        trace_output("a", lambda name: Operator("pass", name), -3)


@pytest.mark.parametrize("error", [KeyError("x"), IndexError(), AttributeError("y")])
def test_what_a_parser_raises_is_a_value_error(error: Exception) -> None:
    with pytest.raises(ValueError, match="model is a damaged TFLite file"), refuse_damage("TFLite"):
        raise error


def test_a_parser_of_onnx_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    module, _ = onnx_model(())

    def load(*arguments: object, **options: object) -> None:
        raise RuntimeError("truncated message")

    monkeypatch.setattr(module, "load", load, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", module)
    with pytest.raises(ValueError, match=r"damaged ONNX file.*truncated message"):
        Convention.from_onnx("x.onnx")


def test_a_parser_of_tflite_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = litert_schema(())

    class Model:
        @staticmethod
        def GetRootAs(data: bytes, offset: int) -> None:
            raise IndexError("offset 2147483647")

    monkeypatch.setattr(schema, "Model", Model, raising=False)
    monkeypatch.setattr(litert, "_import_schema", lambda: schema)
    with pytest.raises(ValueError, match=r"damaged TFLite file.*offset 2147483647"):
        Convention.from_litert(b"\0\0\0\0TFL3")


@pytest.mark.runtimes
def test_damaged_onnx_files(tmp_path: pathlib.Path) -> None:
    onnx = pytest.importorskip("onnx")
    h = onnx.helper
    image = h.make_tensor_value_info("x", 1, [1, 5, 8, 8])
    labels = h.make_tensor_value_info("y", 7, [1, 16, 16])
    nodes = [
        h.make_node("Resize", ["x", "", "s"], ["r"], mode="linear"),
        h.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]),
        h.make_node("ArgMax", ["t"], ["y"], axis=-1, keepdims=0),
    ]
    scales = h.make_tensor("s", 1, [4], [1.0, 1.0, 2.0, 2.0])
    graph = h.make_graph(nodes, "net", [image], [labels], [scales])
    data = h.make_model(graph).SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    whole = Convention.from_onnx(path)
    assert whole.kind == "labels"
    assert count_refused(path, data, Convention.from_onnx, 2000) > 100


@pytest.mark.runtimes
def test_damaged_openvino_files(tmp_path: pathlib.Path) -> None:
    """OpenVINO parses its own files; what it lets through is described or refused."""
    openvino = pytest.importorskip("openvino")
    opset13 = openvino.opset13

    x = opset13.parameter([1, 5, 8, 8], openvino.Type.f32, name="x")
    ids = opset13.topk(x, opset13.constant(1), 1, "max", "value").output(1)
    path = tmp_path / "model.xml"
    openvino.save_model(openvino.Model([ids], [x]), path)
    core = openvino.Core()
    data = path.read_bytes()

    def read(damaged: pathlib.Path) -> Convention:
        try:
            model = core.read_model(damaged)
        except Exception as error:
            raise ValueError("OpenVINO refuses it") from error
        return Convention.from_openvino(model)

    assert count_refused(path, data, read, 500) > 50


@pytest.mark.runtimes
def test_damaged_tflite_files(tmp_path: pathlib.Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    pytest.importorskip("ai_edge_litert")

    def network(x: Any) -> Any:
        larger = tensorflow.image.resize(x, (16, 16))
        return tensorflow.argmax(larger, -1, output_type=tensorflow.int32)

    signature = [tensorflow.TensorSpec([1, 8, 8, 5])]
    function = tensorflow.function(network, input_signature=signature).get_concrete_function()
    data = tensorflow.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    assert Convention.from_litert(path).kind == "labels"
    assert count_refused(path, data, Convention.from_litert, 2000) > 100
