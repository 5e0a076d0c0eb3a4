"""Every Python block of README.md runs as it is written, and gives what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from conftest import scene

import segpost

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as README writes them
COLORS = np.array([(220, 60, 40), (30, 90, 200)], np.uint8)  # left and right half of `photograph`

Names = dict[str, Any]


class Block(NamedTuple):
    """A Python block, by the section that it is in and its number there."""

    section: str
    number: int
    code: str


class Example(NamedTuple):
    """How a block is run: the names that it uses, and what it must have done."""

    names: Callable[[], Names]  # made in the folder in which the block runs
    check: Callable[[Names, str], None]  # of the names after the block, and what it printed


def blocks_of(text: str) -> list[Block]:
    """The blocks of a Markdown page; the numbers begin at 0 in every section."""
    found: list[Block] = []
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        title = part.partition("\n")[0].strip()
        codes = re.findall(r"^```python\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)
        found += [Block(title, number, code) for number, code in enumerate(codes)]
    return found


def photograph(height: int, width: int) -> np.ndarray:
    """One color in the left half, another in the right."""
    image = np.empty((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = COLORS
    return image


def classify(pixels: np.ndarray, classes: int, step: int = 8) -> np.ndarray:
    """A network's stand-in: float32 logits (classes, h, w) of (H, W, 3) floats, 1 / step as large.

    Class 2 is that of the left half's color and class 5 that of the right one's.
    """
    small = pixels[step // 2 :: step, step // 2 :: step]
    logits = np.full((classes, *small.shape[:2]), -9.0, np.float32)
    for label, color in zip((2, 5), normalized(COLORS), strict=True):
        logits[label] = -((small - color) ** 2).sum(-1)
    return logits


def normalized(image: np.ndarray) -> np.ndarray:
    """Floats as a network is fed."""
    made: np.ndarray = (image / 255.0 - MEAN) / STD
    return made


def check_halves(labels: Any, height: int, width: int) -> None:
    """Labels of `photograph` by `classify`: right everywhere but at the edge between the halves."""
    labels = np.asarray(labels)
    assert labels.shape == (height, width)
    margin, half = 20, width // 2
    assert (labels[:, : half - margin] == 2).all()
    assert (labels[:, half + margin :] == 5).all()


def read(path: str) -> np.ndarray:
    """The pixels of a picture, ids where it is indexed."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def confusion(preds: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """Counts by hand."""
    kept = target != 255
    pairs = target[kept].astype(int) * classes + preds[kept]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def loop_names() -> Names:
    logits = torch.from_numpy(scene(21, 65, 65)[None])
    palette = segpost.Palette.named("voc").colors
    return {
        "model": lambda x: {"out": logits},
        "x": np.zeros((1, 3, 513, 513), np.float32),
        "F": torch.nn.functional,
        "np": np,
        "palette": palette,
        "logits": logits,
        "image": np.random.default_rng(0).integers(0, 256, (513, 513, 3)).astype(np.uint8),
    }


def check_before(names: Names, printed: str) -> None:
    labels = segpost.argmax(names["logits"][0].numpy(), size=(513, 513))
    assert (names["labels"] == labels).mean() > 0.999
    np.testing.assert_array_equal(names["color"], names["palette"][names["labels"]])


def check_after(names: Names, printed: str) -> None:
    labels = segpost.argmax(names["logits"][0].numpy(), size=(513, 513))
    color = segpost.colorize(labels, "voc")
    with Image.open("labels.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), color)
    codes = [256**2, 256, 1]
    present = segpost.Palette.named("voc").colors[np.unique(labels)] @ codes
    assert len(present) > 1
    assert np.isin(present, read("look.png")[..., :3] @ codes).all()
    seg = names["seg"]
    assert seg._repr_png_().startswith(b"\x89PNG")
    assert seg.labels.shape == seg.confidence.shape == (1, 513, 513)
    np.testing.assert_array_equal(seg.color[0].numpy(), color)
    np.testing.assert_array_equal(
        seg.overlay[0].numpy(), segpost.overlay(names["image"], labels, "voc")
    )


def letterbox_names() -> Names:
    def model(x: np.ndarray) -> np.ndarray:
        assert x.shape == (1, 3, 513, 513)
        return np.stack([classify(one.transpose(1, 2, 0), 21) for one in x])

    return {"image": photograph(375, 500), "model": model}


def check_letterbox(names: Names, printed: str) -> None:
    x, box = names["x"], names["box"]
    assert (x.shape, x.dtype) == ((3, 513, 513), np.float32)
    np.testing.assert_allclose(x[:, 256, 100], normalized(COLORS)[0], atol=1e-5)
    assert box.image_size == (375, 500)
    check_halves(names["seg"].labels, 375, 500)


def window_names() -> Names:
    def crop(image: np.ndarray, y: int, x: int, h: int, w: int) -> np.ndarray:
        return image[y : y + h, x : x + w]

    return {
        "image": photograph(600, 900),
        "model": lambda piece: classify(normalized(piece), 19),
        "crop": crop,
    }


def check_windows(names: Names, printed: str) -> None:
    check_halves(names["seg"].labels, 600, 900)
    confidence = names["seg"].confidence
    assert confidence.shape == (600, 900)
    assert 0.9 < confidence[300, 100] <= 1
    assert len(list(segpost.windows((600, 900), (512, 512), (384, 384)))) > 1


class Recorder:
    """segpost, of which the results of postprocess are kept."""

    def __init__(self) -> None:
        self.results: list[segpost.Segmentation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(segpost, name)

    def postprocess(self, *given: Any, **options: Any) -> segpost.Segmentation:
        self.results.append(segpost.postprocess(*given, **options))
        return self.results[-1]


def runtime_names() -> Names:
    class Session:
        """As onnxruntime's: a list of outputs."""

        def run(self, outputs: None, feed: Names) -> list[np.ndarray]:
            return [scene(21, 8, 10)[None] + feed["x"]]

    return {
        "model": lambda x: {"out": torch.from_numpy(scene(21, 64, 80)[None])},
        "x": None,
        "image": np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8),
        "session": Session(),
        "feed": {"x": np.float32(1)},
        "segpost": Recorder(),
    }


