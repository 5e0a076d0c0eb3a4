"""The commands of the guide to scale, under processes that are killed: the state is that of one.

Every command is taken from the page. Processes are killed by themselves, with SIGKILL, when they
open a certain image for the first time.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evaluation_files import pass_folders, write_counted_pairs
from page_blocks import ROOT, blocks_of
from slurm_cluster import PROGRAMS, find_program, slurm_cluster

import segpost
from segpost.cli import main

pytestmark = pytest.mark.engines

IMAGES, SHARD_IMAGES = 24, 2
OPTIONS = ("--num-classes", "4", "--ignore-index", "255", "--measure", "boundary")
PAGE = ROOT / "docs/guides/scale.md"
# An interpreter that has this as sitecustomize dies when it opens one of the images.
KILLER = """
import os, signal, sys

def kill(event, values):
    if event != "open" or not str(values[0]).endswith({images!r}):
        return
    try:
        os.close(os.open({marks!r} + os.path.basename(values[0]), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        if not {again!r}:
            return
    if {with_parent!r}:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
"""


def require(engine: str, is_there: bool) -> None:
    """Skip the test where an engine is missing, unless SEGPOST_REQUIRE_ENGINES names it."""
    if not is_there:
        assert engine not in os.environ.get("SEGPOST_REQUIRE_ENGINES", "").split(","), engine
        pytest.skip(f"{engine} is not installed")


class Counting:
    """A folder with images, a plan of them in `counts`, and programs as the page names them."""

    def __init__(self, folder: Path, pairs: Path) -> None:
        self.folder, self.pairs = folder, pairs
        (folder / "examples").symlink_to(ROOT / "examples")
        self.programs, self.hooks, self.marks = (folder / name for name in ("bin", "hooks", "m"))
        for path in (self.programs, self.hooks, self.marks):
            path.mkdir()
        for name, module in (
            ("python", ""), ("segpost", "-m segpost"), ("torchrun", "-m torch.distributed.run")
        ):  # fmt: skip
            program = self.programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            program.chmod(0o755)
        size = ("--shard-images", str(SHARD_IMAGES))
        assert main(["plan", *pass_folders(pairs), *OPTIONS, "--run", str(self.run), *size]) == 0

    @property
    def run(self) -> Path:
        """The folder of the plan."""
        return self.folder / "counts"

    def kill_at(self, *images: int, with_parent: bool = False, again: bool = False) -> None:
        """Have the process that opens one of these images first die.

        Parameters
        ----------
        *images : int
            The images.
        with_parent : bool
            The parents of these processes die, too.
        again : bool
            Not the first process only, but every one.
        """
        text = KILLER.format(
            images=tuple(f"preds/i{k:03d}.png" for k in images),
            marks=f"{self.marks}/",
            with_parent=with_parent,
            again=again,
        )
        (self.hooks / "sitecustomize.py").write_text(text)

    @property
    def kills(self) -> int:
        """How many images killed a process."""
        return len(list(self.marks.iterdir()))

    def shell(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as in a shell in the folder."""
        paths = [str(self.hooks), str(Path(segpost.__file__).parents[1])]
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "PYTHONPATH": os.pathsep.join(paths),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def check_merged(self) -> None:
        """All images are counted, and the state has the bytes of one process's."""
        state = self.folder / "state.json"
        assert main(["merge", str(self.run), "--state", str(state), "--quiet"]) == 0
        digests = [
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (state, self.pairs / "evaluate.json")
        ]
        assert digests[0] == digests[1]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pairs, of which `evaluate.json` is the state."""
    return write_counted_pairs(tmp_path_factory.mktemp("pairs"), IMAGES, OPTIONS)


@pytest.fixture
def counting(tmp_path: Path, pairs: Path) -> Counting:
    """A plan of the pairs."""
    return Counting(tmp_path, pairs)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a cluster of one node."""
    require("slurm", all(map(find_program, PROGRAMS)))
    with slurm_cluster(tmp_path_factory.mktemp("slurm")) as variables:
        yield variables


def page_command(section: str, number: int = 0) -> str:
    """A command of a section of the page, without those that install something."""
    code = "".join(
        b.code for b in blocks_of(PAGE) if (b.section, b.language) == (section, "console")
    )
    return [line for line in code.splitlines() if not line.startswith("pip ")][number]


def test_dask(counting: Counting) -> None:
    """Three workers are killed."""
    require("dask", importlib.util.find_spec("distributed") is not None)
    counting.kill_at(3, 10, 17)
    done = counting.shell(page_command("Dask"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ShardReport") == IMAGES // SHARD_IMAGES
    assert counting.kills == 3
    counting.check_merged()


def test_image_that_kills_dask_workers(counting: Counting) -> None:
    """It costs itself and no other image, and the merge names it."""
    require("dask", importlib.util.find_spec("distributed") is not None)
    counting.kill_at(5, again=True)
    done = counting.shell(page_command("Dask"))
    assert done.returncode == 0, done.stderr
    with pytest.raises(segpost.IncompleteError) as error:
        segpost.merge_shards(counting.run)
    assert [failed.id for failed in error.value.failed] == ["i005"]
    partial = segpost.merge_shards(counting.run, allow_partial=True)
    assert partial.coverage.counted == IMAGES - 1


@pytest.mark.parametrize("number", [0, 1])
def test_torchrun(counting: Counting, number: int) -> None:
    """Two ranks are killed: by `segpost count`, whose processes have a parent, and from Python."""
    torch = pytest.importorskip("torch")
    require("torchrun", torch.distributed.is_available())
    counting.kill_at(3, 10, with_parent=number == 0)
    done = counting.shell(page_command("torchrun", number))
    assert done.returncode == 0, done.stderr
    assert "exitcode: -9" in done.stderr
    assert counting.kills == 2
    counting.check_merged()


@pytest.mark.parametrize("number", [0, 1])
def test_parallel(counting: Counting, number: int) -> None:
    """Two commands are killed, and tried again."""
    require("parallel", is_gnu_parallel())
    counting.kill_at(3, 10, with_parent=number == 0)
    done = counting.shell(page_command("GNU parallel", number))
    assert done.returncode == 0, done.stderr
    assert counting.kills == 2
    counting.check_merged()


@pytest.mark.parametrize("number", [0, 1])
def test_slurm(counting: Counting, slurm: dict[str, str], number: int) -> None:
    """Two tasks of a job array are killed: the merge names what is missing, the next job counts it.

    It runs on a real slurmctld and slurmd of one node.
    """
    counting.kill_at(4, 10, with_parent=number == 0)
    done = counting.shell(page_command("Slurm", number), **slurm)
    assert done.returncode != 0
    assert counting.kills == 2
    with pytest.raises(segpost.IncompleteError) as error:
        segpost.merge_shards(counting.run)
    assert {2, 5} <= set(error.value.missing)
    assert not error.value.failed
    done = counting.shell(page_command("Slurm", number), **slurm)
    assert done.returncode == 0, done.stderr
    counting.check_merged()


def test_every_command_of_the_page_has_a_test() -> None:
    """Sections of engines have the commands that tests run, and no others."""
    counts: dict[str, Any] = {}
    for section in ("Dask", "GNU parallel", "Slurm", "torchrun"):
        number = 0
        with contextlib.suppress(IndexError):
            while page_command(section, number):
                number += 1
        counts[section] = number
    assert counts == {"Dask": 1, "GNU parallel": 2, "Slurm": 2, "torchrun": 2}


def is_gnu_parallel() -> bool:
    """Whether `parallel` is GNU's; other programs have that name, too."""
    if shutil.which("parallel") is None:
        return False
    version = subprocess.run(["parallel", "--version"], capture_output=True, text=True, check=False)
    return "GNU parallel" in version.stdout
