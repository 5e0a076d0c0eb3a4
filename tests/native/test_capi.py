"""The door without Python: a C++ program and a Cython module, built here, give Python's bytes."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("segpost._cpu")
CLASSES, SIZE = 6, (37, 61)


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command with what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@cache
def told(option: str) -> str:
    """What `python -m segpost` prints."""
    done = run(sys.executable, "-m", "segpost", option)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


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
    library = ctypes.CDLL(os.fspath(Path(told("--libdir")) / "libsegpost.so"))
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


# The table through ctypes: what a wrong call gets.


class Strided(ctypes.Structure):
    """segpost_array."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 4),
        ("strides", ctypes.c_int64 * 4),
    )


class Told(ctypes.Structure):
    """segpost_report."""

    _fields_ = (
        ("bad", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("message", ctypes.c_char * 400),
    )


class Options(ctypes.Structure):
    """segpost_argmax_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        *((name, ctypes.c_int32) for name in ("grid", "nan", "has_threshold", "fast")),
        *((name, ctypes.c_double) for name in ("threshold", "scale", "zero_point")),
        ("palette", ctypes.c_void_p),
        ("palette_size", ctypes.c_int64),
        ("image", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("alpha_count", ctypes.c_int64),
    )


class CrfOptions(ctypes.Structure):
    """segpost_crf_options."""

    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("quality", ctypes.c_int32),
        ("iterations", ctypes.c_int32),
        *(
            (name, ctypes.c_double)
            for name in ("gaussian_sigma", "gaussian_weight", "bilateral_sigma", "bilateral_rgb")
        ),
        ("bilateral_weight", ctypes.c_double),
    )


POINTER, OPTIONS, TOLD = (ctypes.POINTER(kind) for kind in (Strided, Options, Told))
PLACE, NUMBER = ctypes.c_void_p, ctypes.c_int64  # of a table, and how long it is


def function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int, *arguments, TOLD)


class Table(ctypes.Structure):
    """segpost_api."""

    _fields_ = (
        ("abi", ctypes.c_int32),
        ("size", ctypes.c_size_t),
        ("version", ctypes.c_char_p),
        ("argmax", function(POINTER, OPTIONS, *[POINTER] * 4)),
        ("softmax", function(POINTER, OPTIONS, POINTER)),
        ("colorize", function(POINTER, PLACE, NUMBER, POINTER)),
        (
            "overlay",
            function(POINTER, POINTER, PLACE, NUMBER, PLACE, NUMBER, NUMBER, POINTER),
        ),
        ("confusion_matrix", function(POINTER, POINTER, NUMBER, PLACE, NUMBER, PLACE)),
        (
            "confusion_matrix_of_logits",
            function(POINTER, OPTIONS, POINTER, NUMBER, PLACE, NUMBER, PLACE),
        ),
        ("dense_crf", function(POINTER, POINTER, ctypes.POINTER(CrfOptions), POINTER)),
        ("set_num_threads", ctypes.CFUNCTYPE(None, ctypes.c_int32)),
        ("num_threads", ctypes.CFUNCTYPE(ctypes.c_int32)),
    )


DTYPES = {"float32": 0, "float64": 1, "float16": 2, "int8": 4, "uint8": 5, "int32": 8, "int64": 9}


def strided(array: np.ndarray) -> Strided:
    padding = (0,) * (4 - array.ndim)
    return Strided(
        array.ctypes.data,
        DTYPES[array.dtype.name],
        array.ndim,
        (ctypes.c_int64 * 4)(*array.shape, *padding),
        (ctypes.c_int64 * 4)(*array.strides, *padding),
    )


def argmax(logits: np.ndarray, labels: np.ndarray, **options: Any) -> tuple[int, str]:
    """Status and message of a call."""
    given = Options(**{"struct_size": ctypes.sizeof(Options), **options})
    return call("argmax", logits, given, labels, None, None, None)


@cache
def table() -> Any:
    library = ctypes.CDLL(os.fspath(Path(told("--libdir")) / "libsegpost.so"))
    library.segpost_get_api.restype = ctypes.POINTER(Table)
    return library.segpost_get_api(1).contents


def call(name: str, *arguments: Any) -> tuple[int, str]:
    """Status and message of a function of the table; arrays go as segpost_array."""
    report = Told()
    given = [strided(a) if isinstance(a, np.ndarray) else a for a in arguments]
    given = [ctypes.byref(a) if isinstance(a, ctypes.Structure) else a for a in given]
    status = getattr(table(), name)(*given, ctypes.byref(report))
    return status, report.message.decode()


@pytest.mark.parametrize("grid", range(3))
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int8", "int32"])
def test_any_type_stride_and_grid_has_pythons_labels(grid: int, kind: str) -> None:
    """Channels last, flipped and of every type: the labels are segpost.argmax's."""
    rng = np.random.default_rng(grid)
    values = (50 * rng.normal(size=(2, 7, 9, 5))).astype(kind)
    logits = values.transpose(0, 3, 1, 2)[:, :, ::-1]
    name = segpost._core.sampling.GRIDS[grid]
    for size in ((7, 9), (23, 31), (3, 4), (1, 1)):
        labels = np.empty((2, *size), np.int32)
        assert argmax(logits, labels, grid=grid) == (0, "")
        np.testing.assert_array_equal(labels, segpost.argmax(logits, size=size, grid=name))  # type: ignore[call-overload]


def test_wrong_arguments_are_refused_before_anything_is_read() -> None:
    """Shapes, types, strides, options: a sentence each, and nothing is written."""
    logits = np.zeros((1, 3, 4, 5), np.float32)
    labels = np.full((1, 8, 10), 9, np.uint8)
    odd = np.lib.stride_tricks.as_strided(logits, strides=(240, 80, 20, 2))
    cases: list[tuple[np.ndarray, np.ndarray, dict[str, Any], str]] = [
        (logits[0], labels, {}, "logits must have 4 dimensions, got 3"),
        (logits.astype(np.int64), labels, {}, "logits must be of dtype float32, .*got int64"),
        (odd, labels, {}, "logits is not aligned"),
        (logits[:, :0], labels, {}, r"logits have no classes: shape \(1, 0, 4, 5\)"),
        (logits, labels[:, :, ::2], {}, "labels must have adjacent pixels"),
        (logits, labels.astype(np.float32), {}, "labels must be of dtype uint8, int32, got float"),
        (logits, np.concatenate([labels] * 2), {}, "labels are of 2 images, logits of 1"),
        (logits, labels, {"grid": 3}, "grid is unknown: 3"),
        (logits, labels, {"scale": -1.0}, "scale must be positive"),
        (logits, labels, {"has_threshold": 1}, "threshold is for logits of one class, got 3"),
        (logits, labels, {"struct_size": 4000}, "options have struct_size 4000"),
    ]
    for given, out, options, message in cases:
        status, said = argmax(given, out, **options)
        assert status == 1
        assert re.search(message, said), said
        assert (out == 9).all()


OPTIONS_OF_ARGMAX = Options(struct_size=ctypes.sizeof(Options))


def crf_options(**options: float) -> CrfOptions:
    return CrfOptions(struct_size=ctypes.sizeof(CrfOptions), **options)


def overlapping(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> np.ndarray:
    """An output in memory of fives, whose elements share places."""
    memory = np.full(4000, 5, np.uint8).view(dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, strides)


def test_outputs_that_overlap_themselves_are_refused() -> None:
    """A stride of 0, or one shorter than a row: of every function that writes an array."""
    logits, image = np.zeros((1, 3, 4, 5), np.float32), np.zeros((1, 4, 5, 3), np.uint8)
    labels, palette = np.zeros((1, 4, 5), np.uint8), np.zeros((3, 3), np.uint8)
    spread = np.full((3, 4, 5), 1 / 3, np.float32)
    where, half = palette.ctypes.data, None
    for row in (0, 1, 4):
        maps = overlapping((1, 4, 5), np.uint8, (20, row, 1))
        colors = overlapping((1, 4, 5, 3), np.uint8, (60, 3 * row, 3, 1))
        scores = overlapping((1, 3, 4, 5), np.float32, (240, 80, 4 * row, 4))
        calls: list[tuple[str, tuple[Any, ...], np.ndarray]] = [
            ("argmax", (logits, OPTIONS_OF_ARGMAX, maps, None, None, None), maps),
            ("softmax", (logits, OPTIONS_OF_ARGMAX, scores), scores),
            ("colorize", (labels, where, 3, colors), colors),
            ("overlay", (image, labels, where, 3, half, 0, 0, colors), colors),
            ("dense_crf", (spread, image[0], crf_options(), scores[0]), scores),
        ]
        for name, arguments, out in calls:
            before = out.tobytes()
            status, said = call(name, *arguments)
            assert (status, "overlaps itself" in said) == (1, True), (name, row, said)
            assert out.tobytes() == before


def test_counts_must_fit_the_logits_and_their_type() -> None:
    """Classes as many as the matrix has, and tables at an address of their type."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 21, 4, 5)).astype(np.float32)
    target = np.zeros((1, 4, 5), np.uint8)
    memory = np.full(8 * 23 * 22 + 8, 7, np.uint8)
    counts = memory.ctypes.data + (-memory.ctypes.data) % 8
    before = memory.tobytes()
    ignored = np.array([254, 255])

    def count(array: np.ndarray, classes: int, at: int, void: int = 0) -> tuple[int, str]:
        given = array, OPTIONS_OF_ARGMAX, target, classes, void or ignored.ctypes.data, 2, at
        return call("confusion_matrix_of_logits", *given)

    refused = {
        "logits have 21 classes, the counts are of 5": count(logits, 5, counts),
        "logits have 21 classes, the counts are of 22": count(logits, 22, counts),
        "logits have one class, so every label would be 0": count(logits[:, :1], 1, counts),
        "counts is not aligned.*of 8 bytes": count(logits, 21, counts + 1),
        "counts is missing": count(logits, 21, 0),
        "ignored is not aligned": count(logits, 21, counts, ignored.ctypes.data + 4),
    }
    labels = "confusion_matrix", target, target, 21, None, 0
    refused["counts is not aligned.*8 byte"] = call(*labels, counts + 4)
    for text, (status, said) in refused.items():
        assert status == 1
        assert re.match(text, said), said
    assert memory.tobytes() == before
    assert count(logits, 21, counts) == (0, "")


def test_labels_of_one_class_need_a_threshold() -> None:
    """As in Python: the label of every pixel would be 0."""
    logits = np.full((1, 1, 4, 5), 3.0, np.float32)
    labels = np.zeros((1, 4, 5), np.uint8)
    status, said = argmax(logits, labels)
    assert (status, said.startswith("logits have one class")) == (1, True)
    assert argmax(logits, labels, has_threshold=1, threshold=2.0) == (0, "")
    assert (labels == 1).all()


def test_numbers_of_the_crf_have_the_limits_of_python() -> None:
    """Weights and sigmas beyond them would give NaN; one label has nothing to refine."""
    spread = np.full((2, 4, 5), 0.5, np.float32)
    image, out = np.zeros((4, 5, 3), np.uint8), np.full((2, 4, 5), 9, np.float32)
    for options, text in (
        ({"gaussian_weight": 1e46}, "gaussian_weight must be in -1e6..1e6"),
        ({"gaussian_weight": 1.1e6}, "gaussian_weight must be in"),
        ({"bilateral_weight": 2e6}, "bilateral_weight must be in"),
        ({"bilateral_weight": float("nan")}, "bilateral_weight must be finite"),
        ({"gaussian_sigma": 1e31}, "gaussian_sigma must be positive, in 1e-30..1e30"),
        ({"bilateral_sigma": -1.0}, "bilateral_sigma must be positive"),
        ({"bilateral_rgb": 1e31}, "bilateral_rgb is too large"),
    ):
        status, said = call("dense_crf", spread, image, crf_options(**options), out)
        assert (status, text in said) == (1, True), said
    status, said = call("dense_crf", spread[:1], image, crf_options(), out[:1])
    assert (status, "at least two labels, got 1" in said) == (1, True)
    assert (out == 9).all()
    given = crf_options(gaussian_weight=1e6, bilateral_weight=-1.0)
    assert call("dense_crf", spread, image, given, out) == (0, "")
    assert np.isfinite(out).all()


def test_the_number_of_threads_is_bounded() -> None:
    """Any number is taken as the nearest of 1 to 1024; no thread starts before there is work."""
    before = table().num_threads()
    try:
        for asked, used in ((3000, 1024), (2**31 - 1, 1024), (0, 1), (-5, 1), (7, 7)):
            table().set_num_threads(asked)
            assert table().num_threads() == used
    finally:
        table().set_num_threads(before)


def test_weights_of_colors_are_checked() -> None:
    """Between 0 and 1, at the address of a double."""
    image, labels = np.zeros((1, 4, 5, 3), np.uint8), np.zeros((1, 4, 5), np.uint8)
    palette, out = np.zeros((3, 3), np.uint8), np.full((1, 4, 5, 3), 9, np.uint8)
    for weights, count, shift, text in (
        ([0.5, 1.5, 0.5], 3, 0, "alpha must be in 0..1"),
        ([0.5, float("nan"), 0.5], 3, 0, "alpha must be in 0..1"),
        ([0.5, 0.5, 0.5], 2, 0, "alpha must be 1 number or 3, got 2"),
        ([0.5, 0.5, 0.5], 1, 4, "alpha is not aligned"),
    ):
        alpha = np.array(weights)
        given = palette.ctypes.data, 3, alpha.ctypes.data + shift, count, 0
        status, said = call("overlay", image, labels, *given, out)
        assert (status, text in said) == (1, True), said
    assert (out == 9).all()
