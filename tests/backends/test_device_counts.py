"""Counts that stay on a device: the same integers as on the CPU, and nobody waits for them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import on_device
import pytest
import torch
from conftest import scene
from fake_devices import Cuda, Lending, Runtime, host
from numpy.testing import assert_array_equal

import segpost
from segpost import ConfusionMatrix
from segpost._backends import registry
from segpost._core import arrays, cuda_module, device_arrays
from segpost._core import logits as core_logits
from segpost._core.device import DeviceContext, context_of

LATER = pytest.mark.parametrize("check", ["deferred", "off"])
LOGITS = scene(5, 12, 17)


def batch(seed: int, size: tuple[int, ...] = (2, 12, 17)) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, of which some are no classes, and a target with void."""
    random = np.random.default_rng(seed)
    preds = random.integers(0, 7, size, np.uint8)
    target = random.choice(np.array([0, 1, 2, 3, 4, 255], np.int16), size)
    return preds, target


def reads(device: Runtime) -> int:
    """How often something of the device was waited for."""
    return sum(call[0] == "copy_out" for call in device.calls)


@pytest.mark.parametrize("check", ["sync", "deferred", "off"])
def test_counts_are_those_of_the_cpu(check: Any, device: Runtime) -> None:
    """Batches of labels and logits, on several streams, in arrays of several kinds, in lists."""
    there, here = (ConfusionMatrix(5, ignore_index=255) for _ in range(2))
    for seed, stream in enumerate((None, 5, 6, 5, 2)):
        preds, target = batch(seed)
        here.update(preds, target)
        there.update(Cuda(preds, stream=stream), Cuda(target, stream=stream), check=check)
    preds, target = batch(9, (12, 17))
    here.update([LOGITS, preds], [target, preds % 5])
    there.update([Lending(LOGITS), preds], [Lending(target), preds % 5], check=check)
    if check != "sync":
        assert reads(device) == 0
        tables = there._device._streams
        assert {stream for _, stream, _ in tables} == {device_arrays.LEGACY_STREAM, 2, 5, 6}
    assert_array_equal(there.state, here.state)
    assert there.pixels == here.pixels
    assert there.compute().miou == here.compute().miou
    device.calls.clear()
    assert_array_equal(there.matrix, here.matrix)
    assert reads(device) == 0


def test_streams_of_two_arrays_are_joined(device: Runtime) -> None:
    """The stream that work is done on waits for that of the other array."""
    preds, target = batch(7)
    given: dict[str, Any] = {"num_classes": 7, "ignore_index": 255, "check": "off"}
    wanted = segpost.confusion_matrix(preds, target, **given)
    got = segpost.confusion_matrix(Cuda(preds, stream=5), Cuda(target, stream=6), **given)
    assert device.calls.count(("wait_stream", 6, 5)) == 1
    assert context_of(got.array).stream == 6
    assert_array_equal(host(got), wanted)
    image = np.zeros((*preds.shape, 3), np.uint8)
    segpost.overlay(Cuda(image, stream=5), Cuda(preds, stream=8), "voc", check="off")
    assert ("wait_stream", 5, 8) in device.calls


@pytest.mark.usefixtures("device")
@LATER
def test_whatever_needs_the_counts_reads_them(check: Any) -> None:
    """Sums, copies, pickles, JSON and comparisons are of everything that was counted."""
    preds, target = batch(1)
    here = ConfusionMatrix(5, ignore_index=255)
    here.update(preds, target)

    def there() -> ConfusionMatrix:
        cm = ConfusionMatrix(5, ignore_index=255)
        cm.update(Cuda(preds), Cuda(target), check=check)
        return cm

    makes: list[Callable[[ConfusionMatrix], ConfusionMatrix]] = [
        lambda cm: cm.copy(),
        lambda cm: pickle.loads(pickle.dumps(cm)),
        lambda cm: ConfusionMatrix.from_json(cm.to_json()),
        lambda cm: cm + ConfusionMatrix(5, ignore_index=255),
        lambda cm: sum([cm], start=ConfusionMatrix(5, ignore_index=255)),
    ]
    for make in makes:
        cm = there()
        made = make(cm)
        assert_array_equal(made.state, here.state)
        assert_array_equal(cm.state, here.state)
        made.update(Cuda(preds), Cuda(target), check=check)
        assert_array_equal(made.state, 2 * here.state)
    cm = there()
    cm.reset()
    assert cm.pixels == 0
    cm = there()
    cm.update(preds, target)
    assert_array_equal(cm.state, 2 * here.state)


