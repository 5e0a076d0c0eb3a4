"""Arrays on a CUDA device: in without a copy, out as the caller's kind, and clear errors.

The device is emulated: its memory is the CPU's, so that torch's own tensors can play the part.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from conftest import scene
from fake_devices import Cuda, host

import segpost
from segpost._core import device_arrays
from segpost._core.device import DeviceArray, DeviceContext, context_of, device_view, to_host

LOGITS = scene(5, 12, 17)


@pytest.mark.usefixtures("device")
def test_a_result_is_on_the_device_of_the_input() -> None:
    """Logits on a device give labels there, the same as on the CPU."""
    labels = segpost.argmax(Cuda(LOGITS), size=(40, 50))
    assert isinstance(labels, device_arrays.Result)
    np.testing.assert_array_equal(host(labels), segpost.argmax(LOGITS, size=(40, 50)))
    interface = labels.__cuda_array_interface__
    assert interface["shape"] == (40, 50)
    assert interface["stream"] == device_arrays.LEGACY_STREAM


@pytest.mark.usefixtures("device")
def test_strides_of_an_interface_are_followed() -> None:
    """A flipped, sliced and transposed view is read as what it is."""
    wide = np.repeat(LOGITS, 2, axis=2)[::-1, ::2, ::-3]
    np.testing.assert_array_equal(host(segpost.argmax(Cuda(wide))), segpost.argmax(wide))
    last = np.ascontiguousarray(LOGITS.transpose(1, 2, 0))
    np.testing.assert_array_equal(host(segpost.argmax(Cuda(last), axis=-1)), segpost.argmax(LOGITS))


@pytest.mark.usefixtures("device")
def test_every_operation_of_the_device() -> None:
    """Probabilities, colors, overlay, labels of colors, counts and all of them in one call."""
    labels = segpost.argmax(LOGITS)
    image = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    np.testing.assert_allclose(
        host(segpost.softmax(Cuda(LOGITS))), segpost.softmax(LOGITS), atol=2e-6
    )
    color = segpost.colorize(labels, "voc")
    np.testing.assert_array_equal(host(segpost.colorize(Cuda(labels), "voc")), color)
    np.testing.assert_array_equal(host(segpost.labels_from_colors(Cuda(color), "voc")), labels)
    laid = segpost.overlay(image, labels, "voc", contour=2)
    on_it = segpost.overlay(Cuda(image), Cuda(labels), "voc", contour=2)
    np.testing.assert_array_equal(host(on_it), laid)
    counts = segpost.confusion_matrix(Cuda(LOGITS), Cuda(labels), num_classes=5)
    np.testing.assert_array_equal(host(counts), np.diag(np.bincount(labels.ravel(), minlength=5)))
    want = ("labels", "confidence", "probabilities", "color", "overlay")
    given: Any = {"size": (12, 17), "palette": "voc", "want": want}
    there = segpost.postprocess(Cuda(LOGITS), image=Cuda(image), **given)
    here = segpost.postprocess(LOGITS, image=image, **given)
    for name in want:
        np.testing.assert_allclose(
            host(getattr(there, name)), getattr(here, name), atol=2e-6, err_msg=name
        )


@pytest.mark.usefixtures("device")
def test_out_on_the_device() -> None:
    """An `out` there is written to; one on the CPU is refused."""
    out = np.zeros((12, 17), np.uint8)
    given = Cuda(out)
    assert segpost.argmax(Cuda(LOGITS), out=given) is given
    np.testing.assert_array_equal(out, segpost.argmax(LOGITS))
    with pytest.raises(TypeError, match="out is on the CPU, the input on cuda:0"):
        segpost.argmax(Cuda(LOGITS), out=np.zeros((12, 17), np.uint8))


@pytest.mark.usefixtures("device")
def test_arrays_on_different_devices_are_refused() -> None:
    """Nothing is moved between devices."""
    labels = segpost.argmax(LOGITS)
    image = np.zeros((12, 17, 3), np.uint8)
    with pytest.raises(TypeError, match="different devices: one on cuda:0, another on the CPU"):
        segpost.overlay(Cuda(image), labels, "voc")
    with pytest.raises(TypeError, match="different devices"):
        segpost.confusion_matrix(Cuda(labels), labels, num_classes=5)


@pytest.mark.usefixtures("device")
def test_a_backend_that_was_asked_for_is_not_exchanged() -> None:
    """The CUDA backend takes no array on the CPU, the others none on a device."""
    with segpost.use_backend("cuda"), pytest.raises(TypeError, match="got one on the CPU"):
        segpost.argmax(LOGITS)
    with segpost.use_backend("numba"), pytest.raises(TypeError, match="got one on cuda:0"):
        segpost.argmax(Cuda(LOGITS))


@pytest.mark.usefixtures("device")
def test_bad_values_are_told_at_once() -> None:
    """The errors are those of the CPU, values and places included."""
    bad = LOGITS.copy()
    bad[2, 3, 4] = bad[1, 7, 7] = np.nan
    for arrays in (bad, Cuda(bad)):
        with pytest.raises(ValueError, match=r"2 NaN .* first at image 0, class 2, y 3, x 4"):
            segpost.argmax(arrays)
        with pytest.raises(ValueError, match=r"2 NaN .* first at image 0, class 2, y 3, x 4"):
            segpost.softmax(arrays)
    labels = np.full((4, 5), 21, np.int16)
    with pytest.raises(ValueError, match=r"20 of 20 values outside 0..20, first 21 at \[0, 0\]"):
        segpost.colorize(Cuda(labels), segpost.Palette.distinct(21))
    with pytest.raises(ValueError, match=r"target has 20 of 20 values outside 0..4: 21 \(20 times"):
        segpost.confusion_matrix(Cuda(labels), Cuda(labels), num_classes=5)
    picture = np.full((4, 5, 3), 7, np.uint8)
    with pytest.raises(ValueError, match=r"20 of 20 pixels .* first \(7, 7, 7\)"):
        segpost.labels_from_colors(Cuda(picture), "voc")


@pytest.mark.usefixtures("device")
def test_bad_values_are_told_later() -> None:
    """With check="deferred" the call returns, and `raise_deferred` raises, once."""
    bad = LOGITS.copy()
    bad[2, 3, 4] = np.nan
    segpost.argmax(Cuda(LOGITS), check="deferred")
    segpost.raise_deferred()
    labels = segpost.argmax(Cuda(bad), check="deferred")
    assert host(labels)[3, 4] == 2
    with pytest.raises(ValueError, match="argmax met 1 bad values in an earlier call"):
        segpost.raise_deferred()
    segpost.raise_deferred()
    bad[2, 3, 4] = np.inf
    seg = segpost.postprocess(Cuda(bad), check="deferred", want=("labels", "confidence"))
    assert np.isnan(host(seg.confidence)[3, 4])
    with pytest.raises(ValueError, match=r"argmax met 1 bad values .* at flat index 55"):
        segpost.raise_deferred()


@pytest.mark.usefixtures("device")
def test_bad_values_are_told_never() -> None:
    """With check="off" they are clamped: NaN wins, a label without a color is void."""
    bad = LOGITS.copy()
    bad[2, 3, 4] = np.nan
    assert host(segpost.argmax(Cuda(bad), check="off"))[3, 4] == 2
    labels = np.full((4, 5), 200, np.uint8)
    palette = segpost.Palette.named("voc")
    painted = host(segpost.colorize(Cuda(labels), palette, check="off"))
    assert (painted == palette.void).all()
    segpost.raise_deferred()


def test_check_is_one_of_three() -> None:
    """Another word is refused, on the CPU too."""
    with pytest.raises(ValueError, match="check must be one of 'sync', 'deferred', 'off'"):
        segpost.argmax(LOGITS, check="later")  # type: ignore[call-overload]


@pytest.mark.usefixtures("device")
def test_torch_tensors(monkeypatch: pytest.MonkeyPatch, device: Any) -> None:
    """Tensors on a device give tensors of torch's own memory; strides, halves and views too."""

    def place(torch: Any, tensor: Any, name: str) -> DeviceContext:
        def memory(size: int) -> tuple[int, Any]:
            made = torch.empty(size, dtype=torch.uint8)
            return made.data_ptr(), made

        return device_arrays._context(0, 0, memory, name, "cuda:0")

    monkeypatch.setattr(device_arrays, "torch_context", place)
    logits = torch.from_numpy(scene(7, 9, 33)).repeat(2, 1, 1, 1)[:, :, ::2].requires_grad_()
    view, kind, wrap = device_arrays.from_torch(torch, logits, "logits")
    assert isinstance(view, DeviceArray)
    assert kind == "float32"
    assert context_of(view).device == 0
    made = context_of(view).empty((3, 4), np.int32)
    tensor = wrap(made[1:, ::2])
    assert tensor.dtype == torch.int32
    assert tensor.stride() == (4, 2)
    tensor.fill_(5)
    assert (to_host(made)[1:, ::2] == 5).all()
    half, kind, _ = device_arrays.from_torch(torch, logits.bfloat16(), "logits")
    assert kind == "bfloat16"
    assert half.dtype == np.uint16


