"""torch.compile and torch.export with segpost's operators in the graph."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

torch = pytest.importorskip("torch")
operators = importlib.import_module("segpost.torch")

SIZE = (33, 41)
EVERYTHING: Any = ("labels", "confidence", "probabilities", "color", "overlay")
RANKED: Any = ("entropy", "margin", "topk")
HALVES = (torch.float32, torch.float16, torch.bfloat16)


class Network(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A small DeepLab: strided convolutions, an atrous branch, a classifier."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.atrous = torch.nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.classify = torch.nn.Conv2d(16, classes, 1)

    def forward(self, image: Any) -> Any:
        near = torch.relu(self.stem(image))
        return 9 * self.classify(torch.cat([near, torch.relu(self.atrous(near))], 1))


class Segmenter(torch.nn.Module):  # type: ignore[misc,name-defined]
    """The network and what comes after it."""

    def __init__(self, after: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.network, self.after = Network(), after

    def forward(self, image: Any, photograph: Any) -> Any:
        return self.after(self.network(image), photograph)


def classes_of(masks: Any) -> Any:
    """Class logits of queries that have these masks."""
    return masks.mean((2, 3))[..., None].float() * torch.linspace(-1, 1, 6)


def after_network(logits: Any, photograph: Any) -> Any:
    """Every operator, at the photograph's size."""
    size = photograph.shape[-3:-1]
    labels = operators.argmax(logits, size=size)
    made = operators.postprocess(
        logits, size=size, image=photograph, palette="voc", want=EVERYTHING
    )
    return (
        labels,
        operators.softmax(logits),
        operators.binarize(logits, size=size, threshold=0.3),
        operators.colorize(labels, "voc"),
        operators.overlay(photograph, labels, "voc", alpha=0.25, contour=1),
        operators.confusion_matrix(logits, labels, num_classes=21),
        operators.dense_crf(made[2], photograph, crf=SHORT),
        operators.segment_queries(classes_of(logits), logits, dialect="maskformer", size=size),
        *operators.postprocess(logits, size=size, topk=2, want=RANKED),
        *made,
    )


def plainly(logits: Any, photograph: Any) -> Any:
    """The same by segpost's own functions."""
    size = photograph.shape[-3:-1]
    labels = segpost.argmax(logits, size=size)
    seg = segpost.postprocess(logits, size=size, image=photograph, palette="voc", want=EVERYTHING)
    ranked = segpost.postprocess(logits, size=size, topk=2, want=RANKED)
    return (
        labels,
        segpost.softmax(logits),
        segpost.binarize(logits, size=size, threshold=0.3),
        segpost.colorize(labels, "voc"),
        segpost.overlay(photograph, labels, "voc", alpha=0.25, contour=1),
        segpost.confusion_matrix(logits, labels, num_classes=21),
        segpost.DenseCRF(iterations=2)(seg.probabilities, photograph),
        segpost.segment_queries(classes_of(logits), logits, dialect="maskformer", size=size).labels,
        ranked.entropy,
        ranked.margin,
        *ranked.topk,
        *(getattr(seg, name) for name in EVERYTHING),
    )


SHORT = operators.as_text(segpost.DenseCRF(iterations=2))


def inputs(height: int = SIZE[0], width: int = SIZE[1], n: int = 2) -> tuple[Any, Any]:
    """Normalized images, and as they were."""
    photograph = torch.from_numpy(
        np.random.default_rng(3).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    )
    return (photograph.permute(0, 3, 1, 2).float() - 128) / 64, photograph


def same(got: Any, wanted: Any) -> None:
    """The same bytes and types, one by one."""
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.stride() == theirs.contiguous().stride()
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


@pytest.fixture(autouse=True)
def _no_gradient() -> Any:
    torch._dynamo.reset()
    with torch.no_grad():
        yield


@pytest.mark.parametrize("dtype", HALVES)
def test_compiled_in_one_graph(dtype: Any) -> None:
    """A network with its post-processing compiles without a break, and gives what calls give."""
    image, photograph = inputs()
    model = Segmenter(after_network).to(dtype)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    logits = model.network(image.to(dtype))
    same(compiled(image.to(dtype), photograph), plainly(logits, photograph))


