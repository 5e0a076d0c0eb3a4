"""Real networks of every runtime that is installed: segpost's labels against the framework's own.

The networks are those of examples/runtimes, made from a configuration with random weights.
"""

from __future__ import annotations

import importlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import switch

import segpost
from segpost._backends.reference.labels import interpolated
from segpost._core.contract import Logits
from segpost._core.sampling import GRIDS
from segpost._core.sampling import axes as axes_of
from segpost.runtimes.convention import as_convention

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "runtimes"

# What an example needs, and the grid of its own upsampling; None: nothing is left to upsample.
NEEDS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "torchvision_deeplab": (("torch", "torchvision"), "half_pixel"),
    "torchvision_lraspp": (("torch", "torchvision"), "half_pixel"),
    "smp_deeplab": (("torch", "segmentation_models_pytorch"), "align_corners"),
    "transformers_mobilenet": (("torch", "transformers"), "half_pixel"),
    "onnxruntime_deeplab": (
        ("torch", "segmentation_models_pytorch", "onnx", "onnxruntime"),
        "align_corners",
    ),
    "openvino_deeplab": (("torch", "segmentation_models_pytorch", "openvino"), "align_corners"),
    "keras_hub_deeplab": (("tensorflow", "keras_hub"), None),
    "litert_deeplab": (("tensorflow", "keras_hub", "ai_edge_litert"), None),
    "jax_network": (("jax",), "half_pixel"),
}
pytestmark = [
    pytest.mark.filterwarnings("default"),  # the frameworks' own
    pytest.mark.runtimes,
]


@pytest.fixture(scope="module")
def examples() -> Iterator[None]:
    """The folder of the examples on the path."""
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


def importable(name: str) -> types.ModuleType:
    """An example whose packages are here."""
    importlib.import_module("stand_in").declare_operators()
    for package in NEEDS[name][0]:
        pytest.importorskip(package)
    return importlib.import_module(name)


@pytest.fixture(scope="module", params=list(NEEDS))
def ran(request: pytest.FixtureRequest, examples: None) -> Any:
    """A network that has seen the photograph."""
    pytest.importorskip("sklearn")
    module = importable(request.param)
    image = importlib.import_module("stand_in").photograph(192, 256)
    model, x = module.network(image)
    return types.SimpleNamespace(
        name=request.param,
        module=module,
        model=model,
        image=image,
        size=image.shape[:2],
        whole=module.whole(model, x),
        small=module.small(model, x),
    )


def small_logits(ran: Any) -> tuple[np.ndarray, segpost.Convention]:
    """The small map in float64, classes first."""
    convention = getattr(ran.module, "SMALL", None) or getattr(ran.module, "CONVENTION", None)
    convention = convention or getattr(ran.model, "small_convention", None)
    convention = convention or getattr(ran.model, "convention", None)
    name: Any = {"transformers_mobilenet": "transformers", "keras_hub_deeplab": "keras-hub"}
    convention = convention or segpost.Convention.named(name[ran.name])
    output = {"out": ran.small} if ran.name.startswith("torchvision") else ran.small
    array = convention.pick(output)[0]
    if hasattr(array, "detach"):
        array = array.detach().numpy()
    values = np.asarray(array).astype(np.float64)
    return (values.transpose(0, 3, 1, 2) if convention.axis == -1 else values), convention


