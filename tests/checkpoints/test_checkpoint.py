"""compare_checkpoints: every mistake is made and found, and correct cases stay silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoint_models import Net, codes, trained, write_safetensors

import segpost
from segpost.cli import main

torch = pytest.importorskip("torch")
nn: Any = torch.nn


# --- Correct cases


def test_a_restored_model_has_nothing_wrong(tmp_path: Path) -> None:
    """Where file and model hold the same, there is no finding."""
    net, file = trained(), tmp_path / "net.pth"
    torch.save(net.state_dict(), file)
    diff = segpost.compare_checkpoints(file, net)
    assert (diff.ok, diff.findings, diff.matched_share, diff.matched_elements) == (True, (), 1, 1)
    assert "100.0% of the tensors" in str(diff)


@pytest.mark.parametrize("batches", [120, 5])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_certain_is_said_of_correct_cases(seed: int, batches: int) -> None:
    """Correct pairs have no mistake: trained for long or briefly, loaded or not yet."""
    net = trained(seed, batches, wide=4 + seed, classes=2 + seed)
    for state in (net.state_dict(), net):
        for model in (net, Net(2 + seed, 4 + seed), Net(2 + seed, 4 + seed).state_dict()):
            diff = segpost.compare_checkpoints(state, model)
            assert diff.ok, str(diff)
            assert diff.matched_share == 1


def test_a_fresh_model_says_only_that_it_is_not_loaded() -> None:
    """A model that is not loaded yet gets one hint."""
    diff = segpost.compare_checkpoints(trained().state_dict(), Net())
    assert [(f.code, f.rank) for f in diff.findings] == [("not-loaded", "hint")]


# --- Names


@pytest.mark.parametrize(
    ("strip", "add"),
    [("module.", ""), ("", "module."), ("model.", ""), ("", "net.backbone."), ("a.", "b.")],
)
def test_a_prefix_is_found_with_its_cure(strip: str, add: str) -> None:
    """The line of the cure renames the checkpoint so that everything loads."""
    net = trained()
    saved = {strip + name: tensor for name, tensor in net.state_dict().items()}
    wanted = {add + name: tensor for name, tensor in net.state_dict().items()}
    diff = segpost.compare_checkpoints(saved, wanted)
    assert (diff.matched_share, diff.missing, diff.unexpected) == (0, (), ())
    first = diff.findings[0]
    assert (first.code, first.rank, diff.ok) == ("prefix", "certain", False)
    assert "strict=False would not say so" in first.message
    line = first.cure.split("; ")[0].removeprefix("state = ")
    assert eval(line, {"state": saved}).keys() == wanted.keys()


@pytest.mark.slow
def test_wrappers_are_seen_through() -> None:
    """Names of DataParallel, of torch.compile and of both are a prefix."""
    net = trained()
    compiled = torch.compile(net, backend="eager")
    for saved in (nn.DataParallel(net), compiled, nn.DataParallel(compiled)):
        diff = segpost.compare_checkpoints(saved.state_dict(), net)
        assert diff.codes == ("prefix",), str(diff)
        assert not diff.missing
        assert segpost.compare_checkpoints(net.state_dict(), saved).codes == ("prefix",)


def test_a_wrapped_part_is_seen_through() -> None:
    """A wrapper inside of the network puts its name into the middle of names."""
    net = trained()
    saved = {n.replace("backbone.", "backbone.module."): t for n, t in net.state_dict().items()}
    diff = segpost.compare_checkpoints(saved, net)
    assert "prefix" in diff.codes
    assert not diff.missing
    assert 0 < diff.matched_share < 1


@pytest.mark.slow
def test_the_weights_in_a_container_are_found(tmp_path: Path) -> None:
    """Weights in a container of the file are no mistake, and the cure names the container."""
    net, file = trained(), tmp_path / "epoch.pt"
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 3, 9, 9)).sum().backward()
    optimizer.step()
    torch.save(
        {"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}, file
    )
    diff = segpost.compare_checkpoints(file, net)
    assert diff.ok
    assert diff.codes == ("nested",)
    assert "checkpoint['state_dict']" in diff.findings[0].cure
    assert codes(file, net, resume=True) == {"nested"}


def test_a_prefix_in_a_container_is_one_finding(tmp_path: Path) -> None:
    """A prefix in a container, which is Lightning's layout, is one finding."""
    net, file = trained(), tmp_path / "last.ckpt"
    inner = {"model." + n: t for n, t in net.state_dict().items()}
    torch.save({"state_dict": inner, "pytorch-lightning_version": "2.0"}, file)
    diff = segpost.compare_checkpoints(file, net)
    assert diff.codes == ("prefix",)
    assert not diff.missing