def check_runtimes(names: Names, printed: str) -> None:
    wanted = segpost.argmax(scene(21, 8, 10) + np.float32(1), size=(64, 80))
    np.testing.assert_array_equal(names["seg"].labels[0], wanted)
    labels = scene(21, 64, 80).argmax(0)
    first, second = names["segpost"].results
    assert second is names["seg"]
    np.testing.assert_array_equal(first.labels[0].numpy(), labels)
    overlay = segpost.overlay(names["image"], labels, "voc")
    np.testing.assert_array_equal(first.overlay[0].numpy(), overlay)


def score_names() -> Names:
    target = scene(19, 64, 80, 1).argmax(0).astype(np.uint8)
    target[:3] = 255
    other = np.roll(target, 5, axis=1)
    return {"loader": [(scene(19, 8, 10, 1), target), (scene(19, 16, 20, 2), other)]}


def check_scores(names: Names, printed: str) -> None:
    counts = np.zeros((19, 19), np.int64)
    for logits, target in names["loader"]:
        counts += confusion(segpost.argmax(logits, size=target.shape), target, 19)
    cm = names["cm"]
    np.testing.assert_array_equal(cm.state[:19, :19], counts)
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    miou = float((counts.diagonal()[union > 0] / union[union > 0]).mean())
    assert cm.compute().miou == pytest.approx(miou)
    assert str(cm.compute()) in printed
    assert all(word in printed for word in ("mmseg", "torchmetrics", "keras"))


def diagnosis_names() -> Names:
    logits = scene(21, 16, 20)
    logits[3, 2, 5] = np.nan
    return {
        "logits": logits,
        "target": scene(21, 64, 80).argmax(0).astype(np.uint8),
        "image": np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8),
    }


def check_diagnosis(names: Names, printed: str) -> None:
    assert "nan-logits" in names["found"].codes
    assert re.search(
        r"^certain +nan-logits: 1 of 6720 logits are NaN, .* 3$", printed, re.MULTILINE
    )
    assert re.search(r"^ +cure: +logits = model", printed, re.MULTILINE)


def checkpoint_names() -> Names:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2), torch.nn.Conv2d(8, 5, 1)).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    state = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save(state, "deeplab.pth")
    probe = normalized(segpost.probe_image((33, 33))).transpose(2, 0, 1)[None]
    x = torch.from_numpy(probe.astype(np.float32))
    segpost.fingerprint(model(x), stages={"input": x}).save("deeplab.fingerprint.json")
    return {"model": model, "x": x}


def check_checkpoint(names: Names, printed: str) -> None:
    assert "prefix" in printed
    assert "module." in printed
    compared = names["kept"].compare(
        segpost.fingerprint(names["model"](names["x"]), stages={"input": names["x"]})
    )
    assert compared.verdict == "same"
    assert str(compared) in printed


