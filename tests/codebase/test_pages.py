"""Every block of README, CONTRIBUTING and docs/ runs as it is written.

`page_blocks` says how a block of each language is run and which commands are left out, and
`page_inputs` which names and files the blocks find.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

import page_inputs as inputs
import page_runtimes as runtimes
from page_blocks import PAGES, ROOT, Block, Command, Names, blocks_of, commands_of, run_block
from page_names import OWN_INPUTS

import segpost

Check = Callable[[Names, str], None]  # of the names after a block, and of what it printed

# The packages that a page's blocks import; a page is skipped where one is missing.
NEEDS: dict[str, tuple[str, ...]] = {
    "docs/guides/checkpoints.md": ("torchmetrics",),
    "docs/guides/coco.md": ("pycocotools",),
    "docs/guides/metrics.md": ("torchmetrics",),
    "docs/guides/rasters.md": ("rasterio", "zarr"),
    "docs/guides/video.md": ("imageio", "imageio_ffmpeg"),
    **{f"docs/guides/runtimes/{name}.md": needs for name, needs in runtimes.NEEDS.items()},
}
# A page that takes seconds: figures and intervals of reports.
SLOW = frozenset(("docs/guides/command-line.md",))
# Pages whose packages `.ci/run` installs for these markers.
PEERS = frozenset(
    ("docs/guides/coco.md", "docs/guides/runtimes/nnunet.md", "docs/guides/runtimes/torchio.md")
)
RUNTIMES = frozenset(
    f"docs/guides/{name}.md"
    for name in (
        "runtimes/append",
        "runtimes/jax",
        "runtimes/keras-hub",
        "runtimes/litert",
        "runtimes/onnxruntime",
        "runtimes/openvino",
        "video",
    )
)


class LabelsAndColors(NamedTuple):
    """What the shared logits give, computed without postprocess."""

    labels: np.ndarray
    color: np.ndarray


def expected(names: Names) -> LabelsAndColors:
    """Labels of the shared logits at the image's size, and their colors."""
    labels = segpost.argmax(names["logits"].numpy()[0], size=(inputs.SIZE, inputs.SIZE))
    return LabelsAndColors(labels, segpost.colorize(labels, "voc"))


