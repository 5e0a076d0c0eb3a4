"""`segpost run` on many files: folders, shards, threads, what is done before, and other's files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import scene

from segpost.cli import main
from segpost.cli.run.journal import Journal, OutputError
from segpost.cli.run.settings import RunSettings, SettingsFile

Image = pytest.importorskip("PIL.Image")

NAMES = ("a2", "a10", "b/c", "b/.hidden", ".segpost-0123abcd-1-89abcdef")


@pytest.fixture
def logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of logits, some in a folder below, and hidden ones, which are damaged."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logits" / "b").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        path = tmp_path / "logits" / f"{name}.npy"
        np.save(path, scene(5, 4, 6, seed))
        if path.name.startswith("."):
            os.truncate(path, 5)
    return tmp_path / "logits"


def written(out: str) -> dict[str, bytes]:
    """The content of the outputs by their paths."""
    folder = Path(out)
    files = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def order(out: str) -> list[str]:
    """The items in the order of the journals."""
    lines = [
        line for path in sorted(Path(out).glob(".*.jsonl")) for line in path.read_text().split("\n")
    ]
    return [json.loads(line[9:])["item"] for line in lines if line]


def test_folders_below(logits: Path) -> None:
    """Their structure is kept, hidden files are no inputs, and numbers are in their order."""
    assert main(["run", str(logits), "--out", "out"]) == 0
    assert list(written("out")) == ["a10.labels.png", "a2.labels.png", "b/c.labels.png"]
    assert order("out") == ["a2", "a10", "b/c"]


@pytest.mark.parametrize(("pattern", "names"), [("b/*", ["b/c"]), ("*1*", ["a10"])])
def test_a_pattern_chooses_files(logits: Path, pattern: str, names: list[str]) -> None:
    """It is that of the path below the folder."""
    assert main(["run", str(logits), "--out", "out", "--glob", pattern]) == 0
    assert order("out") == names


def test_a_pattern_without_files(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names one that is there."""
    assert main(["run", str(logits), "--out", "out", "--glob", "x*"]) == 2
    assert "none of 3 files of logits" in capsys.readouterr().err


def test_shards_and_threads_write_the_same(logits: Path) -> None:
    """The files of all shards are those of one process, each once."""
    assert main(["run", str(logits), "--out", "one"]) == 0
    for index in range(4):
        command = ["run", str(logits), "--out", "many", "--jobs", "2", "--shard", f"{index}/4"]
        assert main(command) == 0
    assert written("many") == written("one")
    assert sorted(order("many")) == sorted(order("one"))
    assert main(["run", str(logits), "--out", "one", "--shard", "4/4"]) == 2


def test_what_is_done_is_left_out(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outputs that are there, made of the same inputs and options; all others are made again."""
    command = ["run", str(logits), "--out", "out", "--resume"]
    assert main(command) == 0
    before = written("out")
    assert "3 done: 3 files" in capsys.readouterr().out
    Path("out/a2.labels.png").unlink()
    damaged = bytearray(before["a10.labels.png"])
    damaged[-20] ^= 1
    Path("out/a10.labels.png").write_bytes(damaged)
    assert main(command) == 0
    assert "2 done, 1 done before: 2 files" in capsys.readouterr().out
    assert written("out") == before
    np.save(logits / "a2.npy", scene(5, 4, 6, 9))
    assert main(command) == 0
    assert "1 done, 2 done before: 1 file" in capsys.readouterr().out
    assert written("out") != before
    assert main([*command, "--overwrite", "--size", "8", "12"]) == 0
    assert "3 done: 3 files" in capsys.readouterr().out
    assert main([*command, "--size", "8", "12"]) == 0
    assert "0 done, 3 done before" in capsys.readouterr().out


def test_a_damaged_journal_is_made_again(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that was cut, one with a flipped bit, and one that is none are of no item."""
    command = ["run", str(logits), "--out", "out", "--resume"]
    main(command)
    before = written("out")
    journal = Path("out/.segpost-run.jsonl")
    first, second, third = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first.replace(b'"item"', b'"iten"') + b"no line\n" + second + third[:30])
    assert main([*command, "--overwrite"]) == 0
    assert "2 done, 1 done before" in capsys.readouterr().out.splitlines()[-1]
    assert main(command) == 0
    assert "0 done, 3 done before" in capsys.readouterr().out
    assert written("out") == before


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_other_options_into_one_folder_are_refused(
    logits: Path, capsys: pytest.CaptureFixture[str], resume: list[str]
) -> None:
    """Nothing is written, and the error names the options; of outputs that are gone it is none."""
    command = ["run", str(logits), "--out", "out", *resume]
    assert main(command) == 0
    before = written("out")
    others = ["--size", "8", "12", "--palette", "voc"]
    for options in (others, ["--shard", "0/2", *others]):
        assert main([*command, *options]) == 2
        error = capsys.readouterr().err
        assert "out: a run with other options has written here: " in error
        assert "--palette was none, is voc, --size was none, is 8 12, --want was labels, " in error
        assert "choose another --out, or pass --overwrite" in error
        assert written("out") == before
    for name in before:
        Path("out", name).unlink()
    assert main([*command, *others]) == 0


