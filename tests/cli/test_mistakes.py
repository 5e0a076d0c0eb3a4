"""Arguments and files that mean something else: the message says the command that is right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import write_labels

import segpost
from segpost.cli import main
from segpost.files.images import read_labels

pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.filterwarnings("default::segpost.InputWarning")
LABEL_IDS = np.array(
    [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33], np.uint8
)
CITYSCAPES = ("--palette", "cityscapes", "--quiet")


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """Three images of Cityscapes: targets with void, and predictions, as labelIds and trainIds."""
    random = np.random.default_rng(1)
    for name in ("a.png", "b.png", "c.png"):
        labels = random.integers(0, 19, (20, 30)).astype(np.uint8)
        target = np.where(random.random((20, 30)) < 0.1, 255, labels).astype(np.uint8)
        write_labels(tmp_path / "preds" / name, labels)
        write_labels(tmp_path / "preds-ids" / name, LABEL_IDS[labels])
        write_labels(tmp_path / "gt" / name, target)
        target_ids = np.where(target == 255, 0, LABEL_IDS[target % 19]).astype(np.uint8)
        write_labels(tmp_path / "gt-ids" / name, target_ids)
        write_labels(tmp_path / "masks" / name, (target > 9).astype(np.uint8) * 255)
        write_labels(tmp_path / "foreground" / name, (target > 9).astype(np.uint8))
    (tmp_path / "mask.json").write_text(json.dumps({"0": 0, "255": 1}))
    return tmp_path


def evaluate(
    folder: Path, capsys: pytest.CaptureFixture[str], preds: str, target: str, *options: str
) -> str:
    """Return what the command prints on standard error."""
    main(["evaluate", str(folder / preds), str(folder / target), *options])
    return capsys.readouterr().err


def test_label_ids(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The options that the messages name leave nothing to say."""
    text = evaluate(folder, capsys, "preds", "gt-ids", *CITYSCAPES)
    assert "are these Cityscapes labelIds? --map cityscapes makes trainIds" in text
    mapped = (*CITYSCAPES, "--map", "cityscapes")
    assert evaluate(folder, capsys, "preds", "gt-ids", *mapped) == ""
    for target in ("gt-ids", "gt"):
        text = evaluate(folder, capsys, "preds-ids", target, *mapped[: 5 if target != "gt" else 3])
        assert "are they Cityscapes labelIds? --map cityscapes --map-to both makes" in text
        assert "--map-to preds of PREDS alone; or are PREDS and TARGETS exchanged?" in text
    assert evaluate(folder, capsys, "preds-ids", "gt-ids", *mapped, "--map-to", "both") == ""
    assert evaluate(folder, capsys, "preds-ids", "gt", *mapped, "--map-to", "preds") == ""


def test_exchanged_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folder, capsys, "preds", "gt", *CITYSCAPES) == ""
    text = evaluate(folder, capsys, "gt", "preds", *CITYSCAPES)
    assert "are PREDS and TARGETS exchanged? The order is segpost evaluate PREDS TARGETS" in text
    text = evaluate(folder, capsys, "gt-ids", "preds", *CITYSCAPES, "--map", "cityscapes")
    assert "are PREDS and TARGETS exchanged? The order is segpost evaluate PREDS TARGETS" in text