@pytest.mark.usefixtures("device")
def test_bad_labels_are_told_when_the_counts_are_read() -> None:
    """With check="deferred" the batches since the last time are left out; the rest goes on."""
    cm = ConfusionMatrix(5, ignore_index=255, invalid_preds="raise")
    target = np.zeros((4, 5), np.uint8)
    cm.update(Cuda(target), Cuda(target), check="deferred")
    assert cm.pixels == 20
    bad = target.copy()
    bad[1, 2] = bad[3, 3] = 9
    cm.update(Cuda(bad), Cuda(target), check="deferred")
    cm.update(Cuda(target), Cuda(target), check="deferred")
    cm.update(Cuda(target), Cuda(target), check="off")
    with pytest.raises(ValueError, match="2 values of preds that are no classes in earlier calls"):
        print(cm.matrix)
    assert cm.pixels == 40
    cm.update(Cuda(target), Cuda(bad), check="deferred")
    with pytest.raises(ValueError, match="2 values of target that are no classes nor ignored"):
        segpost.raise_deferred()
    segpost.raise_deferred()
    assert cm.pixels == 40


@pytest.mark.usefixtures("device")
def test_nan_is_told_when_the_counts_are_read() -> None:
    """NaN logits too, unless they may be; the counts with them are those of the CPU."""
    bad = LOGITS.copy()
    bad[2, 3, 4] = np.nan
    target = np.zeros((12, 17), np.uint8)
    cm, here = ConfusionMatrix(5), ConfusionMatrix(5)
    here.update(bad, target, nan="propagate")
    cm.update(Cuda(LOGITS), Cuda(target), check="deferred")
    cm.update(Cuda(bad), Cuda(target), check="deferred")
    with pytest.raises(ValueError, match="1 NaN logits in earlier calls with check='deferred'"):
        cm.compute()
    assert cm.pixels == 0
    for check in ("deferred", "off"):
        cm.reset()
        cm.update(Cuda(bad), Cuda(target), check=check, nan="propagate")
        assert_array_equal(cm.state, here.state)


@pytest.mark.usefixtures("device")
def test_bad_targets_are_void_where_nobody_looks() -> None:
    """With check="off" no pixel is lost."""
    target = np.array([[0, 1, 9, 255]], np.uint8)
    cm = ConfusionMatrix(2, ignore_index=255)
    cm.update(Cuda(np.zeros_like(target)), Cuda(target), check="off")
    assert cm.state.tolist() == [[1, 0, 0], [1, 0, 0], [2, 0, 0]]
    segpost.raise_deferred()


@pytest.mark.usefixtures("device")
@LATER
def test_what_needs_more_than_sums_is_refused(check: Any) -> None:
    """Ids, images and lists of bad targets; on the CPU they are as ever."""
    preds, target = batch(2)
    cases: list[tuple[Any, Any, str]] = [
        ({"per_image": True}, {}, "per_image=True"),
        ({}, {"ids": ["a", "b"]}, "ids"),
        ({"invalid_target": "drop"}, {}, 'invalid_target="drop"'),
    ]
    for options, given, what in cases:
        cm = ConfusionMatrix(5, ignore_index=255, **options)
        with pytest.raises(
            ValueError,
            match=f"{what} needs counts of single images or values; check={check!r} keeps",
        ):
            cm.update(Cuda(preds), Cuda(target), check=check, **given)
        cm.update(preds, target, check=check, **given)
        assert cm.pixels == target.size


@pytest.mark.usefixtures("device")
def test_check_is_one_of_three() -> None:
    """Another word is refused, on the CPU too."""
    preds, target = batch(3)
    with pytest.raises(ValueError, match="check must be one of 'sync', 'deferred', 'off'"):
        ConfusionMatrix(7, ignore_index=255).update(preds, target, check="later")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="check must be one of 'sync', 'deferred', 'off'"):
        segpost.confusion_matrix(preds, target, num_classes=7, ignore_index=255, check="no")  # type: ignore[call-overload]


