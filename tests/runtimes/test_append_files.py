"""ONNX models in files: exports of torch, weights of their own files, and what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from append_models import CLASSES, IMAGE, SIZE, Graph, image, run

from segpost.runtimes import append_postprocess

onnx: Any = pytest.importorskip("onnx")
torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.runtimes, pytest.mark.filterwarnings("default")]


def model_of(is_labels: bool) -> Any:
    """Logits, or labels by ArgMax."""
    graph = Graph()
    tensor = graph.resize(graph.logits())
    if is_labels:
        tensor = graph.add("ArgMax", tensor, axis=1, keepdims=0)
    graph.end(tensor, dtype=7 if is_labels else 1)
    return graph.model()


def save_apart(path: Path, location: str, threshold: int) -> None:
    """Save a model whose tensors of so many bytes are in a file of their own."""
    onnx.save(
        model_of(is_labels=True),
        str(path),
        save_as_external_data=True,
        location=location,
        size_threshold=threshold,
    )


def test_a_session_without_the_library_says_the_domain() -> None:
    appended = append_postprocess(model_of(is_labels=False))
    with pytest.raises(Exception, match=r"segpost.*Argmax|Argmax.*segpost"):
        run(appended.model, image(), library=False)


def test_saved_files(tmp_path: Path) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "model.labels.onnx"
    onnx.save(model_of(is_labels=True), str(source))
    append_postprocess(source).save(target)
    onnx.checker.check_model(str(target))
    np.testing.assert_array_equal(
        run(str(target), image())[0], run(str(source), image(), library=False)[0]
    )
    with pytest.raises(ValueError, match=r"ends in \.onnx"):
        append_postprocess(source).save(tmp_path / "model.bin")


def test_more_than_two_gigabytes_of_external_data(tmp_path: Path) -> None:
    """A table of 2.2 GB, of which the file system stores nothing; it is not read into memory."""
    graph = Graph()
    table = onnx.TensorProto(name="table", data_type=2, dims=[550, 4_000_000])
    table.data_location = onnx.TensorProto.EXTERNAL
    size = 550 * 4_000_000
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(size))):
        table.external_data.add(key=key, value=value)
    graph.initializers.append(table)
    row = graph.add("Gather", "table", graph.constant(np.array([3])), axis=0)
    part = graph.add(
        "Slice", row, graph.constant(np.array([0, 0])), graph.constant(np.array([1, 1]))
    )
    zero = graph.add("Reshape", graph.add("Cast", part, to=1), graph.constant(np.array([1])))
    graph.end(graph.resize(graph.add("Add", graph.logits(), zero)))
    source = tmp_path / "model.onnx"
    source.write_bytes(graph.model().SerializeToString())
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(size)
    appended = append_postprocess(source)
    assert appended.check is not None
    assert appended.check.differing == 0
    appended.save(tmp_path / "labels.onnx")
    assert (tmp_path / "labels.onnx").stat().st_size < 100_000
    labels = run(str(tmp_path / "labels.onnx"), image())[0]
    whole = run(str(source), image(), library=False)[0]
    np.testing.assert_array_equal(labels, whole.argmax(1))


def test_sizes_in_another_file_are_read(tmp_path: Path) -> None:
    """Scales that lie beside the model, as every tensor does with a threshold of 0."""
    source = tmp_path / "model.onnx"
    save_apart(source, "all.bin", threshold=0)
    appended = append_postprocess(source)
    assert appended.check is not None
    assert appended.check.differing == 0
    (tmp_path / "all.bin").unlink()
    with pytest.raises(ValueError, match=r"tensor '.*' is in the file 'all\.bin' beside the model"):
        append_postprocess(source)


class Exported(torch.nn.Module):  # type: ignore[misc]
    """A network as users write it, with labels or logits of the size of the image."""

    def __init__(self, end: str, align_corners: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.head = torch.nn.Conv2d(8, CLASSES, 1)
        self.end, self.align_corners = end, align_corners

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, probabilities or labels."""
        logits = self.head(torch.relu(self.features(x)))
        full = torch.nn.functional.interpolate(
            logits, x.shape[-2:], mode="bilinear", align_corners=self.align_corners
        )
        return {
            "logits": full,
            "softmax": full.softmax(1),
            "argmax": full.argmax(1),
            "last": full.permute(0, 2, 3, 1).argmax(-1, keepdim=True),
        }[self.end]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("end", ["logits", "softmax", "argmax", "last"])
def test_exports_of_torch(tmp_path: Path, end: str, align_corners: bool, dynamic: bool) -> None:
    network = Exported(end, align_corners).eval()
    path = tmp_path / "model.onnx"
    axes = {IMAGE: {0: "n", 2: "h", 3: "w"}} if dynamic else None
    x = torch.randn(1, 3, *SIZE)
    torch.onnx.export(
        network, (x,), path, input_names=[IMAGE], dynamic_axes=axes, dynamo=False, opset_version=17
    )
    appended = append_postprocess(path, inputs=x.numpy())
    assert appended.check is not None
    assert appended.check.against == "the unchanged model"
    assert appended.check.differing <= 2
    assert appended.size == (None if dynamic else SIZE)  # which the file computes, too
    labels = run(appended.model, {IMAGE: x.numpy()})[0]
    logits = Exported("logits", align_corners).eval()(x).detach().numpy()
    assert (labels != logits.argmax(1)).sum() <= 2


def test_external_data_stay_where_they_are(tmp_path: Path) -> None:
    source = tmp_path / "a" / "model.onnx"
    source.parent.mkdir()
    save_apart(source, "weights.bin", threshold=1024)
    appended = append_postprocess(source)
    assert appended.check is not None
    assert appended.folder == source.parent
    with pytest.raises(ValueError, match=r"the weights are in 'weights\.bin' in .*write it to"):
        appended.save(tmp_path / "model.labels.onnx")
    appended.save(source.parent / "model.labels.onnx")
    assert sorted(path.name for path in source.parent.iterdir()) == [
        "model.labels.onnx",
        "model.onnx",
        "weights.bin",
    ]
    np.testing.assert_array_equal(
        run(str(source.parent / "model.labels.onnx"), image())[0],
        run(str(source), image(), library=False)[0],
    )
