"""A wheel for a platform: the pure wheel, with the binaries of one Python and one target added."""

from __future__ import annotations

import os
import shutil
from email.generator import Generator
from email.parser import Parser
from io import StringIO
from pathlib import Path
from unittest import mock
from zipfile import ZipFile

from wheel.wheelfile import WheelFile

from .pythons import Python, compress_tags, list_tags
from .targets import Target

NO_NATIVE = "without_native.txt"  # by which a pure wheel says at import what it is


def change_wheel_file(text: str, python: Python, target: Target) -> str:
    """Return the file WHEEL of a pure wheel as that of a wheel for a platform."""
    message = Parser().parsestr(text)
    del message["Tag"]
    message.replace_header("Root-Is-Purelib", "false")
    for tag in list_tags(python, target):
        message["Tag"] = str(tag)
    written = StringIO()
    Generator(written, maxheaderlen=0).flatten(message)
    return written.getvalue()


def pack_wheel(
    pure: Path, binaries: Path, python: Python, target: Target, folder: Path, epoch: str
) -> Path:
    """Pack a wheel.

    Parameters
    ----------
    pure : pathlib.Path
        The pure wheel.
    binaries : pathlib.Path
        What is added to it; see :func:`tools.wheels.build.build_binaries`.
    python, target
        What the wheel is for.
    folder : pathlib.Path
        Where the wheel is put.
    epoch : str
        The time of all files, in seconds.
    """
    name, release, *_ = pure.stem.split("-")
    tree = binaries.with_name(f"{binaries.name}-tree")
    shutil.rmtree(tree, ignore_errors=True)
    with ZipFile(pure) as archive:
        archive.extractall(tree)
    shutil.copytree(binaries, tree, dirs_exist_ok=True)
    (tree / name / NO_NATIVE).unlink(missing_ok=True)
    about = tree / f"{name}-{release}.dist-info"
    (about / "RECORD").unlink()
    text = (about / "WHEEL").read_text(encoding="utf-8")
    (about / "WHEEL").write_text(change_wheel_file(text, python, target), encoding="utf-8")
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or is_binary(path) else 0o644)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}-{release}-{compress_tags(list_tags(python, target))}.whl"
    made.unlink(missing_ok=True)
    with (
        mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": epoch}),
        WheelFile(made, "w") as wheel,
    ):
        wheel.write_files(tree)
    return made


def is_binary(path: Path) -> bool:
    """Return whether a file is a module or a library."""
    return path.suffix in (".so", ".dylib", ".dll", ".pyd")