@pytest.mark.parametrize("check", ["sync", "deferred", "off"])
def test_a_matrix_stays_on_the_device(check: Any, device: Runtime) -> None:
    """`confusion_matrix` gives the integers of the CPU, without a way through it."""
    target = batch(4)[1]
    for preds in (np.clip(batch(5)[0], 0, 4), np.stack([LOGITS, LOGITS[::-1]])):
        given: dict[str, Any] = {"num_classes": 5, "ignore_index": 255}
        wanted = segpost.confusion_matrix(preds, target, **given)
        device.calls.clear()
        there = segpost.confusion_matrix(Cuda(preds), Cuda(target), check=check, **given)
        assert (reads(device) == 0) == (check != "sync")
        assert_array_equal(host(there), wanted)
    empty = np.zeros((0, 4), np.uint8)
    none = segpost.confusion_matrix(Cuda(empty), Cuda(empty), num_classes=2, check=check)
    assert not host(none).any()
    segpost.raise_deferred()


@pytest.mark.usefixtures("device")
def test_bad_labels_of_a_matrix_are_told_later_or_never() -> None:
    """They are in no cell; `raise_deferred` tells of each call, one at a time."""
    good = np.array([[0, 1, 1]], np.uint8)
    bad = np.array([[0, 7, 1]], np.uint8)
    for check in ("deferred", "off"):
        for preds, target in ((good, bad), (bad, good)):
            got = segpost.confusion_matrix(Cuda(preds), Cuda(target), num_classes=2, check=check)
            assert host(got).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match="1 values of target that are no classes in earlier"):
        segpost.raise_deferred()
    with pytest.raises(ValueError, match="1 values of preds that are no classes in earlier"):
        segpost.raise_deferred()
    segpost.raise_deferred()


@pytest.mark.parametrize("name", [on_device.EMULATED, on_device.REAL])
def test_counts_of_arrays_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and logits that are lent by DLPack, on a device where there is one."""
    problem = on_device.missing(name)
    if problem:
        pytest.skip(problem)
    backend = on_device.backend(name)
    monkeypatch.setattr(cuda_module, "cuda_runtime", lambda: backend.gpu.runtime)
    monkeypatch.setattr(registry, "_loaded", {"cuda": backend.gpu})

    def there(array: np.ndarray) -> device_arrays.Result:
        return device_arrays.Result(backend.there(array))

    given: Any = {"num_classes": 5, "ignore_index": 255}
    here, cm = ConfusionMatrix(**given), ConfusionMatrix(**given)
    preds, target = batch(6)
    for some in (preds, np.stack([LOGITS, LOGITS[:, ::-1]])):
        here.update(some, target)
        cm.update(there(some), there(target), check="deferred")
        got = segpost.confusion_matrix(there(some), there(target), check="off", **given)
        one = ConfusionMatrix(**given)
        one.update(some, target)
        assert_array_equal(host(got), one.matrix)
    assert_array_equal(cm.state, here.state)
    cm.update(there(preds), there(np.full_like(target, 7)), check="deferred")
    with pytest.raises(ValueError, match="408 values of target that are no classes nor ignored"):
        segpost.raise_deferred()


def test_a_graph_of_torch() -> None:
    """Operations that were captured give the same when the graph is run with other values."""
    if cuda_module.cuda_problem() is not None or not torch.cuda.is_available():
        pytest.skip("no device that torch knows")
    logits = torch.from_numpy(LOGITS).cuda()
    target = torch.from_numpy(segpost.argmax(LOGITS)).cuda()

    def work() -> list[Any]:
        labels = segpost.argmax(logits, size=(24, 30), check="off")
        color = segpost.colorize(labels, "voc", check="off")
        counts = segpost.confusion_matrix(logits, target, num_classes=5, check="off")
        return [labels, color, counts]

    work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = work()
    logits.copy_(torch.from_numpy(LOGITS[::-1].copy()))
    graph.replay()
    for one, other in zip(made, work(), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def as_torch(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray], Any]:
    """Tensors that count as a device's, on a stream that a graph could be made of."""

    def place(torch: Any, tensor: Any, name: str) -> DeviceContext:
        def memory(size: int) -> tuple[int, Any]:
            made = torch.empty(size, dtype=torch.uint8)
            return made.data_ptr(), made

        return device_arrays._context(0, 77, memory, name, "cuda:0")

    def incoming(torch: Any, tensor: Any, name: str) -> arrays.InputArray:
        return arrays.InputArray(*device_arrays.from_torch(torch, tensor, name))

    monkeypatch.setattr(device_arrays, "torch_context", place)
    monkeypatch.setattr(arrays, "_from_torch", incoming)
    monkeypatch.setattr(arrays, "read_array", lambda value: None)
    monkeypatch.setattr(core_logits, "read_logits", lambda *arguments: None)
    return torch.from_numpy


