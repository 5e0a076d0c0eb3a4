"""The door without Python: a C++ program and a Cython module, built here, give Python's bytes."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from capi_table import print_folder
from conftest import scene

import segpost

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("segpost._cpu")
CLASSES, SIZE = 6, (37, 61)


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command with what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def case() -> dict[str, np.ndarray]:
    """Logits, a photograph, a target and a palette."""
    rng = np.random.default_rng(5)
    logits = 3 * scene(CLASSES, 9, 13, 1).astype(np.float32)
    target = np.asarray(segpost.argmax(logits, size=SIZE)).copy()
    target[rng.random(SIZE) < 0.2] = 255
    return {
        "logits": np.ascontiguousarray(logits),
        "image": rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8),
        "target": target,
        "palette": rng.integers(0, 256, (CLASSES, 3), dtype=np.uint8),
    }


# What the reference says to type: CMake, pkg-config, and neither.
CONSOLE = re.findall(
    r"^```console\n(.*?)^```$",
    (ROOT / "docs" / "reference" / "capi.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


def build(commands: str, folder: Path) -> None:
    """Type commands of the reference in a folder with sources; `python` is this interpreter."""
    for tool in ("bash", "cmake", "c++", "pkg-config"):
        if tool in f"bash {commands}" and shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    target = run("c++", "-dumpmachine").stdout.strip()
    if target and platform.machine() not in target:
        pytest.skip(f"c++ compiles for {target}, and this Python is of {platform.machine()}")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    if "PYTHONPATH" in environment:
        paths = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    done = run("bash", "-euc", commands, cwd=folder, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/cpp, built as the reference says, with CMake against this installation."""
    folder = tmp_path_factory.mktemp("cpp")
    for path in (ROOT / "examples" / "cpp").iterdir():
        shutil.copy(path, folder)
    build(CONSOLE[0], folder)
    return folder / "build" / "server"


@pytest.mark.parametrize("commands", CONSOLE[1:], ids=["pkg-config", "by hand"])
def test_commands_of_the_reference_build_a_program_that_starts(
    commands: str, tmp_path: Path
) -> None:
    """The program finds the library in the package, without a variable of the environment."""
    (tmp_path / "server.cpp").write_text(
        "#include <cstdio>\n#include <segpost/capi.h>\n"
        "int main() { std::puts(segpost_get_api(SEGPOST_ABI)->version); }\n"
    )
    build(commands, tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    served = run(str(tmp_path / "server"), env=environment)
    assert served.stdout == f"{segpost.__version__}\n", served.stderr


def serve(server: Path, case: dict[str, np.ndarray], out: Path) -> subprocess.CompletedProcess[str]:
    """The program on the arrays of a case, as files."""
    names = {"logits": "logits.f32", "image": "image.rgb", "target": "target.u8"}
    names["palette"] = "palette.rgb"
    for key, name in names.items():
        case[key].tofile(out / name)
    _, h, w = case["logits"].shape
    sizes = [str(n) for n in (CLASSES, h, w)], [str(n) for n in SIZE]
    return run(
        str(server),
        *(str(out / "logits.f32"), *sizes[0], str(out / "image.rgb"), *sizes[1]),
        *(str(out / "target.u8"), str(out / "palette.rgb"), str(out)),
    )


def test_the_server_in_cpp_gives_the_bytes_of_python(
    server: Path, case: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Labels, colors, overlay, confidence, counts and the CRF, without Python in the process."""
    done = serve(server, case, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"segpost {segpost.__version__}" in done.stdout
    want: Any = ("labels", "color", "overlay", "confidence", "probabilities")
    palette = segpost.Palette(case["palette"])
    seg = segpost.postprocess(
        case["logits"], size=SIZE, image=case["image"], palette=palette, want=want
    )
    alone = segpost.postprocess(case["logits"], size=SIZE, want=("confidence",))
    counts = segpost.confusion_matrix(
        preds=seg.labels, target=case["target"], num_classes=CLASSES, ignore_index=255
    )
    refined = segpost.DenseCRF.preset("pydensecrf", iterations=3)(seg.probabilities, case["image"])

    def read(name: str, dtype: Any) -> np.ndarray:
        return np.fromfile(tmp_path / name, dtype)

    np.testing.assert_array_equal(read("labels.u8", np.uint8), seg.labels.ravel())
    np.testing.assert_array_equal(read("color.rgb", np.uint8), seg.color.ravel())
    np.testing.assert_array_equal(read("overlay.rgb", np.uint8), seg.overlay.ravel())
    np.testing.assert_array_equal(read("confidence.f32", np.float32), alone.confidence.ravel())
    np.testing.assert_array_equal(read("refined.f32", np.float32), refined.ravel())
    made = read("counts.i64", np.int64).reshape(CLASSES + 2, CLASSES + 1)
    np.testing.assert_array_equal(made[:CLASSES, :CLASSES], counts)
    assert made[CLASSES].sum() == (case["target"] == 255).sum()


def test_bad_values_come_with_their_number_and_place(
    server: Path, case: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """A NaN in the logits is a sentence in the report."""
    logits = case["logits"].copy()
    logits[2, 4, 5] = np.nan
    done = serve(server, {**case, "logits": logits}, tmp_path)
    assert done.returncode == 1
    assert done.stderr == "server: logits have 1 NaN, first at image 0, y 4, x 5\n"


def test_another_abi_is_refused(case: dict[str, np.ndarray]) -> None:
    """The table is given to who asks for the ABI that it has."""
    library = ctypes.CDLL(os.fspath(Path(print_folder("--libdir")) / "libsegpost.so"))
    library.segpost_get_api.restype = ctypes.c_void_p
    assert library.segpost_get_api(1)
    assert not library.segpost_get_api(2)
    assert not library.segpost_get_api(0)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """examples/cython, compiled."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("cython")
    for name in ("setup.py", "frames.pyx"):
        shutil.copy(ROOT / "examples" / "cython" / name, folder)
    done = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=folder,
               env={**os.environ, "CFLAGS": "-O0"})  # fmt: skip
    if done.returncode and "command 'gcc' failed" in done.stderr and not shutil.which("gcc"):
        pytest.skip("there is no C compiler")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("frames.*.so")
    spec = importlib.util.spec_from_file_location("frames", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cython_loop_gives_the_bytes_of_python(
    frames: ModuleType, case: dict[str, np.ndarray]
) -> None:
    """Labels, colors and counts of several frames, made without the GIL."""
    logits = np.stack([case["logits"], case["logits"][::-1], -case["logits"]])
    target = np.stack([case["target"]] * 3)
    labels, color, counts = frames.count_frames(logits, target, case["palette"])
    palette = segpost.Palette(case["palette"])
    seg = segpost.postprocess(logits, size=SIZE, palette=palette, want=("labels", "color"))
    np.testing.assert_array_equal(labels, seg.labels)
    np.testing.assert_array_equal(color, seg.color)
    expected = segpost.confusion_matrix(
        preds=seg.labels, target=target, num_classes=CLASSES, ignore_index=255
    )
    np.testing.assert_array_equal(counts, expected)
    logits[1, 0, 3, 2] = np.nan
    with pytest.raises(ValueError, match="frame 1: logits have 1 NaN, first at image 0, y 3, x 2"):
        frames.count_frames(logits, target, case["palette"])
    with pytest.raises(ValueError, match="frame 0: palette has 5 colors for 6 classes"):
        frames.count_frames(logits, target, case["palette"][:5])
