"""What is found in checkpoints of models with ties, buffers, other widths and other names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checkpoint_models import Net, codes, trained

import segpost

torch = pytest.importorskip("torch")
nn: Any = torch.nn


def test_a_model_that_has_some_of_the_values_was_loaded_in_part() -> None:
    """A model that has some of the values was loaded with strict=False."""
    net, state = Net(), trained().state_dict()
    net.load_state_dict({n: t for n, t in state.items() if "classifier" not in n}, strict=False)
    diff = segpost.compare_checkpoints(state, net)
    (found,) = diff.findings
    assert (found.code, found.rank, diff.ok) == ("partly-loaded", "likely", False)
    assert found.evidence["other"] == 4
    assert "classifier.weight" in found.where


def test_resuming_wants_an_optimizer() -> None:
    """A missing optimizer is a finding only with resume=True."""
    state = trained().state_dict()
    assert codes(state, state) == set()
    assert codes(state, state, resume=True) == {"optimizer-missing"}


def test_averaged_weights_are_pointed_out() -> None:
    """Averaged weights beside the weights are a hint."""
    state = trained().state_dict()
    saved = {"model": state, "model_ema": trained(1).state_dict()}
    assert "averaged-weights" in codes(saved, state)


class Tied(nn.Module):  # type: ignore[misc]
    """One tensor with two names."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.decoder = nn.Linear(8, 9, bias=False)
        self.decoder.weight = self.embedding.weight


class Buffers(nn.Module):  # type: ignore[misc]
    """A mask of -inf, a table that never changes, a scalar, a mask token of zeros."""

    def __init__(self, scalar: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.scale = nn.Parameter(torch.full(scalar, 2.0))
        self.mask_token = nn.Parameter(torch.zeros(1, 8))
        self.register_buffer("mask", torch.full((4, 4), float("-inf")).triu(1))
        self.register_buffer("index", torch.arange(16).view(4, 4))


def test_tied_weights_are_saved_once() -> None:
    """A tensor with two names is saved once, and neither name is missing."""
    net = Tied()
    state = net.state_dict()
    del state["decoder.weight"]
    for model in (Tied(), Tied().state_dict()):
        assert codes(state, model) == {"tied-weights"}
    apart = {name: tensor.clone() for name, tensor in Tied().state_dict().items()}
    assert "missing" in codes(state, apart)  # of which nobody can tell


def test_buffers_are_no_weights() -> None:
    """Masks and tables that training does not change are no mistakes."""
    assert codes(Buffers().state_dict(), Buffers()) == set()
    assert segpost.compare_checkpoints(Buffers().state_dict(), Buffers()).codes == ("not-loaded",)
    Buffers().load_state_dict(Buffers((1,)).state_dict())
    assert codes(Buffers((1,)).state_dict(), Buffers()) == set()


def test_an_input_width_is_no_number_of_classes() -> None:
    """Other sizes of an input, an embedding or a hidden layer are not another number of classes."""

    def net(width: int, hidden: int = 64) -> Any:
        return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    for other in (net(12), net(10, 48)):
        assert "head-classes" not in codes(net(10).state_dict(), other)


def test_a_part_called_net_hides_no_head() -> None:
    """A part of a network that is called "net" is not taken for a container."""
    body = {"net": {"kernel": np.ones((3, 3))}}
    found = segpost.compare_checkpoints(body, {**body, "head": {"kernel": np.ones((3, 5))}})
    assert found.codes == ("missing",)


def test_a_name_that_ends_alike_is_left_alone() -> None:
    """`submodule.` does not hold the wrapper `module.`."""
    wanted = {f"submodule.{i}.weight": torch.randn(3, 3 + i) for i in range(4)}
    wanted |= {f"backbone.{i}.weight": torch.randn(4, 4 + i) for i in range(6)}
    saved = {n.replace("backbone.", "backbone.module."): t for n, t in wanted.items()}
    diff = segpost.compare_checkpoints(saved, wanted)
    assert diff.codes == ("prefix",)
    assert not diff.missing


def test_a_backbone_for_a_larger_model_finds_its_place() -> None:
    """A backbone gets the prefix of a larger model, and the rest is missing."""
    saved = {f"layer{i}.weight": torch.randn(5, 4 + i) for i in range(8)}
    model = {"model.net.body." + n: t for n, t in saved.items()}
    model |= {f"decoder.{i}.weight": torch.randn(3, 30 + i) for i in range(12)}
    diff = segpost.compare_checkpoints(saved, model)
    assert {*diff.codes} == {"prefix", "missing"}
    assert len(diff.missing) == 12


def test_an_optimizer_is_no_checkpoint_of_weights() -> None:
    """A checkpoint of an optimizer alone is an error that says so."""
    with pytest.raises(ValueError, match="an optimizer's tensors and no weights"):
        segpost.compare_checkpoints(
            {"optimizer": {"state": {"0": {"exp_avg": torch.ones(3)}}}}, trained()
        )


def test_long_lists_of_numbers_are_no_tensors() -> None:
    """Long lists of numbers beside the weights are skipped."""
    state = trained().state_dict()
    history = {str(i): [0.5] * 90_000 for i in range(12)}
    assert codes({"state_dict": state, "history": history}, state) == set()