def test_masks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Masks of 0 and 255 are mapped by a file."""
    two = ("--num-classes", "2", "--quiet")
    text = evaluate(folder, capsys, "foreground", "masks", *two)
    assert 'pass --map FILE, a .json file of {"0": 0, "255": 1}' in text
    mapped = (*two, "--map", str(folder / "mask.json"))
    assert evaluate(folder, capsys, "foreground", "masks", *mapped) == ""
    text = evaluate(folder, capsys, "masks", "foreground", *two)
    assert "they are masks of 0 and 255: --map FILE --map-to both makes labels of them" in text
    assert evaluate(folder, capsys, "masks", "foreground", *mapped, "--map-to", "preds") == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["diagnose", "logits.npy"], "such as --logits logits.npy"),
        (["diagnose", "a.png", "b.npz"], "such as --image a.png --logits b.npz"),
        (
            ["run", "logits.npy", "--out", "out", "--want", "labels", "overlay"],
            "commas join the words of --want, without spaces: --want labels,color",
        ),
        (["run", "--out", "out", "--want", "labels", "overlay", "logits.npy"], "--want labels,col"),
        (["run", "logits.pkl", "--out", "out"], "np.save(path, logits) writes one"),
    ],
)
def test_words_too_many(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", np.random.default_rng(1).normal(size=(3, 8, 9)))
    Path("logits.pkl").write_bytes(b"")
    assert main(arguments) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_files_of_objects(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"logits{suffix}"
    objects = np.array([np.zeros((3, 4, 5)), None], object)
    if suffix == ".npy":
        np.save(path, objects, allow_pickle=True)
    else:
        np.savez(path, logits=objects)
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 1
    text = capsys.readouterr().err
    assert "it holds Python objects, " in text
    assert "np.save(path, np.asarray(array, 'float32'))" in text


def test_names_of_conventions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All are listed with their other names, which the option takes."""
    monkeypatch.chdir(tmp_path)
    assert main(["info", "--conventions"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in segpost.Convention.names())
    assert "hf, huggingface" in text
    assert main(["run", "missing.npy", "--out", "out", "--convention", "hf"]) == 1


def test_shifted_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The option that the message names leaves nothing to say."""
    for path in (folder / "preds").iterdir():
        labels = read_labels(path)
        write_labels(folder / "from-1" / path.name, labels + np.uint8(1))
    twenty = ("--num-classes", "20", "--quiet")
    text = evaluate(folder, capsys, "preds", "from-1", *twenty)
    assert "preds are the target -1 at 100%" in text
    assert "--map reduce_zero_label shifts TARGETS" in text
    mapped = (*twenty, "--map", "reduce_zero_label", "--ignore-index", "255")
    assert evaluate(folder, capsys, "preds", "from-1", *mapped) == ""


def test_a_label_map_as_the_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has few colors, in regions; a photograph of the same scene has noise."""
    random = np.random.default_rng(2)
    labels = random.integers(0, 21, (6, 8)).astype(np.uint8).repeat(10, 0).repeat(10, 1)
    np.save(tmp_path / "logits.npy", random.normal(size=(21, 30, 40)).astype(np.float32))
    write_labels(tmp_path / "labels.png", labels)
    colors = segpost.colorize(labels, "voc")
    segpost.Segmentation(color=colors).save(tmp_path / "colors.png", what="color")
    photograph = (colors // 2 + random.integers(0, 99, colors.shape)).astype(np.uint8)
    segpost.Segmentation(color=photograph).save(tmp_path / "photo.png", what="color")
    command = ["run", str(tmp_path / "logits.npy"), "--palette", "voc", "--out"]
    for name in ("labels", "colors", "photo"):
        image = str(tmp_path / f"{name}.png")
        assert main([*command, str(tmp_path / f"of-{name}"), "--image", image]) == 0
        text = capsys.readouterr().err
        assert ("as in a label map: is it the photograph?" in text) == (name != "photo")


def test_a_file_as_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "logits.npy", np.random.default_rng(2).normal(size=(3, 30, 40)))
    command = ["run", str(tmp_path / "logits.npy"), "--out"]
    for name in ("labels.png", "labels.npy"):
        assert main([*command, str(tmp_path / "out" / name)]) == 2
        assert f"pass --out {tmp_path / 'out'}" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    (tmp_path / "folder.png").mkdir()
    assert main([*command, str(tmp_path / "folder.png")]) == 0
    assert main([*command, str(tmp_path / "v1.0")]) == 0


def test_files_of_probabilities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the message advises gives the confidence."""
    logits = np.random.default_rng(2).normal(size=(3, 30, 40)).astype(np.float32)
    shares = segpost.softmax(logits)
    np.save(tmp_path / "a.npy", shares)
    command = ["run", str(tmp_path / "a.npy"), "--out", str(tmp_path / "out"), "--want"]
    assert main([*command, "labels,confidence"]) == 1
    text = capsys.readouterr().err
    assert "leave confidence out of --want, or save np.log(probabilities)" in text
    assert "convention=" not in text
    assert main([*command, "labels"]) == 0
    np.save(tmp_path / "a.npy", np.log(shares))
    assert main([*command, "labels,confidence", "--overwrite"]) == 0
    np.save(tmp_path / "a.npy", 1 / (1 + np.exp(-3 * logits)))
    assert main([*command, "confidence", "--overwrite"]) == 0
    text = capsys.readouterr().err
    assert text.rstrip().endswith("pass the network's logits before the sigmoid")


def test_one_image_of_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, or a file of the image's name, beside others; outputs of several networks pass."""
    import PIL.Image

    random = np.random.default_rng(2)
    image = random.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    for index, name in enumerate(("a", "b", "net-a", "net-b")):
        folder = tmp_path / ("logits" if len(name) == 1 else "nets")
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", random.normal(size=(3, 8, 10)).astype(np.float32))
        (tmp_path / "images").mkdir(exist_ok=True)
        PIL.Image.fromarray(image + np.uint8(index)).save(tmp_path / "images" / f"{name}.png")

    def run(*words: str) -> str:
        arguments = [word if word.startswith("-") else str(tmp_path / word) for word in words]
        out = str(tmp_path / f"out-{len(list(tmp_path.iterdir()))}")
        assert main(["run", *arguments, "--out", out]) == 0
        return capsys.readouterr().err

    one = ("--image", "images/a.png")
    for files in (("logits",), ("logits/a.npy", "logits/b.npy")):
        text = run(*files, *one)
        assert "a.png is one picture, and 2 files of logits" in text
        assert "give a folder with a.jpg and so on" in text
    assert run("nets/net-a.npy", "nets/net-b.npy", *one) == ""
    assert run("logits/a.npy", *one) == ""
    assert run("logits", "--image", "images") == ""
    assert run("logits") == ""