def test_a_folder_without_settings_has_those_of_its_journal(
    logits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where their file was removed; the options of the journal alone are not named."""
    command = ["run", str(logits), "--out", "out"]
    assert main(command) == 0
    Path("out/.segpost-run.settings").unlink()
    for _ in range(2):
        assert main([*command, "--size", "8", "12"]) == 2
        assert "other options has written here; choose another" in capsys.readouterr().err
    assert main(command) == 0


def test_runs_with_other_options_at_the_same_time(tmp_path: Path) -> None:
    """The one that began first stops before its next item; a settings file that was cut is none."""
    journal = Journal(tmp_path)
    first, second = (SettingsFile(journal, RunSettings({"size": size})) for size in (None, [8, 9]))
    first.claim(overwrite=False)
    first.check()
    second.claim(overwrite=False)
    second.check()
    with pytest.raises(OutputError, match=r"--size was 8 9, is none"):
        first.check()
    content = second.path.read_bytes()
    second.path.write_bytes(content[:-5])
    with pytest.raises(OutputError, match="with other options"):
        second.check()
    second.claim(overwrite=False)
    assert second.path.read_bytes() == content


def test_a_lost_journal_is_named(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a run is to go on without it, its outputs are kept, until --overwrite."""
    command = ["run", str(logits), "--out", "out", "--resume"]
    assert main(command) == 0
    Path("out/.segpost-run.jsonl").unlink()
    Path("out/a10.labels.png").write_bytes(b"kept")
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "out/a2.labels.png: it is there, and no journal (.segpost-run*.jsonl) says" in error
    assert "cannot be left out; choose another --out, or pass --overwrite" in error
    assert Path("out/a10.labels.png").read_bytes() == b"kept"
    assert main([*command, "--overwrite"]) == 0
    assert Path("out/a10.labels.png").read_bytes() != b"kept"


def test_an_input_is_never_written_over(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Logits, a label file that is an input, and a photograph, through a link too."""
    np.save("many.npy", np.zeros((300, 5, 6), np.float32) + np.arange(300)[:, None, None])
    np.save("many.labels.npy", np.zeros((3, 5, 6), np.float32))
    command = ["run", "many.npy", "many.labels.npy", "--out", ".", "--overwrite"]
    content = Path("many.labels.npy").read_bytes()
    assert main(command) == 2
    assert "many.labels.npy: it is an input; choose another --out" in capsys.readouterr().err
    assert Path("many.labels.npy").read_bytes() == content
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save("photo.png")
    Path("a2.labels.png").symlink_to("photo.png")
    content = Path("photo.png").read_bytes()
    command = ["run", "logits/a2.npy", "--image", "photo.png", "--out", "."]
    assert main([*command, "--overwrite"]) == 2
    assert Path("photo.png").read_bytes() == content


def test_a_file_of_others_is_kept(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ground truth beside its logits is no output of a run; --overwrite replaces it."""
    target = logits / "a10.labels.png"
    target.write_bytes(b"ground truth")
    command = ["run", str(logits), "--out", str(logits)]
    assert main(command) == 2
    assert "a10.labels.png: it is there, and no run has written it" in capsys.readouterr().err
    assert target.read_bytes() == b"ground truth"
    assert not (logits / "a2.labels.png").exists()  # it was seen before the first item
    assert main([*command, "--overwrite"]) == 0
    assert target.read_bytes() != b"ground truth"
    assert main(command) == 0


@pytest.mark.parametrize("below", [".", "out"])
def test_outputs_are_no_inputs(logits: Path, below: str) -> None:
    """Label arrays of a run into the same folder, and into a folder below."""
    out = logits / below
    for name in ("a2", "a10", "b/c"):
        np.save(logits / f"{name}.npy", np.random.default_rng(0).normal(size=(300, 2, 3)))
    for _ in range(2):
        assert main(["run", str(logits), "--out", str(out)]) == 0
        assert order(str(out))[-3:] == ["a2", "a10", "b/c"]
    assert len(order(str(out))) == 6


@pytest.mark.parametrize("other", ["a2.npz", "A2.npy"])
def test_two_items_of_one_name_are_refused(
    logits: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    """Also where they differ in case only."""
    np.save(logits / "x.npy", scene(5, 4, 6))
    os.replace(logits / "x.npy", logits / other)
    assert main(["run", str(logits), "--out", "out"]) == 2
    assert "would both write" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_batch_has_no_name_of_another_file(
    logits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second image of a batch and a file of one image."""
    np.save(logits / "a.npy", np.zeros((2, 5, 4, 6), np.float32))
    os.replace(logits / "a2.npy", logits / "a-1.npy")
    assert main(["run", str(logits), "--out", "out", "--batch"]) == 2
    assert "would both write a-1.*" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_stops_the_run(
    logits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be: no item is worked on; an input error is the item's."""
    Path("out").write_text("a file")
    assert main(["run", str(logits), "--out", "out"]) == 2
    assert "out: File exists" in capsys.readouterr().err
    Path("folder").mkdir()
    Path("folder/b").write_text("a file")
    assert main(["run", str(logits), "--out", "folder"]) == 2
    assert order("folder") == ["a2", "a10", "b/c"]


@pytest.mark.parametrize(
    ("shape", "option", "text"),
    [
        ((4, 5, 6), "--volume", "leave --volume out"),
        ((2, 3, 4, 5, 6), "--volume", "save each of its 2 volumes"),
        ((2, 3, 4, 5, 6), "--batch", "save each of its 2 volumes"),
        ((5, 6), "--volume", "takes one volume"),
    ],
)
def test_dimensions_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: tuple[int, ...], option: str,
    text: str,
) -> None:  # fmt: skip
    """The error has the cure."""
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    assert main(["run", str(tmp_path / "a.npy"), "--out", str(tmp_path / "out"), option]) == 1
    assert text in capsys.readouterr().err


def test_images_have_the_folders_of_the_logits(logits: Path) -> None:
    """The photograph of b/c is below the folder of photographs."""
    for name in ("a2", "a10", "b/c"):
        path = Path("photos") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(path)
    command = ["run", str(logits), "--out", "out", "--image", "photos"]
    assert main(command) == 0
    with Image.open("out/b/c.labels.png") as image:
        assert image.size == (9, 8)


def test_the_limit_of_pixels(logits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A photograph of more pixels is refused before it is decoded, and named."""
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save("photo.png")
    command = ["run", str(logits), "--out", "out", "--image", "photo.png"]
    assert main([*command, "--max-pixels", "5000"]) == 2
    error = capsys.readouterr().err
    assert "photo.png: " in error
    assert "--max-pixels takes another limit" in error