@pytest.mark.parametrize(
    ("code", "rank", "saved", "model"),
    [
        ("missing", "certain", lambda s: _without(s, "backbone.3."), lambda s: s),
        ("unexpected", "certain", lambda s: s, lambda s: _without(s, "backbone.3.")),
        ("aux-head", "hint", lambda s: s, lambda s: _without(s, "aux_classifier")),
        ("aux-head", "hint", lambda s: _without(s, "aux_classifier"), lambda s: s),
        ("num-batches-tracked", "hint", lambda s: _without(s, "tracked"), lambda s: s),
        ("head-classes", "certain", lambda s: s, lambda s: trained(classes=5).state_dict()),
        ("another-architecture", "certain", lambda s: s, lambda s: trained(wide=9).state_dict()),
        ("nothing-matches", "certain", lambda s: s, lambda s: {"fc.weight": torch.ones(2, 2)}),
        ("transposed", "likely", lambda s: _axes(s), lambda s: s),
        ("another-naming", "likely", lambda s: _renamed(s), lambda s: s),
    ],
)
def test_names_and_shapes(code: str, rank: str, saved: Any, model: Any) -> None:
    """Every mistake of names or shapes has its code and rank; hints alone are no mistake."""
    state = trained().state_dict()
    diff = segpost.compare_checkpoints(saved(state), model(state))
    assert [(f.code, f.rank) for f in diff.findings] == [(code, rank)]
    assert diff.ok == (rank == "hint")


def _without(state: Any, part: str) -> dict[str, Any]:
    return {name: tensor for name, tensor in state.items() if part not in name}


def _axes(state: Any) -> dict[str, Any]:
    """Return kernels in the layout of TensorFlow."""
    return {n: t.permute(2, 3, 1, 0) if t.ndim == 4 else t for n, t in state.items()}


def _renamed(state: Any) -> dict[str, Any]:
    return {f"layers/{i}/vars": tensor for i, tensor in enumerate(_axes(state).values())}