def edge_names() -> Names:
    """Noisy logits of a picture of large squares, of which each is of one class."""
    random = np.random.default_rng(0)
    squares = random.integers(0, 3, (5, 5)).repeat(100, 0).repeat(75, 1)
    image = np.array([(220, 60, 40), (30, 90, 200), (40, 180, 60)], np.uint8)[squares]
    logits = np.eye(3, dtype=np.float32)[squares].transpose(2, 0, 1)
    logits = logits + random.normal(0, 0.7, logits.shape).astype(np.float32)
    return {
        "image": image,
        "logits": logits,
        "probabilities": segpost.softmax(logits),
        "squares": squares,
    }


def check_edges(names: Names, printed: str) -> None:
    def share_right(labels: np.ndarray) -> float:
        return float((labels == names["squares"]).mean())

    before = share_right(names["logits"].argmax(0))
    assert before < 0.8
    assert names["refined"].shape == (3, 500, 375)
    np.testing.assert_allclose(names["refined"].sum(0), 1, atol=1e-4)
    assert share_right(names["refined"].argmax(0)) > 0.99
    done = names["done"]
    assert len(done.kl) - 1 == len(done.change) == done.iterations
    assert done.converged is None  # no tolerance is in the settings
    assert share_right(done.probabilities.argmax(0)) > 0.99
    assert share_right(done.labels) > 0.99
    seg = names["seg"]
    assert share_right(seg.labels) > 0.99
    np.testing.assert_array_equal(seg.overlay, segpost.overlay(names["image"], seg.labels, "voc"))


def check_operators(names: Names, printed: str) -> None:
    model = names["Model"]()
    model.network = torch.nn.Conv2d(3, 21, 3, 2, padding=1)
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 24, 32))).float()
    with torch.no_grad():
        labels, color = model(image)
        wanted = segpost.argmax(model.network(image), size=(24, 32))
    assert torch.equal(labels, wanted)
    assert len(labels.unique()) > 1
    np.testing.assert_array_equal(color.numpy(), segpost.colorize(labels.numpy(), "voc"))


def device_names() -> Names:
    return {
        "logits": torch.from_numpy(scene(19, 32, 64)[None]),
        "device": "cuda" if segpost.cuda_available() and torch.cuda.is_available() else "cpu",
    }


def check_device(names: Names, printed: str) -> None:
    seg = names["seg"]
    assert seg.labels.dtype == torch.uint8
    assert seg.labels.device.type == names["device"]
    wanted = segpost.argmax(names["logits"].numpy(), size=(1024, 2048))
    np.testing.assert_array_equal(seg.labels.cpu().numpy(), wanted)
    np.testing.assert_array_equal(seg.color.cpu().numpy(), segpost.colorize(wanted, "cityscapes"))


def deferred_names() -> Names:
    logits, target = score_names()["loader"][0]
    return {
        "cm": segpost.ConfusionMatrix(19, ignore_index=255),
        "logits": logits,
        "target": target,
    }


def check_deferred(names: Names, printed: str) -> None:
    target = names["target"]
    wanted = confusion(segpost.argmax(names["logits"], size=target.shape), target, 19)
    np.testing.assert_array_equal(names["cm"].state[:19, :19], wanted)


EXAMPLES = {
    ("The loop you can delete", 0): Example(loop_names, check_before),
    ("The loop you can delete", 1): Example(loop_names, check_after),
    ("The input, and the way back", 0): Example(letterbox_names, check_letterbox),
    ("The input, and the way back", 1): Example(window_names, check_windows),
    ("Any runtime", 0): Example(runtime_names, check_runtimes),
    ("The score you can trust", 0): Example(score_names, check_scores),
    ("Why it is black", 0): Example(diagnosis_names, check_diagnosis),
    ("Why it is black", 1): Example(checkpoint_names, check_checkpoint),
    ("The edges you can have back", 0): Example(edge_names, check_edges),
    ("Inside of torch.compile and torch.export", 0): Example(
        lambda: {"torch": torch}, check_operators
    ),
    ("On a GPU", 0): Example(device_names, check_device),
    ("On a GPU", 1): Example(deferred_names, check_deferred),
}


def test_every_block_has_an_example() -> None:
    """A new block is a failure until it is run here, and so is an example without its block."""
    blocks = blocks_of(README)
    assert sorted(EXAMPLES) == sorted((block.section, block.number) for block in blocks)
    assert len(blocks) == len(re.findall(r"^\s*(?:```|~~~) *(?:python|py)\b", README, re.MULTILINE))


@pytest.mark.parametrize(
    "block", blocks_of(README), ids=lambda block: f"{block.section} {block.number}"
)
def test_block(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of its lines run in an empty folder, and its results are right."""
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[block.section, block.number]
    names: Names = {"segpost": segpost, **example.names()}
    exec(compile(block.code, f"README.md: {block.section}", "exec"), names)
    example.check(names, capsys.readouterr().out)
