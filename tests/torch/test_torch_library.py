"""The operators of segpost.torch in C++: the same results, beside Python's and without Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("segpost._cpu")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "libtorch"


@pytest.fixture(scope="module")
def library() -> str:
    """The library, which is built where it is missing."""
    pytest.importorskip("torch")
    from segpost.runtimes import library as path_of
    from segpost.runtimes.builds import build

    try:
        return path_of("torch")
    except FileNotFoundError:
        try:
            return str(build("torch"))
        except FileNotFoundError as error:
            pytest.skip(str(error))


def run(*command: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """A command that succeeds, with what it prints."""
    done = subprocess.run(command, capture_output=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (done.stdout[-3000:] + done.stderr[-3000:]).decode()
    return done  # type: ignore[no-any-return]


WITHOUT_SEGPOST_TORCH = """
import sys
import numpy as np, torch, segpost
torch.ops.load_library(sys.argv[1])
assert "segpost.torch" not in sys.modules
ops = torch.ops.segpost
as_text = '{"colors": [[0, 0, 0], [9, 8, 7], [1, 2, 3]], "void": null, "ignore_index": null}'
palette = segpost.Palette([(0, 0, 0), (9, 8, 7), (1, 2, 3)])
rng = np.random.default_rng(0)
logits = rng.integers(0, 5, (2, 3, 9, 13)).astype("f4")  # ties
image = rng.integers(0, 256, (2, 40, 50, 3), np.uint8)
spread = np.asarray(segpost.softmax(logits))
small = image[:, :9, :13].copy()

def same(made, right):
    right = np.asarray(right)
    assert made.numpy().dtype == right.dtype, (made.dtype, right.dtype)
    np.testing.assert_array_equal(made.numpy(), right)

t = torch.from_numpy
for kind in (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8):
    for grid in ("half_pixel", "align_corners", "asymmetric"):
        labels = ops.argmax(t(logits).to(kind), size=[40, 50], grid=grid)
        same(labels, segpost.argmax(logits, size=(40, 50), grid=grid))
labels = ops.argmax(t(logits), size=[40, 50])
right = np.asarray(segpost.argmax(logits, size=(40, 50)))
last = t(logits).permute(0, 2, 3, 1)
same(ops.argmax(last, axis=-1, size=[40, 50]), right)
same(ops.argmax(last.contiguous(), axis=3, size=[40, 50]), right)
same(ops.argmax(t(logits)[1], size=[40, 50]), right[1])
same(ops.argmax(t(logits)[:, :, ::1, 2:]), segpost.argmax(logits[..., 2:]))
many = rng.normal(size=(300, 4, 5)).astype("f4")
same(ops.argmax(t(many)), segpost.argmax(many))
same(ops.softmax(t(logits)), spread)
same(ops.softmax(last, axis=-1), spread.transpose(0, 2, 3, 1))
same(ops.colorize(labels, as_text), segpost.colorize(right, palette))
same(ops.colorize(labels[0].long(), as_text), segpost.colorize(right[0], palette))
for pixels in (t(image), t(image.transpose(0, 3, 1, 2).copy())):
    same(ops.overlay(pixels, labels, as_text, alpha=[0.25], contour=1),
         segpost.overlay(image, right, palette, alpha=0.25, contour=1))