def operations(there: Callable[[np.ndarray], Any], **given: Any) -> list[Any]:
    """What every operation makes of arrays there."""
    labels = segpost.argmax(LOGITS, size=(24, 30))
    image = np.zeros((24, 30, 3), np.uint8)
    color = segpost.colorize(labels, "voc")
    want: Any = ("labels", "confidence", "probabilities", "color", "overlay")
    sized: Any = {"size": (24, 30), **given}
    seg = segpost.postprocess(there(LOGITS), image=there(image), palette="voc", want=want, **sized)
    counted: Any = {"num_classes": 5, "ignore_index": (4, 255), **given}
    return [
        segpost.argmax(there(LOGITS), **sized),
        segpost.softmax(there(LOGITS), **given),
        segpost.colorize(there(labels), "voc", **given),
        segpost.overlay(there(image), there(labels), "voc", alpha=0.3, contour=2, **given),
        segpost.labels_from_colors(there(color), "voc", **given),
        segpost.confusion_matrix(there(labels), there(labels), **counted),
        segpost.confusion_matrix(there(LOGITS), there(labels), **counted),
        *(getattr(seg, name) for name in want),
    ]


def test_nothing_waits_with_check_off(
    device: Runtime, as_torch: Callable[[np.ndarray], Any]
) -> None:
    """After a first call no operation copies, or takes memory other than the caller's own."""
    wanted = operations(as_torch, check="off")
    device.calls.clear()
    device.captured = True
    got = operations(as_torch, check="off")
    assert not device.waits(), device.calls
    for one, other in zip(got, wanted, strict=True):
        assert_array_equal(one.numpy(), other.numpy())
    assert_array_equal(got[0].numpy(), segpost.argmax(LOGITS, size=(24, 30)))


def test_tables_of_a_graph_stay(device: Runtime, as_torch: Callable[[np.ndarray], Any]) -> None:
    """A graph that was captured may run at any time, however many sizes come after it."""
    logits = as_torch(LOGITS)
    segpost.argmax(logits, size=(24, 30), check="off")
    device.captured = True
    segpost.argmax(logits, size=(24, 30), check="off")
    device.captured = False
    gpu: Any = registry._load("cuda")
    pinned = {table.ctypes.data for table in gpu.devices.tables.pinned}
    assert pinned
    for width in range(40, 110):
        segpost.argmax(logits, size=(24, width), check="off")
    assert len(gpu.devices.tables) == 256
    assert not pinned & {call[1] for call in device.calls if call[0] == "release"}
    device.calls.clear()
    segpost.argmax(logits, size=(24, 30), check="off")
    assert not device.waits()


def test_what_a_graph_cannot_have_is_said(
    device: Runtime, as_torch: Callable[[np.ndarray], Any]
) -> None:
    """A palette or size that is new, reports that nobody could read, counts of a data set."""
    labels = as_torch(segpost.argmax(LOGITS))
    classes = as_torch(np.ones((LOGITS.shape[-3], 4), np.float32))
    device.captured = True
    with pytest.raises(RuntimeError, match="make the same call once before the capture"):
        segpost.colorize(labels, "voc", check="off")
    for call in (
        lambda: segpost.regions(labels),
        lambda: segpost.segment_queries(classes, as_torch(LOGITS), task="panoptic"),
    ):
        with pytest.raises(RuntimeError, match="reads numbers on the CPU"):
            call()
    for check in ("sync", "deferred"):
        with pytest.raises(
            RuntimeError, match="no error counts can be read in it: pass check='off'"
        ):
            segpost.softmax(as_torch(LOGITS), check=check)
        with pytest.raises(
            RuntimeError, match="no error counts can be read in it: pass check='off'"
        ):
            segpost.confusion_matrix(labels, labels, num_classes=5, check=check)
    with pytest.raises(RuntimeError, match="its runs could not be counted here"):
        ConfusionMatrix(5).update(labels, labels, check="off")
    assert not device.waits()