def read(path: str) -> np.ndarray:
    """The pixels of a picture, ids where it is indexed."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture)


def check_halves(labels: Any) -> None:
    """Labels of the shared image are right everywhere but near the edge between its halves."""
    labels = np.asarray(labels).reshape(inputs.SIZE, inputs.SIZE)
    margin, half = 20, inputs.SIZE // 2
    assert (labels[:, : half - margin] == inputs.LEFT).all()
    assert (labels[:, half + margin :] == inputs.RIGHT).all()


def count(preds: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """A confusion matrix by hand."""
    kept = target != 255
    pairs = target[kept].astype(int) * classes + preds[kept]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def check_before(names: Names, printed: str) -> None:
    labels, color = expected(names)
    assert (names["labels"] == labels).mean() > 0.999
    np.testing.assert_array_equal(names["color"], names["palette"][names["labels"]])
    assert (color == names["color"]).mean() > 0.999


def check_after(names: Names, printed: str) -> None:
    labels, color = expected(names)
    seg = names["seg"]
    assert seg.labels.shape == seg.confidence.shape == (1, inputs.SIZE, inputs.SIZE)
    np.testing.assert_array_equal(read("labels.png"), labels)
    overlay = segpost.overlay(names["image"], labels, "voc")
    np.testing.assert_array_equal(seg.overlay[0].numpy(), overlay)
    np.testing.assert_array_equal(read("overlay.png"), overlay)
    codes = [256**2, 256, 1]
    shown = read("figure.png")[..., :3] @ codes
    assert np.isin(np.unique(color.reshape(-1, 3), axis=0) @ codes, shown).all()
    assert seg._repr_png_().startswith(b"\x89PNG")


def check_first_result(names: Names, printed: str) -> None:
    labels, _ = expected(names)
    np.testing.assert_array_equal(names["seg"].labels[0].numpy(), labels)
    overlay = segpost.overlay(names["image"], labels, "voc")
    np.testing.assert_array_equal(names["seg"].overlay[0].numpy(), overlay)


def check_first_score(names: Names, printed: str) -> None:
    matrix = count(expected(names).labels, names["target"], 21)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    miou = float((matrix.diagonal()[union > 0] / union[union > 0]).mean())
    assert names["scores"].miou == pytest.approx(miou)
    assert float(printed) == pytest.approx(miou)


def check_diagnosis(names: Names, printed: str) -> None:
    assert "dead-class" in names["diagnosis"].codes  # 19 of 21 logits are constant
    assert str(names["diagnosis"]) in printed


def check_letterbox(names: Names, printed: str) -> None:
    x, box = names["x"], names["box"]
    assert (x.shape, x.dtype) == ((3, 385, 385), np.float32)
    np.testing.assert_allclose(x[:, 190, 60], inputs.normalize(inputs.COLORS)[0], atol=1e-5)
    assert box.image_size == (inputs.SIZE, inputs.SIZE)
    check_halves(names["seg"].labels)


def check_windows(names: Names, printed: str) -> None:
    check_halves(names["seg"].labels)
    confidence = np.asarray(names["seg"].confidence).reshape(inputs.SIZE, inputs.SIZE)
    assert 0.9 < confidence[300, 100] <= 1
    assert len(list(segpost.windows((513, 513), (256, 256), (192, 192)))) > 4


def check_crf(names: Names, printed: str) -> None:
    def share_right(labels: Any) -> float:
        return float((np.asarray(labels) == names["truth"]).mean())

    before = share_right(names["probabilities"].argmax(0))
    assert before < 0.8
    refined = names["refined"] if "result" not in names else names["result"].probabilities
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-4)
    assert share_right(refined.argmax(0)) > 0.99


def check_trace(names: Names, printed: str) -> None:
    check_crf(names, printed)
    result = names["result"]
    assert len(result.kl) - 1 == len(result.change) == result.iterations


def check_operators(names: Names, printed: str) -> None:
    torch, model = names["torch"], names["model_with_colors"]
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 24, 32))).float()
    with torch.no_grad():
        labels, color = model(image)
        wanted = segpost.argmax(model.network(image), size=(24, 32))
    assert torch.equal(labels, wanted)
    assert len(labels.unique()) > 1
    np.testing.assert_array_equal(color.numpy(), segpost.colorize(labels.numpy(), "voc"))


def check_device(names: Names, printed: str) -> None:
    seg = names["seg"]
    assert seg.labels.device.type == names["device"]
    wanted = segpost.argmax(names["logits"].numpy(), size=(1024, 2048))
    np.testing.assert_array_equal(seg.labels.cpu().numpy(), wanted)
    color = segpost.colorize(wanted, "voc")
    np.testing.assert_array_equal(seg.color.cpu().numpy(), color)


def check_detector(names: Names, printed: str) -> None:
    assert names["regions"].labels.tolist() == [7, 15]  # the third mask has no pixels
    assert [one["category_id"] for one in names["results"]] == [7, 15]
    assert names["picture"].shape == names["image"].shape


def check_queries(names: Names, printed: str) -> None:
    half, labels = inputs.SIZE // 2, np.asarray(names["labels"])[0]
    assert (labels[:, : half - 20] == 13).all()
    assert (labels[:, half + 20 :] == 2).all()
    assert [one.label for one in names["seg"].segments[0]] == [13, 2]
    assert (np.asarray(names["picture"]) != np.asarray(names["image"])).any()


def check_monai(names: Names, printed: str) -> None:
    fused, labels = names["fused"], names["labels"]
    assert (np.asarray(fused) == np.asarray(labels)).all()
    assert np.asarray(labels).max() == 2
    np.testing.assert_allclose(np.asarray(fused.affine), np.asarray(names["scan"].affine))


def check_nnunet(names: Names, printed: str) -> None:
    assert names["labels"].shape == names["image"].shape[1:]
    assert "predict_from_raw_data.export_prediction_from_logits" in repr(names["installation"])
    assert names["probabilities"].shape == (4, *names["segmentation"].shape)
    assert len(np.unique(names["segmentation"])) == 4


def check_torchio(names: Names, printed: str) -> None:
    labels, before = np.asarray(names["labels"]), np.asarray(names["before"])
    np.testing.assert_array_equal(labels, before)
    assert labels.shape == (48, 40, 24)
    assert set(np.unique(labels)) == {0, 1, 2}


def check_torchio_crop(names: Names, printed: str) -> None:
    labels = names["whole"].labels.numpy()
    assert labels.shape == (24, 40, 48)
    whole = segpost.argmax(names["network"](names["subject"]["image"].data[None])[0], volume=True)
    inside = np.s_[2:-2, 4:-4, 8:-8]
    assert (labels[inside] == whole.numpy().T[inside]).mean() > 0.95
    assert not labels[:2].any()


def check_totalsegmentator(names: Names, printed: str) -> None:
    assert names["seg"].labels.shape == (24, 40, 48)
    assert len(np.unique(names["seg"].labels)) == 3


def check_sam(names: Names, printed: str) -> None:
    assert names["codes"][0]["size"] == [300, 450]
    assert len(names["regions"]) == 2
    assert names["picture"].shape == (300, 450, 3)


def check_instance_video(names: Names, printed: str) -> None:
    with names["iio"].get_reader("instances.mp4") as frames:
        pictures = [np.asarray(frame) for frame in frames]
    assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 3
    assert pictures[0].max() > 100  # the clip is black, and the instances are not


def check_coco(names: Names, printed: str) -> None:
    assert "Average Precision" in printed
    assert names["evaluation"].stats[:2].tolist() == [1.0, 1.0]
    assert len(names["results"]) == 3


def check_geojson(names: Names, printed: str) -> None:
    picture = read("roofs.png")[..., :3]
    filled = (picture == (0x88, 0xAA, 0xCC)).all(axis=-1)
    assert 0.05 < filled.mean() < 0.5
    properties = [one["properties"] for one in names["collection"]["features"]]
    assert [one["name"] for one in properties] == ["roof", "roof"]


def check_saved(names: Names, printed: str) -> None:
    labels, color = expected(names)
    np.testing.assert_array_equal(read("color.png"), color)
    confidence = names["seg"].confidence[0].numpy()
    np.testing.assert_array_equal(np.load("confidence.npy"), confidence)
    np.testing.assert_array_equal(read("confidence.png"), np.rint(255 * confidence))
    assert np.load("probabilities.npy").shape == (21, *labels.shape)


CHECKS: dict[tuple[str, str, int], Check] = {
    ("docs/guides/masks.md", "SAM", 0): check_sam,
    ("docs/guides/video.md", "Instances", 0): check_instance_video,
    ("docs/guides/runtimes/torchvision.md", "Mask R-CNN", 0): check_detector,
    ("docs/guides/runtimes/transformers.md", "Mask2Former", 0): check_queries,
    ("docs/guides/runtimes/monai.md", "MONAI", 1): check_monai,
    ("docs/guides/runtimes/nnunet.md", "By themselves", 0): check_nnunet,
    ("docs/guides/runtimes/torchio.md", "TorchIO", 1): check_torchio,
    ("docs/guides/runtimes/torchio.md", "Resample, Crop and CropOrPad", 0): check_torchio_crop,
    ("docs/guides/runtimes/totalsegmentator.md", "TotalSegmentator", 1): check_totalsegmentator,
    ("docs/guides/coco.md", "Results, scored", 0): check_coco,
    ("docs/guides/regions.md", "GeoJSON, looked at", 0): check_geojson,
    ("README.md", "Before and after", 0): check_before,
    ("README.md", "Before and after", 1): check_after,
    ("docs/index.md", "First result", 0): check_first_result,
    ("docs/index.md", "First score", 0): check_first_score,
    ("docs/index.md", "When a result looks wrong", 0): check_diagnosis,
    ("docs/guides/postprocess.md", "Save and show", 0): check_saved,
    ("docs/guides/letterbox.md", "A network input of fixed size", 0): check_letterbox,
    ("docs/guides/letterbox.md", "Images larger than the input", 0): check_windows,
    ("docs/guides/crf.md", "Dense CRF", 0): check_crf,
    ("docs/guides/crf.md", "Settings", 0): check_trace,
    ("docs/guides/diagnosis.md", "Diagnosis", 0): check_diagnosis,
    ("docs/guides/torch.md", "torch.compile and torch.export", 0): check_operators,
    ("docs/guides/gpu.md", "GPU", 0): check_device,
}


def page_parameters() -> list[Any]:
    """A parameter with its marks for every page that has blocks."""
    found = []
    for path in PAGES:
        page = path.relative_to(ROOT).as_posix()
        marks = [pytest.mark.slow] if page in SLOW else []
        marks += [pytest.mark.runtimes] if page in RUNTIMES else []
        if page in PEERS:
            marks += [pytest.mark.peers, pytest.mark.filterwarnings("default")]
        if page.startswith("docs/guides/runtimes/") or page in RUNTIMES:
            marks.append(pytest.mark.filterwarnings("default"))  # the frameworks' own
        if blocks_of(path):
            found.append(pytest.param(path, id=page, marks=marks))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of `page_inputs`, to be copied."""
    folder = tmp_path_factory.mktemp("files")
    inputs.write_files(folder)
    return folder