def test_reading_an_array_of_a_device_by_accident_raises(device: Any) -> None:
    """Slices are views; whatever would touch the memory is an error."""
    memory = np.arange(24.0).reshape(2, 3, 4)
    place = DeviceContext("cuda", 0, 0, np.empty, device)
    array = device_view(memory.ctypes.data, (2, 3, 4), None, np.float64, place, memory)
    assert to_host(array[1, ::2, ::-1]).tolist() == memory[1, ::2, ::-1].tolist()
    assert array[1, 2, 3] == 23.0
    assert context_of(array[0].transpose(1, 0)[None]) is place
    assert array.reshape(6, 4).shape == (6, 4)
    readings: list[Callable[[], Any]] = [
        lambda: array + 1,
        lambda: array == array,
        lambda: array.sum(),
        lambda: np.isnan(array),
        lambda: np.concatenate([array, array]),
        lambda: array[array],
        lambda: list(array),
        lambda: array.astype(np.float32),
    ]
    for read in readings:
        with pytest.raises(TypeError):
            read()
    with pytest.raises(TypeError, match="on cuda:0 is not read on the CPU"):
        array[0] = 1.0


@pytest.mark.usefixtures("device")
def test_memory_lives_as_long_as_its_views() -> None:
    """A result keeps its memory, and an input its owner."""
    labels = segpost.argmax(Cuda(LOGITS.copy()), size=(100, 100))
    gc.collect()
    np.testing.assert_array_equal(host(labels), segpost.argmax(LOGITS, size=(100, 100)))


def test_without_cuda_there_is_a_reason() -> None:
    """`why_no_cuda` says what is missing, and so does an array on a device."""
    problem = segpost.why_no_cuda()
    assert segpost.cuda_available() == (problem is None)
    if problem is None:
        pytest.skip("there is a device")
    with pytest.raises(TypeError, match=r"logits is on .* no CUDA backend here"):
        segpost.argmax(Cuda(LOGITS))
    with pytest.raises(RuntimeError, match="the cuda backend cannot be used"):
        segpost._backends.registry._load("cuda")


def test_the_import_does_not_touch_cuda() -> None:
    """Neither the extension nor a driver is loaded before the first array of a device."""
    code = (
        "import sys, segpost; import numpy as np; segpost.argmax(np.zeros((2, 3, 3), 'f4'));"
        "import segpost.torch; assert not {'segpost._cuda', 'segpost_cuda'} & {*sys.modules};"
        "maps = open('/proc/self/maps').read();"
        "assert 'libcuda' not in maps and '_cuda.' not in maps"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
