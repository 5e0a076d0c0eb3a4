"""`segpost.torchmetrics.ConfusionMatrix` among the metrics of torchmetrics."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")
pytest.importorskip("torchmetrics")
PREDS, TARGET = torch.tensor([[0, 0, 1, 2]]), torch.tensor([[0, 1, 1, 255]])


def metric(**options: Any) -> Any:
    from segpost.torchmetrics import ConfusionMatrix

    return ConfusionMatrix(3, ignore_index=255, **options)


def filled(**options: Any) -> Any:
    made = metric(**options)
    made.update(PREDS, TARGET)
    return made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of both libraries, on scripting
def test_torchscript_compiles_it_and_what_holds_it() -> None:
    """A network with a metric among its attributes is scripted, and runs."""
    torch.jit.script(metric())
    network = torch.nn.Conv2d(3, 3, 1)
    network.metric = metric()
    x = torch.ones(1, 3, 4, 4)
    assert torch.equal(torch.jit.script(network)(x), network(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64, torch.bfloat16])
def test_scores_have_the_type_that_was_set(dtype: Any) -> None:
    """Of the numbers of float64; counts stay exact integers."""
    exact = filled().compute()
    assert exact.dtype == torch.float64
    made = filled().set_dtype(dtype)
    assert made.compute().dtype == dtype
    assert made.compute() == exact.to(dtype)
    assert made.dtype == dtype
    assert made.state.dtype == torch.int64
    assert filled(score="iou").set_dtype(dtype).compute().dtype == dtype
    assert filled(score="matrix").set_dtype(dtype).compute().dtype == torch.int64


def test_the_type_stays_through_copies_devices_and_resets() -> None:
    """And is not that of a module which is cast."""
    made = filled().set_dtype(torch.float32)
    assert pickle.loads(pickle.dumps(made)).compute().dtype == torch.float32
    assert made.clone().to("cpu").compute().dtype == torch.float32
    made.double()
    made.reset()
    made.update(PREDS, TARGET)
    assert made.compute().dtype == torch.float32
    assert torch.allclose(made.compute(), torch.tensor(0.5))
    assert filled().set_dtype("torch.FloatTensor").compute().dtype == torch.float32
    with pytest.raises(ValueError, match=r"dst_type must be a type of floats, got torch\.int32"):
        metric().set_dtype(torch.int32)


def test_large_counts_stay_exact() -> None:
    """A count beyond the integers of float32 is not rounded by its type."""
    made = filled(score="matrix").set_dtype(torch.float32)
    made.state += 2**24
    assert int(made.compute()[0, 0]) == 2**24 + 1


def test_update_reads_outputs_as_the_measure_does() -> None:
    """By a convention, an axis, a threshold."""
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    target = torch.zeros(2, 4, 5, dtype=torch.long)
    expected = segpost.ConfusionMatrix(3, ignore_index=255)
    expected.update(logits, target)
    for preds, reading in (
        ({"out": logits}, {"convention": "torchvision"}),
        (logits.permute(0, 2, 3, 1), {"axis": -1}),
    ):
        made = metric()
        made.update(preds, target, **reading)
        assert made.confusion_matrix() == expected
        assert metric()(preds, target, **reading) == expected.compute().miou
