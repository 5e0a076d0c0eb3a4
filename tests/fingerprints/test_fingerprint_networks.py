"""What the fingerprints of a small network show after each mistake of restoring it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost


@pytest.fixture(
    scope="module", params=[0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def network(request: pytest.FixtureRequest) -> Any:
    """A small network that was trained."""
    pytest.importorskip("torch")
    import fingerprint_networks as networks

    return networks, networks.load_net(request.param)


def changes(networks: Any, net: Any) -> dict[str, Any]:
    """Return the networks that restoring may give, by the mistake that was made."""
    from torch import nn

    return {
        "head": networks.head_reset(net),
        "unloaded": networks.unloaded(net),
        "batch-norm": networks.statistics_reset(net),
        "training": networks.training(net),
        "sigmoid": networks.activation(net, nn.Sigmoid),
        "leaky": networks.activation(net, lambda: nn.LeakyReLU(0.1)),
        "dilation": networks.dilation(net, 3),
        "permuted": networks.permuted(net, np.roll(np.arange(networks.CLASSES), 1)),
    }


def test_logits_alone_tell_the_kind_or_that_they_do_not(network: Any) -> None:
    """Logits alone show the kind of change, or that it is not known."""
    networks, net = network
    before = networks.take_fingerprint(net, stages=False)
    told = {
        name: before.compare(networks.take_fingerprint(changed, stages=False)).codes
        for name, changed in changes(networks, net).items()
    }
    assert told == {
        "head": ("head-weights",),
        "unloaded": ("unloaded",),
        "batch-norm": ("strength",),
        "training": told["training"],
        "sigmoid": ("other",),
        "leaky": ("inside",),
        "dilation": ("inside",),
        "permuted": ("classes-permuted",),
    }
    assert told["training"] in (("inside",), ("other",))
    assert before.compare(networks.take_fingerprint(net, stages=False)).ok


def test_stages_tell_where_a_change_is(network: Any) -> None:
    """The first stage that differs is certain, with the causes that fit its numbers."""
    networks, net = network
    before = networks.take_fingerprint(net)
    where = {}
    for name, changed in changes(networks, net).items():
        first = before.compare(networks.take_fingerprint(changed)).findings[0]
        assert first.rank == "certain"
        where[name] = (first.code, first.where, first.message)
    assert {name: found[:2] for name, found in where.items()} == {
        "head": ("head", "logits"),
        "unloaded": ("stage", "stem"),
        "batch-norm": ("stage", "stem"),
        "training": ("stage", "stem"),
        "sigmoid": ("stage", "stem"),
        "leaky": ("stage", "stem"),
        "dilation": ("stage", "body"),
        "permuted": ("classes-permuted", "logits"),
    }
    assert all("activation, by its range" in where[name][2] for name in ("sigmoid", "leaky"))
    assert all("batch-norm" in where[name][2] for name in ("unloaded", "batch-norm", "training"))
    assert "dilation or padding" in where["dilation"][2]


def test_batch_norm_is_likely_where_the_input_is_known(network: Any) -> None:
    """Initial batch-norm statistics are likely where the inputs are known to be the same."""
    networks, net = network
    before = networks.take_fingerprint(net)
    found = before.compare(networks.take_fingerprint(networks.statistics_reset(net))).findings
    assert [(f.code, f.rank) for f in found] == [("stage", "certain"), ("batch-norm", "likely")]


def test_an_input_of_bytes_is_the_preprocessing(network: Any) -> None:
    """An input of 0..255 is a finding of the preprocessing, and of nothing else."""
    import torch

    networks, net = network
    raw = segpost.probe_image(networks.SIZE).transpose(2, 0, 1)[None].astype(np.float32)
    diff = networks.take_fingerprint(net).compare(
        networks.take_fingerprint(net, torch.from_numpy(raw))
    )
    assert diff.codes == ("normalization",)
