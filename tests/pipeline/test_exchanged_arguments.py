"""Methods of results whose arguments stand in another order, and files in missing folders."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LOGITS = scene(3, 16, 24)
IMAGE = np.full((16, 24, 3), 90, np.uint8)
SEG = segpost.postprocess(LOGITS, palette="voc")
REGIONS = segpost.regions(SEG.labels)


@pytest.mark.parametrize("palette", ["voc", segpost.Palette.named("voc")])
@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda palette: SEG.draw(palette), "seg.draw(image)"),
        (lambda palette: REGIONS.draw(palette, IMAGE), "regions.draw(image, palette)"),
    ],
)
def test_a_palette_in_place_of_an_image(
    call: Callable[[Any], Any], cure: str, palette: Any
) -> None:
    """The error has the call as it should be, which draws."""
    with pytest.raises(TypeError, match=rf"image is the palette, .*{re.escape(cure)}"):
        call(palette)
    names = {"seg": SEG, "regions": REGIONS, "image": IMAGE, "palette": palette}
    assert eval(cure, names).shape == IMAGE.shape


def test_an_image_file_in_place_of_an_image() -> None:
    """A path is no palette's name."""
    with pytest.raises(TypeError, match=r"PIL\.Image\.open a picture"):
        SEG.draw("photo.jpg")


@pytest.mark.parametrize(
    "arguments", [("labels", "labels.png"), ("labels.png", "labels"), ("FILE.png", "labels")]
)
def test_the_result_that_is_saved(arguments: tuple[str, str], tmp_path: Path) -> None:
    """`save` takes the path first, and the result by its name, as the error has it."""
    save: Any = SEG.save
    with pytest.raises(ValueError, match=r"seg\.save\(") as caught:
        save(*arguments)
    code = re.search(r"seg\.save\(.*\)", str(caught.value))
    assert code

    class Saved:
        """Saves in a folder of the test."""

        def save(self, path: str, what: Any) -> None:
            """Save to the folder."""
            SEG.save(tmp_path / path, what=what)

    eval(code.group(0), {"seg": Saved()})
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


@pytest.mark.parametrize(
    "save",
    [
        SEG.save,
        lambda path: SEG.save(path.with_suffix(".npy")),
        segpost.fingerprint(LOGITS).save,
    ],
)
def test_a_folder_that_is_missing(save: Callable[[Path], None], tmp_path: Path) -> None:
    """The error names the folder; once it is there, the file is written."""
    path = tmp_path / "none" / "labels.png"
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none': create it") as caught:
        save(path)
    assert Path(str(caught.value.filename)).parent == path.parent
    path.parent.mkdir()
    save(path)
    assert len([*path.parent.iterdir()]) == 1