@pytest.mark.slow
def test_compiled_for_every_size() -> None:
    """With dynamic shapes one graph serves all sizes and batches."""
    model = Segmenter(after_network)
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="aot_eager")
    compiled(*inputs())
    with torch.compiler.set_stance("fail_on_recompile"):
        for size in ((40, 64, 3), (57, 36, 4)):
            image, photograph = inputs(*size)
            same(compiled(image, photograph), plainly(model.network(image), photograph))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
def test_compiled_by_inductor() -> None:
    """The default backend, which makes native code of the network, calls the operators too."""
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("inductor needs a C++ compiler")
    image, photograph = inputs()
    model = Segmenter(after_network)
    compiled = torch.compile(model, fullgraph=True)
    labels, *_ = compiled(image, photograph)
    logits = model.network(image)
    assert (labels == plainly(logits, photograph)[0]).float().mean() > 0.999  # of rounded logits


@pytest.mark.slow
def test_exported_saved_and_loaded(tmp_path: Path) -> None:
    """An exported program keeps the operators by name, and runs elsewhere for other sizes."""
    model = Segmenter(after_network).eval()
    batch, height, width = (
        torch.export.Dim(name, min=8 if name != "n" else 2, max=512) for name in ("n", "h", "w")
    )
    axes = ({0: batch, 2: height, 3: width}, {0: batch, 1: height, 2: width})
    program = torch.export.export(model, inputs(), dynamic_shapes=axes)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {f"segpost.{name}.default" for name in operators.__all__ if name != "as_text"} <= called
    torch.export.save(program, tmp_path / "model.pt2")
    image, photograph = inputs(48, 60, 3)
    torch.save((image, photograph), tmp_path / "inputs.pt")
    code = (
        "import torch, segpost.torch, sys;"
        "model = torch.export.load(sys.argv[1] + '/model.pt2').module();"
        "torch.save(model(*torch.load(sys.argv[1] + '/inputs.pt')), sys.argv[1] + '/made.pt')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    same(torch.load(tmp_path / "made.pt"), plainly(model.network(image), photograph))


def logits_of(dtype: Any = torch.float32, *, batched: bool = False) -> Any:
    """Seven classes on a small grid."""
    logits = torch.from_numpy(scene(7, 6, 9)).to(dtype)
    return torch.stack([logits, logits.flip(1)]) if batched else logits


PHOTOGRAPH = torch.arange(6 * 9 * 3, dtype=torch.uint8).reshape(6, 9, 3)
LABELS = torch.arange(54).reshape(6, 9) % 7
PALETTE = operators.as_text(segpost.Palette.distinct(7))
HEAD = (classes_of(logits_of()[None])[0], logits_of())
LAST = {"axis": -1, "alpha": [0.5], "palette": PALETTE}
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *(("argmax", (logits_of(dtype),), {}) for dtype in HALVES),
    ("argmax", (logits_of(batched=True),), {"size": (12, 11), "grid": "align_corners"}),
    ("argmax", (logits_of().permute(1, 2, 0),), {"axis": -1}),
    ("argmax", (logits_of(batched=True).transpose(0, 1),), {"size": (3, 8, 11)}),
    ("argmax", (torch.zeros(300, 2, 3),), {}),
    ("argmax", (torch.zeros(3, 0, 3),), {}),
    *(("softmax", (logits_of(dtype, batched=True),), {}) for dtype in HALVES),
    ("softmax", (logits_of().permute(1, 2, 0),), {"axis": -1}),
    *(("binarize", (logits_of(dtype),), {"threshold": [0.5]}) for dtype in HALVES),
    (
        "binarize",
        (logits_of(batched=True).permute(0, 2, 3, 1),),
        {"threshold": [0.5], "size": (8, 11), "encoding": "bits", "axis": -1},
    ),
    (
        "binarize",
        (logits_of().to(torch.int8),),
        {
            "threshold": [0.1 * k for k in range(7)],
            "size": (10, 12),
            "encoding": "labels",
            "quantization": [0.5, 3.0],
            "class_order": [1, 2, 3, 4, 5, 6, 300],
        },
    ),
    ("binarize", (logits_of(),), {"threshold": [0.5], "hysteresis": [0.3, 0.8]}),
    ("colorize", (LABELS, "voc"), {}),
    ("colorize", (LABELS.expand(2, 3, 6, 9), PALETTE), {}),
    ("overlay", (PHOTOGRAPH, LABELS, "voc"), {"alpha": [0.5], "contour": 2}),
    ("overlay", (PHOTOGRAPH, LABELS, PALETTE), {"alpha": [0.1 * k for k in range(7)]}),
    ("confusion_matrix", (LABELS, LABELS.t().reshape(6, 9)), {"num_classes": 7}),
    ("confusion_matrix", (logits_of(), LABELS), {"num_classes": 7, "ignore_index": [0, 255]}),
    ("dense_crf", (torch.softmax(logits_of(), 0), PHOTOGRAPH), {"crf": "deeplab"}),
    ("dense_crf", (torch.softmax(logits_of(), 0).permute(1, 2, 0), PHOTOGRAPH), {"crf": None}),
    ("dense_crf", (LABELS, PHOTOGRAPH), {"crf": "labels"}),
    ("postprocess", (logits_of(),), {"alpha": [0.5], "want": ["labels"]}),
    ("postprocess", (logits_of().permute(1, 2, 0), PHOTOGRAPH), {**LAST, "want": list(EVERYTHING)}),
    (
        "postprocess",
        (logits_of(batched=True).permute(0, 2, 3, 1), torch.stack([PHOTOGRAPH] * 2)),
        {**LAST, "crf": SHORT, "want": ["probabilities", "labels", "confidence"]},
    ),
    (
        "postprocess",
        (logits_of()[:1],),
        {"alpha": [0.5], "threshold": 0.3, "want": ["labels", "confidence", "probabilities"]},
    ),
    (
        "postprocess",
        (logits_of().to(torch.int8),),
        {
            "alpha": [0.5],
            "quantization": [0.5, 3.0],
            "size": (10, 12),
            "confidence_dtype": "uint8",
            "want": ["confidence"],
        },
    ),
    *(
        (
            "postprocess",
            (logits_of(batched=True),),
            {
                "alpha": [0.5],
                "size": (8, 11),
                "probabilities_dtype": dtype,
                "topk": 5,
                "want": ["topk", "labels", "entropy", "probabilities", "margin"],
            },
        )
        for dtype in ("float32", "uint16", "uint8")
    ),
    ("postprocess", (logits_of().permute(1, 2, 0),), {**LAST, "want": ["topk", "margin"]}),
    (
        "postprocess",
        (logits_of()[:1],),
        {"alpha": [0.5], "threshold": 0.3, "topk": 2, "want": ["topk", "entropy"]},
    ),
    ("segment_queries", (HEAD[0], HEAD[1]), {"size": (9, 13)}),
    (
        "segment_queries",
        (HEAD[0][None], HEAD[1][None].half()),
        {"dialect": "eomt", "input_size": (20, 30)},
    ),
]
CRFS = {
    None: operators.as_text(segpost.DenseCRF(iterations=1, axis=-1)),
    "labels": operators.as_text(segpost.DenseCRF(iterations=1, unary="labels", num_classes=7)),
}


