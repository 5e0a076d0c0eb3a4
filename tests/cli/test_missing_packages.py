"""A package that is not installed: the command line names that package, and what installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segpost
from segpost.cli import main
from segpost.cli.packages import EXTRAS, describe_missing_package

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn"}  # where the import has another name


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), ": pip install torch"),
        (ModuleNotFoundError("No module named 'PIL'", name="PIL"), ': pip install "segpost[cli]"'),
        (
            ModuleNotFoundError("No module named 'matplotlib.figure'", name="matplotlib.figure"),
            ': pip install "segpost[cli]"',
        ),
        (
            ModuleNotFoundError("No module named 'sklearn'", name="sklearn"),
            ': pip install "segpost[demo]"',
        ),
        (ImportError("a PNG needs Pillow: pip install pillow", name="PIL"), '"segpost[cli]"'),
        (ImportError("onnx is missing (pip install onnx)"), "(pip install onnx)"),
        (ImportError("something else"), "something else"),
    ],
)
def test_the_cure_is_that_of_the_package(error: ImportError, text: str) -> None:
    """One cure, at the end."""
    message = describe_missing_package(error)
    assert message.endswith(text)
    assert message.count("pip install") <= 1


def test_the_extras_install_what_they_are_named_for() -> None:
    """pyproject.toml has each package in the extra that the message names."""
    tomllib = pytest.importorskip("tomllib")  # since Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra, modules in EXTRAS.items():
        listed = " ".join(project["optional-dependencies"][extra])
        for module in modules:
            assert PACKAGES.get(module, module) in listed


def run_without(package: str, arguments: list[str], folder: Path) -> str:
    """Run the command line in a process that cannot import a package; return its error line."""
    blocked = (
        "import sys; sys.modules[sys.argv[1]] = None; "
        "from segpost.cli import main; sys.exit(main(sys.argv[2:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", blocked, package, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(segpost.__file__).parents[1])},
        check=False,
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_run_without_pillow(tmp_path: Path) -> None:
    """PNG files need the extra of the command line."""
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32)[:, None])
    line = run_without("PIL", ["run", "x.npy", "--out", "out"], tmp_path)
    assert line.startswith("segpost: error: ")
    assert line.endswith('pip install "segpost[cli]"')


def test_volumes_without_nibabel(tmp_path: Path) -> None:
    """NIfTI files need the extra for medical images, in every command."""
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 4, 5), np.float32))
    for name in ("image", "pred", "target"):
        (tmp_path / f"{name}.nii.gz").write_bytes(b"\x1f\x8b")
    run = ["run", "x.npy", "--volume", "--like", "image.nii.gz", "--out", "out"]
    for words in (run, ["evaluate", "pred.nii.gz", "target.nii.gz", "--num-classes", "2"]):
        line = run_without("nibabel", words, tmp_path)
        assert line.endswith('pip install "segpost[medical]"')
        assert line.count("pip install") == 1


def test_the_demo_without_scikit_learn(tmp_path: Path) -> None:
    """Its photograph needs the extra of the demo."""
    pytest.importorskip("PIL")
    line = run_without("sklearn", ["demo", "--out", str(tmp_path / "demo")], tmp_path)
    assert line.startswith("segpost: error: ")
    assert "sklearn" in line
    assert line.endswith('pip install "segpost[demo]"')


def test_checkpoints_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process that reads a file of torch says that torch is missing; so does the command."""
    from segpost.files import sandbox

    monkeypatch.setattr(
        sandbox, "_run_child", lambda *_: sandbox.Answer({"missing": "torch"}, bytearray())
    )
    for name in ("a.pt", "b.pth"):
        (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(64))
    status = main(["compare-checkpoints", str(tmp_path / "a.pt"), str(tmp_path / "b.pth")])
    assert status == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.endswith("is read by torch, which is not installed: pip install torch")


@pytest.mark.parametrize(("package", "logits"), [("rasterio", "x.npy"), ("zarr", "x.zarr")])
def test_raster_without_its_extra(tmp_path: Path, package: str, logits: str) -> None:
    """Before anything is computed; one cure for both packages."""
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 4, 4), np.float32))
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "windows.json").write_text("[[0, 0, 4, 4]]")
    words = ["raster", logits, "--windows", "windows.json", "--size", "4", "4", "--out", "x.tif"]
    line = run_without(package, words, tmp_path)
    assert line.endswith('pip install "segpost[geo]"')
    assert line.count("pip install") == 1
