"""The command line as a user meets it: exit codes, files, and sentences on stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from html_elements import Elements

import segpost
from segpost.cli import main
from segpost.render.html.pictures import photograph_format

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three networks' outputs and a photograph for each."""
    for seed, name in enumerate(("a", "b", "c")):
        np.save(tmp_path / f"{name}.npy", scene(21, 8, 10, seed))
        picture = np.random.default_rng(seed).integers(0, 256, (64, 80, 3)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return tmp_path


def read(path: Path) -> np.ndarray:
    """The pixels of a picture, ids where it is indexed."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_run_writes_what_the_api_makes(folder: Path, tmp_path: Path) -> None:
    """Labels, colors and overlay of one file are those of postprocess."""
    image = read(folder / "a.png")
    out = tmp_path / "out"
    code = main(
        ["run", str(folder / "a.npy"), "--image", str(folder / "a.png"), "--palette", "voc",
         "--want", "labels,color,overlay,confidence", "--out", str(out)]
    )  # fmt: skip
    assert code == 0
    seg = segpost.postprocess(
        np.load(folder / "a.npy"),
        size=(64, 80),
        image=image,
        palette="voc",
        want=("labels", "color", "overlay", "confidence"),
    )
    np.testing.assert_array_equal(read(out / "a.labels.png"), seg.labels)
    np.testing.assert_array_equal(read(out / "a.color.png"), seg.color)
    np.testing.assert_array_equal(read(out / "a.overlay.png"), seg.overlay)
    grey = read(out / "a.confidence.png").astype(int)
    assert np.abs(grey - seg.confidence * 255).max() <= 1


def test_run_on_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file of a folder, images matched by name; a bad one is named and the others go on."""
    np.save(folder / "b.npy", np.full((21, 8, 10), np.nan, np.float32))
    out = folder / "out"
    code = main(["run", str(folder), "--image", str(folder), "--palette", "voc", "--out", str(out)])
    assert code == 1
    assert "b.npy" in (message := capsys.readouterr().err)
    assert "NaN" in message
    assert sorted(p.name for p in out.glob("[!.]*")) == sorted(
        f"{name}.{what}.png" for name in ("a", "c") for what in ("labels", "color", "overlay")
    )


def test_run_on_a_batch_and_npz(folder: Path) -> None:
    """A batch becomes numbered pictures; .npz has its array under `logits`."""
    np.savez(folder / "x.npz", logits=np.stack([scene(5, 8, 10)] * 2), other=np.zeros(3))
    command = ["run", str(folder / "x.npz"), "--size", "16", "20", "--out", str(folder / "out")]
    assert main([*command, "--batch"]) == 0
    assert sorted(p.name for p in (folder / "out").glob("[!.]*")) == [
        "x-0.labels.png",
        "x-1.labels.png",
    ]
    assert read(folder / "out" / "x-0.labels.png").shape == (16, 20)


def test_run_on_four_dimensions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a word they could be a batch or a volume; each cure of the message runs."""
    values = np.random.default_rng(0).normal(size=(4, 5, 6, 7)).astype(np.float32)
    np.save(folder / "v.npy", values)
    command = ["run", str(folder / "v.npy"), "--out", str(folder / "out")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "pass --batch if these are 4 images of 5 classes, or --volume" in error
    assert main([*command, "--volume"]) == 0
    labels = np.load(folder / "out" / "v.labels.npy")
    np.testing.assert_array_equal(labels, values.argmax(0))
    assert main([*command, "--batch", "--overwrite"]) == 0  # other options
    np.testing.assert_array_equal(read(folder / "out" / "v-3.labels.png"), values[3].argmax(0))
    for option in (["--palette", "voc"], ["--size", "8", "8"], ["--want", "labels,confidence"]):
        assert main([*command, "--volume", *option]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run", "missing.npy", "--out", "out"], None, "missing.npy"),
        (["run", "a.npy", "--palette", "vocc", "--out", "out"], 2, "no palette named 'vocc'"),
        (["run", "a.npy", "--want", "color", "--out", "out"], 2, "needs --palette"),
        (["run", "a.npy", "--axis", "-1", "--palette", "voc", "--out", "out"], 1, "-3"),
        (["run", "pickle.npy", "--out", "out"], 1, "pickle"),
        (["run", "a.npy"], 2, "--out"),
        ([], 2, "usage"),
    ],
)
def test_mistakes(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int | None,
    text: str,
) -> None:
    """Each mistake has its exit code and one line that names it; nobody sees a traceback."""
    monkeypatch.chdir(folder)
    np.save("pickle.npy", np.array([{"a": 1}], object), allow_pickle=True)
    try:
        got = main(arguments)
    except SystemExit as stop:
        got = int(str(stop.code))
    message = capsys.readouterr().err
    assert got == code if code is not None else got in (1, 2)
    assert text in message
    assert "Traceback" not in message


def test_info_is_build_config(capsys: pytest.CaptureFixture[str]) -> None:
    """`segpost info --json` is what build_config says."""
    assert main(["info", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["backend"] == segpost.build_config()["backend"]
    assert main(["info"]) == 0
    assert "backend" in capsys.readouterr().out


def test_demo(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    demo_scene: Any,
) -> None:
    """The demo writes its pictures and a report that needs nothing else."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("segpost.cli.demo.scene.load", lambda: demo_scene)
    assert main(["demo", "--no-timing", "--out", str(tmp_path)]) == 0
    kind = photograph_format()
    for name in ("labels.png", "color.png", *(f"{n}.{kind}" for n in ("confidence", "refined"))):
        assert read(tmp_path / name).shape[:2] == (427, 640)
    assert (read(tmp_path / f"refined.{kind}") != read(tmp_path / f"overlay.{kind}")).any()
    assert read(tmp_path / f"crf.{kind}").ndim == 3
    assert len(np.unique(read(tmp_path / "labels.png"))) >= 4
    report = (tmp_path / "report.html").read_text()
    urls = re.findall(r'(?:src|href)="(data:image/\w+;base64,[^"]+)"', report)
    assert len(set(urls)) == len(urls) - 1 == 9  # the overlay is shown twice
    if kind == "webp":
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000
    described = [
        str(attributes["alt"]) for tag, attributes in Elements(report).seen if tag == "img"
    ]
    assert len(described) == 10
    assert min(map(len, described)) > 25
    shares = [
        f"{share:.1%}"
        for share in np.unique(read(tmp_path / "labels.png"), return_counts=True)[1] / (427 * 640)
    ]
    assert all(share in described[1] for share in shares)
    legend = report[report.index('<div class="legend') :].partition("</ul>")[0]
    assert all(f"<span class=soft>{share}</span>" in legend for share in shares)
    assert "@media print" in report
    assert "<h2>Dense CRF</h2>" in report
    assert not re.search("https?:", report)
    printed = capsys.readouterr().out
    assert "report.html" in printed
    changed = re.search(r"changed the labels of (\d+\.\d%)", printed)
    assert changed is not None
    assert f"{changed[1]} of the labels" in report


def test_run_reads_what_a_runtime_hands_over(tmp_path: Path) -> None:
    """A convention sets the class axis; a batch of labels is written one by one."""
    made = np.random.default_rng(0).normal(size=(2, 6, 8, 21)).astype(np.float32)
    np.save(tmp_path / "logits.npy", made)
    np.save(tmp_path / "labels.npy", made.argmax(-1))
    for name, convention in (("logits", "keras-hub"), ("labels", "tf1-deeplab")):
        out = tmp_path / name
        arguments = [str(tmp_path / f"{name}.npy"), "--out", str(out), "--convention", convention]
        assert main(["run", *arguments, "--palette", "voc"]) == 0
        for index in range(2):
            np.testing.assert_array_equal(
                read(out / f"{name}-{index}.labels.png"), made[index].argmax(-1)
            )


# A shell may have SIGINT ignored in what it starts. Before the ninth file takes its place, which is
# written by then under another name, `writing` waits for a signal; `working`, at one of the items.
INTERRUPTED = """
import os, signal, sys, segpost.cli
from segpost.cli.run.work import Worker
signal.signal(signal.SIGINT, signal.default_int_handler)
moment, *arguments = sys.argv[1:]
replace, make, places = os.replace, Worker.make, iter(range(1000))

def waiting(source, target):
    if "/.segpost-" not in str(target) and next(places) == 8 and moment == "writing":
        print("writing", file=sys.stderr, flush=True)
        signal.pause()
    replace(source, target)

def waiting_make(worker, item):
    if item.name == "never":
        signal.pause()
    return make(worker, item)

os.replace, Worker.make = waiting, waiting_make
sys.exit(segpost.cli.main(arguments))
"""


@pytest.mark.parametrize("moment", ["writing", "working"])
def test_interrupted_run_leaves_no_torn_file(moment: str, tmp_path: Path) -> None:
    """SIGINT ends with 130, and no temporary or half-written file stays."""
    for i in range(30):
        np.save(tmp_path / f"n{i:03}.npy", scene(19, 32, 64))
    if moment == "working":
        (tmp_path / "n004.npy").write_bytes(b"")  # of which a line tells, and the work goes on
    np.save(tmp_path / "never.npy", scene(19, 32, 64))  # without the signal there is no end
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, moment, "run", str(tmp_path), "--size", "512", "1024",
         "--palette", "cityscapes", "--out", str(out)],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    with process:
        said = process.stderr.readline().decode()
        process.send_signal(signal.SIGINT)
        message = process.stderr.read()
    assert ("n004.npy" if moment == "working" else "writing") in said
    assert process.returncode == 130
    assert b"Traceback" not in message
    written = sorted(out.glob("[!.]*"))
    hidden = sorted(path.name for path in out.glob(".*"))
    assert hidden == [".segpost-run.jsonl", ".segpost-run.settings"]
    assert len(written) == 8 if moment == "writing" else len(written) >= 8
    for path in written:
        assert path.suffix == ".png"
        read(path)


def test_console_script() -> None:
    """The installed command runs."""
    script = Path(sys.executable).with_name("segpost")
    if not script.exists():
        pytest.skip("the console script is not beside this interpreter")
    environment = {**os.environ, "COLUMNS": "100"}
    result = subprocess.run(
        [str(script), "--help"], capture_output=True, text=True, check=True, env=environment
    )
    for command in ("demo", "run", "info"):
        assert command in result.stdout