def test_the_head_is_told_with_its_numbers() -> None:
    """The finding has the number of classes on both sides; torch raises, with strict=False too."""
    net = Net(classes=5)
    state = trained(classes=21).state_dict()
    diff = segpost.compare_checkpoints(state, net)
    assert diff.findings[0].evidence["classes"] == [21, 5]
    assert {*diff.mismatched} == {
        "classifier.weight", "classifier.bias", "aux_classifier.0.weight", "aux_classifier.0.bias",
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict(state, strict=False)


def test_torch_agrees_on_what_arrives() -> None:
    """Missing and unexpected names are those of load_state_dict(strict=False)."""
    state, net = trained(aux=False).state_dict(), Net(aux=True)
    del state["backbone.0.bias"]
    state["extra.weight"] = torch.ones(3)
    diff = segpost.compare_checkpoints(state, net)
    said = net.load_state_dict(state, strict=False)
    assert {*diff.missing} == {*said.missing_keys}
    assert {*diff.unexpected} == {*said.unexpected_keys}
    assert len(diff.matched) == len(state) - 1


# --- Values


def _set(name: str, value: Any) -> Any:
    def change(state: Any) -> dict[str, Any]:
        changed = {n: t.clone() for n, t in state.items()}
        for n in changed:
            if name in n:
                changed[n][...] = value
        return changed

    return change


def _initial(state: Any) -> dict[str, Any]:
    return dict(_set("running_mean", 0)(_set("running_var", 1)(state)))


def _one_nan(state: Any) -> dict[str, Any]:
    changed = {n: t.clone() for n, t in state.items()}
    changed["classifier.weight"].view(-1)[5] = float("nan")
    return changed


@pytest.mark.parametrize(
    ("code", "rank", "change"),
    [
        ("nan-weights", "certain", _one_nan),
        ("zero-weights", "likely", _set("classifier.weight", 0)),
        ("batch-norm-initial", "likely", _initial),
        ("batch-norm-negative", "certain", _set("backbone.1.running_var", -1)),
        ("batch-norm-extreme", "hint", _set("backbone.1.running_var", 1e9)),
        ("batch-norm-few-batches", "hint", _set("num_batches_tracked", 3)),
    ],
)
@pytest.mark.parametrize("kind", ["memory", "safetensors"])
def test_values(code: str, rank: str, change: Any, kind: str, tmp_path: Path) -> None:
    """Every mistake of values has its code and rank, and none is found with values=False."""
    state = change(trained().state_dict())
    given: Any = state
    if kind == "safetensors":
        given = tmp_path / "net.safetensors"
        write_safetensors(given, state)
    diff = segpost.compare_checkpoints(given, state)
    assert [(f.code, f.rank) for f in diff.findings] == [(code, rank)]
    assert not segpost.compare_checkpoints(given, state, values=False).findings


def test_a_buffer_that_was_never_set_is_a_hint() -> None:
    """torch restores NaN in a buffer as it was; it is no weight that has diverged."""

    class Scaled(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 1)
            self.register_buffer("calibration", torch.full((4,), float("nan")))

    model = Scaled()
    diff = segpost.compare_checkpoints(model.state_dict(), model)
    assert [(f.code, f.rank) for f in diff.findings] == [("nan-weights", "hint")]
    assert diff.ok


@pytest.mark.slow
def test_values_of_a_torch_file_are_those_in_memory(tmp_path: Path) -> None:
    """A torch file with every mistake of values gives the findings of its state in memory."""
    state, file = _one_nan(trained().state_dict()), tmp_path / "net.pt"
    state = _set("aux_classifier.0.weight", 0)(state)
    state = _set("backbone.1.running_var", -1)(state)
    state = _set("backbone.4.running_var", 1e9)(state)
    state = _set("num_batches_tracked", 3)(state)
    torch.save(state, file)
    read, held = (segpost.compare_checkpoints(saved, state) for saved in (file, state))
    assert read.findings == held.findings
    assert {*read.codes} == {
        "nan-weights", "zero-weights", "batch-norm-negative", "batch-norm-extreme",
        "batch-norm-few-batches",
    }  # fmt: skip
    assert not segpost.compare_checkpoints(file, state, values=False).findings


def test_where_the_first_nan_is() -> None:
    """The evidence has the tensor, the position of the first NaN, and the number of all."""
    state = _one_nan(trained().state_dict())
    (found,) = segpost.compare_checkpoints(state, state).findings
    assert found.evidence == {
        "nan": 1,
        "infinite": 0,
        "first": "classifier.weight at 5 of 168",
    }


def test_a_type_that_loses_digits_is_a_hint_and_overflow_is_certain() -> None:
    """Loading float32 as float16 is a hint, an overflow is certain, and widening is neither."""
    state = trained().state_dict()
    half = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    assert codes(state, half) == {"narrower-type"}
    assert codes(half, state) == set()
    state["classifier.bias"] = torch.full_like(state["classifier.bias"], 1e6)
    assert codes(state, half) == {"narrower-type", "half-overflow"}


# --- What real networks have, and is no mistake


# --- Files


@pytest.mark.slow
def test_every_format_holds_the_same(tmp_path: Path) -> None:
    """Zip and old files of torch and safetensors files hold the same."""
    net = trained()
    state = net.state_dict()
    files = [tmp_path / name for name in ("a.pt", "b.pt", "c.safetensors", "d.safetensors")]
    torch.save(state, files[0])
    torch.save(state, files[1], _use_new_zipfile_serialization=False)
    write_safetensors(files[2], state)
    try:
        from safetensors.torch import save_file  # type: ignore[import-not-found,unused-ignore]

        save_file(state, files[3])
    except ImportError:
        files.pop()
    for file in files:
        diff = segpost.compare_checkpoints(file, net)
        assert (diff.findings, diff.matched_share) == ((), 1), (file, str(diff))
    for file in files[1:]:
        diff = segpost.compare_checkpoints(file, net, values=False)
        assert (diff.findings, diff.matched_share) == ((), 1), (file, str(diff))


# --- The command


def test_the_command_has_an_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 0 where it loads, 1 where not, 2 on errors; both reports are written."""
    a, b, made = (str(tmp_path / name) for name in ("a.safetensors", "b.pt", "diff.json"))
    state = trained().state_dict()
    write_safetensors(Path(a), state)
    torch.save({"module." + n: t for n, t in state.items()}, b)
    assert main(["compare-checkpoints", a, a]) == 0
    assert main(["compare-checkpoints", b, a, "--json", made, "--markdown", made + ".md"]) == 1
    assert "certain  prefix" in capsys.readouterr().out
    content = json.loads(Path(made).read_text())
    assert (content["ok"], content["matched_share"]) == (False, 0.0)
    assert "`prefix`" in Path(made + ".md").read_text()
    assert main(["compare-checkpoints", a, str(tmp_path / "none.pt")]) == 2
    assert main(["compare-checkpoints", a, a, "--resume", "--names-only"]) == 1


@pytest.mark.parametrize("wrong", [3, None, [1, 2], "no/such/file.pt", {"epoch": 3}])
def test_what_is_no_checkpoint_is_refused_in_words(wrong: Any) -> None:
    """An argument that is no checkpoint is an error that names it."""
    with pytest.raises((TypeError, ValueError, OSError), match=r"model|no/such|No such"):
        segpost.compare_checkpoints(trained().state_dict(), wrong)