target = np.roll(right, 1, axis=1).astype("i8")
target[0, 0] = 255
counts = segpost.confusion_matrix(preds=right, target=target, num_classes=3, ignore_index=255)
same(ops.confusion_matrix(labels, t(target), num_classes=3, ignore_index=[255]), counts)
same(ops.confusion_matrix(t(logits), t(target), num_classes=3, ignore_index=[255]), counts)
crf = segpost.DenseCRF.preset("deeplab")(spread, small)
same(ops.dense_crf(t(spread), t(small), crf="deeplab"), crf)
same(ops.dense_crf(t(spread)[1], t(small)[1], crf="deeplab"), crf[1])
logits[1, 2, 3, 4] = np.nan
for call, text in (
    (lambda: ops.argmax(t(logits)), "logits have 1 NaN, first at image 1, y 3, x 4"),
    (lambda: ops.argmax(t(logits)[0, 0]), "segpost.argmax: logits must have 3 or 4 dimensions"),
    (lambda: ops.argmax(t(logits), axis=2), "segpost.argmax: axis must be -3 or -1"),
    (lambda: ops.argmax(t(logits), size=[3]), "segpost.argmax: size must be (H, W)"),
    (lambda: ops.argmax(t(logits) > 0), "segpost.argmax: logits has elements of a type"),
    (lambda: ops.argmax(t(logits), grid="x"), "segpost.argmax: grid must be one of"),
    (lambda: ops.colorize(labels, "voc"), "segpost.torch.as_text(segpost.Palette.named('voc'))"),
    (lambda: ops.colorize(labels, "{"), "segpost.colorize: palette cannot be read"),
    (lambda: ops.colorize(labels + 1, as_text), "segpost.colorize: labels have"),
    (lambda: ops.dense_crf(t(spread), crf="voc"), "segpost.dense_crf: preset must be one of"),
    (lambda: ops.dense_crf(t(spread), crf="deeplab"), "segpost.dense_crf: image is missing"),
):
    try:
        call()
    except RuntimeError as error:
        assert text in str(error), error
    else:
        raise AssertionError(text)
"""

EITHER_ORDER = """
import sys, warnings
warnings.simplefilter("error")
import torch
if sys.argv[2] == "library first":
    torch.ops.load_library(sys.argv[1])
import segpost, segpost.torch
if sys.argv[2] == "library last":
    torch.ops.load_library(sys.argv[1])
logits = torch.arange(240.0).reshape(1, 3, 8, 10) % 7
labels = segpost.torch.argmax(logits, size=(16, 20))
assert torch.equal(labels, segpost.argmax(logits, size=(16, 20)))
segpost.torch.colorize(labels, "voc")  # a name: the operator is Python's
program = torch.export.export(
    type("M", (torch.nn.Module,), {"forward": lambda self, x: segpost.torch.argmax(x)})(), (logits,)
)
assert torch.equal(program.module()(logits), segpost.argmax(logits))
"""


def test_the_same_results_as_segpost(library: str) -> None:
    run(sys.executable, "-c", WITHOUT_SEGPOST_TORCH, library)


@pytest.mark.parametrize("order", ["library first", "library last"])
def test_both_in_one_process(library: str, order: str) -> None:
    """Python's operators are used, whichever came first, without an error or a warning."""
    run(sys.executable, "-c", EITHER_ORDER, library, order)


def test_a_program_without_python(library: str, tmp_path: Path) -> None:
    """examples/libtorch, built and run: the bytes are those of segpost."""
    import torch

    import segpost.torch

    cmake = shutil.which("cmake")
    if cmake is None or shutil.which("c++") is None:
        pytest.skip("there is no CMake, or no C++ compiler")
    package, build = tmp_path / "labels.pt2", tmp_path / "build"
    run(sys.executable, str(EXAMPLE / "export_labels.py"), str(package))
    prefix = f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}"
    run(cmake, "-S", str(EXAMPLE), "-B", str(build), prefix, "-DCMAKE_BUILD_TYPE=Debug")
    run(cmake, "--build", str(build))
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 19, 8, stride=8).eval()
    palette = segpost.Palette.named("cityscapes")
    for shape in ((2, 64, 96), (1, 40, 24)):
        images = np.random.default_rng(1).random((shape[0], 3, *shape[1:]), np.float32)
        command = [str(build / "labels"), library, str(package), *map(str, shape)]
        made = np.frombuffer(run(*command, input=images.tobytes()).stdout, np.uint8)
        with torch.no_grad():
            labels = segpost.argmax(network(torch.from_numpy(images)).numpy(), size=shape[1:])
        pixels = labels.size
        np.testing.assert_array_equal(made[pixels:], segpost.colorize(
            made[:pixels].reshape(labels.shape), palette).ravel())  # fmt: skip
        # The compiled network rounds in another way: a label may differ next to a tie.
        assert np.mean(made[:pixels] != labels.ravel()) < 1e-3