@pytest.mark.parametrize("path", page_parameters())
def test_blocks(path: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page run in one session, and their results are right."""
    page = path.relative_to(ROOT).as_posix()
    for package in NEEDS.get(page, ()):
        pytest.importorskip(package)
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for module in ("pydensecrf", "pydensecrf.densecrf", "pydensecrf.utils"):
        monkeypatch.delitem(sys.modules, module, raising=False)  # one page replaces them
    names = inputs.shared_names()
    names.update(OWN_INPUTS[page]() if page in OWN_INPUTS else {})
    for block in blocks_of(path):
        printed = run_block(block, names)
        check = CHECKS.get((page, block.section, block.number))
        if check:
            check(names, printed)


def test_checks_belong_to_blocks() -> None:
    """No check is left behind when a block is moved or a heading is changed."""
    blocks = {(b.page, b.section, b.number) for path in PAGES for b in blocks_of(path)}
    assert set(CHECKS) <= blocks
    assert {*NEEDS, *SLOW, *RUNTIMES, *PEERS, *OWN_INPUTS} <= {page for page, _, _ in blocks}


def test_blocks_are_found() -> None:
    """Every fence of a page is the beginning or the end of a block."""
    for path in PAGES:
        fences = re.findall(r"^ *(?:```|~~~)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks_of(path)), path


def test_commands_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that install or run whole suites are left out; `segpost` and other commands are not."""
    monkeypatch.chdir(tmp_path)  # a command makes a folder
    lines = 'A=1 pip install ".[demo]" && segpost demo\n'
    lines += "$ segpost info && segpost run a  # exit status 1\n"
    assert commands_of(lines) == [
        Command(["segpost", "info"], 1),
        Command(["segpost", "run", "a"], 1),
    ]
    block = Block("page.md", "section", 0, 1, "console", "rm -r folder\n")
    with pytest.raises(AssertionError, match="no rule for the command rm"):
        run_block(block, {})
    with pytest.raises(AssertionError, match="no rule for a block of ''"):
        run_block(block._replace(language=""), {})
    with pytest.raises(AssertionError, match="status 1"):
        run_block(block._replace(code="segpost run missing.npy --out folder\n"), {})


def test_numbers_of_things() -> None:
    """Where a page says how many frameworks or libraries there are, it is right."""
    from segpost.metrics import DIALECTS

    numbers = {
        r"outputs of (\d+) frameworks": len(segpost.Convention.names()),
        r"numbers of (\d+) libraries": len(DIALECTS),
    }
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    for pattern, number in numbers.items():
        said = [int(n) for text in pages.values() for n in re.findall(pattern, text)]
        assert said, pattern
        assert set(said) == {number}, pattern


def test_readme_is_short() -> None:
    """README has at most 150 lines, the page of the benches at most 100."""
    for name, most in (("README.md", 150), ("benches/README.md", 100)):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= most, name
