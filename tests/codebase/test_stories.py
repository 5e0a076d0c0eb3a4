"""The stories of examples/stories: what fails is found, and its cure makes the number better."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

STORIES = Path(__file__).resolve().parents[2] / "examples" / "stories"

# Of every chapter: a finding that must be there, and whether the number rises, falls or stays.
CHAPTERS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "black_images": (
        ("torch", "PIL"),
        [
            ("no-palette-in-file", "rises"),
            ("argmax-times-255", "rises"),
            ("cast-before-argmax", "rises"),
            ("palette-black", "rises"),
            ("input-normalization", "rises"),
        ],
    ),
    "after_restore": (
        ("torch",),
        [
            ("prefix", "rises"),
            ("head-classes", "rises"),
            ("normalization", "rises"),
            ("stage", "rises"),
            ("stage", "rises"),
        ],
    ),
    "low_iou_on_voc": (
        ("torch", "PIL"),
        [
            ("target-luma", "rises"),
            ("target-is-a-picture", "rises"),
            ("void-not-ignored", "rises"),
            ("target-interpolated", "rises"),
            ("letterbox", "rises"),
            ("", "rises"),
        ],
    ),
    "inception_restore": (
        ("tensorflow", "keras", "h5py"),
        [("head-classes", "rises"), ("stage", "falls"), ("normalization", "falls"), ("", "stays")],
    ),
    "detector_degrades": (
        ("tensorflow", "keras", "h5py"),
        [
            ("optimizer-missing", "little"),
            ("channel-order", "rises"),
            ("", "little"),
            ("partly-loaded", "rises"),
        ],
    ),
}
LITTLE = 0.05  # that "costs nothing" may cost


@pytest.fixture(scope="module", autouse=True)
def stories() -> Iterator[None]:
    """The folder of the stories on the path."""
    sys.path.insert(0, str(STORIES))
    yield
    sys.path.remove(str(STORIES))


def marked(name: str) -> Any:
    """A story by the environment that has what it needs."""
    mark = pytest.mark.runtimes if "tensorflow" in CHAPTERS[name][0] else pytest.mark.stories
    return pytest.param(name, marks=mark)


@pytest.mark.filterwarnings("default")  # the frameworks' own
@pytest.mark.parametrize("name", [marked(name) for name in CHAPTERS])
def test_chapters_name_the_cause_and_the_cure_helps(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every chapter: the finding, and the number before and after."""
    needs, wanted = CHAPTERS[name]
    for package in needs:
        pytest.importorskip(package)
    chapters: list[Any] = importlib.import_module(name).main()
    assert len(chapters) == len(wanted)
    for chapter, (code, way) in zip(chapters, wanted, strict=True):
        if code:
            assert code in chapter.codes, chapter
        better = chapter.after - chapter.before
        if way == "stays":
            assert not chapter.codes, chapter
            assert better == 0, chapter
        elif way == "little":
            assert abs(better) < LITTLE, chapter
        else:
            assert (better if way == "rises" else -better) > 0.02, chapter
    printed = capsys.readouterr().out
    assert all(chapter.title in printed for chapter in chapters)


def test_every_story_is_here() -> None:
    """No file of the folder is left out."""
    helpers = {"chapters", "small_deeplab"}
    assert {path.stem for path in STORIES.glob("*.py")} == {*CHAPTERS, *helpers}


@pytest.mark.stories
def test_a_letterbox_is_undone_within_the_noise_of_a_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Through a padded input the trained network scores as without one; with the padding left, not.

    Its noise is what a flip of the picture changes.
    """
    torch = pytest.importorskip("torch")
    deeplab: Any = importlib.import_module("small_deeplab")
    model = deeplab.trained(steps=120)
    box = segpost.Letterbox.fit((96, 128), (160, 160))
    wide = [segpost.ConfusionMatrix(6, ignore_index=255) for _ in range(4)]
    for seed in range(12):
        image, target = deeplab.scene(seed)
        fed = box.apply(image, mean=deeplab.MEAN, std=deeplab.STD)
        with torch.no_grad():
            plain, padded = model(deeplab.prepared(image))[0], model(torch.from_numpy(fed[None]))[0]
            flipped = model(deeplab.prepared(np.ascontiguousarray(image[:, ::-1])))[0].flip(2)
        for cm, labels in zip(
            wide,
            (
                segpost.argmax(plain, size=(96, 128)),
                segpost.argmax(flipped, size=(96, 128)),
                segpost.argmax(padded, letterbox=box),
                segpost.argmax(padded, size=(96, 128)),
            ),
            strict=True,
        ):
            cm.update(preds=labels, target=target)
    direct, mirrored, undone, stretched = (cm.compute().miou for cm in wide)
    noise = max(abs(mirrored - direct), 0.03)
    assert undone > direct - noise
    assert stretched < direct - 3 * noise
