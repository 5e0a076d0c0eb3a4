"""What torch's own loader would do: hooks, versions and other code of a model, on no values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoint_situations import Small, small

import segpost
from segpost.checkpoints import loader
from segpost.checkpoints.tree import TensorEntry

torch = pytest.importorskip("torch")
nn: Any = torch.nn


def entries(state: Any) -> dict[str, TensorEntry]:
    """Return the shapes and types of a state dict."""
    return {n: TensorEntry(tuple(t.shape), str(t.dtype)[6:]) for n, t in state.items()}


class OldNames(nn.Module):  # type: ignore[misc]
    """A module that renames the tensors of its older version, as torchvision's MLP does."""

    _version = 2

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.register_buffer("scale", torch.ones(3))

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *rest: Any) -> None:
        if metadata.get("version") in (None, 1):
            for end in ("weight", "bias"):
                if f"{prefix}linear_1.{end}" in state:
                    state[f"{prefix}first.{end}"] = state.pop(f"{prefix}linear_1.{end}")
            state.setdefault(f"{prefix}scale", torch.ones(3))
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def test_a_module_that_renames_is_followed() -> None:
    """The older names are those of the new version, and what it fills is not missing."""
    net = nn.Sequential(OldNames())
    old = {"0.linear_1.weight": torch.rand(3, 3), "0.linear_1.bias": torch.rand(3)}
    diff = segpost.compare_checkpoints(old, net)
    assert (diff.ok, diff.missing, diff.unexpected) == (True, (), ()), str(diff)
    assert diff.matched_share == 1
    net.load_state_dict(old)
    assert segpost.compare_checkpoints(old, net).findings == ()


def test_a_hook_of_an_instance_is_followed_and_changes_nothing() -> None:
    """A hook that is a bound method runs on a copy: the model stays as it was."""

    class Counting(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.layer = nn.Linear(2, 2)
            self.register_load_state_dict_pre_hook(self._rename)

        def _rename(self, module: Any, state: Any, prefix: str, *_: Any) -> None:
            self.calls += 1
            for name in [n for n in state if n.startswith(f"{prefix}old.")]:
                state[name.replace("old.", "layer.")] = state.pop(name)

    net = Counting()
    before = {n: t.clone() for n, t in net.state_dict().items()}
    saved = {"old.weight": torch.rand(2, 2), "old.bias": torch.rand(2)}
    assert segpost.compare_checkpoints(saved, net).ok
    assert net.calls == 0
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())


def test_a_hook_that_needs_values_is_left_alone() -> None:
    """Where the loader cannot be run without values, the names decide."""

    def look(module: Any, state: Any, *_: Any) -> None:
        if float(state["weight"].sum()) > 0:
            state["weight"] = state["weight"] * 2

    net = nn.Linear(2, 2)
    net.register_load_state_dict_pre_hook(look)
    assert loader.emulate_loading(net, entries(net.state_dict())) is None
    assert segpost.compare_checkpoints(net.state_dict(), net).ok


def test_torch_agrees_with_the_emulation() -> None:
    """Missing, unexpected and refused names are those of load_state_dict."""
    state = small().state_dict()
    del state["backbone.0.conv.weight"]
    state["extra.weight"] = torch.ones(3)
    state["head.weight"] = torch.ones(2, 8, 1, 1)
    model = Small()
    loading = loader.emulate_loading(model, entries(state))
    assert loading is not None
    assert loading.unexpected == {"extra.weight"}
    assert loading.mismatched == {"head.weight"}
    del state["head.weight"]
    said = model.load_state_dict(state, strict=False)
    assert {*said.missing_keys} == {"backbone.0.conv.weight", "head.weight"}
    expected = {*model.state_dict()} - {*said.missing_keys}
    assert {*loading.sources} == expected


def test_no_memory_is_used_for_the_copy() -> None:
    """A model of a petabyte on the device "meta" is compared by names and shapes."""
    model = nn.Linear(1 << 24, 1 << 24, device="meta")
    state = {n: torch.empty(t.shape, device="meta") for n, t in model.state_dict().items()}
    assert segpost.compare_checkpoints(state, model).matched_share == 1


def test_scripted_modules_are_compared_by_names() -> None:
    """A compiled script has no hooks that could be run."""
    model = torch.nn.Sequential(nn.Conv2d(3, 4, 1))
    assert loader.emulate_loading({"no": "module"}, {}) is None
    assert segpost.compare_checkpoints(model.state_dict(), model).ok


class LazyNet(nn.Module):  # type: ignore[misc]
    """A network that takes the number of its inputs from the first batch, or is built with it."""

    def __init__(self, lazy: bool) -> None:
        super().__init__()
        self.body = nn.LazyConv2d(8, 3) if lazy else nn.Conv2d(3, 8, 3)
        self.norm = nn.LazyBatchNorm2d() if lazy else nn.BatchNorm2d(8)
        self.head = nn.LazyLinear(5) if lazy else nn.Linear(8, 5)

    def forward(self, batch: Any) -> Any:
        return self.head(self.norm(self.body(batch)).mean((2, 3)))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_lazy_model(prefix: str) -> None:
    """Loading gives it shapes: a hint, whose cure restores the output."""
    torch.manual_seed(0)
    batch, trained = torch.randn(4, 3, 8, 8), LazyNet(lazy=False)
    trained(batch)
    state = {prefix + name: tensor for name, tensor in trained.state_dict().items()}
    model = LazyNet(lazy=True)
    diff = segpost.compare_checkpoints(state, model)
    assert ("prefix" in diff.codes) == bool(prefix)
    assert not diff.mismatched
    (found,) = (f for f in diff.findings if f.code == "lazy-modules")
    assert (found.rank, found.evidence) == ("hint", {"tensors": 8, "loaded": 8})
    exec(found.cure, {"model": model, "state": state, "batch": batch})
    torch.testing.assert_close(model.eval()(batch), trained.eval()(batch))


def test_a_lazy_model_without_its_weights() -> None:
    state = {"other.weight": torch.ones(2, 2)}
    diff = segpost.compare_checkpoints(state, nn.Sequential(nn.LazyLinear(5)))
    assert "lazy-modules" not in diff.codes  # no name is known: that is what is wrong
    assert "nothing-matches" in diff.codes


def test_a_checkpoint_of_a_lazy_model(tmp_path: Path) -> None:
    """It has no values: an error with the cure."""
    for lazy in (LazyNet(lazy=True), LazyNet(lazy=True).state_dict()):
        with pytest.raises(ValueError, match="run the model once before it is saved"):
            segpost.compare_checkpoints(lazy, LazyNet(lazy=False))
    torch.save(LazyNet(lazy=True).state_dict(), tmp_path / "lazy.pt")
    with pytest.raises(ValueError, match=r"UninitializedParameter.* nothing was run"):
        segpost.compare_checkpoints(tmp_path / "lazy.pt", LazyNet(lazy=False))


def test_buffers_of_nan() -> None:
    """A buffer that the model makes of NaN is no sign of a training that diverged."""

    def build() -> Any:
        model = nn.Linear(3, 4)
        model.register_buffer("table_bias", torch.full((4,), float("nan")))
        return model

    state = build().state_dict()
    (found,) = (f for f in segpost.compare_checkpoints(state, build()).findings if "nan" in f.code)
    assert (found.rank, found.where) == ("hint", "table_bias")
    for name in ("bias", "table_bias"):
        other = {**state, name: torch.tensor([float("nan"), 1, 2, 3])}
        diff = segpost.compare_checkpoints(other, build())
        assert ("nan-weights", "certain") in [(f.code, f.rank) for f in diff.findings]
