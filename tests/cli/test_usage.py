"""How commands are called: usage, suggestions, examples, standard output, repeated messages."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from volume_files import write_volume

import segpost
from segpost._core.text import ErrorText
from segpost.cli import commands, main
from segpost.cli.commands import COMMANDS, import_command
from segpost.cli.demo.scene import Scene
from segpost.cli.parser import CommandParser
from segpost.cli.repetitions import RepeatedMessages

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the examples name."""
    monkeypatch.chdir(tmp_path)
    logits = scene(21, 8, 10)
    np.save("logits.npy", logits)
    Path("logits").mkdir()
    np.save("logits/a.npy", logits)
    labels = segpost.argmax(logits, size=(64, 80))
    Image.fromarray(labels).save("target.png")
    Image.fromarray(np.zeros((64, 80, 3), np.uint8)).save("photo.png")
    for name in ("predictions", "targets"):
        Path(name).mkdir()
        Image.fromarray(labels).save(f"{name}/a.png")
    probabilities = np.full((2, 3, 4, 5), 0.5, np.float32)
    np.savez("case.npz", probabilities=probabilities)
    write_volume(Path("case_0000.nii.gz"), np.zeros((3, 4, 5), np.int16))
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    for name in ("pretrained", "model"):
        content = len(header).to_bytes(8, "little") + header + np.ones(1, "<f4").tobytes()
        Path(f"{name}.safetensors").write_bytes(content)
    for name in ("main", "branch"):
        cm = segpost.ConfusionMatrix(2, per_image=True)
        cm.update(preds=np.eye(4, dtype=np.uint8), target=np.eye(4, dtype=np.uint8), ids="a")
        Path(f"{name}.state.json").write_text(cm.to_json())
    plan = segpost.Evaluation("predictions", "targets", palette="voc").plan("counts")
    segpost.count_shard(plan.run, 0)
    return tmp_path


def outputs(folder: Path) -> set[str]:
    """The files below a folder, without hidden ones."""
    return {str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if path.is_file()}


def small_scene() -> Scene:
    """What the demo shows, in a few pixels."""
    palette = segpost.Palette(
        [(92, 164, 232), (156, 112, 196), (38, 198, 190)], list("abc"), ignore_index=255
    )
    rectangles = np.full((64, 80), 255, np.uint8)
    return Scene(np.zeros((64, 80, 3), np.uint8), scene(3, 8, 10), palette, rectangles)


