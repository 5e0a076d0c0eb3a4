"""`segpost diagnose`: files in, findings out, and files that would hurt."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from diagnosis_scenes import CLASSES, SIZE, Image, logits_of, pair, photograph, regions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import segpost
from segpost.cli import main
from segpost.render.findings import format_html

VOC = segpost.Palette.named("voc")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with nothing wrong, as files, where the command is called."""
    logits, labels, target = pair(21)
    np.save(tmp_path / "logits.npy", logits)
    np.save(tmp_path / "again.npy", logits)
    for name, ids in (("labels", labels), ("target", target)):
        picture = Image.fromarray(ids)
        picture.putpalette(VOC.colors.tobytes())
        picture.save(tmp_path / f"{name}.png")
    Image.fromarray(photograph()).save(tmp_path / "image.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claimed(width: int, height: int) -> bytes:
    """A PNG that claims so many pixels, and holds a few compressed zeros."""
    packed = zlib.compress(bytes(1 << 20))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", packed)]
    made = b"\x89PNG\r\n\x1a\n"
    for kind, content in [*chunks, (b"IEND", b"")]:
        check = zlib.crc32(kind + content)
        made += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
    return made


def test_a_right_run_is_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing wrong: exit status 0, and what cannot be printed is said."""
    files = ["--logits", "logits.npy", "--again", "again.npy", "--labels", "labels.png",
             "--target", "target.png", "--image", "image.jpg", "--palette", "voc"]  # fmt: skip
    assert main(["diagnose", *files]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Nothing wrong was found.")
    assert "--" not in said
    assert "Cannot tell from this:" in said


def test_findings_are_1_and_those_of_the_api(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something wrong: exit status 1; text, JSON, Markdown and report are those of the function."""
    labels = np.roll(np.asarray(Image.open("labels.png")), (3, -7), (0, 1))
    np.save("labels.npy", labels)
    status = main(
        ["diagnose", "--labels", "labels.npy", "--target", "target.png", "--num-classes", "21",
         "--json", "found.json", "--markdown", "found.md", "--report", "found.html"]
    )  # fmt: skip
    assert status == 1
    target = np.asarray(Image.open("target.png"))
    found = segpost.diagnose(labels=labels, target=target, num_classes=21)
    assert capsys.readouterr().out == f"{found}\n"
    assert json.loads((folder / "found.json").read_text()) == json.loads(found.to_json())
    assert (folder / "found.md").read_text() == found.to_markdown()
    page = (folder / "found.html").read_text()
    assert all(format_html(finding) in page for finding in found.findings)
    assert f'<p class="soft">{found.summary()}</p>' in page
    assert all(f"</svg>{name}</li>" in page for name in (*range(21), "where they differ"))
    assert ">Compare target and prediction</button>" in page
    assert page.count("<img src=\"data:image/png;base64,") == 3  # fmt: skip
    assert "http:" not in page
    assert "https:" not in page
    assert found.codes == ("shifted",)


def test_pictures_are_read_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mode, format and palette of a file are evidence: grey ids, JPEG, red and blue exchanged."""
    ids = np.asarray(Image.open("labels.png"))
    Image.fromarray(ids).save("grey.png")
    Image.fromarray(ids).save("labels.jpg")
    swapped = Image.fromarray(ids)
    swapped.putpalette(VOC.colors[:, ::-1].tobytes())
    swapped.save("swapped.png")
    Image.fromarray(segpost.colorize(ids, VOC)).save("color.png")
    for name, code, status in (
        ("grey.png", "no-palette-in-file", 0),  # a hint
        ("labels.jpg", "lossy-label-file", 1),
        ("swapped.png", "red-blue-swapped", 1),
    ):
        assert main(["diagnose", "--labels", name, "--palette", "voc"]) == status
        assert f" {code}: " in capsys.readouterr().out
    assert main(["diagnose", "--labels", "color.png", "--palette", "voc", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_options_are_those_of_the_api(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Grid, threshold, quantization, names, void and normalization reach the function."""
    target = regions()
    np.save("t.npy", np.where(target == 6, 99, target))
    np.save("made.npy", logits_of(target, grid="align_corners"))
    np.save("bytes.npy", np.clip(np.rint(logits_of(target, stride=1) * 8), -128, 127).astype("i1"))
    np.save("one.npy", np.linspace(-1, 1, 4096, dtype=np.float32).reshape(1, 64, 64))
    np.save("x.npy", (photograph() / 255).transpose(2, 0, 1))
    Path("names.txt").write_text("".join(f"class {k}\n" for k in range(CLASSES)))
    names = ["--class-names", "names.txt"]
    target_99 = ["--target", "t.npy", *names, "--ignore-index", "99"]
    mean = ["--mean", "0.485", "0.456", "0.406", "--std", "0.229", "0.224", "0.225"]
    for arguments, code in (
        (["--logits", "made.npy", *target_99], "wrong-grid"),
        (["--logits", "made.npy", *target_99, "--grid", "align_corners"], None),
        (["--target", "t.npy", *names], "target-outside"),
        (["--logits", "bytes.npy"], "quantized-logits"),
        (["--logits", "bytes.npy", "--quantization", "0.125", "0"], None),
        (["--logits", "one.npy"], "one-channel"),
        (["--logits", "one.npy", "--threshold", "0.5"], None),
        (["--input", "x.npy", *mean], "input-range"),
        (["--logits", "made.npy", "--axis", "-1", *names], "class-axis"),
    ):  # fmt: skip
        status = main(["diagnose", *arguments])
        said = capsys.readouterr().out
        assert code is None or f" {code}: " in said
        is_more_than_a_hint = re.search(r"^(certain|likely) ", said, re.MULTILINE) is not None
        assert status == is_more_than_a_hint, arguments
        assert code is not None or status == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no file to look at: give --logits, "),
        (["--palette", "voc"], "such as --logits logits.npy --target target.png"),
        (["--labels", "none.png"], "none.png"),
        (["--logits", "labels.png"], "--logits labels.png"),
        (["--labels", "labels.png", "--palette", "vocc"], "vocc"),
        (["--labels", "labels.png", "--json", "labels.png"], "overwrite"),
        (["--labels", "labels.png", "--json", "no/such/folder.json"], "no/such"),
        (["--labels", "bomb.png"], "--max-pixels"),
        (["--image", "bomb.png"], "--max-pixels"),
        (["--labels", "labels.png", "--max-pixels", "1000"], "--max-pixels"),
        (["--target", "target.npy", "--max-pixels", "1000"], "--max-pixels"),
        (["--labels", "torn.png"], "torn.png"),
        (["--labels", "text.png"], "text.png"),
        (["--labels", "frames.gif"], "pictures"),
        (["--logits", "torn.npy"], "torn.npy"),
        (["--logits", "pickle.npy"], "pickle"),
        (["--logits", "text.npz"], "no array"),
        (["--labels", "floats.npy"], "integers"),
        (["--labels", "labels.png", "--axis", "2"], "--axis"),
    ],
)
def test_mistakes_are_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """What cannot be read, or is too large, is exit status 2 and a line that names it."""
    Path("bomb.png").write_bytes(claimed(60000, 60000))
    Path("torn.png").write_bytes(Path("labels.png").read_bytes()[:300])
    Path("torn.npy").write_bytes(Path("logits.npy").read_bytes()[:5000])
    Path("text.png").write_text("no picture")
    frames = [Image.fromarray(np.full((8, 8), k, np.uint8)) for k in (0, 200)]
    frames[0].save("frames.gif", save_all=True, append_images=frames[1:])
    np.save("pickle.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with zipfile.ZipFile("text.npz", "w") as archive:
        archive.writestr("logits.txt", "no array")
    np.save("floats.npy", np.zeros((4, 4)))
    np.save("target.npy", np.zeros(SIZE, np.uint8))
    before = Path("labels.png").read_bytes()
    assert main(["diagnose", *arguments]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message
    assert Path("labels.png").read_bytes() == before


def test_a_bomb_takes_no_memory(folder: Path) -> None:
    """A picture that claims 3.6 gigapixels is refused before anything is allocated for it."""
    pytest.importorskip("resource")
    (folder / "bomb.png").write_bytes(claimed(60000, 60000))
    script = """
import resource, sys
from segpost.cli import main
main(["diagnose", "--labels", "labels.png", "--quiet"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
status = main(["diagnose", "--labels", "bomb.png"])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder
    )
    status, kilobytes = map(int, done.stdout.split())
    assert status == 2
    assert kilobytes < 64 << 10


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_end_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Whatever is cut off or overwritten, the exit status is 0, 1 or 2, and nothing is raised."""
    name = data.draw(st.sampled_from(["labels.png", "logits.npy", "image.jpg"]))
    content = bytearray((folder / name).read_bytes())
    # Headers are where damage hurts.
    places = st.integers(0, len(content) - 1) | st.integers(0, min(200, len(content) - 1))
    for at in data.draw(st.lists(places, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(places) :]
    damaged = folder / f"damaged{Path(name).suffix}"
    damaged.write_bytes(content)
    option = f"--{Path(name).stem}"
    assert main(["diagnose", option, str(damaged), "--max-pixels", "1000000"]) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err
