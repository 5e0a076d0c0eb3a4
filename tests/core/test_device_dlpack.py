"""Arrays of a device that come by DLPack and go by it, in the order of everybody's streams."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from conftest import scene
from fake_devices import Cuda, Lending, Namespaced, Old, Runtime, host

import segpost
from segpost._core import device_arrays, dlpack
from segpost._core.device_arrays import LEGACY_STREAM

LOGITS = scene(5, 12, 17)
LABELS = segpost.argmax(LOGITS)
pytestmark = pytest.mark.usefixtures("device")


@pytest.mark.parametrize("kind", [Lending, Old])
@pytest.mark.parametrize("where", [(2, 0), (13, 0)])
def test_dlpack_of_a_device_is_read(kind: type[Lending], where: tuple[int, int]) -> None:
    """CUDA's memory and managed memory, in capsules of either version."""
    given = kind(LOGITS, where)
    np.testing.assert_array_equal(host(segpost.argmax(given)), LABELS)
    assert {asked["stream"] for asked in given.asked} == {LEGACY_STREAM}


def test_strides_and_offsets_of_dlpack_are_followed() -> None:
    """A view is read as what it is; no strides mean C order; the first element may be later."""
    wide = np.repeat(LOGITS, 2, axis=2)[::-1, ::2, ::-3]
    np.testing.assert_array_equal(host(segpost.argmax(Lending(wide))), segpost.argmax(wide))
    np.testing.assert_array_equal(host(segpost.argmax(Lending(LOGITS, strides=None))), LABELS)
    start = LOGITS.ctypes.data - 64
    moved = Lending(LOGITS, data=start, byte_offset=64)
    np.testing.assert_array_equal(host(segpost.argmax(moved)), LABELS)


def test_bfloat16_comes_by_dlpack() -> None:
    """The type that interfaces of arrays cannot name."""
    logits = torch.from_numpy(LOGITS).bfloat16()
    wanted = segpost.argmax(logits).numpy()
    np.testing.assert_array_equal(host(segpost.argmax(Lending(logits))), wanted)


def test_what_has_both_is_read_by_dlpack() -> None:
    """It orders streams, and knows more types."""

    class Both(Lending):
        @property
        def __cuda_array_interface__(self) -> dict[str, Any]:
            raise AssertionError("must not be asked")

    np.testing.assert_array_equal(host(segpost.argmax(Both(LOGITS))), LABELS)


def test_an_empty_tensor_has_no_memory() -> None:
    """Nothing in gives nothing out."""
    labels = segpost.argmax(Lending(np.zeros((3, 0, 4), np.float32), data=None))
    assert labels.shape == (0, 4)  # type: ignore[attr-defined]


def test_out_by_dlpack() -> None:
    """An `out` is written to, unless it is read-only: as its capsule or its interface says."""
    out = np.zeros((12, 17), np.uint8)
    given = Lending(out)
    assert segpost.argmax(Lending(LOGITS), out=given) is given
    np.testing.assert_array_equal(out, LABELS)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        segpost.argmax(Lending(LOGITS), out=Lending(out))
    with pytest.raises(ValueError, match="out is read-only"):
        segpost.argmax(Cuda(LOGITS), out=Cuda(out))


def test_arrays_that_never_change_are_no_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX's capsules cannot say that they are read-only."""
    monkeypatch.setattr(Old, "__module__", "jaxlib._jax")
    with pytest.raises(ValueError, match="out is read-only"):
        segpost.argmax(Lending(LOGITS), out=Old(np.zeros((12, 17), np.uint8)))


def test_errors_of_dlpack_name_the_argument() -> None:
    """A producer that refuses, a type that nobody knows, an array of several devices."""

    class Refusing(Lending):
        def __dlpack__(self, **given: Any) -> Any:
            raise BufferError("requires grad")

    class Sharded(Lending):
        def __dlpack_device__(self) -> tuple[int, int]:
            raise BufferError("only supported for unsharded arrays")

    with pytest.raises(TypeError, match="logits cannot be read through DLPack: requires grad"):
        segpost.argmax(Refusing(LOGITS))
    with pytest.raises(TypeError, match="logits cannot be read through DLPack: only supported"):
        segpost.argmax(Sharded(LOGITS))
    strange = dlpack._DataType(5, 64, 1)
    with pytest.raises(TypeError, match="type code 5 of 64 bits x 1 is unknown"):
        segpost.argmax(Lending(LOGITS, dtype=strange))


def test_a_result_becomes_an_array_of_the_library(device: Runtime) -> None:
    """By `from_dlpack` of its namespace: the library's stream waits for ours, and memory stays."""
    labels = segpost.argmax(Namespaced(LOGITS), size=(40, 50))
    assert isinstance(labels, Namespaced)
    assert ("wait_stream", Namespaced.stream, LEGACY_STREAM) in device.calls
    gc.collect()
    freed = ("release", labels.lent.address)
    assert freed not in device.calls
    np.testing.assert_array_equal(labels.read(), segpost.argmax(LOGITS, size=(40, 50)))
    del labels
    gc.collect()
    assert freed in device.calls