@pytest.mark.parametrize(("name", "given", "options"), CALLS)
def test_operators_keep_torch_rules(
    name: str, given: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Schemas say what happens, and shapes without values are those with values."""
    if name == "dense_crf":
        options = {"crf": CRFS.get(options["crf"], options["crf"])}
    torch.library.opcheck(getattr(torch.ops.segpost, name).default, given, options)


def test_text_of_settings() -> None:
    """A palette and a CRF come back as they were, but for the names of classes."""
    module = importlib.import_module("segpost.torch.settings")
    for palette in (
        segpost.Palette.named("cityscapes"),
        segpost.Palette([(1, 2, 3)], void=(9, 8, 7), ignore_index=255),
        segpost.Palette.distinct(300),
    ):
        read = module.parse_palette(operators.as_text(palette))
        np.testing.assert_array_equal(read.packed(), palette.packed())
        assert (read.ignore_index, read.void) == (palette.ignore_index, palette.void)
    for crf in (
        segpost.DenseCRF(),
        segpost.DenseCRF.preset("deeplab", tolerance=1e-3, quality="high"),
        segpost.DenseCRF(
            gaussian=None,
            bilateral=[
                {"sigma_xy": (3.0, 4.0), "sigma_rgb": (5.0, 6.0, 7.0), "weight": 2.0},
                {"sigma_xy": None, "sigma_rgb": 4.0, "weight": -1, "normalization": "row"},
            ],
            compatibility=np.ones((3, 3)) - np.eye(3),
        ),
        segpost.DenseCRF(unary="labels", num_classes=4, unsure=255, certainty=0.9, axis=-1),
    ):
        assert module.parse_crf(operators.as_text(crf)) == crf


def test_settings_that_no_text_holds() -> None:
    """Guides and other things are refused."""
    guide = {"sigma_xy": 3.0, "sigma_rgb": 3.0, "weight": 1.0, "guide": np.zeros((4, 4, 1))}
    with pytest.raises(ValueError, match=r"guide of its own.*give it as image"):
        operators.as_text(segpost.DenseCRF(bilateral=guide))
    with pytest.raises(TypeError, match="must be a Palette or a DenseCRF, got str"):
        operators.as_text("voc")


def test_errors_come_through() -> None:
    """Bad values and settings are told as by the plain calls, compiled or not."""
    logits = torch.zeros(3, 4, 4)
    compiled = torch.compile(operators.argmax, fullgraph=True, backend="aot_eager")
    assert not compiled(logits).any()
    logits[1, 2, 3] = np.nan
    for call in (operators.argmax, compiled):
        with pytest.raises(ValueError, match=r"1 NaN of 48 values, first .* class 1, y 2, x 3"):
            call(logits)
    with pytest.raises(ValueError, match="there is no palette named 'vox'"):
        operators.colorize(LABELS, "vox")
    with pytest.raises(ValueError, match="want has a name twice"):
        operators.postprocess(logits, want=("labels", "labels"))
    with pytest.raises(ValueError, match="want must be one of"):
        operators.postprocess(logits, want=("labels", "colour"))
    with pytest.raises(ValueError, match="want must be one of"):
        operators.postprocess(logits, want=("regions",))
    with pytest.raises(ValueError, match="have 7 and 6 queries"):
        operators.segment_queries(HEAD[0].to("meta"), HEAD[1][:6].to("meta"))
    with pytest.raises(ValueError, match=r"3 dimensions .*logits\[None\]"):
        operators.argmax(torch.zeros(4, 4, device="meta"))
    with pytest.raises(TypeError, match="meta"):
        segpost.argmax(torch.zeros(3, 4, 4, device="meta"))


def test_no_gradients() -> None:
    """Integers need none; whoever asks for the gradient of a float result is told."""
    logits = logits_of().requires_grad_()
    with torch.enable_grad():
        compiled = torch.compile(operators.argmax, fullgraph=True, backend="aot_eager")
        for call in (operators.argmax, compiled):
            labels = call(logits)
            assert not labels.requires_grad
            torch.testing.assert_close(labels, segpost.argmax(logits))
        (labels,) = operators.postprocess(logits)
        assert not labels.requires_grad
        labels, sure = operators.postprocess(logits, want=("labels", "confidence"))
        for name, made in (
            ("softmax", operators.softmax(logits)),
            ("postprocess", sure),
            ("dense_crf", operators.dense_crf(torch.softmax(logits, 0), PHOTOGRAPH)),
        ):
            with pytest.raises(RuntimeError, match=rf"segpost\.torch\.{name} has no gradient"):
                made.sum().backward()
    assert not operators.softmax(logits).requires_grad


def test_torch_is_imported_on_demand() -> None:
    """segpost alone registers nothing."""
    code = (
        "import sys, segpost; assert 'torch' not in sys.modules;"
        "import torch; assert not hasattr(torch.ops.segpost, 'argmax');"
        "import segpost.torch; assert hasattr(torch.ops.segpost, 'argmax')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