# Commands whose examples need files, packages or compilers that are not here.
ELSEWHERE = {
    "raster": "tests/cli/test_raster.py",
    "append": "tests/cli/test_append_command.py",
    "build-runtime": "tests/runtimes/test_libraries.py",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_help_run(
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each stands in the help as it is typed, is of that command, and does what it says."""
    if name in ELSEWHERE:
        pytest.skip(f"{ELSEWHERE[name]} runs it")
    module = import_command(name)
    assert main([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    if name == "demo":
        monkeypatch.setattr("segpost.cli.demo.scene.load", small_scene)
        monkeypatch.setattr("segpost.cli.commands.demo._is_crf_fast", lambda: False)
    before = outputs(folder)
    assert module.EXAMPLES
    for example in module.EXAMPLES:
        assert f"  {example}" in lines
        program, *arguments = shlex.split(example)
        assert (program, arguments[0]) == ("segpost", name)
        assert main(arguments) == 0, capsys.readouterr().err
        written = {"--out", "--json", "--html", "--save"} & {*arguments}
        if name != "info":
            assert bool(outputs(folder) - before) == bool(written) or name == "fingerprint"
    assert not capsys.readouterr().err


def test_a_command_imports_no_other_command() -> None:
    """Nor what its options do not ask for: that would be a third of a short evaluation's time."""
    program = (
        "import sys; from segpost.cli import main; main(['evaluate', '--help']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(result.stderr.split())
    prefix = "segpost.cli.commands."
    assert {name for name in imported if name.startswith(prefix)} == {f"{prefix}evaluate"}
    others = {"segpost.diagnosis", "segpost.crf", "matplotlib", "importlib.metadata"}
    assert not imported & others


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With its own line, in this order; each help names its command."""
    assert main(["--help"]) == 0
    listed = " ".join(capsys.readouterr().out.partition("\ncommands:\n")[2].split())
    text = " ".join(f"{name} {words}" for name, words in COMMANDS.items())
    assert listed.startswith(f"COMMAND {text} example")
    modules = Path(commands.__file__).parent.glob("[!_]*.py")
    assert {path.stem.replace("_", "-") for path in modules} == {*COMMANDS}


def test_help_keeps_paragraphs_and_indented_lines() -> None:
    """Examples are not wrapped, sentences are."""
    text = "example:\n  " + "x " * 60 + "\n\n" + "words " * 40
    lines = CommandParser(prog="p", epilog=text).format_help().splitlines()
    assert "  " + "x " * 60 in lines
    assert max(len(line) for line in lines if "words" in line) <= 100
    assert sum("words" in line for line in lines) > 1


@pytest.mark.parametrize(
    ("arguments", "usage", "sentence"),
    [
        (["eval", "a", "b"], "segpost [-h]", "did you mean 'evaluate'?"),
        (
            ["--versoin"],
            "segpost [-h]",
            "unrecognized arguments: --versoin; did you mean --version?",
        ),
        (["run", "--pallete", "voc"], "segpost run", "--pallete; did you mean --palette?"),
        (["run", "a.npy", "--out", "b", "--pallete=voc"], "segpost run", "did you mean --palette?"),
        (["evaluate", "a", "b", "-x"], "segpost evaluate", "unrecognized arguments: -x"),
        (
            ["evaluate", "a", "b", "--zzzz", "1"],
            "segpost evaluate",
            "unrecognized arguments: --zzzz",
        ),
        (["evaluate", "a", "b", "--dialect", "mmsg"], "segpost evaluate", "did you mean 'mmseg'?"),
        (["info", "more"], "segpost info", "unrecognized arguments: more"),
    ],
)
def test_a_misspelt_argument_is_answered_by_its_command(
    arguments: list[str], usage: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage is that of the command, and the name that is most alike is named."""
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"usage: {usage}")
    assert sentence in err.replace("\n", " ")


def test_options_may_be_shortened_and_values_may_begin_with_a_dash() -> None:
    """What argparse allows is no unknown option."""
    parser = CommandParser(prog="p")
    parser.add_argument("--mean", type=float)
    parser.add_argument("--palette")
    parser.add_argument("words", nargs="*")
    assert parser.parse_args(["--pal", "voc", "--mean", "-1.5"]).mean == -1.5
    assert parser.parse_args(["--mean=2", "--", "--other"]).words == ["--other"]
    assert parser.parse_known_args(["--palette=--x"])[0] == argparse.Namespace(
        mean=None, palette="--x", words=[]
    )


@pytest.mark.skipif(not segpost.build_config()["native"], reason="no native code")
def test_the_module_is_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m segpost` prints what `segpost` does; its folders are options of both."""
    command = [sys.executable, "-m", "segpost", "--cmakedir"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert main(["--cmakedir"]) == 0
    assert capsys.readouterr().out == printed
    assert (Path(printed.strip()) / "segpostConfig.cmake").is_file()
    assert main(["--includes"]) == 0
    assert capsys.readouterr().out.strip() == f"-I{segpost.get_include()}"
    assert main(["--libdir"]) == 0
    assert any(Path(capsys.readouterr().out.strip()).glob("libsegpost.*"))


def test_folders_need_native_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and one line."""

    def fail() -> Path:
        raise ImportError("there is no native code")

    monkeypatch.setattr(segpost, "get_include", fail)
    assert main(["--libdir"]) == 2
    assert capsys.readouterr() == ("", "segpost: error: there is no native code\n")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["evaluate", "predictions", "targets", "--palette", "voc", "--json", "-"], "Scores"),
        (["diagnose", "--logits", "logits.npy", "--json", "-"], "Diagnosis"),
        (["fingerprint", "logits.npy", "--save", "-"], "Fingerprint"),
        (
            ["compare-checkpoints", "pretrained.safetensors", "model.safetensors", "--json", "-"],
            "CheckpointDiff",
        ),
    ],
)
def test_a_dash_prints_the_output_and_nothing_else(
    arguments: list[str], kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program can read it; no file is called -."""
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["segpost"] == kind
    assert not Path("-").exists()


def test_a_diff_of_fingerprints_can_be_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --compare and --json -."""
    for example in import_command("fingerprint").EXAMPLES[:1]:
        assert main(shlex.split(example)[1:]) == 0
    capsys.readouterr()
    command = ["fingerprint", "logits.npy", "--compare", "network.fingerprint.json", "--json", "-"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "same"


def test_one_output_can_be_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two would be mixed: an error before anything is counted."""
    command = ["evaluate", "predictions", "targets", "--palette", "voc", "--json", "-"]
    assert main([*command, "--csv", "-"]) == 2
    assert "--json and --csv cannot both be -" in capsys.readouterr().err
    assert main([*command, "--csv", "scores.csv"]) == 0
    assert Path("scores.csv").is_file()


@pytest.mark.parametrize("suffix", ["_pred", "_pred.png", "d.png"])
def test_a_suffix_takes_the_ending_too(
    suffix: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that end otherwise do not count."""
    name = "a" + "_pred"[: -len(suffix.removesuffix(".png"))]
    Path("predictions/a.png").rename("predictions/a_pred.png")
    Image.new("L", (8, 8)).save("predictions/a_color.png")
    Path("targets/a.png").rename(f"targets/{name}_gt.png")
    code = main(
        ["evaluate", "predictions", "targets", "--palette", "voc", "--quiet",
         "--pred-suffix", suffix, "--target-suffix", "_gt.png", "--json", "-"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 0, err
    assert [image["id"] for image in json.loads(out)["images"]] == [name]


def test_a_message_of_all_files_is_printed_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the first file, and then how many more say the same, though of other numbers."""
    for index in range(30):
        labels = np.full((4, 4), 31 + index, np.uint8)
        labels[0, : index % 4] = np.arange(100, 100 + index % 4)
        Image.fromarray(labels).save(f"targets/b{index:02}.png")
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(f"predictions/b{index:02}.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("targets/c.png")
    Image.fromarray(np.zeros((5, 4), np.uint8)).save("predictions/c.png")
    assert main(["evaluate", "predictions", "targets", "--palette", "voc", "--jobs", "1"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("segpost: targets/b00.png: ")
    assert re.match(r"segpost: (predictions|targets)/c.png: ", lines[1])
    assert lines[2:4] == [
        "segpost: the same of 29 files more as of 'targets/b00.png': 'targets/b01.png', "
        "'targets/b02.png', 'targets/b03.png' and 26 more",
        "segpost: --json FILE names all that failed",
    ]
    assert len(lines) == 5


def test_run_says_a_message_once_and_numbers_a_batch_in_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of a batch sort as its images; those that fail for one reason are counted."""
    batch = np.stack([scene(3, 4, 5)] * 12)
    batch[2:] = np.nan
    np.save("clip.npy", batch)
    assert main(["run", "clip.npy", "--out", "out", "--batch"]) == 1
    assert sorted(outputs(Path("out"))) == ["clip-00.labels.png", "clip-01.labels.png"]
    first, rest = capsys.readouterr().err.splitlines()
    assert first.startswith("segpost: clip.npy (clip-02): ")
    assert rest.startswith("segpost: the same of 9 files more as of 'clip.npy (clip-02)': ")


def test_every_kind_of_failure_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also behind many others: fifty kinds of two files each, every one with its count."""
    words = [a + b for a in "abcdefghij" for b in "klmno"]
    for word in words:
        for k in range(2):
            header = json.dumps({word * 3: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
            size = len(header).to_bytes(8, "little")
            Path(f"{word}{k}.safetensors").write_bytes(size + header.encode() + bytes(4))
    paths = [f"{word}{k}.safetensors" for word in words for k in range(2)]
    assert main(["run", *paths, "--out", "out"]) == 1
    lines = capsys.readouterr().err.splitlines()
    for word in words:
        assert sum(line.startswith(f"segpost: {word}0.safetensors: ") for line in lines) == 1
        counted = f"the same of 1 file more as of '{word}0.safetensors': '{word}1.safetensors'"
        assert sum(line.endswith(counted) for line in lines) == 1


def test_different_messages_are_told_apart() -> None:
    """A kind is a message without numbers and without the name of its file; each is counted."""
    messages = RepeatedMessages()
    texts: list[tuple[str, str]] = [
        ("x/a.png", "a.png has 3 bad values, first -1.5e-3"),
        ("x/b.png", "b.png has 4 bad values, first 2"),
        ("x/c.png", "too large"),
        ("x/d.png", "damaged"),
        ("x/e.png", "damaged"),
        ("", "too large"),
    ]
    printed = [messages.is_new(ErrorText(*text)) for text in texts]
    assert printed == [True, False, True, True, False, False]
    assert messages.summaries() == [
        "the same of 1 file more as of 'x/a.png': 'x/b.png'",
        "the same of 1 file more as of 'x/c.png': ''",
        "the same of 1 file more as of 'x/d.png': 'x/e.png'",
    ]


def test_the_page_of_a_diagnosis_names_no_folder(folder: Path, tmp_path: Path) -> None:
    """It can be sent to somebody else."""
    command: list[Any] = ["diagnose", "--logits", tmp_path / "logits.npy", "--report", "page.html"]
    assert main(list(map(str, command))) == 0
    page = Path("page.html").read_text()
    assert "<dt>logits</dt><dd>logits.npy: " in page
    assert "segpost diagnose --logits logits.npy --report page.html" in page
    assert str(tmp_path) not in page
