"""Writers: what is replaced, what is written to, and what dead processes leave."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from segpost.files import atomic_write, write_text
from segpost.files.temporary import is_temporary, remove_dead_temporaries, temporary_path
from segpost.files.writing import check_writable, replace_file

LIMITED = """
import pathlib, resource, signal, sys
from segpost.files import write_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(pathlib.Path(sys.argv[1]), "x" * 2000)
except OSError as error:
    print(error.filename)
"""


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """Links to a file, through a folder, and to a file that is missing."""
    (tmp_path / "data").mkdir()
    (tmp_path / "folder").symlink_to("data")
    for name in ("there.txt", "missing.txt"):
        link = tmp_path / f"link-to-{name}"
        link.symlink_to(tmp_path / "folder" / name)
    (tmp_path / "data" / "there.txt").write_text("old")
    for name in ("there.txt", "missing.txt"):
        write_text(tmp_path / f"link-to-{name}", "new")
        assert (tmp_path / f"link-to-{name}").is_symlink()
        assert (tmp_path / "data" / name).read_text() == "new"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        write_text(tmp_path / "loop", "new")


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """A FIFO stays one, and its reader gets the text; a link to one as well."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "link").symlink_to("fifo")
    got: list[str] = []
    for path in (fifo, tmp_path / "link"):
        reader = threading.Thread(target=lambda: got.append(fifo.read_text()))
        reader.start()
        write_text(path, "text")
        reader.join()
        assert stat.S_ISFIFO(os.lstat(fifo).st_mode)
    assert got == ["text", "text"]


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """The null device takes everything, and is no file afterwards; nor is a link to it."""
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    for path in (Path(os.devnull), link):
        check_writable(path)
        write_text(path, "text")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert link.is_symlink()


def test_standard_output_is_written_at_its_position(tmp_path: Path) -> None:
    """Of a redirection to a file the beginning stays."""
    log = tmp_path / "log"
    code = (
        "import pathlib; from segpost.files import write_text; print('first', flush=True); "
        "write_text(pathlib.Path('/dev/stdout'), 'second'); print('third')"
    )
    with log.open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert log.read_text() == "first\nsecondthird\n"


def test_permissions_are_kept(tmp_path: Path) -> None:
    """A file has the permissions of the one that it replaces; a new one those of umask."""
    path, new = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("old")
    path.chmod(0o640)
    before = os.umask(0o027)
    try:
        write_text(path, "new")
        write_text(new, "new")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, new)] == [0o640, 0o640]


def test_the_temporary_name_is_short_random_and_exclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long name fits; who guesses the name does not get the file written through a link."""
    path = tmp_path / ("x" * 240 + ".txt")
    names = set()
    for _ in range(2):
        with atomic_write(path) as temporary:
            assert is_temporary(temporary.name)
            names.add(temporary.name)
    assert len(names) == 2
    monkeypatch.setattr(os, "urandom", bytes)
    victim = tmp_path / "victim"
    victim.write_text("old")
    temporary_path(tmp_path, ".txt").symlink_to(victim)
    with pytest.raises(FileExistsError, match=r"a\.txt"):
        write_text(tmp_path / "a.txt", "new")
    assert victim.read_text() == "old"


def test_temporaries_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """Files and folders of dead processes of this host, not those of the living and of others."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    mine = temporary_path(tmp_path, ".png")
    dead = Path(str(mine).replace(f"-{os.getpid()}-", f"-{child.pid}-"))
    other = Path(str(dead).replace(".segpost-", ".segpost-0")[:-5] + ".png")
    folder = dead.with_suffix("")
    folder.mkdir()
    for path in (mine, dead, other, folder / "a", tmp_path / ".hidden.png"):
        path.write_text("")
    assert remove_dead_temporaries(tmp_path) == 2
    assert sorted(os.listdir(tmp_path)) == sorted([".hidden.png", mine.name, other.name])


def test_a_folder_that_cannot_be_written_to_is_known_before_the_work(tmp_path: Path) -> None:
    """A folder that is missing or is the file itself; what is there stays."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    check_writable(path)
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.read_text() == "old"
    for bad in (tmp_path, tmp_path / "missing" / "a.txt", path / "b.txt"):
        with pytest.raises(OSError, match=bad.name):
            check_writable(bad)


def test_a_file_is_moved_as_it_is_written(tmp_path: Path) -> None:
    """To the target of a link, with the permissions of the file that was there."""
    target, link, source = (tmp_path / name for name in ("target", "link", "source"))
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to("target")
    source.write_text("new")
    replace_file(source, link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not source.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit of file sizes")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A write that fails half way names the file, and leaves it and no other."""
    assert resource.RLIMIT_FSIZE is not None
    path = tmp_path / "a.txt"
    path.write_text("old")
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