def definition(ran: Any, grid: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels in float64, and by how much the best logit beats the next."""
    values, _ = small_logits(ran)
    size = ran.size
    grid = grid or NEEDS[ran.name][1] or GRIDS[0]
    with segpost.use_backend("reference"):
        labels = segpost.argmax(values, size=size, grid=grid)
    full = np.empty((1, values.shape[1], *size))
    same = values.shape[2:] == tuple(size)
    axes = None if same else axes_of(values.shape[2:], tuple(size), grid)
    denominator = 1.0 if axes is None else axes.y.den * axes.x.den
    for n, rows, part in interpolated(Logits(values, "float64"), axes):
        full[n][:, rows] = part / denominator
    best = np.sort(full, axis=1)[:, -2:]
    return np.asarray(labels), best[:, 1] - best[:, 0]


def test_labels_are_the_definition_and_the_framework_differs_in_ties_alone(ran: Any) -> None:
    """Labels equal float64's; the framework's own differ where two logits are next to equal."""
    ours = np.asarray(ran.module.ours(ran.model, ran.small, ran.size))
    own = np.asarray(ran.module.own(ran.model, ran.small, ran.size))
    labels, margin = definition(ran)
    np.testing.assert_array_equal(ours, labels)
    assert len(np.unique(ours)) > 8
    differs = own != ours
    assert differs.mean() < 1e-3
    scale = np.abs(small_logits(ran)[0]).max()
    assert (margin[differs] < 1e-5 * scale).all()


@pytest.mark.parametrize("backend_name", ["native", "numba", "reference"])
def test_every_backend_reads_what_the_runtime_gives(ran: Any, backend_name: str) -> None:
    """The array itself goes in: a tensor, an OrtValue, a bfloat16 array, int8."""
    expected = definition(ran)[0]
    for _ in switch(backend_name if backend_name != "native" else "native-x86-64-v3"):
        ours = np.asarray(ran.module.ours(ran.model, ran.small, ran.size))
        np.testing.assert_array_equal(ours, expected)


def test_a_wrong_grid_would_be_seen(ran: Any) -> None:
    """Of the three grids only the framework's own gives its labels."""
    grid = NEEDS[ran.name][1]
    if grid is None:
        pytest.skip("its last layer comes after the upsampling")
    own = np.asarray(ran.module.own(ran.model, ran.small, ran.size))
    for other in GRIDS:
        moved = (definition(ran, other)[0] != own).mean()
        assert moved < 1e-3 if other == grid else moved > 0.01


def test_what_the_network_gives_itself_is_read_by_its_convention(ran: Any) -> None:
    """The whole output, upsampled by the framework: labels are its argmax."""
    name = {
        "torchvision_deeplab": "torchvision",
        "torchvision_lraspp": "torchvision",
        "smp_deeplab": "smp",
        "transformers_mobilenet": "transformers",
        "keras_hub_deeplab": "keras-hub",
    }.get(ran.name)
    convention = name or getattr(ran.model, "convention", None) or ran.module.CONVENTION
    seg = segpost.postprocess(ran.whole, convention=convention, want=("labels", "confidence"))  # type: ignore[arg-type]
    values, kind = as_convention(convention).pick(ran.whole)
    assert kind == "logits"
    values = values.detach().numpy() if hasattr(values, "detach") else np.asarray(values)
    axis = as_convention(convention).axis
    np.testing.assert_array_equal(np.asarray(seg.labels), values.argmax(axis % 4))
    assert 0.05 < float(np.asarray(seg.confidence).mean()) <= 1


def test_int8_needs_no_dequantizing_for_labels_and_has_the_confidence_of_it(ran: Any) -> None:
    """Labels of the raw integers; confidence as of scale * (value - zero_point)."""
    if ran.name != "litert_deeplab":
        pytest.skip("quantized networks are LiteRT's here")
    convention = ran.model.convention
    assert ran.whole.dtype == np.int8
    scale, zero_point = convention.quantization
    (detail,) = ran.model.interpreter.get_output_details()
    assert detail["quantization"] == pytest.approx((scale, zero_point))
    real = scale * (ran.whole.astype(np.float64) - zero_point)
    raised = np.exp(real - real.max(-1, keepdims=True))
    expected = (raised / raised.sum(-1, keepdims=True)).max(-1)
    seg = segpost.postprocess(ran.whole, convention=convention, want=("labels", "confidence"))
    np.testing.assert_array_equal(seg.labels, real.argmax(-1))
    np.testing.assert_allclose(seg.confidence, expected, atol=1e-6)
    with pytest.raises(TypeError, match="pass quantization="):
        segpost.postprocess(ran.whole, convention="litert", want=("confidence",))


def test_files_tell_their_grid(ran: Any) -> None:
    """The convention read from a file is the one that the network was built with."""
    if not hasattr(ran.model, "convention"):
        pytest.skip("no file is read")
    convention = ran.model.convention
    assert convention.kind == "logits"
    if ran.name == "litert_deeplab":
        assert (convention.axis, convention.upsampled) == (-1, False)
    else:
        assert (convention.axis, convention.grid, convention.upsampled) == (
            -3,
            "align_corners",
            True,
        )
        assert convention.head


@pytest.mark.parametrize("name", list(NEEDS))
def test_the_example_runs_as_it_is(
    name: str,
    examples: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its main() prints what it found, and writes a picture."""
    pytest.importorskip("sklearn")
    pytest.importorskip("PIL")
    module = importable(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name])
    module.main()
    differing = re.findall(r"differ from the framework's own: (\d+)", capsys.readouterr().out)
    assert differing
    assert max(map(int, differing)) < 10  # in float32 a tie may fall the other way
    assert list(tmp_path.glob("*.png"))


def test_the_export_ends_in_a_picture(
    examples: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exported graph gives the labels of torch, and pictures of them."""
    image_module = pytest.importorskip("PIL.Image")
    for package in ("sklearn", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    network = importable("torchvision_deeplab")
    stand_in = importlib.import_module("stand_in")
    module = importlib.import_module("export_labels")
    image = stand_in.photograph(96, 144)
    monkeypatch.setattr(module, "photograph", lambda: image)
    monkeypatch.chdir(tmp_path)
    module.main()
    assert "classes in labels.png" in capsys.readouterr().out
    with image_module.open("labels.png") as picture:
        labels = np.asarray(picture)
    with image_module.open("overlay.png") as picture:
        overlay = np.asarray(picture)
    model, x = network.network(image)
    wanted = network.ours(model, network.small(model, x), image.shape[:2])[0]
    assert (labels != np.asarray(wanted)).mean() < 1e-3  # the runtimes round in their own ways
    assert len(np.unique(labels)) > 8
    np.testing.assert_array_equal(overlay, segpost.overlay(image, labels, "voc"))