def test_a_library_that_makes_other_numbers_of_a_result_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """JAX without 64 bits would keep half of a count."""
    given: Any = {"preds": Namespaced(LABELS), "target": Namespaced(LABELS), "num_classes": 5}
    counts = segpost.confusion_matrix(**given)
    np.testing.assert_array_equal(counts.read(), np.diag(np.bincount(LABELS.ravel(), minlength=5)))
    monkeypatch.setattr(Namespaced, "x64", False)
    with pytest.raises(TypeError, match=r"the result has dtype int64, which .* converts to int32"):
        segpost.confusion_matrix(**given)


def test_results_are_lent_as_the_standard_says(device: Runtime) -> None:
    """Their device, any version, and the stream that is to wait; no copy, no other device."""
    result = segpost.argmax(Cuda(LOGITS, stream=9))
    assert result.__dlpack_device__() == (2, 0)  # type: ignore[attr-defined]
    for given, called in (
        ({}, ("wait_stream", LEGACY_STREAM, 9)),
        ({"stream": 2}, ("wait_stream", 2, 9)),
        ({"stream": 77, "max_version": (1, 0), "dl_device": (2, 0)}, ("wait_stream", 77, 9)),
        ({"stream": -1, "max_version": (0, 8), "copy": False}, None),
    ):
        device.calls.clear()
        capsule = result.__dlpack__(**given)  # type: ignore[attr-defined]
        name = b"dltensor_versioned" if given.get("max_version") == (1, 0) else b"dltensor"
        assert dlpack._is_named(capsule, name)
        assert device.calls == ([called] if called else [])
    with pytest.raises(ValueError, match="stream=0 is ambiguous on CUDA"):
        result.__dlpack__(stream=0)  # type: ignore[attr-defined]
    for refused in ({"copy": True}, {"dl_device": (1, 0)}, {"dl_device": (2, 1)}):
        with pytest.raises(BufferError, match="exported without a copy"):
            result.__dlpack__(**refused)  # type: ignore[attr-defined]
    with pytest.raises((BufferError, RuntimeError, TypeError)):
        np.from_dlpack(result.array)  # a view of a device is not the CPU's


def test_a_result_is_an_input_again() -> None:
    """Labels of one call are the labels of the next, whatever library they are of."""
    color = segpost.colorize(segpost.argmax(Lending(LOGITS)), "voc")
    np.testing.assert_array_equal(host(color), segpost.colorize(LABELS, "voc"))


def test_an_input_is_kept_until_the_work_that_reads_it_is_done(device: Runtime) -> None:
    """Its library could use the memory for something else as soon as it is free."""
    memory = LOGITS.copy()
    alive = weakref.ref(memory)
    device.busy = True
    labels = segpost.argmax(Lending(memory), check="off")
    del memory
    gc.collect()
    assert alive() is not None
    device.busy = False
    segpost.argmax(Lending(LOGITS))  # when the next one comes
    gc.collect()
    assert alive() is None
    assert not device_arrays._owners_in_use
    np.testing.assert_array_equal(host(labels), LABELS)


def test_memory_that_cuda_does_not_know_is_refused(
    device: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interface that gives an address of the CPU."""
    monkeypatch.setattr(device, "device_of", lambda address: -1, raising=False)
    with pytest.raises(TypeError, match="logits claims to be on a CUDA device, but its address"):
        segpost.argmax(Cuda(LOGITS))


def test_devices_are_not_mixed() -> None:
    """Every operation of two arrays says where each of them is."""
    image = np.zeros((12, 17, 3), np.uint8)
    here, there = Lending(LABELS), Lending(LABELS, (2, 1))
    different = "different devices.* on cuda:[01].* on cuda:[01]"
    with pytest.raises(TypeError, match=different):
        segpost.overlay(Lending(image), there, "voc")
    with pytest.raises(TypeError, match=different):
        segpost.confusion_matrix(here, there, num_classes=5)
    for measure in (segpost.ConfusionMatrix(5), segpost.BoundaryIoU(5)):
        with pytest.raises(TypeError, match="preds on cuda:0, target on cuda:1; move one"):
            measure.update(here, there)
        with pytest.raises(TypeError, match="preds on cuda:0, target on the CPU"):
            measure.update(here, LABELS)
    with pytest.raises(TypeError, match=different):
        segpost.postprocess(
            Lending(LOGITS), image=Lending(image, (2, 1)), palette="voc", want=["overlay"]
        )
    out = np.zeros((12, 17), np.uint8)
    with pytest.raises(TypeError, match="out is on cuda:1, the input on cuda:0"):
        segpost.argmax(Lending(LOGITS), out=Lending(out, (2, 1)))
    with pytest.raises(TypeError, match="out is on cuda:1, the input on cuda:0"):
        segpost.labels_from_colors(
            Lending(segpost.colorize(LABELS, "voc")), "voc", out=Lending(out, (2, 1))
        )


@pytest.mark.peers
def test_jax_itself() -> None:
    """Arrays of JAX on the CPU give such arrays, and are no `out`."""
    jax = pytest.importorskip("jax")
    logits = jax.numpy.asarray(LOGITS)
    labels = segpost.argmax(logits)
    assert isinstance(labels, jax.Array)
    np.testing.assert_array_equal(np.asarray(labels), LABELS)
    with pytest.raises(ValueError, match="out is read-only"):
        segpost.argmax(logits, out=labels)
    with pytest.raises(TypeError, match="the result has dtype int64, which jax"):
        segpost.confusion_matrix(labels, labels, num_classes=5)
    lent = Namespaced.from_dlpack(Lending(LABELS))
    assert lent.read().tolist() == LABELS.tolist()
